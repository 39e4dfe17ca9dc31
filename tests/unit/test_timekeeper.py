"""Time in the stream: ticks never go back, and the gateway's own absences are said."""

from __future__ import annotations

from gateway.core.clock import SECOND, ManualClock
from gateway.core.model import GATEWAY, Signal, SignalKind, Tick
from gateway.timekeeper import Timekeeper


def test_ticks_follow_the_clock() -> None:
    keeper = Timekeeper(ManualClock())
    assert keeper.entries(5 * SECOND) == [Tick(at=5 * SECOND)]
    assert keeper.entries(6 * SECOND) == [Tick(at=6 * SECOND)]


def test_a_clock_set_back_repeats_the_latest_tick() -> None:
    keeper = Timekeeper(ManualClock(), last=100 * SECOND)
    assert keeper.entries(40 * SECOND) == [Tick(at=100 * SECOND)]


def test_an_absence_is_put_into_the_stream_with_both_its_ends() -> None:
    keeper = Timekeeper(ManualClock(), last=100 * SECOND, absent_after_s=5)
    assert keeper.entries(105 * SECOND) == [Tick(at=105 * SECOND)]
    down, up, tick = keeper.entries(200 * SECOND)
    assert down == Signal(
        kind=SignalKind.GATEWAY_DOWN, device=GATEWAY, received_at=200 * SECOND, occurred_at=105 * SECOND
    )
    assert up == Signal(
        kind=SignalKind.GATEWAY_UP, device=GATEWAY, received_at=200 * SECOND, occurred_at=200 * SECOND
    )
    assert tick == Tick(at=200 * SECOND)
