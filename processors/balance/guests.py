"""Areas explained together: who is sold in one and supplied by another is looked for in its neighbours' losses.

A meter that is registered below the wrong transformer adds what it uses to the loss of the right one. Whoever there has
a like way of life would seem to steal it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gateway.core.model import Float64s
from processors.balance.areas import Areas
from processors.balance.explain import Explained, explain
from processors.balance.judge import AreaJudged
from processors.balance.window import AreaWindow, Left, left

_FOREIGN = 6.0  # standard errors, to be looked for elsewhere
_MOVES = 4.0


class Looked(NamedTuple):
    window: AreaWindow
    seen: Left
    found: Explained


def look(windows: Sequence[AreaWindow], judged: AreaJudged, areas: Areas) -> list[Looked]:
    """Those of whom enough was measured, each with who explains its excess."""
    looked = [
        Looked(window, seen, explain(seen, window.hours))
        for window in windows
        if (seen := left(window, judged)) is not None
    ]
    away = [
        (one, int(member))
        for one in looked
        for member in np.flatnonzero(one.found.foreign & (one.found.clarity >= _FOREIGN))
    ]
    result = []
    for one in looked:
        guests = [
            load
            for other, member in away
            if areas.feeder[other.seen.row] == areas.feeder[one.seen.row] and other.seen.row != one.seen.row
            if (load := _load(other.window, member, one)) is not None and _comes(load, one)
        ]
        result.append(
            one._replace(found=explain(one.seen, one.window.hours, np.stack(guests))) if guests else one
        )
    return result


def _comes(load: Float64s, here: Looked) -> bool:
    """Whether the loss here moves with this load at all, so that it is worth a second look."""
    own, lost = here.seen.apart(load), here.seen.apart(here.seen.excess)
    along, length = float(own @ lost), float(own @ own)
    r2 = along * along / max(length * float(lost @ lost), 1e-18)
    return along > 0.3 * length and r2 * len(lost) >= _MOVES**2


def _load(window: AreaWindow, member: int, here: Looked) -> Float64s | None:
    """float64[k] kW of a member of another area at the intervals looked at here; None where they are others."""
    start = here.window.start[here.seen.at]
    at = np.searchsorted(window.start, start)
    if at[-1] >= len(window.start) or not np.array_equal(window.start[at], start):
        return None
    load: Float64s = window.kwh[member, at] / window.hours
    gap = ~np.isfinite(load)
    return None if gap.mean() > 0.2 else np.where(gap, np.nanmean(load), load)
