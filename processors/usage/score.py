"""Evidence to one calibrated probability per customer, with its reasons in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from gateway.core.model import Bools, Float64s, Int32s, Reason, Suspicion
from gateway.core.usage import AreaEvidence, Drops
from processors.usage.baseline import DAYS
from processors.usage.calibration import COUNTS, REST, SLOPE
from processors.usage.findings import FIGURE, FIGURES
from processors.usage.judge import Judged
from processors.usage.rules import UsageRule, group_of
from processors.usage.settings import UsageSettings
from processors.usage.words import reason

_GROUPS: dict[str, list[int]] = {}
for _rule in UsageRule:
    _GROUPS.setdefault(_rule.group, []).append(_rule)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """score: float64[n], calibrated probability;  log_odds: float64[n];  groups: int32[n], independent kinds of
    evidence that speak against the customer;  opens: bool[n], score and kinds are enough for an inspection."""

    devices: Int32s
    score: Float64s
    log_odds: Float64s
    groups: Int32s
    opens: Bools


def combine(judged: Judged, area: AreaEvidence | None, settings: UsageSettings) -> Scores:
    """Correlated rules count once: of each group the strongest, and a share of the others."""
    n = len(judged.devices)
    evidence, groups = np.zeros(n), np.zeros(n, np.int32)
    for rules in _GROUPS.values():
        weight = _merged(judged.weight[:, rules].astype(np.float64))
        evidence += weight
        groups += weight >= COUNTS
    if area is not None and len(area):
        row = area.row_of(judged.devices)
        told = np.flatnonzero(row >= 0)
        weight = _merged(area.weights[row[told]])
        evidence[told] += weight
        groups[told] += weight >= COUNTS
    log_odds = _prior(settings) + SLOPE * evidence
    score = probability(log_odds)
    return Scores(
        devices=judged.devices,
        score=score,
        log_odds=log_odds,
        groups=groups,
        opens=(score >= settings.open_score) & (groups >= 2),
    )


def _merged(weights: Float64s) -> Float64s:
    """What the rules of one group weigh together, float64[n] of [n, k]: the strongest against the customer with a share
    of the others, less what speaks for the customer."""
    against = np.maximum(weights, 0)
    strongest = against.max(axis=1, initial=0)
    merged: Float64s = (
        strongest + REST * (against.sum(axis=1) - strongest) + np.minimum(weights, 0).sum(axis=1)
    )
    return merged


def _prior(settings: UsageSettings) -> float:
    return float(np.log(settings.prior / (1 - settings.prior)))


def probability(log_odds: Float64s) -> Float64s:
    result: Float64s = 1 / (1 + np.exp(-np.clip(log_odds, -50, 50)))
    return result


def evidence_of(reasons: Sequence[Reason]) -> dict[str, float]:
    """What each group of these weighs, as `combine` has it."""
    by_group: dict[str, list[float]] = {}
    for each in reasons:
        by_group.setdefault(group_of(each.rule), []).append(each.weight)
    return {group: float(_merged(np.array([weights]))[0]) for group, weights in by_group.items()}


def score_of(
    reasons: Sequence[Reason],
    settings: UsageSettings,
    *,
    base: tuple[float, Sequence[Reason]] | None = None,
) -> float:
    """The probability by these reasons, as `combine` has it; `base`: (score, reasons) to start from instead of the
    prior."""
    log_odds, known = _prior(settings), 0.0
    if base is not None:
        score = min(max(base[0], 1e-6), 1 - 1e-6)
        log_odds, known = float(np.log(score / (1 - score))), sum(evidence_of(base[1]).values())
    log_odds += SLOPE * (sum(evidence_of(reasons).values()) - known)
    return float(probability(np.array(log_odds)))


def enough(reasons: Sequence[Reason]) -> bool:
    """Whether at least two independent kinds of evidence speak against the customer; the balance of the area is one."""
    return sum(weight >= COUNTS for weight in evidence_of(reasons).values()) >= 2


def drops(judged: Judged, settings: UsageSettings) -> Drops:
    """Whose use has fallen and stayed low: what the energy balance holds against the loss of their areas."""
    figure = judged.figure
    lost = figure[:, FIGURE["kwh_before"]] - figure[:, FIGURE["kwh_since"]]
    dated = figure[:, FIGURE["drop_days"]] < DAYS - 1  # of an older one it is not known when it began
    rows = np.flatnonzero((figure[:, FIGURE["drop"]] >= settings.drop_share) & (lost > 0) & dated)
    return Drops(
        customer=judged.devices[rows], kwh_per_day=lost[rows].astype(np.float64), since=judged.since[rows]
    )


def suspicions(
    judged: Judged,
    scores: Scores,
    area: AreaEvidence | None,
    *,
    at: int,
    settings: UsageSettings,
    also: Iterable[int] = (),
) -> list[Suspicion]:
    """Customers from `tell_score` on, and `also` those (of whom the stream was told before, or who have an open
    incident) whatever is left of it; strongest first.

    at: `received_at` of what is put into the stream.  Reasons that weigh nothing are left out.
    """
    told = scores.score >= settings.tell_score
    told |= np.isin(judged.devices, np.fromiter(also, np.int32))
    rows = np.flatnonzero(told)
    rows = rows[np.argsort(-scores.score[rows], kind="stable")]
    return [_suspicion(judged, scores, area, int(row), at) for row in rows.tolist()]


def _suspicion(judged: Judged, scores: Scores, area: AreaEvidence | None, row: int, at: int) -> Suspicion:
    device = int(judged.devices[row])
    figures = dict(zip(FIGURES, judged.figure[row].tolist(), strict=True))
    found = [
        reason(rule, round(float(judged.weight[row, rule]), 4), figures)
        for rule in UsageRule
        if judged.weight[row, rule]
    ]
    since = int(judged.since[row])
    if area is not None:
        found += area.reasons(device)
        place = int(area.row_of(np.array([device], np.int32))[0])
        if place >= 0 and area.since[place] >= 0:
            since = min(since, int(area.since[place]))
    return Suspicion(
        device=device,
        received_at=at,
        since=since,
        until=judged.end,
        score=round(float(scores.score[row]), 4),
        reasons=tuple(sorted(found, key=lambda each: -abs(each.weight))),
    )
