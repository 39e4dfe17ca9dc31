"""Why intervals were not collected, from what is known of the same time.

Readings of a register stand at the ends of intervals: a reading that was not taken costs the two intervals it is an
end of, however shortly nobody could take it. So a gap is laid to what went on at the readings that it lacks (those
within it; at either end of a single interval), or during at least half of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gateway.core.meterdata import GAP_CAUSES, GapCause, UInt8s
from gateway.core.model import Bools, Float64s, Int32s, Int64s
from processors.collection.runs import Runs

_HALF = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spans:
    """Stretches [start, end) of devices. device: int32[k];  start, end: int64[k] µs UTC."""

    device: Int32s
    start: Int64s
    end: Int64s

    def __len__(self) -> int:
        return len(self.device)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Paths:
    """What carries the readings of each device, at one level: its concentrator, its endpoint, its protocol.

    of: int32[keys], −1 for none;  members: int32[paths], how many devices each is expected to carry.
    """

    of: Int32s
    members: Int32s


def causes(
    found: Runs,
    *,
    absences: Sequence[tuple[int, int]],
    off: Spans,
    paths: Sequence[Paths],
    step: int,
    silent_share: float,
) -> UInt8s:
    """For each gap its cause, as a place in GAP_CAUSES: uint8[k].

    found: all gaps of all devices of one stretch of time;  absences: when the gateway was away;  off: when meters were
    without supply;  paths: levels that silence may be of;  step: µs, how finely silence is told apart;  silent_share:
    a path is silent where at least so much of what else it carries is missing. Of several causes the first of gateway,
    supply, communications holds; what is none of them is the device's own.
    """
    code = np.full(len(found), GAP_CAUSES.index(GapCause.DEVICE), np.uint8)
    if not len(found):
        return code
    everybody = Spans(
        device=np.zeros(len(absences), np.int32),
        start=np.array([a for a, _ in absences], np.int64),
        end=np.array([b for _, b in absences], np.int64),
    )
    away = _laid(found, np.zeros(len(found), np.int32), everybody)
    dark = _laid(found, found.device, off) & ~away
    silent = np.zeros(len(found), np.bool_)
    for path in paths:
        silent |= _silent(found, dark | away, path, step, silent_share)
    code[silent] = GAP_CAUSES.index(GapCause.COMMUNICATIONS)
    code[dark] = GAP_CAUSES.index(GapCause.SUPPLY)
    code[away] = GAP_CAUSES.index(GapCause.GATEWAY)
    return code


def _laid(found: Runs, device: Int32s, spans: Spans) -> Bools:
    """bool[k]: gaps that lie in spans of their `device` by half of their time or of their missing readings."""
    if not len(spans):
        return np.zeros(len(found), np.bool_)
    order = np.argsort(spans.device, kind="stable")
    keys, start, end = spans.device[order], spans.start[order], spans.end[order]
    low, high = np.searchsorted(keys, device, "left"), np.searchsorted(keys, device, "right")
    count = high - low
    gap = np.repeat(np.arange(len(found)), count)
    span = np.arange(len(gap)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(low, count)
    first, last, length = found.start[gap], found.end[gap], found.length[gap]
    time = np.maximum(np.minimum(last, end[span]) - np.maximum(first, start[span]), 0)
    single = last - first <= length
    # Readings that it lacks: first + length … last − length, or of a single interval both ends.
    begin = np.where(single, first, first + length)
    stop = np.where(single, last, last - length)
    lower = np.maximum(-(-(start[span] - begin) // length), 0)
    upper = np.minimum((end[span] - begin) // length, (stop - begin) // length)
    readings = np.maximum(upper - lower + 1, 0)
    share_of_time = np.bincount(gap, time, len(found)) / (found.end - found.start)
    slots = (found.end - found.start) // found.length
    lacking = np.where(slots <= 1, 2, slots - 1)
    share_of_readings = np.bincount(gap, readings, len(found)) / lacking
    laid: Bools = (share_of_time >= _HALF) | (share_of_readings >= _HALF)
    return laid


def _silent(found: Runs, explained: Bools, paths: Paths, step: int, share: float) -> Bools:
    """bool[k]: gaps during which the rest of their path was silent too, what is explained otherwise left out."""
    path = paths.of[found.device]
    on = path >= 0
    base = int(found.start.min()) // step
    first = found.start // step - base
    last = -(-found.end // step) - base
    used, place = np.unique(path[on], return_inverse=True)
    width = int(last.max()) + 1
    missing, aside = np.zeros((len(used), width)), np.zeros((len(used), width))
    for table, which in ((missing, ~explained[on]), (aside, explained[on])):
        np.add.at(table, (place[which], first[on][which]), 1)
        np.add.at(table, (place[which], last[on][which]), -1)
        np.cumsum(table, axis=1, out=table)
    others = paths.members[used][:, None] - aside - 1  # beside the one that is asked about
    silence: Float64s = np.where(others >= 1, (missing - 1) / np.maximum(others, 1), 0.0)
    total = np.concatenate([np.zeros((len(used), 1)), np.cumsum(silence, axis=1)], axis=1)
    mean = (total[place, last[on]] - total[place, first[on]]) / (last[on] - first[on])
    silent = np.zeros(len(found), np.bool_)
    silent[on] = mean >= share
    return silent & ~explained
