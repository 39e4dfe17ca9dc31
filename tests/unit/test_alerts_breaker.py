"""The breaker, the pace and the times of retries, as functions of time."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.breaker import Breaker
from alerts.exchange import Reply
from alerts.pace import Pace
from alerts.retry import next_try_at, speaks_for_the_target
from alerts.targets import BreakerSettings, RetrySettings
from gateway.core.clock import DAY, HOUR, SECOND
from tests.integration.webhook_rig import message

AT = 1_700_000_000 * SECOND
SETTINGS = BreakerSettings(failures=3, open_s=1, longest_s=8)


def opened(at: int = AT) -> Breaker:
    breaker = Breaker(SETTINGS)
    for _ in range(3):
        breaker.failed(began=at, at=at)
    return breaker


def test_everything_goes_until_enough_failures_in_a_row() -> None:
    breaker = Breaker(SETTINGS)
    for outcome in (False, False, True, False, False):
        assert breaker.room(16, under_way=7, at=AT) == 16
        if outcome:
            assert not breaker.succeeded()
        else:
            assert not breaker.failed(began=AT, at=AT)
    assert breaker.failed(began=AT, at=AT)
    assert breaker.room(16, under_way=0, at=AT) == 0


def test_one_message_at_a_time_tries_it_ever_more_seldom() -> None:
    breaker, at, waits = opened(), AT, []
    for _ in range(6):
        assert breaker.tries_at is not None
        waits.append((breaker.tries_at - at) / SECOND)
        assert breaker.room(16, under_way=0, at=breaker.tries_at - 1) == 0
        at = breaker.tries_at
        assert breaker.room(16, under_way=1, at=at) == 0
        assert breaker.room(16, under_way=0, at=at) == 1
        assert not breaker.failed(began=at, at=at)
    assert waits == [1, 2, 4, 8, 8, 8]
    assert breaker.succeeded()
    assert breaker.room(16, under_way=0, at=at) == 16


def test_tries_from_before_say_nothing_new() -> None:
    breaker = opened()
    tries_at = breaker.tries_at
    for late_s in (0, 5, 20):
        assert not breaker.failed(began=AT - SECOND, at=AT + late_s * SECOND)
    assert breaker.tries_at == tries_at
    assert breaker.succeeded(), "one that gets through is good news whenever it began"


def test_a_lone_message_keeps_its_fast_retries() -> None:
    """With the defaults the ladder's first ten seconds are over before the breaker has anything to say, and after
    that it never holds a lone message back for longer than its longest time."""
    settings, retry = BreakerSettings(), RetrySettings(jitter=0)
    breaker, lone, at, tried = Breaker(settings), message(created_at=AT), AT, []
    while at < AT + HOUR:
        at = max(at, breaker.tries_at or 0)
        assert breaker.room(1, under_way=0, at=at) == 1
        tried.append((at - AT) / SECOND)
        breaker.failed(began=at, at=at)
        due_at = next_try_at(lone, retry, now=at)
        assert due_at is not None
        lone = msgspec.structs.replace(lone, attempts=lone.attempts + 1)
        at = due_at
    assert tried[:9] == [0, 1, 3, 8, 18, 48, 108, 228, 528]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 60 * SECOND), st.integers(0, 30 * SECOND))))
def test_the_breaker_is_never_open_for_longer_than_its_longest_time(
    tries: list[tuple[bool, int, int]],
) -> None:
    breaker, at, failures = Breaker(SETTINGS), AT, 0
    for good, passes, took in tries:
        at += passes
        if good:
            breaker.succeeded()
            failures = 0
        else:
            breaker.failed(began=at - took, at=at)
            failures += 1
        assert breaker.is_open == (failures >= SETTINGS.failures)
        assert breaker.tries_at is None or breaker.tries_at <= at + 8 * SECOND
        assert breaker.room(5, under_way=0, at=at + 8 * SECOND) == (1 if breaker.is_open else 5)


@given(
    st.floats(0.01, 10_000),
    st.lists(st.tuples(st.integers(-SECOND, 5 * SECOND), st.integers(0, 50)), max_size=60),
)
def test_the_pace_is_kept_over_any_stretch(rate: float, asked: list[tuple[int, int]]) -> None:
    pace, at, passed, sent = Pace(rate, at=AT), AT, 0, 0
    for wait, wanted in asked:
        at += wait
        passed += max(0, wait)
        room = pace.room(wanted, at=at)
        assert 0 <= room <= wanted
        pace.spend(room)
        sent += room
        assert sent <= max(1, rate) + rate * passed / SECOND + 0.001
        if room < wanted:
            assert pace.next_at > at
            passed += pace.next_at - at
            at = pace.next_at
            assert pace.room(1, at=at) == 1


def test_the_pace_by_hand() -> None:
    pace = Pace(2.0, at=AT)
    sent = []
    for quarter in range(17):
        at = AT + quarter * SECOND // 4
        room = pace.room(16, at=at)
        pace.spend(room)
        sent.append(room)
    assert sent == [2, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]


@given(
    st.integers(0, 10_000),
    st.integers(0, 2 * DAY),
    st.one_of(st.none(), st.integers(0, 30 * DAY)),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1),
)
def test_retries_come_soon_enough_and_not_too_soon(
    attempts: int, age: int, retry_after: int | None, chance: float, jitter: float
) -> None:
    settings = RetrySettings(jitter=jitter)
    failed = msgspec.structs.replace(message(created_at=AT - age), attempts=attempts)
    next_at = next_try_at(failed, settings, now=AT, retry_after=retry_after, chance=chance)
    assert next_at is not None
    step = settings.ladder_s[min(attempts, len(settings.ladder_s) - 1)] * SECOND
    wait = next_at - AT
    if retry_after is None or retry_after < step * (1 - jitter):
        assert step * (1 - jitter) - 1 <= wait <= step
    else:
        assert min(retry_after, HOUR) <= wait <= max(HOUR, step)


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=6, max_size=6))
def test_the_first_tries_are_within_the_first_minute_whatever_chance_says(chances: list[float]) -> None:
    tried, at, lone = [AT], AT, message(created_at=AT)
    for chance in chances[:5]:
        due_at = next_try_at(lone, RetrySettings(), now=at, chance=chance)
        assert due_at is not None
        lone, at = msgspec.structs.replace(lone, attempts=lone.attempts + 1), due_at
        tried.append(at)
    gaps = [(b - a) / SECOND for a, b in pairwise(tried)]
    for gap, step in zip(gaps, (1, 2, 5, 10, 30), strict=True):
        assert step / 2 <= gap <= step
    assert tried[-1] <= AT + 48 * SECOND


@pytest.mark.parametrize("status", [200, 204, 400, 410, 413, 422, 429])
def test_answers_that_say_nothing_about_the_next_message(status: int) -> None:
    error = "" if status < 300 else str(status)
    assert not speaks_for_the_target(Reply(status=status, error=error))


@pytest.mark.parametrize("status", [None, 301, 401, 403, 404, 408, 500, 502, 503])
def test_answers_that_do(status: int | None) -> None:
    assert speaks_for_the_target(Reply(status=status, error="no"))


def test_a_try_that_only_waits_for_the_other_side_to_settle_is_no_failure_of_the_target() -> None:
    assert not speaks_for_the_target(Reply(status=200, error="not found yet", by_design=True))
    assert speaks_for_the_target(
        Reply(status=200, error="the answer is no JSON object, as a login page is not")
    )


def test_a_replayed_message_begins_with_the_fast_tries() -> None:
    settings = RetrySettings(jitter=0)
    tired = msgspec.structs.replace(message(created_at=AT), attempts=40)
    assert next_try_at(tired, settings, now=AT) == AT + 300 * SECOND
    replayed = msgspec.structs.replace(tired, attempts_before=40)
    assert next_try_at(replayed, settings, now=AT) == AT + SECOND
    again = msgspec.structs.replace(replayed, attempts=42)
    assert next_try_at(again, settings, now=AT) == AT + 5 * SECOND
