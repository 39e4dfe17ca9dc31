"""From intervals of the meters of supply to the outlook of transformers and feeders."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from zoneinfo import ZoneInfo

import numpy as np

from gateway.core.clock import HOUR
from gateway.core.meterdata import Intervals, IntervalStatus
from gateway.core.model import Float64s, Int32s, Int64s
from gateway.core.network import Network
from gateway.core.outlook import LoadOutlook
from processors.balance.areas import Areas
from processors.outlook.days import LoadDays, bounds, lay
from processors.outlook.forecast import forecast
from processors.outlook.settings import OutlookSettings


def window(day: dt.date, zone: ZoneInfo, settings: OutlookSettings) -> tuple[int, int]:
    """[frm, till) in µs UTC of the intervals that the outlook of `day` rests on."""
    first = day - dt.timedelta(days=7 * settings.weeks)
    return bounds(first, zone)[0], bounds(day, zone)[0]


def outlook(
    intervals: Collection[Intervals],
    areas: Areas,
    network: Network,
    day: dt.date,
    *,
    step: int,
    zone: ZoneInfo,
    settings: OutlookSettings,
) -> LoadOutlook:
    """The outlook of the local day `day`.

    intervals: energy_import, and energy_export where there is, of the devices with `areas.supply`, over `window`;
    estimates count here.  step: µs of the grid.  A feeder's load is that of its transformers, where all are known.
    """
    history = loads(intervals, areas, day, step=step, zone=zone, settings=settings)
    return forecast(history, day, network, zone=zone, settings=settings)


def loads(
    intervals: Collection[Intervals],
    areas: Areas,
    day: dt.date,
    *,
    step: int,
    zone: ZoneInfo,
    settings: OutlookSettings,
) -> LoadDays:
    """What is known of transformers and feeders before `day`."""
    frm, till = window(day, zone, settings)
    n = (till - frm) // step
    kwh, seen = np.zeros((len(areas), n)), np.zeros((len(areas), n), np.int32)
    for part in intervals:
        _add(part, areas, (kwh, seen), frm, step)
    meters = np.bincount(areas.area_of[areas.supply], minlength=len(areas))
    kw = np.where(seen >= meters[:, None], kwh, np.nan) / (step / HOUR)
    start: Int64s = frm + np.arange(n) * step
    feeders, rows = np.unique(areas.feeder, return_inverse=True)
    above = np.full((len(feeders), n), 0.0)
    np.add.at(above, rows, kw)
    node = np.concatenate([areas.node, feeders[feeders >= 0]]).astype(np.int32)
    first = day - dt.timedelta(days=7 * settings.weeks)
    return lay(
        node,
        np.concatenate([kw, above[feeders >= 0]]),
        start,
        step,
        first=first,
        days=7 * settings.weeks,
        zone=zone,
        holidays=settings.holidays,
    )


def _add(part: Intervals, areas: Areas, into: tuple[Float64s, Int32s], frm: int, step: int) -> None:
    kwh, seen = into
    away = part.quantity == "energy_export"
    row = areas.area_of[part.device]
    fine = areas.supply[part.device] & (row >= 0) & (part.status >= IntervalStatus.ESTIMATED)
    fine &= np.isfinite(part.value) & (part.start >= frm)
    slots = np.maximum((part.end - part.start) // step, 1)
    for i in range(int(slots[fine].max(initial=0))):
        at = (part.start - frm) // step + i
        rows = np.flatnonzero(fine & (i < slots) & (at < kwh.shape[1]))
        flat = row[rows].astype(np.int64) * kwh.shape[1] + at[rows]
        sums = np.bincount(flat, part.value[rows] / slots[rows], kwh.size).reshape(kwh.shape)
        kwh += -sums if away else sums
        if not away:
            seen += np.bincount(flat, minlength=kwh.size).reshape(kwh.shape).astype(np.int32)
