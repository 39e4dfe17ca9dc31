"""Evidence to one calibrated probability per customer, with its reasons in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from gateway.core.clock import DAY, HOUR, to_datetime
from gateway.core.model import Bools, Float64s, Int32s, Reason, Suspicion
from gateway.core.usage import AreaEvidence, Drops
from processors.usage.baseline import DAYS
from processors.usage.calibration import AGREES, BESIDE, COUNTS, HARD, REST, SLOPE, SURE
from processors.usage.findings import FIGURE, FIGURES
from processors.usage.judge import Judged
from processors.usage.rules import ENERGY_BALANCE, UsageRule, group_of
from processors.usage.settings import UsageSettings
from processors.usage.words import reason

_NAMED = 13 * HOUR  # after local midnight it is the same date in UTC, nearly everywhere
_GROUPS: dict[str, list[int]] = {}
for _rule in UsageRule:
    _GROUPS.setdefault(_rule.group, []).append(_rule)
_LEAST = {rule.word: least for rule, least in HARD.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """score: float64[n], calibrated probability;  log_odds: float64[n];  groups: int32[n], independent kinds of
    evidence that speak against the customer;  opens: bool[n], score, kinds and how hard they are is enough for an
    inspection: see `enough`."""

    devices: Int32s
    score: Float64s
    log_odds: Float64s
    groups: Int32s
    opens: Bools


def combine(judged: Judged, area: AreaEvidence | None, settings: UsageSettings) -> Scores:
    """Correlated rules count once: of each group the strongest, and a share of the others."""
    weights = judged.weight.astype(np.float64)
    own = np.column_stack([_merged(weights[:, rules]) for rules in _GROUPS.values()])
    balance = np.zeros(len(own))
    if area is not None and len(area):
        row = area.row_of(judged.devices)
        told = np.flatnonzero(row >= 0)
        balance[told] = _merged(area.weights[row[told]])
    log_odds = _prior(settings) + SLOPE * (own.sum(axis=1) + balance)
    score = probability(log_odds)
    groups = _kinds(own, balance)
    hard = np.any([weights[:, rule] >= least for rule, least in HARD.items()], axis=0)
    return Scores(
        devices=judged.devices,
        score=score,
        log_odds=log_odds,
        groups=groups,
        opens=(score >= settings.open_score) & (groups >= 2) & (hard | (balance >= AGREES)),
    )


def _kinds(own: Float64s, balance: Float64s) -> Int32s:
    """Independent kinds of evidence, int32[n] of own float64[n, groups] and balance float64[n]."""
    least = np.where(balance >= SURE, BESIDE, COUNTS)
    kinds: Int32s = ((own >= least[:, None]).sum(axis=1) + (balance >= COUNTS)).astype(np.int32)
    return kinds


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
    """Whether at least two independent kinds of evidence speak against the customer, and one of them is hard: the
    balance of the area agrees, or something was measured that no honest habit makes."""
    weights = evidence_of(reasons)
    balance = weights.pop(ENERGY_BALANCE, 0.0)
    kinds = _kinds(np.array([[*weights.values()]]), np.array([balance]))
    hard = any(each.weight >= _LEAST.get(each.rule, np.inf) for each in reasons)
    return int(kinds[0]) >= 2 and (hard or balance >= AGREES)


def drops(judged: Judged, settings: UsageSettings) -> Drops:
    """Whose use has fallen and stayed low: what the energy balance holds against the loss of their areas."""
    figure = judged.figure
    lost = figure[:, FIGURE["kwh_before"]] - figure[:, FIGURE["kwh_since"]]
    fell = figure[:, FIGURE["drop"]] >= settings.drop_share
    nights = np.nan_to_num(figure[:, FIGURE["night_kwh"]])
    fell |= nights > 0
    lost = np.where(np.isnan(figure[:, FIGURE["drop"]]), nights, lost)
    dated = judged.since > judged.start - (DAYS - 2) * DAY  # of an older one it is not known when it began
    rows = np.flatnonzero(fell & (lost > 0) & dated)
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
    day = to_datetime(judged.start + _NAMED).date()
    found = [
        reason(rule, round(float(judged.weight[row, rule]), 4), figures, day=day)
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
