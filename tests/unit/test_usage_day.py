"""A day on its grid, and what is registered of customers."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from gateway.core.clock import HOUR, MINUTE
from gateway.core.errors import InvalidInputError
from gateway.core.inventory import Device, Inventory
from gateway.core.meterdata import Intervals, IntervalStatus
from gateway.core.network import Network
from processors.usage.day import (
    CustomerFacts,
    UsageDay,
    bounds_of,
    grid,
    hours_of,
    number_of,
    weekday_of,
)
from processors.usage.features import features

NETWORK = Network(["S", "T"], ["", "S"], ["substation", "transformer"])
BERLIN = ZoneInfo("Europe/Berlin")


def inventory_of(**attributes: str) -> Inventory:
    return Inventory([Device(id="M1", node="T", attributes=attributes), Device(id="M2", node="T")], NETWORK)


def test_what_is_registered_is_read() -> None:
    inventory = inventory_of(
        contract_kw="8", generation_kw="3.5", contract_hours="22-6,12-14", customer_class="pump"
    )
    facts = CustomerFacts.of(inventory, np.array([0, 1], np.int32))
    assert facts.contract_kw[0] == 8
    assert np.isnan(facts.contract_kw[1])
    assert facts.generation_kw.tolist() == [3.5, 0]
    assert [h for h in range(24) if int(facts.hours[0]) >> h & 1] == [0, 1, 2, 3, 4, 5, 12, 13, 22, 23]
    assert facts.customer_class[0] != facts.customer_class[1]
    assert facts.transformer.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("contract_kw", "eight"),
        ("contract_kw", "-1"),
        ("contract_kw", "nan"),
        ("generation_kw", "1e9"),
        ("contract_hours", "6"),
        ("contract_hours", "6-25"),
        ("contract_hours", "night"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_device(name: str, text: str) -> None:
    with pytest.raises(InvalidInputError, match=f"M1: {name}"):
        CustomerFacts.of(inventory_of(**{name: text}), np.array([0, 1], np.int32))


def test_intervals_come_onto_the_grid_and_what_lacks_is_missing() -> None:
    start = 19_000 * 24 * HOUR
    at = np.array([start, start + HOUR, start + 30 * MINUTE, start - HOUR], np.int64)
    long = np.array([15, 30, 15, 60]) * MINUTE
    intervals = Intervals(
        quantity="energy_import",
        device=np.array([7, 7, 5, 5], np.int32),
        start=at,
        end=at + long,
        raw=np.array([1.0, 2.0, 3.0, 9.0]),
        value=np.array([1.0, 2.0, 3.0, 9.0]),
        status=np.array([3, 2, 1, 3], np.uint8),
        rules=np.zeros(4, np.int64),
    )
    value, status = grid(intervals, np.array([7, 5, 6], np.int32), start, start + 2 * HOUR, 900)
    nan = np.nan
    np.testing.assert_array_equal(
        value,
        np.array([[1, nan, nan, nan, 1, 1, nan, nan], [nan, nan, 3, *[nan] * 5], [nan] * 8], np.float32),
    )
    assert status.tolist() == [[3, 0, 0, 0, 2, 2, 0, 0], [0, 0, 1, 0, 0, 0, 0, 0], [0] * 8]


@pytest.mark.parametrize(("day", "slots"), [(dt.date(2026, 3, 29), 92), (dt.date(2026, 10, 25), 100)])
def test_days_on_which_the_clock_is_changed_have_24_hours_like_others(day: dt.date, slots: int) -> None:
    start, end = bounds_of(day, BERLIN)
    hour = hours_of(start, end, 900, BERLIN)
    assert len(hour) == slots
    assert weekday_of(number_of(day)) == day.weekday() == 6
    one = UsageDay(
        devices=np.array([0], np.int32),
        start=start,
        end=end,
        number=number_of(day),
        interval_s=900,
        hour=hour,
        import_kwh=np.full((1, slots), 0.25, np.float32),
        status=np.full((1, slots), IntervalStatus.VALID, np.uint8),
    )
    np.testing.assert_allclose(features(one, slice(0, 1)).hours, np.ones((1, 24)), rtol=1e-6)
