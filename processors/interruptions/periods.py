"""Days, months and years in a time zone, as boundaries in µs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from gateway.core.clock import from_datetime, to_datetime
from gateway.core.model import Int64s


class Period(StrEnum):
    DAY = "day"
    MONTH = "month"
    YEAR = "year"


def midnight(day: date, zone: tzinfo = UTC) -> int:
    """When a local day begins, µs; where midnight is skipped, the moment the clock jumps."""
    return from_datetime(datetime(day.year, day.month, day.day, tzinfo=zone))


def local_day(at: int, zone: tzinfo = UTC) -> date:
    return to_datetime(at).astimezone(zone).date()


def begin(period: Period, day: date) -> date:
    """First day of the period that holds `day`."""
    if period is Period.DAY:
        return day
    return day.replace(day=1) if period is Period.MONTH else day.replace(month=1, day=1)


def following(period: Period, day: date) -> date:
    """First day of the next period; `day` is the first of its own."""
    if period is Period.DAY:
        return day + timedelta(days=1)
    last = {Period.MONTH: 31, Period.YEAR: 366}[period]
    return begin(period, day + timedelta(days=last))


def shift_years(at: int, years: int, zone: tzinfo = UTC) -> int:
    """The same local time so many years later (or earlier), µs; from 29 February to 28 February where there is none."""
    local = to_datetime(at).astimezone(zone)
    try:
        return from_datetime(local.replace(year=local.year + years))
    except ValueError:
        return from_datetime(local.replace(year=local.year + years, day=28))


def periods(period: Period, low: int, high: int, zone: tzinfo = UTC) -> tuple[list[date], Int64s]:
    """(first days, begins int64[n] in µs) of the n periods that hold some of [low, high), in order."""
    days: list[date] = []
    day = begin(period, local_day(low, zone))
    while midnight(day, zone) < high:
        days.append(day)
        day = following(period, day)
    return days, np.array([midnight(day, zone) for day in days], np.int64)


def period_of(at: Int64s, begins: Int64s) -> npt.NDArray[np.int64]:
    """Index of the period of each moment, as `periods` numbers them; −1 before the first."""
    return np.searchsorted(begins, at, side="right").astype(np.int64) - 1
