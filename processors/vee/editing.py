"""Values that people gave for intervals. What was measured and what the rules say of it stays beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gateway.core.meterdata import IntervalEdit, Intervals, IntervalStatus, Rule


def apply(standing: Intervals, edits: Sequence[IntervalEdit]) -> Intervals:
    """`standing` with the edits, in the order of when they were said; edits of other quantities are passed over.

    An edit holds for the intervals that lie in its stretch as a whole. Its value is shared out as theirs were; where
    they have none, or add up to nothing, by their length. One without a value takes back earlier ones: the interval is
    again what it was in `standing`; where that was edited itself, it is the difference of its readings, as suspect, or
    missing, until it is validated again.
    """
    value, status, rules = standing.value.copy(), standing.status.copy(), standing.rules.copy()
    for edit in sorted(edits, key=lambda one: one.at):
        if edit.quantity != standing.quantity:
            continue
        low, high = np.searchsorted(standing.device, [edit.device, edit.device + 1])
        rows = np.arange(low, high)
        rows = rows[(standing.start[rows] >= edit.start) & (standing.end[rows] <= edit.end)]
        if edit.value is None:
            own = standing.status[rows] == IntervalStatus.EDITED
            raw = standing.raw[rows]
            unsaid = np.where(np.isnan(raw), IntervalStatus.MISSING, IntervalStatus.SUSPECT)
            value[rows] = np.where(own, raw, standing.value[rows])
            status[rows] = np.where(own, unsaid, standing.status[rows])
            rules[rows] = standing.rules[rows] & ~np.where(own, np.int64(Rule.EDITED), np.int64(0))
        elif len(rows):
            share = np.clip(np.nan_to_num(value[rows]), 0.0, None)
            if not share.sum() or np.isnan(value[rows]).any():
                share = (standing.end[rows] - standing.start[rows]).astype(np.float64)
            value[rows] = edit.value * (share / share.sum())
            status[rows] = IntervalStatus.EDITED
            rules[rows] |= np.int64(Rule.EDITED)
    return replace(standing, value=value, status=status, rules=rules)


def covered(standing: Intervals, edit: IntervalEdit) -> int:
    """How many intervals an edit holds for."""
    mine = standing.device == edit.device
    return int((mine & (standing.start >= edit.start) & (standing.end <= edit.end)).sum())
