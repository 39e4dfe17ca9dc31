"""What is due: local days, stretches of the grid, and devices in chunks. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from gateway.core.clock import DAY, to_datetime
from gateway.core.model import Int32s, Int64s
from processors.usage.day import bounds_of


class Day(NamedTuple):
    """A local day [start, end), µs UTC."""

    date: date
    start: int
    end: int


class Stretch(NamedTuple):
    """Intervals of [frm, till) of devices that have the same grid. devices: int32[n], rising."""

    devices: Int32s
    length: int
    frm: int
    till: int


def day_of(at: int, zone: ZoneInfo) -> Day:
    """The local day that `at` lies in."""
    local = to_datetime(at).astimezone(zone).date()
    return Day(local, *bounds_of(local, zone))


def day_after(day: Day, zone: ZoneInfo) -> Day:
    following = day.date + timedelta(days=1)
    return Day(following, *bounds_of(following, zone))


def days_within(frm: int, till: int, zone: ZoneInfo) -> Iterator[Day]:
    """The local days that share time with [frm, till), oldest first."""
    day = day_of(frm, zone)
    while day.start < till:
        yield day
        day = day_after(day, zone)


def due_days(closed: int, at: int, *, wait: int, zone: ZoneInfo) -> Iterator[Day]:
    """The days from `closed` on, itself the beginning of one, that ended `wait` µs or longer before `at`."""
    day = day_of(closed, zone)
    while day.end + wait <= at:
        yield day
        day = day_after(day, zone)


def stretches(
    devices: Int32s,
    length: Int64s,
    frm: int,
    till: int,
    *,
    chunk: int,
    rows: int,
    whole: bool,
    days: float = 0.0,
) -> Iterator[Stretch]:
    """Chunks of devices, each of one grid, with the intervals that begin in [frm, till) where it is a `whole` day, else
    with those that ended in it.

    devices: int32[n] in the order in which they are to be taken;  length: int64[n] µs of their intervals;  rows: how
    many intervals a chunk may have, those of `days` days before it included. Grids without such an interval are left
    out.
    """
    for step in np.unique(length).tolist():
        first, last = (
            (-(-frm // step) * step, -(-till // step) * step)
            if whole
            else (frm - frm % step, till - till % step)
        )
        if last <= first:
            continue
        mine = devices[length == step]
        size = size_of(int((last - first + days * DAY) // step), chunk=chunk, rows=rows)
        for at in range(0, len(mine), size):
            yield Stretch(np.sort(mine[at : at + size]), step, first, last)


def size_of(per_device: int, *, chunk: int, rows: int) -> int:
    """How many devices with so many rows each are taken at once."""
    return max(1, min(chunk, rows // max(per_device, 1)))


def together(devices: Int32s, group: Int32s, *, size: int) -> Iterator[Int32s]:
    """Chunks of about `size` in which the devices of one group stay together; a larger group is a chunk of its own.

    devices, group: int32[n]. Those of group −1 belong to none and are taken last.
    """
    order = np.lexsort((devices, np.where(group < 0, np.iinfo(np.int32).max, group)))
    devices, group = devices[order], group[order]
    edges = np.flatnonzero((np.diff(group) != 0) | (group[1:] < 0)) + 1
    begin = 0
    while begin < len(devices):
        fits = edges[(edges > begin) & (edges <= begin + size)]
        beyond = edges[edges > begin + size]
        if len(devices) - begin <= size:
            end = len(devices)
        elif len(fits):
            end = int(fits[-1])
        else:
            end = int(beyond[0]) if len(beyond) else len(devices)
        yield np.sort(devices[begin:end])
        begin = end


def stretch_days(frm: Int64s, till: Int64s, zone: ZoneInfo) -> dict[Day, Int64s]:
    """Rows of the stretches [frm, till) by the local days that they share time with, oldest first."""
    found: dict[Day, list[int]] = {}
    for row, (start, end) in enumerate(zip(frm.tolist(), till.tolist(), strict=True)):
        for day in days_within(start, max(end, start + 1), zone):
            found.setdefault(day, []).append(row)
    return {day: np.array(found[day], np.int64) for day in sorted(found)}
