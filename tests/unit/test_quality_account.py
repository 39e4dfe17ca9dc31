"""The account of a day: minutes, means, dips, load and heat, from readings."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from gateway.core.clock import DAY, HOUR, MINUTE, SECOND
from gateway.core.errors import InvalidInputError
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Batch, Quality
from gateway.core.network import Network
from processors.quality.account import account, transformers
from processors.quality.detector import QualityDetector
from processors.quality.settings import QualitySettings

FRM = 1_772_352_000 * SECOND
SETTINGS = QualitySettings()


def inventory() -> Inventory:
    network = Network(
        ["S", "F", "T", "H1", "H2"],
        ["", "S", "F", "T", "T"],
        ["substation", "feeder", "transformer", "service", "service"],
        attributes=[{}, {}, {"rated_kva": "100"}, {}, {}],
    )
    devices = [
        Device(id="one", node="H1", phases="B", interval_s=60, attributes={"nominal_voltage": "220"}),
        Device(
            id="three",
            node="H2",
            interval_s=60,
            attributes={"nominal_voltage": "220", "customer_class": "agricultural"},
        ),
        Device(id="ttu", node="T", kind="terminal", customers=0, interval_s=60),
        Device(id="line", node="H2", interval_s=60, attributes={"nominal_voltage": "220"}),
    ]
    return Inventory(devices, network)


def one(volts: list[float], *, every: int = MINUTE, device: int = 0, **more: list[float]) -> Batch:
    """Readings of one device from the beginning of the day on."""
    names = ("voltage_a", *more)
    at = FRM + np.arange(len(volts)) * every
    return Batch.of(names, np.full(len(volts), device), at, np.column_stack([volts, *more.values()]))


def judged(batch: Batch, name: str) -> float:
    days = account(batch, inventory(), (FRM, FRM + DAY), SETTINGS)
    assert days.device.tolist() == sorted({key for key in batch.device.tolist() if key < 4})
    return float(getattr(days, name)[0])


@pytest.mark.parametrize(
    ("volts", "low", "high"), [(198.0, 0, 0), (197.9, 1, 0), (235.4, 0, 0), (235.5, 0, 1), (220.0, 0, 0)]
)
def test_the_limits_of_a_single_phase_are_within_them(volts: float, low: float, high: float) -> None:
    batch = one([220.0, volts, 220.0])
    assert judged(batch, "low_min") == low
    assert judged(batch, "high_min") == high
    assert judged(batch, "out_min") == low + high
    assert judged(batch, "observed_min") == 3.5  # the last one stands for one and a half intervals at most


def test_three_phases_have_their_own_band_and_any_of_them_counts() -> None:
    fine = [220.0, 220.0]
    assert judged(one(fine, device=1, voltage_b=[220.0, 204.0], voltage_c=fine), "low_min") == 1.5
    assert judged(one(fine, device=1, voltage_b=[220.0, 205.0], voltage_c=fine), "low_min") == 0


def test_a_gap_is_unobserved_and_a_reading_from_before_midnight_counts_for_the_day() -> None:
    at = FRM + np.array([-30 * SECOND, 30 * SECOND, 10 * HOUR])
    batch = Batch.of(("voltage_a",), [0, 0, 0], at, [[240.0], [220.0], [220.0]])
    assert judged(batch, "observed_min") == 0.5 + 1.5 + 1.5
    assert judged(batch, "high_min") == 0.5


def test_lost_phases_are_left_out_with_hysteresis() -> None:
    batch = one([220.0, 10.0, 160.0, 190.0, 220.0])  # 160 of 220 V: still lost; 190: back, and a sag
    assert judged(batch, "lost_min") == 2
    assert judged(batch, "low_min") == 1
    assert judged(batch, "observed_min") == 3.5
    assert judged(batch, "sags") == 1
    assert judged(batch, "means") == 0  # the one mean there is has an interruption in it


def test_ten_minute_means_are_root_mean_squares_by_the_clock() -> None:
    batch = one([220.0] * 10 + [260.0] * 5 + [220.0] * 5 + [190.0] * 10)
    mean = np.sqrt((260.0**2 + 220.0**2) / 2) / 220.0
    assert judged(batch, "means") == 3
    assert judged(batch, "means_in") == 2
    assert judged(batch, "means_wide") == 3
    assert judged(batch, "mean_high") == pytest.approx(mean)
    assert judged(batch, "mean_low") == pytest.approx(190 / 220)


def test_dips_are_counted_by_runs_of_readings() -> None:
    batch = one([220.0, 190.0, 180.0, 220.0, 195.0, 250.0, 220.0])
    assert judged(batch, "sags") == 2
    assert judged(batch, "sag_s") == 180
    assert judged(batch, "sag_low") == pytest.approx(180 / 220)
    assert judged(batch, "swells") == 1
    assert judged(batch, "swell_s") == 60
    assert judged(batch, "swell_high") == pytest.approx(250 / 220)


def test_two_low_readings_around_a_gap_are_two_sags() -> None:
    assert judged(one([190.0, 190.0], every=HOUR), "sags") == 2


def test_frequency_of_a_lost_phase_is_none() -> None:
    batch = one([220.0, 220.0, 0.0, 220.0], frequency=[50.0, 50.3, 160.7, 49.4])
    assert judged(batch, "frequency_02_min") == 1.5 + 1.5
    assert judged(batch, "frequency_05_min") == 1.5
    assert judged(batch, "frequency_low") == 49.4
    assert judged(batch, "frequency_high") == 50.3


def test_unbalance_as_measured_from_lines_or_from_phases() -> None:
    line = Batch.of(
        ("voltage_ab", "voltage_bc", "voltage_ca"), [3], [FRM], [[380.0 * 1.02, 380.0 * 0.98, 380.0]]
    )
    a, b, c = 1.02, 0.98, 1.0
    part = (a**4 + b**4 + c**4) / (a * a + b * b + c * c) ** 2
    root = np.sqrt(3 - 6 * part)
    assert judged(line, "unbalance_high") == pytest.approx(100 * np.sqrt((1 - root) / (1 + root)), rel=1e-6)
    assert judged(line, "observed_min") == 1.5
    phases = one([220.0], device=1, voltage_b=[220.0], voltage_c=[187.0])
    assert judged(phases, "unbalance_high") == pytest.approx(100 * 33 / 627)
    assert judged(phases, "unbalance_4_min") == 1.5
    told = one([220.0], device=1, voltage_b=[220.0], voltage_c=[187.0], voltage_unbalance=[1.5])
    assert judged(told, "unbalance_high") == 1.5
    assert judged(told, "unbalance_13_min") == 1.5
    assert judged(told, "unbalance_2_min") == 0


def test_power_factor_of_the_day_is_that_of_its_energies() -> None:
    batch = one(
        [220.0] * 3,
        device=1,
        active_power=[1000.0, 3000.0, 0.0],
        reactive_power=[1000.0, 0.0, 10.0],  # the last one is idle
    )
    assert judged(batch, "power_factor_limit") == 0.8
    assert judged(batch, "power_factor_low_min") == 1
    assert judged(batch, "power_factor") == pytest.approx((1000 + 1.5 * 3000) / np.hypot(5500, 1000))


@pytest.mark.parametrize("flag", [Quality.CLOCK_SUSPECT, Quality.REDELIVERED])
def test_rows_of_doubt_say_nothing_about_limits(flag: Quality) -> None:
    batch = Batch.of(
        ("voltage_a",),
        [0, 0],
        [FRM, FRM + MINUTE],
        [[280.0], [220.0]],
        quality=[flag, 0],
    )
    assert judged(batch, "observed_min") == 1.5
    assert judged(batch, "high_min") == 0


def test_one_register_that_is_always_wrong_does_not_hide_the_others() -> None:
    batch = Batch.of(
        ("voltage_a", "power_factor", "frequency"),
        [0, 0],
        [FRM, FRM + MINUTE],
        [[280.0, 98.0, 198.0], [1e9, 0.9, 50.0]],
        quality=[Quality.OUT_OF_RANGE, Quality.OUT_OF_RANGE],
    )
    assert judged(batch, "observed_min") == 1.5
    assert judged(batch, "high_min") == 1.5
    assert judged(batch, "frequency_high") == 50.0


@pytest.mark.parametrize("volts", [[400.0], [399.0, 400.0, 401.0], [220e3] * 3, [5773.0]])
def test_more_than_a_lost_neutral_can_bring_about_is_no_voltage(volts: list[float]) -> None:
    device = 1 if len(volts) > 1 else 0
    names = ("voltage_a", "voltage_b", "voltage_c")[: len(volts)]
    batch = Batch.of(names, [device] * 2, [FRM, FRM + MINUTE], [volts] * 2)
    found = judged(batch, "high_min")
    assert found == (2.5 if volts == [400.0] else 0)  # one phase may be at √3


@pytest.mark.parametrize("others", [np.nan, 0.0])
def test_a_meter_on_one_phase_is_judged_by_whatever_it_names(others: float) -> None:
    """It is on phase B and measures in channel a."""
    batch = one([190.0, 220.0], voltage_b=[others, others], voltage_c=[others, others])
    assert judged(batch, "low_min") == 1
    assert judged(batch, "observed_min") == 2.5
    assert judged(batch, "lost_min") == 0
    dead = one([np.nan], voltage_b=[0.0], voltage_c=[0.0])
    assert judged(dead, "lost_min") == 1.5


def test_order_of_rows_and_devices_that_are_unknown_make_no_difference() -> None:
    batch = one([220.0, 190.0, 250.0, 220.0])
    mixed = Batch.of(
        batch.quantities,
        [0, 0, 99, 0, 0],
        [*batch.measured_at[[2, 0]], FRM, *batch.measured_at[[3, 1]]],
        [[250.0], [220.0], [1.0], [220.0], [190.0]],
    )
    for name in ("observed_min", "low_min", "high_min", "sags", "means", "mean_low"):
        assert judged(mixed, name) == judged(batch, name)


@pytest.mark.parametrize("at", ["2026-03-29", "2026-10-25", "2026-06-10"])
def test_minutes_of_local_days_add_up_through_the_change_of_clocks(at: str) -> None:
    """What two days account for is what one account of both does, and no more than there is; 23 and 25 h days too."""
    zone = ZoneInfo("Europe/Berlin")
    midnight = dt.datetime.fromisoformat(at).replace(tzinfo=zone)
    days = [midnight - dt.timedelta(days=1), midnight, midnight + dt.timedelta(days=1)]
    bounds = [round(day.timestamp()) * SECOND for day in days]
    hours = (bounds[2] - bounds[1]) // HOUR
    assert hours == {"2026-03-29": 23, "2026-10-25": 25, "2026-06-10": 24}[at]
    random = np.random.default_rng(7)
    n = 2 * 1440 + 120
    when = bounds[0] - HOUR + np.arange(n) * MINUTE + random.integers(-20, 20, n) * SECOND
    volts = random.choice([220.0, 190.0, 250.0, 0.0, np.nan], n, p=[0.7, 0.1, 0.1, 0.05, 0.05])
    keep = np.sort(random.choice(n, 2 * n // 3, replace=False))
    batch = Batch.of(("voltage_a",), np.zeros(len(keep), int), when[keep], volts[keep])
    both, *each = (
        account(batch, inventory(), day, SETTINGS)
        for day in ((bounds[0], bounds[2]), (bounds[0], bounds[1]), (bounds[1], bounds[2]))
    )
    for name in (
        "observed_min",
        "low_min",
        "high_min",
        "out_min",
        "lost_min",
        "sags",
        "swells",
        "means",
        "means_in",
    ):
        assert sum(float(getattr(day, name)[0]) for day in each) == pytest.approx(
            float(getattr(both, name)[0])
        )
    for day in (both, *each):
        assert day.low_min[0] + day.high_min[0] == pytest.approx(day.out_min[0])
        assert day.observed_min[0] + day.lost_min[0] <= (day.till - day.frm) / MINUTE
        assert 0 < day.out_min[0] < day.observed_min[0]


def test_an_empty_batch_gives_an_empty_account() -> None:
    batch = Batch.of(("voltage_a",), [], [], np.empty((0, 1)))
    assert len(account(batch, inventory(), (FRM, FRM + DAY), SETTINGS)) == 0
    assert len(transformers(batch, inventory(), (FRM, FRM + DAY), SETTINGS)) == 0


def test_a_transformer_is_held_against_its_rating() -> None:
    names = ("active_power", "reactive_power", "temperature")
    at = FRM + np.arange(5) * MINUTE
    values = [[60e3, 0, 50], [85e3, 0, 70], [99e3, 40e3, 90], [99e3, 40e3, 91], [-20e3, 0, 60]]
    days = transformers(Batch.of(names, [2] * 5, at, values), inventory(), (FRM, FRM + DAY), SETTINGS)
    assert days.device.tolist() == [2]
    assert inventory().network.ids[int(days.node[0])] == "T"
    assert days.rated_kva.tolist() == [100]
    assert days.heavy_min.tolist() == [3]
    assert days.overload_min.tolist() == [2]
    assert days.overload_longest_min.tolist() == [2]
    assert days.peak_kva[0] == pytest.approx(np.hypot(99, 40))
    assert days.peak_at.tolist() == [FRM + 2 * MINUTE]
    assert days.reverse_min.tolist() == [1.5]
    assert days.reverse_kw.tolist() == [20]
    assert days.temperature_high.tolist() == [91]
    assert days.temperature_rise.tolist() == [41]
    assert days.hot_min.tolist() == [2]
    assert days.observed_min.tolist() == [5.5]


def test_what_no_transformer_carries_is_not_accounted_for() -> None:
    """Its rating is 100 kVA; one reading is in mW."""
    at = FRM + np.arange(2) * MINUTE
    batch = Batch.of(("active_power",), [2, 2], at, [[90e3], [90e6]])
    days = transformers(batch, inventory(), (FRM, FRM + DAY), SETTINGS)
    assert days.peak_kva.tolist() == [90]
    assert days.overload_min.tolist() == [0]


def test_a_row_that_may_be_an_old_one_is_no_lost_phase() -> None:
    batch = Batch.of(
        ("voltage_a",), [0, 0], [FRM, FRM + MINUTE], [[220.0], [0.0]], quality=[0, Quality.REDELIVERED]
    )
    assert judged(batch, "lost_min") == 0


def test_attributes_that_are_no_numbers_are_all_named() -> None:
    network = Network(["T"], [""], ["transformer"], attributes=[{"rated_kva": "much"}])
    wrong = Inventory([Device(id="m", node="T", attributes={"rated_kva": "-1"})], network)
    with pytest.raises(InvalidInputError) as caught:
        QualityDetector(wrong, SETTINGS)
    assert caught.value.faults == (
        "device m: rated_kva '-1' is not a number of 0 or more",
        "node T: rated_kva 'much' is not a number of 0 or more",
    )
