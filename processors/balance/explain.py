"""Which members explain an area's excess, interval by interval: one after the other, the clearest first.

Matching pursuit (Mallat, Zhang 1993) over two things that the loss can follow: a member's own use (a share of it runs
past the meter, or the meter is slow) and its shortfall against what it used before (a bypass, tampered nights). What
hours, days, supply and its square explain is taken out of everything first, so that only each member's own ups and
downs within the day count; and whoever is chosen has to be so beside all others at once, by least squares.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gateway.core.model import Float64s, Int64s
from processors.balance.window import Left

CLEAR = 5.0  # standard errors
UNIQUE = 4.5  # the same beside all other members
LEAST_FREEDOM = 1.5  # times as many as members, for all of them to be told apart
MOST = 6  # members told of an area
ALIKE = 0.9  # of the strength of one: two explain the same
LEAST_SHARE = 0.17  # kWh lost for each kWh measured; less is what chance finds among many members
LEAST_MATCH, MOST_MATCH = 0.2, 1.6  # kWh lost for each kWh of shortfall
GUEST = 0.6  # kWh lost for each kWh that somebody registered elsewhere measures
FOREIGN = (-1.3, -0.7)  # kWh lost for each kWh measured: it is sold here and supplied elsewhere


class Explained(NamedTuple):
    """By member, float64[m], NaN where it explains nothing.

    share: kWh lost for each kWh that it measures;  match: kWh lost for each kWh of its shortfall;
    correlation, clarity: of that, in standard errors;  kwh: of the loss a day that it explains;
    foreign: bool[m], what it measures does not come through this transformer;  left_kwh: what nobody explains, a day;
    level_kwh: the area's whole excess a day;  guests_kwh: what of it others explain who are registered elsewhere.
    """

    share: Float64s
    match: Float64s
    correlation: Float64s
    clarity: Float64s
    kwh: Float64s
    foreign: np.ndarray[tuple[int], np.dtype[np.bool_]]
    left_kwh: float
    level_kwh: float
    guests_kwh: float


def explain(seen: Left, hours: float, guests: Float64s | None = None) -> Explained:
    """hours: length of an interval;  guests: float64[g, k] kW at the same intervals, used by others who are registered
    elsewhere and may hang here."""
    members = len(seen.load)
    parts = [part for part in (seen.load, seen.shortfall, guests) if part is not None]
    candidates = np.concatenate(parts)
    first_guest = members * (1 if seen.shortfall is None else 2)
    who = np.arange(len(candidates))  # a member's use and its shortfall are not both told
    who[:first_guest] %= members
    own = seen.apart(candidates)
    length = np.sqrt((own * own).sum(axis=1))
    usable = length > 1e-6 * max(float(length.max(initial=0.0)), 1e-12)
    target = seen.apart(seen.excess)
    freedom = _freedom(seen, hours)
    chosen: list[int] = []
    correlation, clarity = np.full(len(own), np.nan), np.full(len(own), np.nan)
    slope: Float64s = np.zeros(0)
    left = target
    for _ in range(MOST):
        size = float(np.sqrt(left @ left))
        if size <= 1e-9:
            break
        along = own @ left
        r = np.divide(along, length * size, out=np.zeros_like(along), where=usable)
        t = r * np.sqrt(freedom / np.maximum(1 - r * r, 1e-6))
        by = np.divide(along, length**2, out=np.zeros_like(along), where=usable)
        fits = by >= LEAST_SHARE
        fits[members:] = (by[members:] >= LEAST_MATCH) & (by[members:] <= MOST_MATCH)
        fits[first_guest:] &= by[first_guest:] >= GUEST
        fits[:members] |= (by[:members] >= FOREIGN[0]) & (by[:members] <= FOREIGN[1])
        fits &= _step_by_step(own, left, by)
        fits[np.isin(who, who[chosen])] = False
        strength = np.where(fits, np.abs(t), 0.0)
        best = int(strength.argmax())
        if strength[best] < CLEAR:
            break
        use = int(who[best])  # what is used less is lost, as with a bypass, or is always supplied elsewhere
        if members <= best < first_guest and by[use] < 0 and strength[use] >= ALIKE * strength[best]:
            best = use
        chosen.append(best)
        correlation[best], clarity[best] = r[best], strength[best]
        slope = np.asarray(np.linalg.lstsq(own[chosen].T, target, rcond=None)[0], np.float64)
        left = target - slope @ own[chosen]
    others = np.setdiff1d(np.arange(members), who[chosen])
    alone = _alone(own, chosen, others if freedom >= LEAST_FREEDOM * members else others[:0], target, freedom)
    clarity[chosen] = np.minimum(clarity[chosen], alone)
    kept = {i: by for i, by in zip(chosen, slope.tolist(), strict=True) if clarity[i] >= UNIQUE}
    return _told(seen, candidates, kept, (correlation, clarity))


def _freedom(seen: Left, hours: float) -> float:
    """Degrees of freedom of what is left: neighbours within an hour are not independent."""
    count = len(seen.excess)
    return float(max(min(count, count * hours) - seen.plain.shape[1], 1.0))


def _alone(own: Float64s, chosen: list[int], others: Int64s, target: Float64s, freedom: float) -> Float64s:
    """float64[len(chosen)], in standard errors: what each tells that those chosen and the others together do not, by
    least squares on all of them at once."""
    columns = own[[*chosen, *others]]
    gram = columns @ columns.T
    gram[np.diag_indices_from(gram)] += 1e-6 * np.trace(gram) / max(len(gram), 1) + 1e-12
    inverse = np.linalg.inv(gram)
    slope = inverse @ (columns @ target)
    left = target - slope @ columns
    error = np.sqrt(float(left @ left) / max(freedom - len(gram), 1.0) * np.diag(inverse))
    told: Float64s = np.abs(slope / np.maximum(error, 1e-12))[: len(chosen)]
    return told


def _step_by_step(own: Float64s, left: Float64s, by: Float64s) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """bool[m]: from one interval to the next the loss moves with the member, too, and by about as much: levels that
    changed on the same day, and shapes of the day that resemble each other, do not."""
    moves, lost = np.diff(own, axis=1), np.diff(left)
    size = np.maximum((moves * moves).sum(axis=1), 1e-12)
    slope = moves @ lost / size
    error = np.sqrt(max(float(lost @ lost), 1e-12) / size / max(len(lost), 1))
    same = (slope * by > 0) & (np.abs(slope) >= 0.4 * np.abs(by)) & (np.abs(slope) >= 3.5 * error)
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = same
    return found


def _told(
    seen: Left, candidates: Float64s, slopes: dict[int, float], certainty: tuple[Float64s, Float64s]
) -> Explained:
    correlation, clarity = certainty
    members = len(seen.load)
    share, match, kwh, r, t = (np.full(members, np.nan) for _ in range(5))
    foreign = np.zeros(members, np.bool_)
    level = float(seen.excess.mean()) * 24
    left, guests = level, 0.0
    first_guest = members * (1 if seen.shortfall is None else 2)
    for i, by in slopes.items():
        member = i % members
        part = by * float(candidates[i].mean()) * 24
        left -= part
        if i >= first_guest:
            guests += part
            continue
        if i < members and by < 0:
            foreign[member] = True
        elif by <= 0:
            continue
        r[member], t[member], kwh[member] = correlation[i], clarity[i], part
        (share if i < members else match)[member] = by
    return Explained(share, match, r, t, kwh, foreign, left, level, guests)
