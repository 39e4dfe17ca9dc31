"""What was to be collected and what was: the intervals of some devices laid on their grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gateway.core.meterdata import Intervals, IntervalStatus
from gateway.core.model import Bools, Float64s, Int32s, Int64s


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slots:
    """The slots of one length of n devices.

    device: int32[n];  start: int64[m], their beginnings in µs UTC;  length: µs;  expected: bool[n, m], the device was
    there by then;  measured: bool[n, m], measured throughout;  estimated, edited: bool[n, m], the
    value is an estimate, or a person's.
    """

    device: Int32s
    start: Int64s
    length: int
    expected: Bools
    measured: Bools
    estimated: Bools
    edited: Bools


def starts(frm: int, till: int, length: int) -> Int64s:
    """Beginnings of the slots that begin within [frm, till): multiples of `length` since 1970."""
    return np.arange(-(-frm // length), -(-till // length), dtype=np.int64) * length


def lay(
    intervals: Intervals, devices: Int32s, *, length: int, frm: int, till: int, since: Int64s | None = None
) -> Slots:
    """Intervals of any length on the slots that begin within [frm, till).

    devices: int32[n], in rising order;  since: int64[n], from when on each is expected; None: all the time. Intervals
    of other devices are left out. An interval counts as measured where it is valid or suspect, or where a person's
    value stands over a measured one (domain.md D: estimates never count as collected).
    """
    start = starts(frm, till, length)
    n, m = len(devices), len(start)
    begin = np.full(n, frm) if since is None else since
    expected = np.broadcast_to(start, (n, m)) >= begin[:, None]
    if not n or not m or not len(intervals):
        nothing = np.zeros((n, m), np.bool_)
        return Slots(
            device=devices,
            start=start,
            length=length,
            expected=expected,
            measured=nothing,
            estimated=nothing,
            edited=nothing,
        )
    status = intervals.status
    edited = status == IntervalStatus.EDITED
    was_measured = (
        (status == IntervalStatus.SUSPECT)
        | (status == IntervalStatus.VALID)
        | (edited & np.isfinite(intervals.raw))
    )

    def covered(which: Bools) -> Bools:
        return _covered(intervals, which, devices, start, length)

    measured = covered(was_measured)
    return Slots(
        device=devices,
        start=start,
        length=length,
        expected=expected,
        measured=measured,
        estimated=covered(status == IntervalStatus.ESTIMATED) & ~measured,
        edited=covered(edited),
    )


def _covered(intervals: Intervals, which: Bools, devices: Int32s, start: Int64s, length: int) -> Bools:
    """bool[n, m]: the slots that these intervals fill."""
    n, m = len(devices), len(start)
    place = np.searchsorted(devices, intervals.device)
    known = which & (devices[np.minimum(place, n - 1)] == intervals.device)
    row, begin, end = place[known], intervals.start[known], intervals.end[known]
    filled: Float64s = np.zeros((n, m))
    if not len(row):
        return np.zeros((n, m), np.bool_)
    first = (begin - start[0]) // length
    span = int(((end - start[0] - 1) // length - first).max())
    for step in range(span + 1):
        slot = first + step
        inside = (slot >= 0) & (slot < m)
        edge = start[0] + slot * length
        part = np.minimum(end, edge + length) - np.maximum(begin, edge)
        use = inside & (part > 0)
        np.add.at(filled, (row[use], slot[use]), part[use])
    covered: Bools = filled >= length
    return covered
