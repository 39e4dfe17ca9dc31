"""The account of a day: how long supply was within which limits, from readings. Columns over all devices."""

from __future__ import annotations

from gateway.core.inventory import Inventory
from gateway.core.model import Batch
from processors.quality.days import QualityDays, TransformerDays
from processors.quality.settings import QualitySettings

QUANTITIES = (
    "voltage_a", "voltage_b", "voltage_c", "voltage_ab", "voltage_bc", "voltage_ca", "active_power", "reactive_power",
    "apparent_power", "power_factor", "frequency", "voltage_unbalance", "temperature",
)  # fmt: skip
"""What the accounts look at."""


def account(
    batch: Batch, inventory: Inventory, day: tuple[int, int], settings: QualitySettings
) -> QualityDays:
    """Supply quality of every device with a reading within `day`, [frm, till) µs UTC; rows in any order. Readings from
    before `frm` count for what they stand for of the day."""
    raise NotImplementedError


def transformers(
    batch: Batch, inventory: Inventory, day: tuple[int, int], settings: QualitySettings
) -> TransformerDays:
    """Load and heat at every terminal, and every meter that serves nobody, with a reading within `day`."""
    raise NotImplementedError
