"""From register readings to the energy of intervals: what is no value, what is a seam, what it rolls over."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.core.clock import MINUTE, SECOND
from gateway.core.errors import InvalidInputError
from gateway.core.meterdata import ChangeOf, Intervals, MeterChange
from gateway.core.model import Quality
from processors.vee.meters import Meters
from tests.unit.vee_cases import (
    NAN,
    SETTINGS,
    SLOT,
    T0,
    inventory,
    made,
    meters,
    registers,
    rules,
    words,
)

GAP = ["no_value", "missing", "interpolated"]


def values(found: Intervals) -> list[float]:
    return [round(value, 6) for value in found.value.tolist()]


def test_intervals_are_what_the_register_counted_between_their_ends() -> None:
    found = made(registers([100, 100.5, 100.5, 102]), 3)
    assert values(found) == [0.5, 0.0, 1.5]
    assert found.raw.tolist() == [0.5, 0.0, 1.5]
    assert words(found) == ["valid"] * 3
    assert rules(found) == [[], [], []]
    assert found.start.tolist() == [T0, T0 + SLOT, T0 + 2 * SLOT]


@pytest.mark.parametrize(
    "nothing",
    [NAN, np.inf, -3.0, 4294967295.0, 42949672.95, 2147483647.0, 1.8446744073709552e19, 0.0, 9000.0, 12.0],
    ids=str,
)
def test_what_is_no_value_makes_no_energy(nothing: float) -> None:
    found = made(registers([1000, 1001, nothing, 1003, 1004]), 4)
    assert values(found) == [1.0, 1.0, 1.0, 1.0]
    assert words(found) == ["valid", "estimated", "estimated", "valid"]
    assert all(set(GAP) <= set(told) for told in rules(found)[1:3])


def test_zeros_that_last_make_no_energy_either() -> None:
    found = made(registers([1000, 1001, *[0.0] * 120, 1122, 1123]), 123)
    assert found.value.sum() == pytest.approx(123)
    assert words(found)[0] == words(found)[-1] == "valid"
    assert set(words(found)[1:-1]) == {"estimated"}


def test_zeros_at_the_beginning_are_no_register() -> None:
    found = made(registers([0, 0, 1003, 1004.5]), 3)
    assert values(found) == [1.5, 1.5, 1.5]
    assert words(found) == ["estimated", "estimated", "valid"]


@pytest.mark.parametrize("stuck", [655.35, 99999.0])
def test_a_register_that_is_stuck_for_long_makes_no_energy(stuck: float) -> None:
    found = made(registers([1000, 1001, *[stuck] * 120, 1122, 1123]), 123)
    assert found.value.sum() == pytest.approx(123)
    assert set(words(found)[1:-1]) == {"estimated"}
    assert all("no_value" in told for told in rules(found)[2:-2])


def test_a_register_that_jumps_all_the_time_is_not_believed() -> None:
    in_watt_hours = 1_000_000 + 250.0 * np.arange(401)
    found = made(registers(in_watt_hours), 400)
    assert set(words(found)) == {"missing"}
    assert rules(found)[:300] == [["unit", "exchange", "missing", "high"]] * 300


def test_a_register_that_is_credible_at_night_only_makes_no_estimates() -> None:
    in_watt_hours = 1_000_000 + np.cumsum(np.tile([15.0] * 8 + [125.0] * 24, 6))
    found = made(registers(in_watt_hours), 191)
    assert set(words(found)) == {"suspect", "missing"}
    assert all("unit" in told for told in rules(found))
    assert np.nanmax(found.value) == 15.0


def test_zeros_at_the_end_wait_for_what_comes() -> None:
    found = made(registers([1000, 1001, 0, 0]), 3)
    assert words(found) == ["valid", "estimated", "estimated"]
    assert rules(found)[1] == ["no_value", "missing", "like_days"]


def test_a_register_rolls_over_where_that_is_possible() -> None:
    five = meters({"register_digits": "5"})
    found = made(registers([99998.5, 99999.5, 0.5, 1.5]), 3, of=five)
    assert values(found) == [1.0, 1.0, 1.0]
    assert found.raw[1] == -99999.0
    assert words(found) == ["valid"] * 3
    assert rules(found) == [[], ["rollover"], []]


def test_a_register_behind_transformers_rolls_over_at_its_primary_side() -> None:
    behind = meters({"register_digits": "4", "ct_ratio": "200/5", "max_demand_kw": "1000"})
    found = made(registers([399_900.0, 399_960.0, 20.0, 80.0]), 3, of=behind)
    assert values(found) == [60.0, 60.0, 60.0]
    assert rules(found)[1] == ["rollover"]


@pytest.mark.parametrize(("attributes", "full"), [({}, 1e5), ({}, 1e6), ({"ct_ratio": "10"}, 1e6)])
def test_a_register_of_unknown_width_rolls_over_right_below_a_power_of_ten(
    attributes: dict[str, str], full: float
) -> None:
    kept = [full - 2.5, full - 1.5, 0.5, 1.5]
    found = made(registers(kept), 3, of=meters(attributes))
    assert values(found) == [1.0, 2.0, 1.0]
    assert rules(found) == [[], ["rollover"], []]
    at_the_end = made(registers(kept[:3]), 2, of=meters(attributes))
    assert rules(at_the_end)[1] == ["no_value", "missing", "like_days"]


@pytest.mark.parametrize("top", [9_999.0, 98_900.0])
def test_a_register_of_unknown_width_that_was_not_nearly_full_is_reset(top: float) -> None:
    found = made(registers([top - 1, top, 1, 2]), 3, of=meters({"max_demand_kw": "5000"}))
    assert values(found) == [1.0, 1.0, 1.0]
    assert rules(found)[1] == ["reset", "interpolated"]


@pytest.mark.parametrize(
    "attributes",
    [{"register_digits": "5", "max_demand_kw": "1"}, {"register_digits": "6"}],
    ids=["more than it can take", "not near its top"],
)
def test_what_cannot_be_a_rollover_is_a_reset(attributes: dict[str, str]) -> None:
    found = made(registers([99990.0, 99990.2, 1.5, 1.7, 1.9]), 4, of=meters(attributes))
    assert values(found) == pytest.approx([0.2, 0.2, 0.2, 0.2])
    assert words(found) == ["valid", "estimated", "valid", "valid"]
    assert rules(found)[1] == ["reset", "interpolated"]


def test_a_reset_makes_no_energy_of_its_own() -> None:
    found = made(registers([5000, 5001, 0.25, 1.25, 2.25]), 4)
    assert values(found) == [1.0, 1.0, 1.0, 1.0]
    assert rules(found) == [[], ["reset", "interpolated"], [], []]


@pytest.mark.parametrize("new", [8000.0, 3000.0])
def test_another_register_is_not_held_against_the_one_before(new: float) -> None:
    found = made(registers([5000, 5001, new, new + 2, new + 3]), 4)
    assert values(found) == [1.0, 1.5, 2.0, 1.0]
    rise = ["high"] if new > 5001 else []
    assert rules(found)[1] == ["exchange", *rise, "interpolated"]


def test_a_silence_over_another_register_is_missing_too() -> None:
    kept = [5000, 5001, NAN, NAN, 800, 801]
    found = made(registers(kept), 5)
    assert rules(found)[0] == []
    assert all({"exchange", "missing", "interpolated"} <= set(told) for told in rules(found)[1:4])
    assert found.value.sum() == pytest.approx(5.0)


def test_a_register_that_runs_backwards_is_doubted_and_kept() -> None:
    found = made(registers([1000, 1001, 1000.5, 1001.5]), 3)
    assert values(found) == [1.0, -0.5, 1.0]
    assert words(found) == ["valid", "suspect", "valid"]
    assert rules(found)[1] == ["reverse", "negative"]


def test_a_reading_in_another_unit_is_no_value() -> None:
    found = made(registers([1000, 1001, 1_002_100.0, 1003, 1004]), 4)
    assert values(found) == [1.0, 1.0, 1.0, 1.0]
    assert "unit" in rules(found)[1]


def test_a_registered_exchange_counts_both_registers() -> None:
    swap = MeterChange(device=0, at=T0 + SLOT + 5 * MINUTE, of=ChangeOf.EXCHANGE, before=1001.5, after=20.0)
    found = made(registers([1000, 1001, 20.5, 21.5]), 3, changes=[swap])
    assert values(found) == [1.0, 1.0, 1.0]
    assert words(found) == ["valid"] * 3
    assert rules(found)[1] == ["exchange"]


def test_a_registered_exchange_without_readings_is_estimated() -> None:
    swap = MeterChange(device=0, at=T0 + SLOT + 5 * MINUTE, of=ChangeOf.EXCHANGE)
    found = made(registers([1000, 1001, 1001.1, 1002.1]), 3, changes=[swap])
    assert values(found) == [1.0, 1.0, 1.0]
    assert words(found) == ["valid", "estimated", "valid"]


def test_a_registered_multiplier_counts_from_its_time_on() -> None:
    change = MeterChange(device=0, at=T0 + 2 * SLOT, of=ChangeOf.MULTIPLIER, before=1.0, after=2.0)
    found = made(registers([100, 101, 204, 206]), 3, changes=[change])
    assert values(found) == [1.0, 1.0, 2.0]
    assert words(found) == ["valid", "suspect", "valid"]
    assert rules(found)[1] == ["multiplier"]


def test_a_clock_that_was_set_makes_its_intervals_doubtful() -> None:
    change = MeterChange(device=0, at=T0 + SLOT + MINUTE, of=ChangeOf.CLOCK, before=0.0, after=120.0)
    found = made(registers([100, 101, 102, 103]), 3, changes=[change])
    assert values(found) == [1.0, 1.0, 1.0]
    assert words(found) == ["suspect", "suspect", "valid"]
    assert rules(found)[0] == ["clock"]


def test_the_first_of_two_readings_of_a_time_holds() -> None:
    at = [T0, T0 + SLOT, T0 + SLOT, T0 + 2 * SLOT]
    same = made(registers([100, 101, 101, 102], at), 2)
    assert (values(same), rules(same)) == ([1.0, 1.0], [[], []])
    other = made(registers([100, 101, 101.5, 102], at), 2)
    assert (values(other), rules(other)) == ([1.0, 1.0], [["duplicate"]] * 2)
    assert words(other) == ["suspect"] * 2
    better = made(registers([100, NAN, 101.5, 102], at), 2)
    assert values(better) == [1.5, 0.5]


def test_the_order_that_readings_come_in_changes_no_energy() -> None:
    at = T0 + SLOT * np.array([0, 2, 1, 3])
    found = made(registers([100, 102, 101, 103], at, received=[T0 + 9 * SLOT] * 4), 3)
    assert values(found) == [1.0, 1.0, 1.0]
    assert rules(found) == [["unordered"], ["unordered"], []]
    assert words(found) == ["valid"] * 3


def test_readings_of_the_future_and_from_before_the_installation_are_not_used() -> None:
    early = meters({"installed": "2026-03-02T00:10:00Z"})
    at = T0 + SLOT * np.arange(5)
    received = np.append(at[:-1], at[-1] - 3600 * SECOND)
    found = made(registers([7, 100, 101, 102, 103], at, received=received), 4, of=early)
    assert words(found) == ["estimated", "valid", "valid", "estimated"]
    assert "before_installation" in rules(found)[0]
    assert "future" in rules(found)[3]


def test_repeated_rows_and_suspect_clocks_of_drivers_are_known() -> None:
    redelivered, suspect = int(Quality.REDELIVERED), int(Quality.CLOCK_SUSPECT)
    found = made(registers([100, 101, 101, 103, 104], quality=[0, 0, redelivered, suspect, 0]), 4)
    assert values(found) == [1.0, 1.0, 1.0, 1.0]
    assert words(found) == ["valid", "estimated", "estimated", "suspect"]
    assert rules(found)[3] == ["clock"]


def test_readings_off_the_grid_are_told_at_its_bounds() -> None:
    at = T0 + SLOT * np.arange(4) + 6 * MINUTE
    found = made(registers([100, 101, 103, 104], at), 2, since=T0 + SLOT)
    assert values(found) == pytest.approx([1.6, 1.4])
    assert words(found) == ["valid"] * 2
    assert rules(found) == [["interpolated"]] * 2
    assert np.isnan(found.raw).all()


def test_readings_that_do_not_fit_the_interval_are_told() -> None:
    at = T0 + MINUTE * np.array([0, 15, 22, 45, 60])
    found = made(registers([100, 101, 102, 103, 104], at), 4)
    assert [("interval_size" in told) for told in rules(found)] == [False, True, True, False]
    assert found.value.sum() == pytest.approx(4)


def test_a_reading_seconds_beside_the_end_stands_for_it() -> None:
    at = T0 + SLOT * np.arange(3) + SECOND * np.array([4, 2, -3])
    found = made(registers([100, 101, 102], at), 2)
    assert found.raw.tolist() == [1.0, 1.0]
    assert values(found) == pytest.approx([1.0, 1.0], abs=0.01)
    assert rules(found) == [[], []]


def test_a_device_that_reports_more_seldom_has_longer_intervals() -> None:
    hourly = meters({}, interval_s=3600)
    at = T0 + 4 * SLOT * np.arange(3)
    found = made(registers([100, 104, 108], at), 8, of=hourly)
    assert (found.end - found.start).tolist() == [4 * SLOT] * 2
    assert values(found) == [4.0, 4.0]


def test_what_was_never_read_is_missing() -> None:
    found = made(registers([]), 2, of=meters({}, {}))
    assert found.device.tolist() == [0, 0, 1, 1]
    assert words(found) == ["missing"] * 4
    assert np.isnan(found.value).all()


def test_wrong_attributes_are_told_with_their_device() -> None:
    listed = inventory(
        {"register_digits": "five", "max_demand_kw": "-1", "ct_ratio": "x/5"},
        {"installed": "yesterday", "inactive": "perhaps", "unit": "J", "contract_kw": "nan"},
    )
    with pytest.raises(InvalidInputError) as caught:
        Meters.of(listed, np.arange(2, dtype=np.int32), SETTINGS)
    assert [fault.split(" ")[:3] for fault in caught.value.faults] == [
        ["device", "M0:", "ct_ratio"],
        ["device", "M0:", "register_digits"],
        ["device", "M0:", "max_demand_kw"],
        ["device", "M1:", "contract_kw"],
        ["device", "M1:", "installed"],
        ["device", "M1:", "inactive"],
        ["device", "M1:", "unit"],
    ]
