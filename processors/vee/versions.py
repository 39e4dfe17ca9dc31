"""Which version of an interval holds: late data takes the place of estimates, never the reverse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from gateway.core.meterdata import Intervals, IntervalStatus, Rule
from gateway.core.model import Bools

_RANK = np.zeros(len(IntervalStatus), np.int8)
_RANK[IntervalStatus.ESTIMATED] = 1
_RANK[[IntervalStatus.SUSPECT, IntervalStatus.VALID]] = 2
_RANK[IntervalStatus.EDITED] = 3


def supersede(standing: Intervals, made: Intervals, *, at: int, final_after: int) -> Bools:
    """Which of `made` take the place of what stands: bool[len(made)].

    What is not there yet is taken. What a person edited stays, and so does what ended `final_after` µs or longer before
    `at`. Of the rest, what was measured takes the place of an estimate and an estimate that of nothing, never the
    reverse; of equals the later one, where it says something else.
    """
    place = _places(standing, made)
    there = place >= 0
    taken = ~there
    if not len(standing):
        return taken
    old = np.where(there, place, 0)
    before, after = _RANK[standing.status[old]], _RANK[made.status]
    edited = standing.status[old] == IntervalStatus.EDITED
    final = made.end <= at - final_after
    differs = (
        ~((standing.value[old] == made.value) | (np.isnan(standing.value[old]) & np.isnan(made.value)))
        | ~((standing.raw[old] == made.raw) | (np.isnan(standing.raw[old]) & np.isnan(made.raw)))
        | (standing.status[old] != made.status)
        | (standing.rules[old] & ~np.int64(Rule.LATE) != made.rules & ~np.int64(Rule.LATE))
    )
    better = (after > before) | ((after == before) & differs)
    result: Bools = taken | (there & ~edited & ~final & better)
    return result


def told_late(standing: Intervals, made: Intervals) -> Intervals:
    """`made` with LATE where it was measured and what stands, or stood before, was not."""
    place = _places(standing, made)
    if not len(standing):
        return made
    old = np.where(place >= 0, place, 0)
    late = (
        (place >= 0)
        & (_RANK[made.status] == 2)
        & ((_RANK[standing.status[old]] < 2) | (standing.rules[old] & np.int64(Rule.LATE) != 0))
    )
    return replace(made, rules=made.rules | np.where(late, np.int64(Rule.LATE), np.int64(0)))


def _places(standing: Intervals, made: Intervals) -> npt.NDArray[np.intp]:
    """Row of `standing` with the same device and start, −1 where there is none."""
    n = len(standing)
    device = np.concatenate([standing.device, made.device])
    start = np.concatenate([standing.start, made.start])
    order = np.lexsort((np.arange(len(device)), start, device))  # what stands comes before what was made
    group = np.ones(len(order), np.bool_)
    group[1:] = (np.diff(device[order]) != 0) | (np.diff(start[order]) != 0)
    first = order[np.maximum.accumulate(np.where(group, np.arange(len(order)), 0))]
    leader = np.empty(len(order), np.intp)
    leader[order] = first
    mine = leader[n:]
    return np.where(mine < n, mine, -1)
