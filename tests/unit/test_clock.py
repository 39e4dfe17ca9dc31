"""Times as text and back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.clock import SECOND, format_clock, format_time, from_datetime, parse_time, to_datetime

EARLIEST, LATEST = (from_datetime(datetime(*day, tzinfo=UTC)) for day in ((1, 1, 1), (9999, 12, 31)))


@given(st.integers(EARLIEST, LATEST))
def test_round_trip(at: int) -> None:
    assert parse_time(format_time(at)) == at
    assert from_datetime(to_datetime(at)) == at


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1970-01-01T00:00:01Z", SECOND),
        ("1970-01-01T08:00:01+08:00", SECOND),
        ("1970-01-01T00:00:00.25Z", SECOND // 4),
        ("1970-01-01 00:00:01Z", SECOND),
    ],
)
def test_what_is_read(text: str, at: int) -> None:
    assert parse_time(text) == at


@pytest.mark.parametrize(
    "text", ["", "now", "2026-03-01", "2026-03-01T08:00:00", "2026-13-01T08:00:00Z", "1700000000"]
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)


@given(st.integers(EARLIEST, LATEST))
def test_a_time_of_day(at: int) -> None:
    assert format_clock(at) == to_datetime(at).strftime("%H:%M:%S")


def test_a_time_of_day_has_no_bounds() -> None:
    assert (format_clock(2**63 - 1), format_clock(-(2**63))) == ("04:00:54", "19:59:05")


def test_a_time_of_day_for_people() -> None:
    assert format_clock(parse_time("2026-03-01T08:11:40.9Z")) == "08:11:40"
