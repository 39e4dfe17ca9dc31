"""The meters of the bench of validation: their registers, their readings, and the real validation over them."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from bench.usage.population import Population
from bench.usage.shapes import Source
from gateway.core.clock import MINUTE, SECOND
from gateway.core.inventory import Device, Inventory
from gateway.core.meterdata import Intervals, MeterChange, Registers
from gateway.core.model import Float64s
from gateway.core.network import Network
from processors.vee.meters import Meters
from processors.vee.settings import VeeSettings
from processors.vee.validate import validate

SLOT = 15 * MINUTE
BEFORE, DAYS = 28, 10  # days of history, and of what is looked at
FROM = 1_609_430_400 * SECOND  # 2021-01-01 in Shanghai
_DIGITS = 5
TOP = 10.0**_DIGITS
_ZONE = ZoneInfo("Asia/Shanghai")
_QUANTITY = "energy_import"


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """register: float64[n, slots + 1], what the meters show at each quarter of an hour from `FROM` on, in kWh."""

    inventory: Inventory
    register: Float64s
    peak_kw: Float64s


def world_of(n: int, seed: int, shapes: Source) -> World:
    days = BEFORE + DAYS
    population = Population(n, days + 60, seed, shapes, settled=days + 1)
    use = np.concatenate([population.use(30 + day).drawn for day in range(days)], axis=1)
    rng = np.random.default_rng([seed, 31])
    start = rng.uniform(1_000, 0.6 * TOP, n)
    register = np.round(start[:, None] + np.cumsum(np.pad(use, ((0, 0), (1, 0))), axis=1), 3)
    peak = use.max(axis=1) * 4
    network = Network(["S", "T"], ["", "S"], ["substation", "transformer"])
    listed = [
        Device(
            id=f"M{i}",
            node="T",
            interval_s=900,
            attributes={"register_digits": str(_DIGITS), "max_demand_kw": f"{2 * peak[i] + 3:.1f}"},
        )
        for i in range(n)
    ]
    return World(Inventory(listed, network), register, peak)


def readings(register: Float64s, first: int) -> Registers:
    """All that is not NaN, in order of meter and time; `first`: slot of the first column."""
    row, column = np.nonzero(~np.isnan(register))
    at = FROM + (first + column) * SLOT
    return Registers(
        quantity=_QUANTITY,
        device=row.astype(np.int32),
        measured_at=at,
        received_at=at + 20 * SECOND,
        value=register[row, column],
        quality=np.zeros(len(row), np.uint16),
    )


def validated(
    world: World,
    registers: Registers,
    first: int,
    last: int,
    *,
    history: Intervals | None = None,
    changes: tuple[MeterChange, ...] = (),
    settings: VeeSettings | None = None,
) -> Intervals:
    settings = settings or VeeSettings()
    keys = np.arange(len(world.inventory.ids), dtype=np.int32)
    return validate(
        registers,
        Meters.of(world.inventory, keys, settings),
        FROM + first * SLOT,
        FROM + last * SLOT,
        settings=settings,
        zone=_ZONE,
        changes=changes,
        history=history,
    )


def values_of(intervals: Intervals, n: int) -> Float64s:
    return intervals.value.reshape(n, -1)
