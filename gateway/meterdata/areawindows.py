"""The last weeks of transformer areas that are to be looked into."""

from __future__ import annotations

import numpy as np

from gateway.core.clock import DAY, HOUR, SECOND
from gateway.core.meterdata import Intervals, IntervalStatus
from gateway.core.model import Float64s, Int32s, Int64s
from gateway.meterdata.ground import IMPORT, Ground
from gateway.meterdata.planning import Day, size_of
from processors.balance.areas import Areas
from processors.balance.suspects import AreaWindow
from processors.usage.day import grid

_VOLTAGES = ("voltage_a", "voltage_b", "voltage_c")
_SINGLE = (1, 2, 4)  # bits of one phase
_VOLTAGE_DAYS = 7  # enough to tell phases apart, and all that is read of voltages


async def windows(ground: Ground, areas: Areas, rows: Int32s, day: Day) -> list[AreaWindow]:
    """Of these rows of `areas`, in their order, until the end of `day`. Raises UnavailableError."""
    frm = day.end - ground.rules.balance.window_days * DAY
    frm -= frm % ground.step
    made = []
    for row in rows.tolist():
        devices = areas.devices(np.array([row], np.int32))
        bought = await ground.store.meterdata.intervals(devices, IMPORT, frm, day.end)
        sold = await ground.exported(devices, frm, day.end)
        net = _measured(ground, bought, devices, frm, day.end)
        away = _measured(ground, sold, devices, frm, day.end)
        sends = np.isfinite(away).any(axis=1)
        net[sends] -= away[sends]
        member = areas.member[devices]
        start = np.arange(frm, day.end, ground.step, dtype=np.int64)
        heads = devices[areas.supply[devices]]
        volts, supply = await _voltages(ground, devices[member], heads, start, day.end)
        made.append(
            AreaWindow(
                node=int(areas.node[row]),
                customer=devices[member],
                start=start,
                hours=ground.step / HOUR,
                kwh=net[member],
                supplied=net[areas.supply[devices]].sum(axis=0),
                voltage=volts,
                supply_voltage=supply,
                phases=ground.inventory.phases[devices[member]].astype(np.int32),
            )
        )
    return made


async def _voltages(
    ground: Ground, members: Int32s, heads: Int32s, start: Int64s, till: int
) -> tuple[Float64s | None, Float64s | None]:
    """Mean voltage by interval of single-phase members, float64[m, n], and of the three phases of what measures the
    supply, float64[3, n], of the last days only; None where there is nothing to compare."""
    single = members[np.isin(ground.inventory.phases[members], _SINGLE)]
    if not len(single) or len(heads) != 1:
        return None, None
    frm = max(int(start[0]), till - _VOLTAGE_DAYS * DAY)
    store, step = ground.store.meterdata, ground.step
    first, n = int(start[0]), len(start)
    batch = await store.readings(heads, _VOLTAGES, frm, till)
    if not len(batch) or any(batch.column(name) is None for name in _VOLTAGES):
        return None, None
    slot = (batch.measured_at - first) // step
    supply = np.stack([_mean(slot, batch.values[:, batch.quantities.index(name)], n) for name in _VOLTAGES])
    if not np.isfinite(supply).all(axis=0).any():
        return None, None
    volts = np.full((len(members), n), np.nan)
    expected = (till - frm) // (max(int(ground.inventory.interval_s[single].min()), 1) * SECOND)
    size = size_of(expected, chunk=ground.rules.book.chunk, rows=ground.rules.book.chunk_rows)
    for begin in range(0, len(single), size):
        part = single[begin : begin + size]
        batch = await store.readings(part, _VOLTAGES, frm, till)
        # A meter of one phase tells its voltage in one column; zero in the others is none.
        own = np.nan_to_num(batch.values).max(axis=1, initial=0.0)
        place = np.searchsorted(part, batch.device) * n + (batch.measured_at - first) // step
        rows = np.searchsorted(members, part)
        volts[rows] = _mean(place, np.where(own > 0, own, np.nan), len(part) * n).reshape(len(part), n)
    return volts, supply


def _mean(place: Int64s, values: Float64s, size: int) -> Float64s:
    fine = np.isfinite(values)
    many = np.bincount(place[fine], minlength=size)
    total = np.bincount(place[fine], values[fine], size)
    found: Float64s = np.where(many > 0, total / np.maximum(many, 1), np.nan)
    return found


def _measured(ground: Ground, intervals: Intervals, devices: Int32s, frm: int, till: int) -> Float64s:
    """float64[n, slots], NaN where it was not measured."""
    value, status = grid(intervals, devices, frm, till, ground.rules.vee.interval_s)
    return np.where(status >= IntervalStatus.SUSPECT, value, np.nan).astype(np.float64)
