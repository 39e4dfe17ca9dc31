"""What is to be put held against what stands: what no machine may say, what is said already, what has no room."""

from __future__ import annotations

import numpy as np
import psycopg
from psycopg import sql as compose

from gateway.core.errors import NotStorableError
from gateway.core.meterdata import Intervals, IntervalStatus, Rule
from gateway.core.model import Bools, Float64s, Int32s, Int64s
from gateway.store.columns import fetch
from gateway.store.queries import sql
from gateway.store.rows import Row

_LATE = np.int64(Rule.LATE)


def check(intervals: Intervals) -> None:
    """Raises NotStorableError for what no machine may say."""
    missing = intervals.status == IntervalStatus.MISSING
    if (intervals.status >= IntervalStatus.EDITED).any():
        raise NotStorableError("intervals edited by no person")
    if (missing != np.isnan(intervals.value)).any():
        raise NotStorableError("intervals that are missing and have a value, or the reverse")
    if np.isinf(intervals.value).any() or np.isinf(intervals.raw).any():
        raise NotStorableError("intervals without a finite energy")
    if (intervals.end <= intervals.start).any():
        raise NotStorableError("intervals that end before they begin")
    order = np.lexsort((intervals.start, intervals.device))
    device, start = intervals.device[order], intervals.start[order]
    if ((device[1:] == device[:-1]) & (start[1:] == start[:-1])).any():
        raise NotStorableError("the same interval twice")


async def unsaid(conn: psycopg.AsyncConnection, given: Row, intervals: Intervals, keys: Int32s) -> Bools:
    """Which of the intervals say something else than what the machine said before, and have room: bool[n]. It reads one
    column where writing would have to copy, to insert in vain and to join."""
    types = ("i4", "t8", "t8", "i2", "i8", "f8", "f8")
    columns = await fetch(conn, compose.SQL(sql("interval_machine")), given, types)
    fresh = np.ones(len(keys), np.bool_)
    device, start, end = (column.astype(np.int64) for column in columns[:3])
    if not len(device):
        return fresh
    fresh = ~_crossing(device, start, end, keys, intervals)
    times = np.unique(intervals.start)
    place = np.minimum(np.searchsorted(times, start), len(times) - 1)
    known = times[place] == start
    if not known.any():
        return fresh
    key = device * len(times) + place
    order = np.argsort(key[known], kind="stable")
    rows = np.flatnonzero(known)[order]
    wanted = keys.astype(np.int64) * len(times) + np.searchsorted(times, intervals.start)
    row = rows[np.minimum(np.searchsorted(key[rows], wanted), len(rows) - 1)]
    status, rules, raw, value = columns[3], columns[4].astype(np.int64), *columns[5:]
    same = (key[row] == wanted) & (status[row] == intervals.status)
    same &= (rules[row] | _LATE) == (intervals.rules | _LATE)
    same &= _alike(raw[row].astype(np.float64), intervals.raw)
    same &= _alike(value[row].astype(np.float64), intervals.value)
    result: Bools = fresh & ~same
    return result


def _crossing(device: Int64s, start: Int64s, end: Int64s, keys: Int32s, made: Intervals) -> Bools:
    """Which of `made` overlap one that stands and has other bounds: those of another length, as the device had before
    its interval was changed."""
    length = int(made.end[0] - made.start[0])
    on_grid = (((made.end - made.start) == length) & ((made.start - made.start[0]) % length == 0)).all()
    if on_grid and ((end - start == length) & ((start - made.start[0]) % length == 0)).all():
        return np.zeros(len(keys), np.bool_)
    times = np.unique(np.concatenate((start, made.end)))
    key = device * len(times) + np.searchsorted(times, start)
    order = np.argsort(key)
    # those that stand lie side by side: the last one that begins before an end is the one to be crossed
    wanted = keys.astype(np.int64) * len(times) + np.searchsorted(times, made.end)
    at = np.searchsorted(key[order], wanted) - 1
    row = order[np.maximum(at, 0)]
    met = (at >= 0) & (device[row] == keys) & (end[row] > made.start)
    result: Bools = met & ((start[row] != made.start) | (end[row] != made.end))
    return result


def _alike(left: Float64s, right: Float64s) -> Bools:
    result: Bools = (left == right) | (np.isnan(left) & np.isnan(right))
    return result
