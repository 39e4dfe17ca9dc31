"""Who is asked when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.schedule import Schedule, Turn, next_tick, phase_of
from gateway.core.clock import SECOND

MINUTE = 60 * SECOND


def turns(count: int, interval: int = 10 * SECOND, *, phase: int = 0) -> list[Turn]:
    return [Turn(key=key, unit=key, interval=interval, phase=phase) for key in range(count)]


def schedule(them: list[Turn], now: int = 0) -> Schedule:
    return Schedule(them, now, breaker_after=3, max_backoff_s=30)


@given(st.integers(0, 2 * 10**15), st.integers(1, 86_400 * SECOND), st.integers(0, 2**31))
def test_ticks_are_whole_multiples_plus_the_phase(now: int, interval: int, salt: int) -> None:
    phase = phase_of(str(salt), interval)
    tick = next_tick(now, interval, phase)
    assert 0 <= phase < interval
    assert now < tick <= now + interval
    assert (tick - phase) % interval == 0


def test_phases_are_stable_and_spread() -> None:
    phases = [phase_of(f"modbus:10.0.0.1:502/{unit}", MINUTE) for unit in range(1, 241)]
    assert phases[0] == phase_of("modbus:10.0.0.1:502/1", MINUTE)
    per_second = [sum(p // SECOND == s for p in phases) for s in range(60)]
    assert max(per_second) <= 12  # four on average


def test_a_late_poll_skips_and_counts_and_never_stacks() -> None:
    only = turns(1)
    plan = schedule(only)
    assert plan.take(9 * SECOND) is None
    turn = plan.take(10 * SECOND)
    assert turn is only[0]
    assert plan.take(100 * SECOND) is None  # it is being asked: there is no second poll meanwhile
    assert plan.done(turn, 45 * SECOND, answered=True, jitter=0) == 3  # 20, 30 and 40 were missed
    assert plan.next_at() == 50 * SECOND


def test_the_longest_waiting_goes_first() -> None:
    a, b = turns(2)
    a.phase, b.phase = 7, 3
    plan = schedule([a, b])
    assert [plan.take(MINUTE), plan.take(MINUTE), plan.take(MINUTE)] == [b, a, None]


def failed(plan: Schedule, now: int, times: int, *, jitter: float = 0.0) -> int:
    """Let the one turn fail `times` times, as soon as it may; returns the time."""
    for _ in range(times):
        now = max(now, plan.next_at() or now)
        turn = plan.take(now)
        assert turn is not None
        plan.done(turn, now, answered=False, jitter=jitter)
    return now


def test_a_failing_device_is_asked_less_and_less_but_at_least_at_the_cap() -> None:
    plan = schedule(turns(1, SECOND))
    now = failed(plan, 0, 3)
    waits = []
    for _ in range(8):
        waits.append(((plan.next_at() or 0) - now) / SECOND)
        now = failed(plan, now, 1)
    assert waits == [2, 4, 8, 16, 30, 30, 30, 30]
    assert (plan.next_at() or 0) - now <= 30 * SECOND


def test_chance_takes_at_most_a_fifth_off() -> None:
    plan = schedule(turns(1, SECOND))
    now = failed(plan, 0, 10, jitter=1.0)
    assert (plan.next_at() or 0) - now == 24 * SECOND


def test_a_slow_device_that_failed_is_asked_again_within_the_cap() -> None:
    plan = schedule(turns(1, 15 * MINUTE))
    now = failed(plan, 0, 1)
    assert (plan.next_at() or 0) - now == 30 * SECOND


def test_one_answer_ends_the_back_off() -> None:
    plan = schedule(turns(1, SECOND))
    now = failed(plan, 0, 10)
    turn = plan.take(plan.next_at() or 0)
    assert turn is not None
    plan.done(turn, now, answered=True, jitter=0)
    assert plan.next_at() == next_tick(now, SECOND, 0)


def test_a_new_connection_forgives() -> None:
    plan = schedule(turns(1, SECOND))
    now = failed(plan, 0, 10)
    plan.forgive(now)
    assert plan.next_at() == next_tick(now, SECOND, 0)


def test_healthy_ones_go_first_and_failing_ones_get_a_fifth_of_a_full_line() -> None:
    dead, *alive = turns(4, SECOND)
    plan = schedule([dead, *alive])
    now, spent = SECOND, {dead.key: 0, 1: 0, 2: 0, 3: 0}
    while now < 3600 * SECOND:
        turn = plan.take(now)
        if turn is None:
            now = plan.next_at() or now
            continue
        cost = 2 * SECOND if turn is dead else SECOND // 2  # the line is always busy
        now += cost
        spent[turn.key] += cost
        plan.done(turn, now, answered=turn is not dead, jitter=0.5)
    assert 0 < spent[dead.key] <= 0.2 * 3600 * SECOND
    assert spent[dead.key] / (2 * SECOND) >= 3600 / (2 * 30 + 10)  # and still its chance about once a minute
    assert min(spent[k] for k in (1, 2, 3)) > 0.2 * 3600 * SECOND


@pytest.mark.parametrize("failures", [0, 2])
def test_a_poll_cut_short_by_the_connection_is_repeated_once_at_once(failures: int) -> None:
    plan = schedule(turns(1, MINUTE))
    now = failed(plan, 0, failures) if failures else MINUTE
    turn = plan.take(max(now, plan.next_at() or 0))
    assert turn is not None
    plan.interrupted(turn, 2 * MINUTE)
    assert plan.next_at() == (2 * MINUTE if failures == 0 else 2 * MINUTE + 30 * SECOND)


def test_a_clock_that_is_put_back_does_not_let_everyone_wait() -> None:
    plan = schedule(turns(2, SECOND), 3600 * SECOND)
    plan.heed(3600 * SECOND + 5)
    plan.heed(3600 * SECOND)  # a little is jitter
    assert plan.next_at() == 3601 * SECOND
    plan.heed(1800 * SECOND)
    assert plan.next_at() == 1801 * SECOND
