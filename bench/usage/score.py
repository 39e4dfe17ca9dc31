"""What counts as found, and how well: figures out of the daily scores of all customers and the ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bench.usage.population import Float32s, People, Trait
from bench.usage.thefts import KINDS, Theft, Truth
from gateway.core.model import Bools, Float64s, Int64s

BINS = (0.0, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
TOP = 0.01
_WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """One population played to the end.

    score: float32[days, n] at the end of each day with the energy balance, `alone` by the customer's own use only;
    opens, opens_alone: bool[days, n], that would open a ticket;  judged_from: first day whose scores count;
    found_area: int64[areas], first day on which an area was told of as losing more than its customers explain, −1 for
    never;  sentences: a few suspicions of the last day in words.
    """

    people: People
    truth: Truth
    score: Float32s
    alone: Float32s
    opens: Bools
    opens_alone: Bools
    judged_from: int
    found_area: Int64s
    sentences: tuple[str, ...] = ()


def figures(courses: Sequence[Course]) -> dict[str, object]:
    """All tables but those of speed: `with_balance` and `without_balance`, `areas`."""
    return {
        "with_balance": _of([(c, c.score, c.opens) for c in courses]),
        "without_balance": _of([(c, c.alone, c.opens_alone) for c in courses]),
        "areas": _areas(courses),
    }


def auc(score: Float64s, true: Bools) -> float | None:
    """The chance that a true one stands above a false one; equal scores count half (Mann and Whitney)."""
    values, place, count = np.unique(score, return_inverse=True, return_counts=True)
    if not true.any() or true.all() or not len(values):
        return None
    rank = np.cumsum(count) - (count - 1) / 2
    positives = int(true.sum())
    above = float(rank[place][true].sum()) - positives * (positives + 1) / 2
    return above / (positives * (len(true) - positives))


def precision_at(score: Float64s, true: Bools, count: int) -> float:
    """Share of true ones among the `count` highest; those level with the last one share what places are left."""
    if count <= 0:
        return 0.0
    last = np.partition(score, -count)[-count]
    sure, level = score > last, score == last
    left = count - int(sure.sum())
    return float((true[sure].sum() + left * true[level].mean()) / count)


def _of(played: Sequence[tuple[Course, Float32s, Bools]]) -> dict[str, object]:
    parts = [_Customers.of(*one) for one in played]
    joined = _Customers.joined(parts)
    late = ~joined.ever
    top = [precision_at(p.highest, p.kind != Theft.NONE, round(TOP * len(p.kind))) for p in parts]
    standing = [precision_at(p.standing, p.kind != Theft.NONE, round(TOP * len(p.kind))) for p in parts]
    true = joined.kind != Theft.NONE
    days = sum(c.score.shape[0] - c.judged_from for c, _, _ in played) / len(played)
    false = int((joined.cried & ~true).sum()) + int(joined.early.sum())
    return {
        "auc_highest": auc(joined.highest[late], true[late]),
        "auc_standing": auc(joined.standing[late], true[late]),
        "auc_highest_with_ever": auc(joined.highest, true),
        "precision_top": float(np.mean(top)),
        "precision_top_standing": float(np.mean(standing)),
        "detected": float(joined.cried[true & late].mean()) if (true & late).any() else None,
        "false_alarms": false,
        "honest": int((~true).sum()),
        "false_per_1000_years": false / max(1, int((~true).sum())) / days * 365 * 1000,
        "precision_of_tickets": float(
            (joined.cried & true).sum() / max(1, int(joined.cried.sum() + joined.early.sum()))
        ),
        "kinds": {
            **{kind.word: _kind(joined, (joined.kind == kind) & late) for kind in KINDS},
            "since_ever": _kind(joined, joined.ever),
        },
        "honest_kinds": {trait.word: _honest(joined, trait) for trait in Trait},
        "calibration": _calibration(played),
    }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Customers:
    """One row per customer: highest score (of a thief: since it steals), score at the end, whether a ticket would
    be opened and how many days after the beginning; early: one would have been before the theft began."""

    kind: Int64s
    ever: Bools
    trait: Int64s
    highest: Float64s
    standing: Float64s
    cried: Bools
    early: Bools
    took: Float64s

    @staticmethod
    def of(course: Course, score: Float32s, opens: Bools) -> _Customers:
        truth, first = course.truth, course.judged_from
        day = np.arange(score.shape[0])[:, None]
        thief = truth.kind != Theft.NONE
        counted = np.where(thief, np.maximum(truth.since, first), first)
        since = np.where(day >= counted, score, -1.0)
        reached: Bools = opens & (day >= counted)
        when = np.where(reached.any(axis=0), reached.argmax(axis=0), -1)
        before = opens & (day >= first) & (day < counted)
        return _Customers(
            kind=truth.kind,
            ever=truth.ever,
            trait=course.people.trait,
            highest=since.max(axis=0).astype(np.float64),
            standing=score[-1].astype(np.float64),
            cried=np.any(reached, axis=0),
            early=before.any(axis=0) & thief,
            took=np.where(when >= 0, when - counted + 1, np.nan),
        )

    @staticmethod
    def joined(parts: Sequence[_Customers]) -> _Customers:
        return _Customers(
            **{
                name: np.concatenate([getattr(p, name) for p in parts])
                for name in _Customers.__dataclass_fields__
            }
        )


def _kind(all_: _Customers, rows: Bools) -> dict[str, float | int | None]:
    took = all_.took[rows & all_.cried]
    others = (all_.kind == Theft.NONE) | rows
    return {
        "count": int(rows.sum()),
        "detected": float(all_.cried[rows].mean()) if rows.any() else None,
        "days_median": float(np.median(took)) if len(took) else None,
        "days_p90": float(np.quantile(took, 0.9)) if len(took) else None,
        "auc": auc(all_.highest[others], rows[others]),
    }


def _honest(all_: _Customers, trait: Trait) -> dict[str, float | int]:
    rows = (all_.trait == trait) & (all_.kind == Theft.NONE)
    return {
        "count": int(rows.sum()),
        "cried_at": int(all_.cried[rows].sum()),
        "rate": float(all_.cried[rows].mean()) if rows.any() else 0.0,
    }


def _calibration(played: Sequence[tuple[Course, Float32s, Bools]]) -> list[dict[str, float | int | None]]:
    """What was predicted and what was so, a day each week: customers who were stealing on that day are true."""
    said, true = [], []
    for course, score, _ in played:
        for day in range(course.judged_from, score.shape[0], _WEEK):
            said.append(score[day])
            true.append((course.truth.kind != Theft.NONE) & (day >= course.truth.since))
    predicted, found = np.concatenate(said).astype(np.float64), np.concatenate(true)
    table: list[dict[str, float | int | None]] = []
    for low, high in pairwise(BINS):
        rows = (predicted >= low) & ((predicted < high) | (high == BINS[-1]))
        some = bool(rows.any())
        table.append(
            {
                "from": low,
                "to": high,
                "count": int(rows.sum()),
                "predicted": float(predicted[rows].mean()) if some else None,
                "found": float(found[rows].mean()) if some else None,
            }
        )
    return table


def _areas(courses: Sequence[Course]) -> dict[str, float | int | None]:
    """Tapped lines: areas told of. An area counts as false where there is neither a tap nor a thief."""
    tapped = found = false = clean = with_thief = told_thief = 0
    took: list[float] = []
    for course in courses:
        truth = course.truth
        tap = truth.tapped > 0
        hits = tap & (course.found_area >= truth.tapped_since)
        thieves = np.zeros(len(tap), bool)
        thieves[course.people.area[truth.kind != Theft.NONE]] = True
        quiet = ~tap & ~thieves
        tapped, found = tapped + int(tap.sum()), found + int(hits.sum())
        clean, false = clean + int(quiet.sum()), false + int((quiet & (course.found_area >= 0)).sum())
        with_thief += int((thieves & ~tap).sum())
        told_thief += int((thieves & ~tap & (course.found_area >= 0)).sum())
        took += (course.found_area - truth.tapped_since + 1)[hits].tolist()
    return {
        "tapped": tapped,
        "found": found,
        "detected": found / tapped if tapped else None,
        "days_median": float(np.median(took)) if took else None,
        "days_p90": float(np.quantile(took, 0.9)) if took else None,
        "with_thieves": with_thief,
        "with_thieves_told": told_thief,
        "clean": clean,
        "clean_told": false,
    }
