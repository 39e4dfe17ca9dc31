"""The one list of measured quantities: name, canonical unit, OBIS code (IEC 62056-61), plausible range.

The order is the order of columns in the database and is append-only. A quantity without an OBIS code of its own
carries an empty one. Ranges are physical plausibility, not limits of supply quality: a value outside is kept and
marked, because it says something about the device rather than about the network.
"""

from __future__ import annotations

from typing import NamedTuple


class Quantity(NamedTuple):
    name: str
    unit: str
    obis: str
    low: float
    high: float
    kind: str  # "instant", "register" (only ever counts up) or "state" (0 or 1)


_PHASES = ("a", "b", "c")
_MAX_V, _MAX_A, _MAX_VA = 500e3, 20e3, 2e9


def _per_phase(stem: str, unit: str, codes: tuple[str, ...], low: float, high: float) -> list[Quantity]:
    return [
        Quantity(f"{stem}_{p}", unit, code, low, high, "instant")
        for p, code in zip(_PHASES, codes, strict=True)
    ]


def _total_and_phases(
    stem: str, unit: str, codes: tuple[str, ...], low: float, high: float
) -> list[Quantity]:
    total = Quantity(stem, unit, codes[0], low, high, "instant")
    return [total, *_per_phase(stem, unit, codes[1:], low, high)]


def _state(name: str) -> Quantity:
    return Quantity(name, "", "", 0.0, 1.0, "state")


QUANTITIES: tuple[Quantity, ...] = (
    *_per_phase("voltage", "V", ("1-0:32.7.0", "1-0:52.7.0", "1-0:72.7.0"), 0.0, _MAX_V),
    Quantity("voltage_ab", "V", "", 0.0, _MAX_V, "instant"),
    Quantity("voltage_bc", "V", "", 0.0, _MAX_V, "instant"),
    Quantity("voltage_ca", "V", "", 0.0, _MAX_V, "instant"),
    *_per_phase("current", "A", ("1-0:31.7.0", "1-0:51.7.0", "1-0:71.7.0"), -_MAX_A, _MAX_A),
    Quantity("current_n", "A", "1-0:91.7.0", -_MAX_A, _MAX_A, "instant"),
    *_total_and_phases(
        "active_power", "W", ("1-0:16.7.0", "1-0:36.7.0", "1-0:56.7.0", "1-0:76.7.0"), -_MAX_VA, _MAX_VA
    ),
    *_total_and_phases(
        "reactive_power",
        "var",
        ("1-0:131.7.0", "1-0:151.7.0", "1-0:171.7.0", "1-0:191.7.0"),
        -_MAX_VA,
        _MAX_VA,
    ),
    *_total_and_phases(
        "apparent_power", "VA", ("1-0:9.7.0", "1-0:29.7.0", "1-0:49.7.0", "1-0:69.7.0"), -_MAX_VA, _MAX_VA
    ),
    *_total_and_phases(
        "power_factor", "", ("1-0:13.7.0", "1-0:33.7.0", "1-0:53.7.0", "1-0:73.7.0"), -1.0, 1.0
    ),
    Quantity("frequency", "Hz", "1-0:14.7.0", 40.0, 70.0, "instant"),
    Quantity("energy_import", "kWh", "1-0:1.8.0", 0.0, 1e12, "register"),
    Quantity("energy_export", "kWh", "1-0:2.8.0", 0.0, 1e12, "register"),
    Quantity("reactive_energy_import", "kvarh", "1-0:3.8.0", 0.0, 1e12, "register"),
    Quantity("reactive_energy_export", "kvarh", "1-0:4.8.0", 0.0, 1e12, "register"),
    Quantity("voltage_unbalance", "%", "", 0.0, 200.0, "instant"),
    Quantity("current_unbalance", "%", "", 0.0, 300.0, "instant"),
    Quantity("temperature", "°C", "0-0:96.9.0", -60.0, 250.0, "instant"),
    _state("breaker_closed"),
    _state("fault_indicator"),
    _state("door_open"),
    _state("battery_ok"),
)

NAMES: tuple[str, ...] = tuple(q.name for q in QUANTITIES)
BY_NAME: dict[str, Quantity] = {q.name: q for q in QUANTITIES}
INDEX: dict[str, int] = {name: i for i, name in enumerate(NAMES)}
