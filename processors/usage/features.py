"""What is looked at of one day, by customer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gateway.core.meterdata import IntervalStatus
from gateway.core.model import Bools
from processors.usage.baseline import Float32s
from processors.usage.day import UsageDay

NIGHT = 6  # hours from midnight in which the least use is the night floor
_QUIET = 3  # of them, the quietest so many make the floor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Features:
    """hours: float32[m, 24] kWh by local hour, NaN in days that are not whole;  kwh: float32[m];  floor: float32[m] kWh
    per hour;  whole: bool[m], every interval measured;  clean: bool[m], none of them suspect or edited."""

    hours: Float32s
    kwh: Float32s
    floor: Float32s
    whole: Bools
    clean: Bools


def features(day: UsageDay, rows: slice) -> Features:
    """Of the customers in these rows. A day with a missing or estimated interval is not looked at."""
    status = day.status[rows]
    lowest = status.min(axis=1, initial=IntervalStatus.EDITED)
    highest = status.max(axis=1, initial=IntervalStatus.MISSING)
    energy = day.import_kwh[rows]
    starts = np.flatnonzero(np.concatenate([[True], day.hour[1:] != day.hour[:-1]]))
    sums = np.add.reduceat(energy, starts, axis=1)
    usual = 3600 / day.interval_s
    there = day.hour[starts]
    counts = np.diff(np.append(starts, len(day.hour)))
    whole = (lowest >= IntervalStatus.SUSPECT) & np.isfinite(sums).all(axis=1)
    kwh = np.where(whole, sums.sum(axis=1), np.nan).astype(np.float32)
    if len(there) == 24 and (there == np.arange(24)).all() and (counts == usual).all():
        hours = sums.astype(np.float32, copy=False)
    else:  # the clock was changed: an hour that there was not is as its neighbours, one that was twice is their mean
        per_hour = np.zeros((len(sums), 24), np.float32)
        weight = np.zeros(24)
        for column, hour in enumerate(there.tolist()):
            per_hour[:, hour] += sums[:, column]
            weight[hour] += counts[column] / usual
        per_hour /= np.where(weight > 0, weight, 1.0)
        for hour in np.flatnonzero(weight == 0).tolist():
            near = [h % 24 for h in (hour - 1, hour + 1) if weight[h % 24] > 0]
            per_hour[:, hour] = per_hour[:, near].mean(axis=1) if near else 0.0
        hours = per_hour.astype(np.float32)
    hours[~whole] = np.nan
    floor = np.partition(hours[:, :NIGHT], _QUIET - 1, axis=1)[:, :_QUIET].mean(axis=1)
    return Features(
        hours=hours,
        kwh=kwh,
        floor=floor,
        whole=whole,
        clean=whole & (lowest == IntervalStatus.VALID) & (highest == IntervalStatus.VALID),
    )
