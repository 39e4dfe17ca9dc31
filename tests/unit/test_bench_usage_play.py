"""The benches of usage and validation in small: they run the real code, and the same seed gives the same figures."""

from __future__ import annotations

import io

import numpy as np
import pytest

from bench import vee
from bench.usage import million
from bench.usage.play import Plan, play
from bench.usage.sweep import run
from bench.usage.table import markdown, show
from bench.usage.thefts import Theft

SMALL = Plan(customers=200, days=62, judged_from=40, prevalence=0.05)


def test_the_same_seed_gives_the_same_scores_and_thefts_stand_out() -> None:
    course, again = play(SMALL, 3), play(SMALL, 3)
    assert course is not None
    assert again is not None
    assert np.array_equal(course.score, again.score)
    assert np.array_equal(course.opens, again.opens)
    stolen = (course.truth.kind == Theft.BYPASS_ALL) & (course.truth.since < 52)
    assert stolen.any()
    assert course.score[-1, stolen].min() > np.median(course.score[-1])


async def test_tables_come_of_a_run_and_name_what_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.usage.sweep.simbench_folder", lambda: None)
    plan = Plan(customers=120, days=50, judged_from=40, prevalence=0.05)
    result = await run(plan=plan, seeds=(3,), jobs=1, customers=0)
    assert result["left_out"] == ["simbench"]
    shown = io.StringIO()
    show(result, out=shown)
    assert "simbench was left out: its data comes with pip install -e '.[bench]'" in shown.getvalue()
    text = markdown(result)
    assert "### Found, simulator" in text
    assert text.count("| vacant |") == 1


def test_the_day_of_many_is_judged_in_chunks_that_count_up() -> None:
    result = million.measure(customers=1_200, distinct=300, at_once=600)
    assert result["customers"] == 1_200
    assert result["intervals"] == 1_200 * 96
    assert result["seconds"] > 0


async def test_validation_adds_no_energy_and_fills_every_gap_to_the_register() -> None:
    result = await vee.run(meters=12, rounds=1)
    gaps, faults = result["gaps"], result["faults"]
    assert isinstance(gaps, dict)
    assert isinstance(faults, dict)
    assert list(gaps) == list(vee.LENGTHS)
    assert max(row["of_sum"] for row in gaps.values()) < 1e-3
    for kind in ("none", "rollover", "sentinel", "transient zero", "spike", "unordered"):
        assert faults[kind]["false"] == 0.0, kind
        assert faults[kind]["of_delta"] < 1e-3, kind
    assert faults["reset"]["false"] == 0.0
    assert faults["multiplier"]["marked_meters"] > 6
    assert "| 30 min |" in vee.markdown(result)
