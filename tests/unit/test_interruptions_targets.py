"""Targets per window, and major event days."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.clock import DAY, MINUTE
from processors.interruptions.major_events import limit
from processors.interruptions.targets import DEFAULTS, Span, Spent, State, Target, standing

CASES = Path(__file__).parents[1] / "cases" / "indices"
ASAI = Target(index="asai", span=Span.MONTH, value=0.999)
SAIDI = Target(index="saidi", span=Span.MONTH, value=15.0)


def month(minutes: float, *, days: float = 15, open_minutes: float = 0) -> Spent:
    return Spent(
        served=1000,
        length=30 * DAY,
        elapsed=round(days * DAY),
        customer_minutes=minutes,
        open_customer_minutes=open_minutes,
    )


def test_the_defaults_are_the_figures_of_the_specification() -> None:
    assert [(t.index, t.span, t.value) for t in DEFAULTS] == [
        ("asai", "month", 0.999),
        ("asai", "rolling_year", 0.999),
        ("saidi", "month", 15.0),
    ]
    assert ASAI.budget(1000, 30 * DAY) == pytest.approx(43.2 * 1000)
    assert ASAI.budget(1, 365 * DAY) == pytest.approx(525.6)
    assert SAIDI.budget(1000, 30 * DAY) == 15_000


def test_half_the_month_gone_and_a_quarter_of_the_budget() -> None:
    now = standing(SAIDI, month(3750))
    assert (now.budget_minutes, now.spent_minutes, now.left_minutes) == (15_000, 3750, 11_250)
    assert (now.spent_share, now.elapsed_share, now.burn_rate) == (0.25, 0.5, 0.5)
    assert (now.forecast_minutes, now.forecast, now.state) == (7500, 7.5, State.MET)
    assert standing(ASAI, month(3750)).forecast == pytest.approx(1 - 7.5 / 43_200)


@pytest.mark.parametrize(
    ("minutes", "open_minutes", "state"),
    [
        (0, 0, State.MET),
        (7500, 0, State.MET),
        (7501, 0, State.AT_RISK),
        (7000, 501, State.AT_RISK),
        (15_000, 0, State.AT_RISK),
        (15_001, 0, State.MISSED),
        (0, 15_001, State.MISSED),
    ],
)
def test_met_at_risk_or_missed(minutes: float, open_minutes: float, state: State) -> None:
    now = standing(SAIDI, month(minutes, open_minutes=open_minutes))
    assert now.state is state
    assert now.open_minutes == open_minutes
    assert now.left_minutes == 15_000 - minutes - open_minutes


def test_at_the_very_start_nothing_can_be_forecast() -> None:
    now = standing(SAIDI, month(0, days=0))
    assert (now.burn_rate, now.forecast_minutes, now.forecast, now.state) == (None, None, None, State.MET)


def test_a_target_that_allows_nothing() -> None:
    strict = Target(index="asai", span=Span.MONTH, value=1.0)
    assert standing(strict, month(0)).state is State.MET
    missed = standing(strict, month(1))
    assert (missed.state, missed.spent_share, missed.burn_rate) == (State.MISSED, None, None)


@pytest.mark.parametrize(
    "spent",
    [
        Spent(served=0, length=DAY, elapsed=0, customer_minutes=0),
        Spent(served=1, length=0, elapsed=0, customer_minutes=0),
        Spent(served=1, length=DAY, elapsed=DAY + 1, customer_minutes=0),
        Spent(served=1, length=DAY, elapsed=-1, customer_minutes=0),
    ],
)
def test_a_window_without_customers_or_time_is_refused(spent: Spent) -> None:
    with pytest.raises(ValueError, match="window"):
        standing(SAIDI, spent)


@given(minutes=st.floats(0, 1e7), elapsed=st.integers(DAY, 30 * DAY))
def test_the_budget_burns_as_the_forecast_says(minutes: float, elapsed: int) -> None:
    spent = Spent(served=1000, length=30 * DAY, elapsed=elapsed, customer_minutes=minutes)
    for target in (ASAI, SAIDI):
        now = standing(target, spent)
        assert now.burn_rate is not None
        assert now.forecast_minutes == pytest.approx(now.burn_rate * now.budget_minutes)
        assert now.forecast is not None
        share = 1 - now.forecast if target.index == "asai" else now.forecast / (30 * DAY / MINUTE)
        assert share * 1000 * 43_200 == pytest.approx(now.forecast_minutes, rel=1e-6, abs=1e-6)


def test_major_event_days_worked_case() -> None:
    with (CASES / "med_days.csv").open(newline="") as lines:
        daily = [float(row["saidi_minutes"]) for row in csv.DictReader(lines)]
    expected = json.loads((CASES / "med_days.json").read_text())
    found = limit(daily)
    assert {name: getattr(found, name) for name in expected} == pytest.approx(expected, rel=1e-9, abs=0)
    assert found.provisional
    assert not found.exceeded(daily).any()
    assert found.exceeded([*daily, 16.405, 16.406]).tolist() == [False] * 13 + [True]


@pytest.mark.parametrize(("daily", "alpha"), [([], None), ([0.0, 0.0], None), ([0.0, 2.0], math.log(2.0))])
def test_too_few_days_with_interruptions_have_no_limit(daily: list[float], alpha: float | None) -> None:
    found = limit(daily)
    assert (found.alpha, found.beta, found.t_med_minutes) == (alpha, None, None)
    assert not found.exceeded([1e9]).any()


def test_days_all_alike_are_no_major_events() -> None:
    found = limit([0.1] * 7)
    assert (found.beta, found.t_med_minutes) == (0.0, 0.1)
    assert not found.exceeded([0.1]).any()


def test_days_too_far_apart_for_a_finite_limit() -> None:
    assert limit([1e-300, 1e300]).t_med_minutes is None


@pytest.mark.parametrize(("days", "provisional"), [(1824, True), (1825, False)])
def test_less_than_five_years_is_provisional(days: int, provisional: bool) -> None:
    assert limit(np.ones(days)).provisional is provisional
