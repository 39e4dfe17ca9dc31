"""Members whose use never came through their area's transformer: they are registered at the wrong one."""

from __future__ import annotations

import numpy as np

from gateway.core.model import Bools
from processors.balance.explain import CLEAR, FOREIGN
from processors.balance.judge import AreaJudged
from processors.balance.window import LEAST_BEFORE_DAYS, AreaWindow, basis


def elsewhere(window: AreaWindow, judged: AreaJudged, row: int) -> Bools:
    """bool[m]: before the excess began, each kWh that this member measured was missing from the supply.

    When such a customer goes away the loss rises by what is no longer used, as it does with a theft. All intervals are
    taken where no beginning is known.
    """
    members = len(window.customer)
    good = np.isfinite(window.supplied) & np.isfinite(window.kwh).all(axis=0)
    since = int(judged.since[row])
    at = np.flatnonzero(good & (window.start < since) if since >= 0 else good)
    days = len(at) * window.hours / 24
    if days < LEAST_BEFORE_DAYS:
        return np.zeros(members, np.bool_)
    power, load = window.supplied[at] / window.hours, window.kwh[:, at] / window.hours
    slots = max(1, round(24 / window.hours))
    hour = (at % slots * window.hours).astype(np.int64)
    scaled = power / max(float(np.abs(power).max()), 1e-9)
    plain = basis(np.column_stack([np.eye(24)[hour], scaled, scaled * scaled]))
    lost = power - load.sum(axis=0)
    own, left = load - (load @ plain) @ plain.T, lost - plain @ (plain.T @ lost)
    length2, size2 = (own * own).sum(axis=1), float(left @ left)
    along = own @ left
    slope = np.divide(along, length2, out=np.zeros(members), where=length2 > 1e-12)
    r2 = np.divide(along * along, length2 * size2, out=np.zeros(members), where=length2 * size2 > 1e-18)
    freedom = max(min(len(at), len(at) * window.hours) - 26, 1.0)
    clarity = np.sqrt(freedom * r2 / np.maximum(1 - r2, 1e-9))
    found: Bools = (slope >= FOREIGN[0]) & (slope <= FOREIGN[1]) & (clarity >= CLEAR)
    return found
