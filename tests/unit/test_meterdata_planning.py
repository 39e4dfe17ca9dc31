"""What is due of meter data, as days, stretches and chunks."""

from __future__ import annotations

from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.clock import DAY, HOUR, MINUTE, parse_time
from gateway.meterdata.planning import (
    day_of,
    days_within,
    due_days,
    size_of,
    stretch_days,
    stretches,
    together,
)

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
NOON = parse_time("2026-03-02T12:00:00+08:00")
MIDNIGHT = NOON - 12 * HOUR
Q = 15 * MINUTE


def test_a_day_is_due_when_it_is_over_for_long_enough() -> None:
    def starts(at: int) -> list[int]:
        return [day.start for day in due_days(MIDNIGHT, at, wait=4 * HOUR, zone=SHANGHAI)]

    assert starts(NOON) == []
    assert starts(MIDNIGHT + DAY + 4 * HOUR - 1) == []
    assert starts(MIDNIGHT + DAY + 4 * HOUR) == [MIDNIGHT]
    assert starts(MIDNIGHT + 3 * DAY) == [MIDNIGHT, MIDNIGHT + DAY]


def test_days_follow_the_clock_on_the_wall() -> None:
    change = parse_time("2026-03-29T00:00:00+01:00")
    assert day_of(change, BERLIN).end - change == 23 * HOUR
    days = list(days_within(change - 1, change + 24 * HOUR, BERLIN))
    assert [day.date.day for day in days] == [28, 29, 30]
    assert all(before.end == after.start for before, after in pairwise(days))


def test_each_grid_has_its_own_stretch() -> None:
    devices = np.array([5, 3, 8, 1], np.int32)
    length = np.array([Q, HOUR, Q, HOUR], np.int64)
    found = list(stretches(devices, length, Q, HOUR + Q, chunk=10, rows=1000, whole=False))
    assert [(s.devices.tolist(), s.length, s.frm, s.till) for s in found] == [
        ([5, 8], Q, Q, HOUR + Q),
        ([1, 3], HOUR, 0, HOUR),
    ], "the hour that ended meanwhile is taken whole"
    assert [s.length for s in stretches(devices, length, Q, 2 * Q, chunk=10, rows=1000, whole=False)] == [Q]
    assert list(stretches(devices, length, Q, Q, chunk=10, rows=1000, whole=False)) == []


def test_a_whole_day_has_the_intervals_that_begin_in_it() -> None:
    one = np.array([1], np.int32)
    (found,) = stretches(one, np.array([HOUR]), HOUR // 2, DAY + HOUR // 2, chunk=1, rows=100, whole=True)
    assert (found.frm, found.till) == (HOUR, DAY + HOUR)


@given(st.integers(1, 300), st.integers(1, 50), st.integers(100, 5000), st.integers(0, 30))
def test_chunks_hold_everybody_once_and_no_more_rows_than_allowed(
    n: int, chunk: int, rows: int, days: int
) -> None:
    devices = np.arange(n, dtype=np.int32)
    found = list(
        stretches(devices, np.full(n, Q), 0, HOUR, chunk=chunk, rows=rows, whole=True, days=float(days))
    )
    assert sorted(key for s in found for key in s.devices.tolist()) == devices.tolist()
    for s in found:
        assert len(s.devices) <= chunk
        assert len(s.devices) * (4 + days * 96) <= rows or len(s.devices) == 1


@given(st.lists(st.integers(-1, 6), max_size=80), st.integers(1, 30))
def test_who_belongs_together_stays_together(groups: list[int], size: int) -> None:
    devices = np.arange(len(groups), dtype=np.int32)
    group = np.array(groups, np.int32)
    chunks = [chunk.tolist() for chunk in together(devices, group, size=size)]
    assert sorted(key for chunk in chunks for key in chunk) == devices.tolist()
    for name in range(7):
        assert sum(any(groups[key] == name for key in chunk) for chunk in chunks) <= 1
    for chunk in chunks:
        assert len(chunk) <= size or len({groups[key] for key in chunk}) == 1
        assert chunk == sorted(chunk)


def test_late_stretches_by_the_days_that_they_touch() -> None:
    frm = np.array([NOON, MIDNIGHT - HOUR, NOON], np.int64)
    till = np.array([NOON + HOUR, MIDNIGHT + HOUR, NOON], np.int64)
    found = {day.start: rows.tolist() for day, rows in stretch_days(frm, till, SHANGHAI).items()}
    assert found == {MIDNIGHT - DAY: [1], MIDNIGHT: [0, 1, 2]}
    assert size_of(10**9, chunk=5, rows=100) == 1
