"""Time in the stream: it never goes back, and the gateway's own absences are said."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

import pytest

from gateway.core.clock import HOUR, SECOND, ManualClock
from gateway.core.model import GATEWAY, Entry, Signal, SignalKind, Tick
from gateway.timekeeper import Timekeeper

START = 100 * SECOND


class Bench:
    """A timekeeper with a wall clock and a steady clock to turn by hand."""

    def __init__(self, last: int = 0, **settings: float) -> None:
        self.wall = START
        self.steady = 0.0
        self.keeper = Timekeeper(ManualClock(), last=last, steady=lambda: self.steady, **settings)

    def after(self, seconds: float, *, jump: int = 0) -> list[Entry]:
        """What is said when both clocks have gone on by `seconds` and the wall clock jumped by `jump` µs besides."""
        self.wall += round(seconds * SECOND) + jump
        self.steady += seconds
        return self.keeper.entries(self.wall)


def absence(start: int, end: int) -> list[Entry]:
    return [
        Signal(kind=SignalKind.GATEWAY_DOWN, device=GATEWAY, received_at=end, occurred_at=start),
        Signal(kind=SignalKind.GATEWAY_UP, device=GATEWAY, received_at=end, occurred_at=end),
        Tick(at=end),
    ]


def test_ticks_follow_the_clock() -> None:
    bench = Bench()
    assert [bench.after(1), bench.after(1), bench.after(2)] == [
        [Tick(at=START + t * SECOND)] for t in (1, 2, 4)
    ]


def test_a_tick_bears_the_time_that_it_was_due_at_though_it_comes_late() -> None:
    bench = Bench(period_s=0.5)
    assert bench.after(0.3) == [Tick(at=START + 300_000)], "but the first, which says since when we hear"
    said = [bench.after(seconds) for seconds in (0.24, 0.47, 0.49, 0.9)]
    assert said == [[Tick(at=START + half * SECOND // 2)] for half in (1, 2, 3, 4)]
    assert bench.after(0.001) == [Tick(at=START + 2 * SECOND)], "time never goes back"


def test_a_tick_that_is_very_late_bears_its_own_time() -> None:
    """What was heard before it is later than it was due, and would have less of its window."""
    bench = Bench(period_s=5, absent_after_s=10)
    bench.after(0)
    assert bench.after(5.5) == [Tick(at=START + 5 * SECOND)]
    assert bench.after(5.25) == [Tick(at=START + 10 * SECOND + 750_000)]
    assert bench.after(4.5) == [Tick(at=START + 15 * SECOND)]


async def test_no_tick_is_missed_though_timers_come_before_the_wall_clock() -> None:
    """The wall clock goes on by nine tenths of what is slept."""
    said: list[Entry] = []
    done = asyncio.Event()
    began = time.monotonic()

    class Slow:
        def now(self) -> int:
            return START + round((time.monotonic() - began) * 0.9 * SECOND)

    class Ticks:
        async def put(self, entries: Sequence[Entry]) -> None:
            said.extend(entries)
            await asyncio.sleep(0.01)  # a disk takes its time; what was early is late by then
            if len(said) == 6:
                done.set()

    running = asyncio.create_task(Timekeeper(Slow(), period_s=0.1, steady=lambda: 0.0).run(Ticks()))
    await asyncio.wait_for(done.wait(), 10)
    running.cancel()
    times = [entry.at for entry in said if isinstance(entry, Tick)]
    assert len(set(times)) == len(times), "none is the former one again"


def test_an_absence_ends_when_it_ends_not_when_the_tick_was_due() -> None:
    bench = Bench()
    bench.after(0)
    assert bench.after(60.7) == absence(START, START + 60 * SECOND + 700_000)
    assert bench.after(0.4) == [Tick(at=START + 61 * SECOND)]


def test_an_absence_before_the_start_is_told_with_both_its_ends() -> None:
    assert Bench(last=START - HOUR).after(0) == absence(START - HOUR, START)
    assert Bench(last=START - 2 * SECOND).after(0) == absence(START - 2 * SECOND, START), "however short"
    assert Bench(last=START).after(0) == [Tick(at=START)]
    assert Bench(last=0).after(0) == [Tick(at=START)]


def test_being_held_back_is_an_absence_too() -> None:
    bench = Bench()
    bench.after(0)
    assert bench.after(5) == [Tick(at=START + 5 * SECOND)]
    assert bench.after(60) == absence(START + 5 * SECOND, START + 65 * SECOND)


def test_a_clock_set_back_stands_still_in_the_stream_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.after(0)
    assert bench.after(1, jump=-HOUR) == [Tick(at=START)]
    assert "set back by 3599 s" in bench.keeper.trouble
    assert bench.after(1) == [Tick(at=START)]
    assert [r.levelno for r in caplog.records] == [logging.ERROR], "told once"
    assert bench.after(1, jump=HOUR) == [Tick(at=START + 3 * SECOND)]
    assert bench.keeper.trouble == ""


def test_a_clock_that_is_ahead_for_a_moment_does_not_get_into_the_stream() -> None:
    bench = Bench()
    bench.after(0)
    assert bench.after(1, jump=24 * HOUR) == [Tick(at=START + SECOND)]
    assert bench.after(30) == absence(START + SECOND, START + 31 * SECOND), (
        "a pause of 30 s is one all the same"
    )
    assert bench.after(1, jump=-24 * HOUR) == [Tick(at=START + 32 * SECOND)]
    assert bench.keeper.trouble == ""


def test_a_clock_that_stays_ahead_is_believed_after_a_while() -> None:
    bench = Bench(believe_after_s=10)
    bench.after(0)
    assert bench.after(1, jump=HOUR) == [Tick(at=START + SECOND)]
    for second in range(2, 11):
        assert bench.after(1) == [Tick(at=START + second * SECOND)]
    assert bench.after(1) == absence(START + 10 * SECOND, START + 11 * SECOND + HOUR)
    assert bench.after(1) == [Tick(at=START + 12 * SECOND + HOUR)]
