"""Evidence becomes a probability: correlated rules count once, one kind of evidence opens nothing, reasons are told."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import Reason
from gateway.core.usage import AreaEvidence
from processors.usage.calibration import FULL
from processors.usage.findings import FIGURES
from processors.usage.judge import Judged
from processors.usage.rules import GROUPS, RULES, UsageRule
from processors.usage.score import combine, drops, enough, score_of, suspicions
from processors.usage.settings import UsageSettings

SETTINGS = UsageSettings()
DAY = 86_400_000_000


def judged_of(*weights: dict[UsageRule, float]) -> Judged:
    n = len(weights)
    weight = np.zeros((n, RULES), np.float32)
    for row, named in enumerate(weights):
        for rule, value in named.items():
            weight[row, rule] = value
    return Judged(
        devices=np.arange(n, dtype=np.int32) + 10,
        start=20 * DAY,
        end=21 * DAY,
        weight=weight,
        figure=np.ones((n, len(FIGURES)), np.float32),
        since=np.full(n, 15 * DAY, np.int64),
        usable=np.ones(n, np.bool_),
        known=np.ones(n, np.bool_),
    )


def area_of(weight: float, device: int = 10) -> AreaEvidence:
    return AreaEvidence(
        device=np.array([device], np.int32),
        area=np.array([3], np.int32),
        since=np.array([12 * DAY], np.int64),
        rules=("loss_rose_with_drop",),
        weights=np.array([[weight]]),
        figures={"rise_kwh": np.array([6.5])},
        sentences={"loss_rose_with_drop": "The loss of its area rose by {rise_kwh:.1f} kWh a day."},
    )


def test_without_evidence_it_is_the_prior() -> None:
    assert combine(judged_of({}), None, SETTINGS).score[0] == pytest.approx(SETTINGS.prior)


@pytest.mark.parametrize("group", sorted(set(GROUPS.values())))
def test_one_kind_of_evidence_opens_nothing_however_strong(group: str) -> None:
    weights = {rule: max(FULL[rule], 0.0) for rule in UsageRule if rule.group == group}
    scores = combine(
        judged_of(weights), None, SETTINGS.model_copy(update={"open_score": 0.011, "prior": 0.4})
    )
    assert scores.groups[0] <= 1
    assert not scores.opens[0]


def test_rules_of_one_phenomenon_do_not_count_twice() -> None:
    one = combine(judged_of({UsageRule.LASTING_DROP: 2.0}), None, SETTINGS)
    both = combine(judged_of({UsageRule.LASTING_DROP: 2.0, UsageRule.SUDDEN_DROP: 1.0}), None, SETTINGS)
    assert one.log_odds[0] < both.log_odds[0] < one.log_odds[0] + 0.5


def test_two_kinds_open_and_so_does_one_with_the_balance_agreeing() -> None:
    strong = SETTINGS.model_copy(update={"open_score": 0.3})
    drop, tampered = {UsageRule.LASTING_DROP: 2.5}, {UsageRule.TAMPER: 3.0}
    two = combine(judged_of(drop | tampered), None, strong)
    with_balance = combine(judged_of(drop), area_of(3.0), strong)
    balance_alone = combine(judged_of({}), area_of(9.0), strong)
    assert (two.opens[0], with_balance.opens[0], balance_alone.opens[0]) == (True, True, False)


def test_two_kinds_that_honest_people_may_show_open_nothing_unless_the_balance_clearly_agrees() -> None:
    easy = SETTINGS.model_copy(update={"open_score": 0.3})
    soft = {UsageRule.LASTING_DROP: 2.0, UsageRule.NIGHT_FLOOR: 3.0, UsageRule.PHASE_VANISHED: 3.0}
    assert combine(judged_of(soft), None, easy).groups[0] == 3
    assert not combine(judged_of(soft), None, easy).opens[0]
    assert not combine(judged_of(soft), area_of(1.0), easy).opens[0]
    assert combine(judged_of(soft), area_of(2.5), easy).opens[0]


def test_where_the_balance_is_sure_a_little_of_another_kind_is_enough() -> None:
    little = {UsageRule.LASTING_DROP: 0.4}
    assert combine(judged_of(little), area_of(6.0), SETTINGS).opens[0]
    assert not combine(judged_of(little), area_of(4.5), SETTINGS).opens[0]


def test_what_speaks_for_the_customer_takes_away() -> None:
    drop = {UsageRule.LASTING_DROP: 2.5}
    empty = combine(judged_of(drop | {UsageRule.VACANCY: -2.5}), None, SETTINGS)
    assert empty.score[0] == pytest.approx(SETTINGS.prior, rel=0.01)
    assert empty.groups[0] == 0
    spoken_for = combine(judged_of(drop), area_of(-2.0), SETTINGS)
    assert spoken_for.score[0] < combine(judged_of(drop), None, SETTINGS).score[0] / 3


def test_suspicions_tell_the_strongest_first_with_figures_and_without_what_weighs_nothing() -> None:
    judged = judged_of(
        {UsageRule.LASTING_DROP: 2.0, UsageRule.TAMPER: 2.2},
        {},
        {UsageRule.LASTING_DROP: 2.5, UsageRule.TAMPER: 2.2, UsageRule.NIGHT_FLOOR: 2.0},
    )
    scores = combine(judged, area_of(1.0), SETTINGS)
    told = suspicions(judged, scores, area_of(1.0), at=22 * DAY, settings=SETTINGS)
    assert [s.device for s in told] == [12, 10]
    first = told[1]
    assert [r.rule for r in first.reasons] == ["tamper", "lasting_drop", "loss_rose_with_drop"]
    assert first.reasons[2].words == "The loss of its area rose by 6.5 kWh a day."
    assert (first.since, first.until, first.received_at) == (12 * DAY, 21 * DAY, 22 * DAY)
    assert all(r.figures and r.words.endswith(".") and "nan" not in r.words for s in told for r in s.reasons)


def test_whoever_was_told_of_before_is_told_of_when_nothing_is_left() -> None:
    judged = judged_of({}, {})
    told = suspicions(
        judged, combine(judged, None, SETTINGS), None, at=22 * DAY, settings=SETTINGS, also=[11]
    )
    assert [(s.device, s.reasons) for s in told] == [(11, ())]


def test_every_rule_has_words_that_do_without_figures() -> None:
    judged = judged_of({rule: FULL[rule] for rule in UsageRule})
    judged.figure[:] = np.nan
    scores = combine(judged, None, SETTINGS)
    (told,) = suspicions(judged, scores, None, at=0, settings=SETTINGS, also=[10])
    assert len(told.reasons) == RULES
    assert all(not r.figures for r in told.reasons)


reasons = st.lists(
    st.builds(
        lambda rule, weight: Reason(rule=rule, weight=weight, words=""),
        st.sampled_from([*GROUPS, "loss_rose_with_drop"]),
        st.floats(-3, 3),
    ),
    max_size=6,
    unique_by=lambda r: r.rule,
)


@given(reasons)
def test_reasons_weigh_as_columns_do(some: list[Reason]) -> None:
    own = {UsageRule[r.rule.upper()]: r.weight for r in some if r.rule in GROUPS}
    balance = [r.weight for r in some if r.rule not in GROUPS]
    scores = combine(judged_of(own), area_of(balance[0]) if balance else None, SETTINGS)
    assert score_of(some, SETTINGS) == pytest.approx(float(scores.score[0]), rel=1e-3, abs=1e-6)
    always = SETTINGS.model_copy(update={"open_score": 1e-9, "close_score": 1e-10, "tell_score": 1e-11})
    assert enough(some) == bool(
        combine(judged_of(own), area_of(balance[0]) if balance else None, always).opens[0]
    )


def test_drops_are_handed_to_the_balance() -> None:
    judged = judged_of({}, {})
    before, since, drop, night = (
        FIGURES.index(name) for name in ("kwh_before", "kwh_since", "drop", "night_kwh")
    )
    judged.figure[:, [drop, night]] = np.nan
    judged.figure[0, [before, since, drop]] = 12.0, 3.0, 0.75
    found = drops(judged, SETTINGS)
    assert found.customer.tolist() == [10]
    assert found.kwh_per_day.tolist() == [9.0]
    assert found.since.tolist() == [15 * DAY]
    judged.figure[1, night] = 2.0
    assert drops(judged, SETTINGS).kwh_per_day.tolist() == [9.0, 2.0]


def test_the_page_tells_each_rule_with_its_group_and_weight() -> None:
    """docs/usage.md follows processors/usage/calibration.py."""
    page = (Path(__file__).parents[2] / "docs" / "usage.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \| (\w+) \| (\S+) \|", page, re.MULTILINE)
    told = {(rule, group, float(weight.replace("−", "-"))) for rule, group, weight in listed}
    assert told == {(rule.word, rule.group, FULL[rule]) for rule in UsageRule}
