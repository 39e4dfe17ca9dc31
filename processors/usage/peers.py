"""What moves all customers of a class or a transformer alike: a cold snap, a holiday, an interrupted hour."""

from __future__ import annotations

import numpy as np

from gateway.core.model import Bools, Int32s
from processors.usage.baseline import Float32s

_CLASS_LEAST = (
    20  # peers with less are too few to speak for a class: the median of all stands in by their number
)
_AREA_LEAST = 20


def common(own: Float32s, use: Bools, area: Int32s, customer_class: Int32s) -> Float32s:
    """The part of `own` (logarithms, float32[n]) that peers share: float32[n], of everybody, 0 where nobody tells.

    use: bool[n], who tells. The median of the class, and of those below one transformer what remains, each drawn
    towards what lies above it where there are few: a robust location, so that half of them may be thieves.
    """
    told = np.flatnonzero(use)
    if not len(told):
        return np.zeros(len(own), np.float32)
    overall = float(np.median(own[told]))
    of_class = _drawn(own[told] - overall, customer_class[told], customer_class, _CLASS_LEAST) + overall
    of_area = _drawn(own[told] - of_class[told], area[told], area, _AREA_LEAST)
    result: Float32s = (of_class + np.where(area >= 0, of_area, 0.0)).astype(np.float32)
    return result


def _drawn(values: Float32s, group: Int32s, everybody: Int32s, least: int) -> Float32s:
    """Median by group, times count / (count + least), for `everybody` by their group: float32[n]."""
    order = np.lexsort((values, group))
    sorted_group, ranked = group[order], values[order]
    starts = np.flatnonzero(np.concatenate([[True], sorted_group[1:] != sorted_group[:-1]]))
    counts = np.diff(np.append(starts, len(ranked)))
    middle = 0.5 * (ranked[starts + (counts - 1) // 2] + ranked[starts + counts // 2])
    drawn = (middle * counts / (counts + least)).astype(np.float32)
    names = sorted_group[starts]
    at = np.minimum(np.searchsorted(names, everybody), len(names) - 1)
    return np.where(names[at] == everybody, drawn[at], np.float32(0.0))
