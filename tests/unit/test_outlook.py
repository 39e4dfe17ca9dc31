"""The load of the coming day: hour of the week, level, holidays, clock changes, and what it is worth."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from gateway.core.clock import HOUR
from gateway.core.inventory import Device, Inventory
from gateway.core.meterdata import Intervals, IntervalStatus
from gateway.core.model import Float64s, Int64s
from gateway.core.network import Network
from processors.balance.areas import Areas
from processors.outlook import stage
from processors.outlook.days import LoadDays, bounds, lay
from processors.outlook.evaluate import evaluate
from processors.outlook.forecast import forecast
from processors.outlook.settings import OutlookSettings

UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = dt.date(2026, 3, 2)
SETTINGS = OutlookSettings(weeks=4)


def network() -> Network:
    return Network(
        ["S", "F", "T0", "T1"],
        ["", "S", "F", "F"],
        ["substation", "feeder", "transformer", "transformer"],
        attributes=[{}, {"rated_kva": "60"}, {"rated_kva": "20"}, {}],
    )


def plain(start: Int64s, zone: ZoneInfo) -> Float64s:
    """10 kW on working days and 5 on others, doubled from 18 to 21 by the clock on the wall."""
    moments = [dt.datetime.fromtimestamp(at / 1e6, zone) for at in start.tolist()]
    base = np.array([5.0 if m.weekday() >= 5 else 10.0 for m in moments])
    made: Float64s = base * np.array([2.0 if 18 <= m.hour < 21 else 1.0 for m in moments])
    return made


def history(
    days: int = 28, zone: ZoneInfo = UTC, first: dt.date = MONDAY, holidays: tuple[dt.date, ...] = ()
) -> LoadDays:
    frm, till = bounds(first, zone)[0], bounds(first + dt.timedelta(days), zone)[0]
    start = np.arange(frm, till, HOUR)
    kw = np.vstack([plain(start, zone), 3 * plain(start, zone)])
    return lay(
        np.array([2, 3], np.int32), kw, start, HOUR, first=first, days=days, zone=zone, holidays=holidays
    )


@pytest.mark.parametrize("ahead", [0, 1, 5])
def test_what_repeats_by_the_week_is_foretold_exactly(ahead: int) -> None:
    day = MONDAY + dt.timedelta(28 + ahead)
    made = forecast(history(), day, network(), zone=UTC, settings=SETTINGS)
    np.testing.assert_allclose(made.expected[0], plain(made.start, UTC))
    np.testing.assert_allclose(made.expected[1], 3 * made.expected[0])
    np.testing.assert_allclose(made.high, made.expected)
    assert (made.start[0], len(made.start)) == (bounds(day, UTC)[0], 24)
    np.testing.assert_array_equal(made.limit, [18.0, np.nan])


def test_a_colder_week_lifts_the_level() -> None:
    known = history()
    known.kw[:, -5:] *= 1.3
    made = forecast(known, MONDAY + dt.timedelta(28), network(), zone=UTC, settings=SETTINGS)
    np.testing.assert_allclose(made.expected[0], 1.3 * plain(made.start, UTC), rtol=0.06)


def test_an_outage_is_no_level_and_gaps_are_left_out() -> None:
    known = history()
    known.kw[:, -1] = 0.0
    known.kw[:, -2, :20] = np.nan
    known.kw[1] = np.nan
    made = forecast(known, MONDAY + dt.timedelta(28), network(), zone=UTC, settings=SETTINGS)
    np.testing.assert_allclose(made.expected[0], plain(made.start, UTC), rtol=0.01)
    assert np.isnan(made.expected[1]).all()


def test_holidays_are_as_sundays() -> None:
    day = MONDAY + dt.timedelta(28)
    settings = OutlookSettings(weeks=4, holidays=(day,))
    made = forecast(history(), day, network(), zone=UTC, settings=settings)
    np.testing.assert_allclose(made.expected[0].min(), 5.0)


def test_the_day_of_a_clock_change_has_its_own_length() -> None:
    known = history(zone=BERLIN)
    sunday = dt.date(2026, 3, 29)
    made = forecast(known, sunday, network(), zone=BERLIN, settings=SETTINGS)
    assert len(made.start) == 23
    np.testing.assert_allclose(made.expected[0], plain(made.start, BERLIN))
    long = forecast(
        history(zone=BERLIN, first=dt.date(2026, 9, 28)), dt.date(2026, 10, 25), network(), zone=BERLIN,
        settings=SETTINGS,
    )  # fmt: skip
    assert len(long.start) == 25
    np.testing.assert_allclose(long.expected[0], plain(long.start, BERLIN))


def test_nothing_known_is_nothing_told() -> None:
    made = forecast(history(), MONDAY, network(), zone=UTC, settings=SETTINGS)
    assert np.isnan(made.expected).all()


def test_the_upper_quantile_lies_above_as_many_as_it_says_and_the_outlook_beats_what_is_free() -> None:
    known = history(days=70)
    random = np.random.default_rng(5)
    weather = np.exp(np.cumsum(random.normal(0, 0.05, 70)))[:, None]
    many = np.tile(known.kw[:1], (30, 1, 1)) * weather * np.exp(random.normal(0, 0.15, (30, 70, 24)))
    noisy = LoadDays(
        node=np.arange(30, dtype=np.int32),
        first=known.first,
        step=HOUR,
        kw=many.astype(np.float32),
        weekday=known.weekday,
    )
    found = evaluate(noisy, settings=SETTINGS, days=21)
    assert found.outlook.mae < 0.85 * min(found.persistence.mae, found.last_week.mae)
    assert found.outlook.mape < 0.85 * min(found.persistence.mape, found.last_week.mape)
    assert found.outlook.intervals == found.persistence.intervals == 30 * 21 * 24
    assert abs(found.within - 0.9) < 0.05
    with pytest.raises(ValueError, match="two weeks"):
        evaluate(noisy.upto(20), settings=SETTINGS, days=7)


def test_from_registers_of_supply_to_transformers_and_their_feeder() -> None:
    devices = [Device(id=f"X{i}", node=f"T{i}", kind="terminal", customers=0) for i in range(2)]
    areas = Areas.of(Inventory(devices, network()))
    day = MONDAY + dt.timedelta(28)
    frm, till = stage.window(day, UTC, SETTINGS)
    start = np.arange(frm, till, HOUR)
    n = len(start)

    def intervals(quantity: str, kwh: Float64s) -> Intervals:
        value = np.concatenate([kwh, kwh])
        return Intervals(
            quantity=quantity,
            device=np.repeat(np.array([0, 1], np.int32), n),
            start=np.tile(start, 2),
            end=np.tile(start, 2) + HOUR,
            raw=value,
            value=value,
            status=np.full(2 * n, IntervalStatus.ESTIMATED, np.uint8),
            rules=np.zeros(2 * n, np.int64),
        )

    bought = intervals("energy_import", plain(start, UTC) + 1)
    sold = intervals("energy_export", np.ones(n))
    made = stage.outlook([bought, sold], areas, network(), day, step=HOUR, zone=UTC, settings=SETTINGS)
    assert made.node.tolist() == [2, 3, 1]
    np.testing.assert_allclose(made.expected[2], 2 * plain(made.start, UTC))
    np.testing.assert_array_equal(made.limit, [18.0, np.nan, 54.0])
