"""What of a loss is technical, what rose and since when; faults of the balance itself."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.clock import DAY
from gateway.core.model import Float64s
from processors.balance.judge import judge
from processors.balance.step import rises
from processors.balance.technical import fit, row_quantile
from tests.unit.balance_world import SETTINGS, SLOTS, START, world

FROM = 30


def test_an_honest_area_is_left_alone_and_its_technical_loss_is_found() -> None:
    judged, _, _ = world(areas=12, days=60).judged()
    assert judged.judged.all()
    assert not judged.flagged.any()
    assert (judged.since == -1).all()
    np.testing.assert_allclose(judged.no_load, 0.1, atol=0.06)
    np.testing.assert_allclose(judged.copper, 0.0006, rtol=0.15)
    assert (np.abs(judged.level) < 0.005 * judged.supply).all()


def test_a_line_tapped_is_a_rise_with_its_day_and_its_size() -> None:
    played = world()
    played.extra[1, FROM * SLOTS :] = 0.5
    judged, _, _ = played.judged()
    assert judged.stepped.tolist() == [False, True, False, False]
    assert judged.since[1] == START + FROM * DAY
    np.testing.assert_allclose(judged.step[1], 12.0, rtol=0.1)
    np.testing.assert_allclose(judged.level[1], 12.0, rtol=0.1)
    np.testing.assert_allclose(judged.copper[1], 0.0006, rtol=0.15)


def test_of_two_rises_the_first_one_is_when_it_began() -> None:
    played = world(days=60)
    played.extra[0, 25 * SLOTS :] += 0.3
    played.extra[0, 45 * SLOTS :] += 1.5
    judged, _, _ = played.judged()
    assert judged.since[0] == START + 25 * DAY
    np.testing.assert_allclose(judged.level[0], 43.2, rtol=0.1)


def test_what_has_ended_and_a_single_bad_day_are_no_rise() -> None:
    played = world(days=50)
    played.extra[0, 20 * SLOTS : 40 * SLOTS] = 0.8
    played.extra[1, 35 * SLOTS : 36 * SLOTS] = 8.0
    judged, _, _ = played.judged()
    assert not judged.stepped.any()


def test_a_loss_since_ever_is_high_though_no_day_changed() -> None:
    played = world()
    played.extra[2] = 4.5
    judged, _, _ = played.judged()
    assert judged.high.tolist() == [False, False, True, False]
    assert judged.level[2] > 0.1 * judged.supply[2]


def test_a_wrong_ratio_is_a_fault_of_the_balance() -> None:
    played = world()
    played.factor[0] *= 1.5
    played.factor[1, FROM * SLOTS :] *= 2 / 3
    judged, _, _ = played.judged()
    assert judged.supply_fault.tolist() == [True, True, False, False]
    assert judged.proportional[0]
    assert judged.negative[1]
    np.testing.assert_allclose(1 / judged.factor[0], 1.5, rtol=0.05)


def test_days_with_too_many_gaps_say_nothing() -> None:
    played = world(days=30)
    played.good[0, 3, -SLOTS:] = False
    played.good[1, 3] = False
    judged, book, _ = played.judged()
    assert judged.judged.tolist() == [False, False, True, True]
    assert np.isnan(judged.excess[0])
    assert not np.isnan(judged.level[0])
    assert np.isnan(judged.level[1])
    assert book.coverage[0, -1] == 0


def test_a_day_is_judged_by_what_was_known_then() -> None:
    played = world(days=40)
    played.extra[0, 35 * SLOTS :] = 1.0
    _, book, areas = played.judged()
    then = judge(book, areas, played.date(30), settings=SETTINGS)
    short = world(days=40)
    short.days = 31
    now, _, _ = short.judged()
    np.testing.assert_allclose(then.level, now.level)
    np.testing.assert_array_equal(then.since, now.since)


def test_a_book_without_days_flags_nobody() -> None:
    played = world(areas=2, members=2, days=1, slots=24)
    _, book, areas = played.judged()
    judged = judge(book, areas, played.date(5), settings=SETTINGS)
    assert not judged.judged.any()
    assert not judged.flagged.any()
    assert (judged.since == -1).all()


@given(st.integers(5, 40), st.integers(3, 20), st.floats(0.5, 50), st.integers(0, 1000))
def test_a_clear_step_is_found_where_it_is(before: int, after: int, size: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    daily: Float64s = random.normal(0, size / 20, (1, before + after))
    daily[:, before:] += size
    found = rises(daily, np.ones(daily.shape, np.bool_), np.array([1e-6]))
    assert found.at[0] == before
    assert found.clear[0]
    np.testing.assert_allclose(found.size[0], size, rtol=0.2)


def test_quantiles_by_row_leave_gaps_out() -> None:
    random = np.random.default_rng(3)
    values = random.normal(size=(20, 9))
    values[random.random(values.shape) < 0.3] = np.nan
    values[4] = np.nan
    got = row_quantile(values, 0.7)
    assert np.isnan(got[4])
    rest = np.arange(20) != 4
    np.testing.assert_allclose(got[rest], np.nanquantile(values[rest], 0.7, axis=1))
    assert np.isnan(row_quantile(np.empty((2, 0)), 0.5)).all()


def test_days_above_the_others_do_not_pass_for_technical() -> None:
    played = world(areas=1, days=40)
    played.extra[0, 10 * SLOTS : 16 * SLOTS] = 2.0
    _, book, areas = played.judged()
    found = fit(book.moments, book.coverage >= 0.5, areas.rated_kva, SETTINGS)
    np.testing.assert_allclose(found.no_load, 0.1, atol=0.08)
    np.testing.assert_allclose(found.copper, 0.0006, rtol=0.2)
