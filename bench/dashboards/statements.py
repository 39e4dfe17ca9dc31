"""The statements that make up a year of a district; the server itself makes the rows.

Parameters: meters, per (meters to a transformer), transformers, feeders, first, now, years, step; low and high, the
stretch that one call fills. Meters have the keys 1 … meters, behind them comes one terminal to each transformer.
"""

from __future__ import annotations

from pathlib import Path
from typing import LiteralString

from gateway.store.queries import read

_FOLDER = Path(__file__).parent / "load"

DAYS = (
    "collection_day", "quality_day", "transformer_day", "area_loss_day", "usage_day", "gateway_minute", "signal",
    "meter_event",
)  # fmt: skip
"""Accounts of days, called with low and high at the beginning of local days."""

VALUES: dict[str, LiteralString] = {
    "voltage_a": "v",
    "voltage_b": "v + 1",
    "voltage_c": "v - 1",
    "current_a": "p / 660",
    "current_b": "p / 690",
    "current_c": "p / 630",
    "active_power": "p",
    "reactive_power": "0.2 * p",
    "power_factor": "0.97",
    "frequency": "50",
    "energy_import": "e",
    "energy_export": "0",
    "temperature": "case when d > %(meters)s then 60 end",
    "voltage_unbalance": "case when d > %(meters)s then 1.5 end",
}
"""Quantities in terms of v, p and e of load/source.sql; terminals measure temperature and unbalance as well."""


def text(name: str) -> LiteralString:
    """load/<name>.sql: one statement, or several with semicolons between."""
    return read(_FOLDER / f"{name}.sql")
