"""Each kind of evidence fires on its case, and not on what only looks like it."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from gateway.core.meterdata import IntervalStatus
from gateway.core.model import MeterEventKind
from processors.usage.baseline import Baselines
from processors.usage.rules import UsageRule
from processors.usage.score import combine
from tests.unit.usage_world import LEARNED, Happening, Today, World, figure, rules

_LEARNED: list[World] = []


@pytest.fixture
def world() -> World:
    """Six weeks were learned."""
    if not _LEARNED:
        made = World()
        made.play(LEARNED)
        _LEARNED.append(made)
    return copy.deepcopy(_LEARNED[0])


def scaled(share: float) -> Happening:
    def happens(today: Today) -> None:
        today.hours[0] *= share

    return happens


def test_nothing_is_said_of_ordinary_days(world: World) -> None:
    judged = world.play(20)
    assert judged.known.all()
    assert not judged.weight.any()


def test_a_lasting_drop_with_the_shape_as_before_is_found_with_its_beginning(world: World) -> None:
    judged = world.play(14, scaled(0.5))
    found = rules(judged)
    assert {UsageRule.LASTING_DROP, UsageRule.SLOW_DOWN} <= found.keys()
    assert UsageRule.VACANCY not in found
    assert figure(judged, "drop") == pytest.approx(0.5, abs=0.1)
    assert (judged.start - judged.since[0]) / 86_400e6 == pytest.approx(13, abs=2)
    assert not judged.weight[1:].any()


def test_a_sudden_drop_is_found_within_days(world: World) -> None:
    assert UsageRule.SUDDEN_DROP in rules(world.play(4, scaled(0.3)))


def test_an_empty_home_speaks_for_itself(world: World) -> None:
    def empty(today: Today) -> None:
        today.hours[0] = 0.03  # what stands by, every hour alike

    judged = world.play(20, empty)
    found = rules(judged)
    assert found[UsageRule.VACANCY] < 0
    assert UsageRule.SLOW_DOWN not in found
    scores = combine(judged, None, world.settings)
    assert scores.score[0] < 0.03
    assert not scores.opens[0]


def test_zero_use_with_voltage_while_neighbours_use(world: World) -> None:
    def nothing(today: Today) -> None:
        today.hours[0] = 0

    judged = world.play(6, nothing)
    assert rules(judged)[UsageRule.ZERO_USE] > 0
    assert not combine(judged, None, world.settings).opens[0]


def test_zero_use_without_voltage_is_an_outage(world: World) -> None:
    def dark(today: Today) -> None:
        today.hours[0], today.voltage[0] = 0, 0.0

    assert UsageRule.ZERO_USE not in rules(world.play(6, dark))


@pytest.mark.parametrize("share", [0.6, 1.8])
def test_what_moves_all_alike_is_nobodys_drop(world: World, share: float) -> None:
    """A cold snap ends, or a holiday begins, for everybody."""

    def snap(today: Today) -> None:
        today.hours *= share

    assert not world.play(14, snap).weight.any()
    assert not world.play(14).weight.any()


def test_a_transformer_without_supply_for_hours_is_nobodys_drop(world: World) -> None:
    def dark(today: Today) -> None:
        today.hours[0::2, :12] = 0

    judged = world.play(3, dark)
    assert not judged.weight[:, UsageRule.SUDDEN_DROP].any()


def test_a_holiday_is_an_absence(world: World) -> None:
    def away(today: Today) -> None:
        today.hours[0] = 0.05

    judged = world.play(10, away)
    assert rules(judged)[UsageRule.ABSENCE] < 0
    assert combine(judged, None, world.settings).score[0] < 0.03
    assert not rules(world.play(30))  # back home


def test_registered_generation_explains_a_dip_at_midday(world: World) -> None:
    world.generation[0] = 5

    def sunny(today: Today) -> None:
        today.hours[0, 8:17] *= 0.05
        today.export[0, 10:15] = 1.0

    judged = world.play(14, sunny)
    found = rules(judged)
    assert UsageRule.UNREGISTERED_GENERATION not in found
    assert combine(judged, None, world.settings).score[0] < 0.03


def test_export_without_registered_generation(world: World) -> None:
    def sunny(today: Today) -> None:
        today.export[0, 10:15] = 1.0

    assert UsageRule.UNREGISTERED_GENERATION not in rules(world.play(1, sunny))
    assert rules(world.play(4, sunny))[UsageRule.UNREGISTERED_GENERATION] > 1


def test_a_car_that_is_charged_at_home_is_no_evidence(world: World) -> None:
    def charging(today: Today) -> None:
        today.hours[0, 19:23] += 3.0

    assert not rules(world.play(30, charging))


def test_nights_that_fall_alone(world: World) -> None:
    def nights(today: Today) -> None:
        today.hours[0, :6] *= 0.05

    judged = world.play(14, nights)
    assert rules(judged)[UsageRule.NIGHT_FLOOR] > 0
    assert figure(judged, "night_drop") > 0.7


def test_a_car_that_is_sold_leaves_the_night_floor(world: World) -> None:
    def charging(today: Today) -> None:
        today.hours[0, 1:4] += 2.0

    world = World()
    world.play(LEARNED)
    world.play(60, charging)
    assert UsageRule.NIGHT_FLOOR not in rules(world.play(14))


def test_use_after_disconnection(world: World) -> None:
    def cut(today: Today) -> None:
        today.cut[:2] = True
        today.hours[1] = 0

    judged = world.play(2, cut)
    assert rules(judged)[UsageRule.USE_AFTER_DISCONNECTION] > 1
    assert UsageRule.USE_AFTER_DISCONNECTION not in rules(judged, 1)
    assert not combine(judged, None, world.settings).opens[0]


def test_power_above_contract(world: World) -> None:
    world.contract[:] = 3.0

    def pump(today: Today) -> None:
        today.hours[0, 9:13] = 5.0

    judged = world.play(4, pump)
    assert rules(judged)[UsageRule.OVER_CAPACITY] > 0
    assert figure(judged, "over_hours") == 4
    assert not judged.weight[1:].any()


def test_use_outside_the_hours_of_the_contract(world: World) -> None:
    world.hours[:2] = sum(1 << h for h in (22, 23, 0, 1, 2, 3, 4, 5))

    def at_night(today: Today) -> None:
        today.hours[1, 6:22] = 0

    judged = world.play(4, at_night)
    assert rules(judged)[UsageRule.TIME_OF_USE] > 0
    assert UsageRule.TIME_OF_USE not in rules(judged, 1)


def test_current_without_voltage(world: World) -> None:
    def lost(today: Today) -> None:
        today.event(0, MeterEventKind.CURRENT_WITHOUT_VOLTAGE)

    assert rules(world.play(3, lost))[UsageRule.CURRENT_WITHOUT_VOLTAGE] > 1
    assert not rules(world.play(30))


def test_a_phase_that_vanished_and_one_that_runs_backwards(world: World) -> None:
    def wired(today: Today) -> None:
        today.power[0, 1] = 0
        today.power[1, 2] *= -1
        today.power[2] = 0  # all of them: an empty home

    judged = world.play(5, wired)
    assert rules(judged)[UsageRule.PHASE_VANISHED] > 1
    assert rules(judged, 1)[UsageRule.PHASE_REVERSED] > 1
    assert not rules(judged, 2)
    assert (figure(judged, "phase"), figure(judged, "phase", 1)) == (1, 2)


def test_a_meter_that_runs_backwards_sends_out_at_night_too(world: World) -> None:
    def turned(today: Today) -> None:
        today.export[0], today.hours[0] = today.hours[0].copy(), 0
        today.export[1, 10:15] = 1.0  # made by the sun

    judged = world.play(5, turned)
    assert UsageRule.UNREGISTERED_GENERATION not in rules(judged)
    assert rules(judged)[UsageRule.PHASE_REVERSED] > 1
    assert UsageRule.PHASE_REVERSED not in rules(judged, 1)


def test_an_opened_cover_counts_for_more_shortly_before_a_drop(world: World) -> None:
    def opened(today: Today) -> None:
        if today.index == 0:
            today.event(0, MeterEventKind.COVER_OPEN)
            today.event(1, MeterEventKind.COVER_OPEN)
        today.hours[0] *= 0.4

    judged = world.play(9, opened)
    alone, before_a_drop = rules(judged, 1), rules(judged)
    assert before_a_drop[UsageRule.TAMPER] > 2 * alone[UsageRule.TAMPER] > 0
    scores = combine(judged, None, world.settings)
    assert scores.groups[0] >= 2
    assert scores.groups[1] <= 1


def test_a_register_that_jumps_repeatedly(world: World) -> None:
    def jumps(today: Today) -> None:
        today.anomalies[0] = 1

    assert not rules(world.play(1, jumps))
    assert rules(world.play(3, jumps))[UsageRule.REGISTER_ANOMALIES] > 0


@pytest.mark.parametrize("status", [IntervalStatus.ESTIMATED, IntervalStatus.MISSING])
def test_estimated_and_missing_days_are_no_evidence(world: World, status: IntervalStatus) -> None:
    def gap(today: Today) -> None:
        today.hours[0] = np.nan if status is IntervalStatus.MISSING else 0
        today.status[0, 3:9] = status

    world.play(1, gap)
    before = world.baselines.state.copy()
    judged = world.play(13, gap)
    assert not judged.usable[0]
    assert not judged.weight.any()
    assert np.nanmax(np.abs(world.baselines.state[0, :168] - before[0, :168])) == 0


def test_nothing_is_learned_from_suspected_days(world: World) -> None:
    before = world.baselines.expected(0)[0].sum()
    judged = world.play(30, scaled(0.3))
    assert world.baselines.expected(0)[0].sum() == pytest.approx(before, rel=0.15)
    assert rules(judged)[UsageRule.LASTING_DROP] > 0.9


def test_what_stands_out_for_very_long_is_the_new_normal() -> None:
    world = World(settings=World().settings.model_copy(update={"relearn_days": 40}))
    world.play(LEARNED)
    judged = world.play(80, scaled(0.5))
    assert not rules(judged)


def test_a_day_judged_again_gives_the_same_and_leaves_the_same(world: World) -> None:
    day = world.make(scaled(0.4))
    first = world.judge(day)
    state = world.baselines.state.copy()
    again = world.judge(day)
    np.testing.assert_array_equal(first.weight, again.weight)
    np.testing.assert_array_equal(first.figure, again.figure)
    np.testing.assert_array_equal(state, world.baselines.state)


def test_better_data_of_the_last_day_take_the_place_of_what_was_judged(world: World) -> None:
    other = copy.deepcopy(world)
    world.judge(world.make(scaled(0.1)))
    world.play(5)
    other.play(5)
    np.testing.assert_array_equal(world.baselines.state, other.baselines.state)


def test_state_kept_and_taken_up_again_goes_on_the_same(world: World) -> None:
    kept = world.baselines.rows()
    turned = kept.device[::-1].copy()
    other = copy.deepcopy(world)
    back = Baselines.of_rows(Baselines.of_rows(kept, turned).rows(), kept.device)
    other.baselines = back
    a, b = world.play(10, scaled(0.4)), other.play(10, scaled(0.4))
    np.testing.assert_array_equal(a.weight, b.weight)


def test_an_earlier_day_is_refused(world: World) -> None:
    day = world.make()
    world.play(2)
    with pytest.raises(ValueError, match="later day"):
        world.judge(day)


def test_customers_who_were_forgotten_begin_anew(world: World) -> None:
    world.play(14, scaled(0.4))
    world.baselines.forget(np.array([0], np.int32))
    judged = world.play(3, scaled(0.4))
    assert not judged.known[0]
    assert not rules(judged)
