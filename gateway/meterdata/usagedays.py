"""One local day of some customers, put together from intervals, readings and meter events."""

from __future__ import annotations

import asyncio

import numpy as np
import numpy.typing as npt

from gateway.core.meterdata import Rule
from gateway.core.model import Bools, Int32s
from gateway.meterdata.ground import IMPORT, Ground
from gateway.meterdata.planning import Day, size_of
from processors.balance.area import AreaSums
from processors.usage.day import EVENT_KINDS, UsageDay, grid, hours_of, number_of

Float32s = npt.NDArray[np.float32]

_PLACE = {kind.value: place for place, kind in enumerate(EVENT_KINDS)}
_LIVE = 0.6  # of nominal: below it there is no supply
_ROWS = 5000  # devices asked for at once
_UNEXPLAINED = int(Rule.RESET | Rule.REVERSE)


async def usage_day(ground: Ground, devices: Int32s, day: Day, sums: AreaSums) -> UsageDay:
    """The day of these, rising, with their energy taken into `sums` on the way. Raises UnavailableError."""
    book, store = ground.rules.book, ground.store.meterdata
    n, seconds = len(devices), ground.rules.vee.interval_s
    slots = (day.end - day.start) // ground.step
    taken = np.full((n, slots), np.nan, np.float32)
    given = np.full((n, slots), np.nan, np.float32)
    status = np.zeros((n, slots), np.uint8)
    anomalies = np.zeros(n, np.uint16)
    size = size_of(slots, chunk=book.chunk, rows=book.chunk_rows)
    for first in range(0, n, size):
        part = slice(first, min(first + size, n))
        bought = await store.intervals(devices[part], IMPORT, day.start, day.end)
        sold = await ground.exported(devices[part], day.start, day.end)
        await asyncio.to_thread(sums.add, bought)
        await asyncio.to_thread(sums.add, sold)
        taken[part], status[part] = grid(bought, devices[part], day.start, day.end, seconds)
        if len(sold):
            given[part], _ = grid(sold, devices[part], day.start, day.end, seconds)
        odd = bought.device[bought.rules & _UNEXPLAINED != 0]
        anomalies += np.bincount(np.searchsorted(devices, odd), minlength=n).astype(np.uint16)
    events = np.zeros((n, len(EVENT_KINDS)), np.uint16)
    for key, kind, count in await ground.store.bookkeeping.meter_events(devices, day.start, day.end):
        events[np.searchsorted(devices, key), _PLACE[kind]] = count
    seen, power, current, cut = await _phases(ground, devices, day)
    return UsageDay(
        devices=devices,
        start=day.start,
        end=day.end,
        number=number_of(day.date),
        interval_s=seconds,
        hour=hours_of(day.start, day.end, seconds, ground.rules.zone)[:slots],
        import_kwh=taken,
        status=status,
        export_kwh=given,
        voltage_seen=seen,
        events=events,
        phase_power=power,
        phase_current=current,
        disconnected=cut,
        anomalies=anomalies,
    )


async def _phases(ground: Ground, devices: Int32s, day: Day) -> tuple[Float32s, Float32s, Float32s, Bools]:
    """Share of readings that show voltage float32[n], means by phase float32[n, 3] of power and current, and whose
    breaker was open through the day, bool[n]."""
    n, store = len(devices), ground.store.meterdata
    seen = np.full(n, np.nan, np.float32)
    power, current = (np.full((n, 3), np.nan, np.float32) for _ in range(2))
    cut = np.zeros(n, np.bool_)
    live = _LIVE * ground.inventory.nominal_v[devices]
    for first in range(0, n, _ROWS):
        part = slice(first, first + _ROWS)
        found, *means = await store.phases(devices[part], live[part], day.start, day.end)
        row = np.searchsorted(devices, found)
        seen[row], power[row], current[row], cut[row] = means
    return seen, power, current, cut
