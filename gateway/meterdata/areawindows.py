"""The last weeks of transformer areas that are to be looked into."""

from __future__ import annotations

import numpy as np

from gateway.core.clock import DAY, HOUR
from gateway.core.meterdata import Intervals, IntervalStatus
from gateway.core.model import Float64s, Int32s
from gateway.meterdata.ground import IMPORT, Ground
from gateway.meterdata.planning import Day
from processors.balance.areas import Areas
from processors.balance.suspects import AreaWindow
from processors.usage.day import grid


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
        made.append(
            AreaWindow(
                node=int(areas.node[row]),
                customer=devices[member],
                start=np.arange(frm, day.end, ground.step, dtype=np.int64),
                hours=ground.step / HOUR,
                kwh=net[member],
                supplied=net[areas.supply[devices]].sum(axis=0),
                phases=ground.inventory.phases[devices[member]].astype(np.int32),
            )
        )
    return made


def _measured(ground: Ground, intervals: Intervals, devices: Int32s, frm: int, till: int) -> Float64s:
    """float64[n, slots], NaN where it was not measured."""
    value, status = grid(intervals, devices, frm, till, ground.rules.vee.interval_s)
    return np.where(status >= IntervalStatus.SUSPECT, value, np.nan).astype(np.float64)
