"""The validations by name, and the estimates of long gaps."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from gateway.core.clock import DAY, HOUR, parse_time
from gateway.core.meterdata import Intervals, IntervalStatus, Rule
from gateway.core.model import Float64s
from processors.vee.calendar import Calendar
from processors.vee.rules import VALIDATIONS, sum_against_register
from processors.vee.settings import VeeLimits, VeeSettings
from tests.unit.vee_cases import NAN, SETTINGS, SLOT, T0, UTC, made, meters, registers, rules, words

DAY_SLOTS = 96


def history(use: Float64s, *, since: int, device: int = 0) -> Intervals:
    """Valid intervals of one meter from `since` on."""
    n = len(use)
    start = since + SLOT * np.arange(n)
    return Intervals(
        quantity="energy_import",
        device=np.full(n, device, np.int32),
        start=start,
        end=start + SLOT,
        raw=use,
        value=use,
        status=np.full(n, IntervalStatus.VALID, np.uint8),
        rules=np.zeros(n, np.int64),
    )


def counted(use: Float64s) -> Float64s:
    return 1000 + np.concatenate([[0.0], np.cumsum(use)])


def shape(days: int = 1) -> Float64s:
    """A day with an evening peak."""
    return np.tile(0.1 + 0.4 * (np.arange(DAY_SLOTS) // 4 >= 18), days)


def told(found: Intervals, rule: Rule) -> list[int]:
    """Places of the intervals that a rule is about."""
    return np.flatnonzero(found.rules & np.int64(rule)).tolist()


def test_every_validation_has_a_name_and_says_what_it_is() -> None:
    names = [validation.find.__name__ for validation in VALIDATIONS]
    assert names == [
        "interval_size", "unit", "multiplier", "installation_and_future", "negative", "zero_use", "high", "low",
        "spike", "check_meter", "consecutive_estimates", "inactive",
    ]  # fmt: skip
    assert all(validation.find.__doc__ for validation in VALIDATIONS)


def test_a_spike_stands_out_of_the_third_highest_of_its_day() -> None:
    use = shape(2)
    use[30], use[130] = 1.51, 1.39  # (1.51 − 0.5) / 0.5 > 180 %, (1.39 − 0.5) / 0.5 < 180 %
    found = made(registers(counted(use)), 2 * DAY_SLOTS)
    assert told(found, Rule.SPIKE) == [30]
    assert found.status[30] == IntervalStatus.SUSPECT
    assert found.value[30] == pytest.approx(1.51)
    small = shape() / 10
    small[30] = 0.4
    assert told(made(registers(counted(small)), DAY_SLOTS), Rule.SPIKE) == []


def test_limits_are_those_of_the_customer_class() -> None:
    settings = VeeSettings(classes={"shop": VeeLimits(spike_share=5.0)}, spike_floor_kwh=0.1)
    assert settings.limits("shop").spike_floor_kwh == 0.1
    use = shape()
    use[30] = 2.0
    for kind, spikes in (("shop", []), ("residential", [30])):
        own = meters({"customer_class": kind}, settings=settings)
        assert told(made(registers(counted(use)), DAY_SLOTS, of=own, settings=settings), Rule.SPIKE) == spikes


def test_no_use_at_all_for_a_day_is_told() -> None:
    use = np.concatenate([shape(), np.zeros(DAY_SLOTS + 40), shape()[:56]])
    found = made(registers(counted(use)), len(use))
    assert told(found, Rule.ZERO_USE) == list(range(96, 232))
    assert set(np.array(words(found))[96:232]) == {"suspect"}
    hours = np.concatenate([shape()[:48], np.zeros(90), shape()[:54]])
    assert told(made(registers(counted(hours)), len(hours)), Rule.ZERO_USE) == []
    export = made(registers(counted(use), quantity="energy_export"), len(use))
    assert told(export, Rule.ZERO_USE) == []


def test_days_are_held_against_like_days() -> None:
    use = shape(5)
    use[96:192] *= 4.0
    use[192:288] *= 0.05
    found = made(registers(counted(use)), 5 * DAY_SLOTS, settings=VeeSettings(spike_share=1e6))
    assert told(found, Rule.HIGH) == list(range(96, 192))
    assert told(found, Rule.LOW) == list(range(192, 288))
    away = np.concatenate([shape(2), np.zeros(4 * DAY_SLOTS), shape()])
    back = made(registers(counted(away)), len(away))
    assert told(back, Rule.HIGH) == []
    few = made(registers(counted(use[:288])), 3 * DAY_SLOTS)
    assert told(few, Rule.HIGH) == told(few, Rule.LOW) == []


def test_more_than_a_meter_can_take_is_high() -> None:
    use = shape()
    use[40] = 2.4  # 9.6 kW
    settings = VeeSettings(register_step_kwh=0.0)
    own = meters({"max_demand_kw": "9.5"}, settings=settings)
    found = made(registers(counted(use)), DAY_SLOTS, of=own, settings=settings)
    assert 40 in told(found, Rule.HIGH)
    assert found.status[40] == IntervalStatus.SUSPECT


def test_use_of_an_inactive_meter_is_doubted() -> None:
    use = np.array([0.0, 0.05, 0.2, 0.0])
    found = made(registers(counted(use)), 4, of=meters({"inactive": "yes"}))
    assert told(found, Rule.INACTIVE) == [2]
    assert words(found) == ["valid", "valid", "suspect", "valid"]


def test_intervals_are_held_against_the_check_meter() -> None:
    use = shape()
    other = use.copy()
    other[10] *= 1.015  # within 2 %
    other[80] *= 1.2
    other[3] = NAN
    found = made(registers(counted(use)), DAY_SLOTS, check=history(other, since=T0))
    assert told(found, Rule.CHECK_METER) == [80]
    assert found.status[80] == IntervalStatus.SUSPECT


def test_estimates_in_a_row_are_told_from_a_day_on() -> None:
    read = counted(shape(3))
    read[50:146] = NAN  # 97 intervals
    read[200:294] = NAN  # 95
    found = made(registers(read), 3 * DAY_SLOTS)
    assert told(found, Rule.CONSECUTIVE_ESTIMATES) == list(range(49, 146))
    assert set(np.array(words(found))[49:146]) == {"estimated"}


def test_the_sum_of_a_day_is_held_against_the_register() -> None:
    day = history(shape(2), since=T0)
    calendar = Calendar(T0, T0 + 2 * DAY, UTC)
    value = day.value.copy()
    value[100] += 0.05
    found = sum_against_register(replace(day, value=value), day.value, calendar, SETTINGS)
    assert np.flatnonzero(found).tolist() == list(range(96, 192))
    value[100] -= 0.049
    assert not sum_against_register(replace(day, value=value), day.value, calendar, SETTINGS).any()


def test_short_gaps_are_filled_straight_and_long_ones_like_the_days_before() -> None:
    before = history(shape(7), since=T0 - 7 * DAY)
    use = shape() * 1.2
    read = counted(use)
    read[10:17] = NAN  # 2 h from reading to reading
    read[60:90] = NAN
    found = made(registers(read), DAY_SLOTS, history=before)
    assert found.value[9:17] == pytest.approx(np.full(8, 0.12))
    assert rules(found)[12] == ["no_value", "missing", "interpolated"]
    assert found.value[59:90] == pytest.approx(use[59:90])  # the peak is where it was
    assert rules(found)[70] == ["no_value", "missing", "like_days", "scaled"]
    assert found.value[59:90].sum() == pytest.approx(read[90] - read[59])


def test_a_gap_without_an_end_is_as_on_like_days_and_not_scaled() -> None:
    before = history(shape(7), since=T0 - 7 * DAY)
    read = counted(shape() * 1.2)
    read[50:] = NAN
    found = made(registers(read), DAY_SLOTS, history=before)
    assert found.value[49:] == pytest.approx(shape()[49:])
    assert rules(found)[60] == ["no_value", "missing", "like_days"]


def test_without_anything_to_learn_from_a_gap_with_an_end_is_straight_and_one_without_is_missing() -> None:
    found = made(registers([1000, 1010], [T0, T0 + 20 * SLOT]), 24)
    assert found.value[:20] == pytest.approx(np.full(20, 0.5))
    assert words(found) == ["estimated"] * 20 + ["missing"] * 4
    assert rules(found)[3] == ["missing", "interpolated"]
    assert rules(found)[22] == ["missing"]


def test_weekends_and_holidays_are_like_weekends() -> None:
    days = np.concatenate([shape(5), np.tile(np.full(DAY_SLOTS, 0.3), 2)])  # Monday to Sunday
    before = history(days, since=T0 - 7 * DAY)
    gap = registers([1000, 1000 + 28.8 * 2], [T0, T0 + DAY])
    weekday = made(gap, DAY_SLOTS, history=before)
    assert weekday.value == pytest.approx(shape() * (57.6 / shape().sum()))
    on = parse_time("2026-03-02T12:00:00Z")
    assert on // DAY == T0 // DAY
    holiday = VeeSettings(holidays=("2026-03-02",))
    assert made(gap, DAY_SLOTS, history=before, settings=holiday).value == pytest.approx(np.full(96, 0.6))
    sunday = registers([1000, 1000 + 57.6], [T0 + 6 * DAY, T0 + 7 * DAY])
    assert made(sunday, DAY_SLOTS, since=T0 + 6 * DAY, history=before).value == pytest.approx(
        np.full(96, 0.6)
    )


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)], ids=["spring", "autumn"])
def test_like_days_go_by_the_clock_on_the_wall(day: str, hours: int) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    midnight = parse_time(f"{day}T00:00:00+0{1 if hours == 23 else 2}:00")
    local = np.arange(14 * DAY_SLOTS) % DAY_SLOTS  # two weeks before, midnight to midnight
    before = history(np.where(local // 4 == 7, 1.0, 0.1), since=midnight - 14 * DAY)
    gap = registers([1000, 1020.0], [midnight, midnight + hours * HOUR])
    found = made(gap, hours * 4, since=midnight, history=before, zone=berlin)
    shift = hours - 24
    peak = np.flatnonzero(found.value > 0.5)
    assert peak.tolist() == list(range((7 + shift) * 4, (8 + shift) * 4))
    assert found.value.sum() == pytest.approx(20.0)
