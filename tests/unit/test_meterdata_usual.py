"""What was taken on the days before, remembered, gives what the history itself gives."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np

from gateway.core.clock import DAY, HOUR, parse_time
from gateway.core.inventory import Device, Inventory
from gateway.core.meterdata import Intervals, IntervalStatus, Registers, Rule
from gateway.core.model import Float64s, Int32s
from gateway.core.network import Network
from gateway.meterdata.usual import Usual
from processors.vee.likedays import WholeDays
from processors.vee.meters import Meters
from processors.vee.settings import VeeSettings
from processors.vee.validate import examine

ZONE = ZoneInfo("Asia/Shanghai")
START = parse_time("2026-03-02T00:00:00+08:00")
DAYS = 8
METERS = np.arange(3, dtype=np.int32)
SETTINGS = VeeSettings(interval_s=3600)


def meters() -> Meters:
    network = Network(["S", "T"], ["", "S"], ["substation", "transformer"])
    devices = [Device(id=f"M{i}", node="T", attributes={"max_demand_kw": "20"}) for i in range(3)]
    return Meters.of(Inventory(devices, network), METERS, SETTINGS, zone=ZONE)


def history(rng: np.random.Generator) -> Intervals:
    """Days of hourly intervals; the third meter has one that is estimated on its second day."""
    start = np.tile(START + np.arange(DAYS * 24) * HOUR, 3)
    device = np.repeat(METERS, DAYS * 24)
    value = rng.uniform(0.2, 1.5, len(start))
    status = np.full(len(start), IntervalStatus.VALID, np.uint8)
    status[2 * DAYS * 24 + 24 + 5 : 2 * DAYS * 24 + 24 + 8] = IntervalStatus.ESTIMATED
    return Intervals(
        quantity="energy_import",
        device=device,
        start=start,
        end=start + HOUR,
        raw=value,
        value=value,
        status=status,
        rules=np.zeros(len(start), np.int64),
    )


def today(used: Float64s, lacking: tuple[int, int] | None = None) -> Registers:
    """Hourly readings of the day after the history; `used` kWh an hour of each meter."""
    at = START + DAYS * DAY + np.arange(25) * HOUR
    keep = np.ones(25, np.bool_)
    if lacking:
        keep[slice(*lacking)] = False
    device = np.repeat(METERS, 25)
    value = np.concatenate([1000 + each * np.arange(25) for each in used])
    which = np.tile(keep, 3) | (device != 1)
    return Registers(
        quantity="energy_import",
        device=device[which],
        measured_at=np.tile(at, 3)[which],
        received_at=np.tile(at, 3)[which],
        value=value[which],
        quality=np.zeros(int(which.sum()), np.uint16),
    )


def remembered(past: Intervals) -> WholeDays:
    usual = Usual(10, 28)
    assert usual.unknown(METERS).tolist() == METERS.tolist()
    usual.learn(METERS, WholeDays.of(past, meters(), ZONE))
    assert not len(usual.unknown(METERS))
    return usual.before(METERS, (START + 8 * HOUR) // DAY + DAYS)


def test_high_and_low_days_are_found_with_sums_as_with_the_history() -> None:
    past = history(np.random.default_rng(3))
    first = np.full(3, START + DAYS * DAY, np.int64)
    given = {"settings": SETTINGS, "zone": ZONE}
    for used in (np.array([8.0, 0.01, 0.9]), np.array([0.9, 0.9, 0.01])):
        whole = examine(today(used), meters(), first, first + DAY, history=past, **given)  # type: ignore[arg-type]
        sums = examine(today(used), meters(), first, first + DAY, usual=remembered(past), **given)  # type: ignore[arg-type]
        for name in ("device", "start", "value", "status", "rules"):
            np.testing.assert_array_equal(getattr(whole.intervals, name), getattr(sums.intervals, name))
        assert (sums.intervals.rules & np.int64(Rule.HIGH | Rule.LOW) != 0).any()
        assert not sums.shaped.any()


def test_who_needs_the_shape_of_other_days_is_told() -> None:
    past = history(np.random.default_rng(3))
    first = np.full(3, START + DAYS * DAY, np.int64)
    found = examine(
        today(np.ones(3), (8, 14)),
        meters(),
        first,
        first + DAY,
        settings=SETTINGS,
        zone=ZONE,
        usual=remembered(past),
    )
    assert found.shaped.tolist() == [False, True, False]


def of(device: int, day: int, kwh: float) -> WholeDays:
    return WholeDays(device=np.array([device], np.int32), day=np.array([day]), kwh=np.array([kwh]))


def seen(usual: Usual, devices: Int32s, day: int) -> list[tuple[int, int, float]]:
    found = usual.before(devices, day)
    return sorted(zip(found.device.tolist(), found.day.tolist(), found.kwh.tolist(), strict=True))


def test_days_make_way_for_later_ones_and_for_what_is_known_better() -> None:
    usual = Usual(5, 3)
    usual.learn(METERS, of(1, 100, 4.0))
    usual.take(METERS, 101, of(1, 101, 5.0))
    usual.take(METERS, 102, of(2, 102, 6.0))
    assert seen(usual, METERS, 103) == [(1, 100, 4.0), (1, 101, 5.0), (2, 102, 6.0)]
    usual.take(METERS, 103, of(1, 103, 7.0))
    assert seen(usual, METERS, 104) == [(1, 101, 5.0), (1, 103, 7.0), (2, 102, 6.0)]
    usual.take(METERS, 103, of(0, 103, 1.0))
    assert seen(usual, METERS, 104) == [(0, 103, 1.0), (1, 101, 5.0), (2, 102, 6.0)]
    usual.forget(np.array([1], np.int32))
    assert usual.unknown(METERS).tolist() == [1]
    assert seen(usual, METERS, 104) == [(0, 103, 1.0), (2, 102, 6.0)]


def test_many_points_and_one_that_was_never_asked_for() -> None:
    usual = Usual(5000, 2)
    everyone = np.arange(4000, dtype=np.int32)
    usual.learn(everyone, of(3999, 7, 1.5))
    assert seen(usual, everyone, 8) == [(3999, 7, 1.5)]
    assert seen(usual, np.array([4500], np.int32), 8) == []
