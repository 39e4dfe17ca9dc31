"""How a target is treated as a whole: its pace, its wishes, and being left alone while it fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from alerts import metrics
from gateway.core.clock import SECOND, SystemClock
from simulator.receiver import Behaviour, Receiver
from tests.alerting import AT, OTHER_SECRET, SECRET, target
from tests.integration.webhook_rig import Bench, bench, metric, running
from tests.waiting import until


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DESK_SECRET", SECRET)
    monkeypatch.setenv("OTHER_SECRET", OTHER_SECRET)
    yield
    metrics.LEFT_ALONE.clear()


async def settled(b: Bench, tries: int) -> None:
    """Wait for so many requests, and for their outcomes to be written down."""
    await until(lambda: b.receiver.counts.requests == tries, what=f"{tries} requests")
    rows = b.outbox.rows.values()
    await until(lambda: sum(len(row.errors) + (row.state == "delivered") for row in rows) == tries)


async def quiet(b: Bench, tries: int) -> None:
    """Nothing more is sent although the dispatcher was given every occasion to."""
    for _ in range(500):  # a message that were sent would be there long before
        b.outbox.poke()
        await asyncio.sleep(0)
    assert b.receiver.counts.requests == tries


async def test_429_pauses_the_whole_target() -> None:
    slower = Behaviour(status=429, headers={"Retry-After": "40"})
    async with bench(slower, to={"rate_per_s": 1}) as b:
        for n in range(3):
            b.add(f"tkt-{n}")
        await settled(b, 1)
        for _ in range(39):
            b.pass_time(1)
        await quiet(b, 1)
        b.pass_time(1)
        await settled(b, 2)
        b.pass_time(1)
        await settled(b, 3)
        b.pass_time(1)
        await b.states("delivered", "delivered", "delivered")


async def test_503_with_retry_after_puts_off_that_message_only() -> None:
    async with bench(Behaviour(status=503, headers={"Retry-After": "40"})) as b:
        b.add("tkt-1")
        await settled(b, 1)
        b.add("tkt-2")
        await b.states("pending", "delivered")
        b.pass_time(39)
        await quiet(b, 2)
        b.pass_time(1)
        await b.states("delivered", "delivered")


async def test_the_pace_of_a_target_is_kept() -> None:
    """Four messages a second, counted by a clock that is moved by hand."""
    async with bench(to={"rate_per_s": 4}) as b:
        for n in range(12):
            b.add(f"tkt-{n}")
        for sent in (4, 5, 6, 7, 8, 9):
            await settled(b, sent)
            await quiet(b, sent)
            b.pass_time(0.25)
        b.pass_time(0.5)
        await settled(b, 12)


async def test_a_target_that_fails_is_left_alone_but_for_one_message_at_a_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    broken = [Behaviour(status=500)] * 7
    async with bench(*broken, breaker={"failures": 5, "open_s": 4, "longest_s": 60}, concurrency=5) as b:
        for n in range(20):
            b.add(f"tkt-{n}")
        await settled(b, 5)
        assert metric("feederline_alerts_target_left_alone", target="desk") == 1
        b.pass_time(3.9)
        await quiet(b, 5)
        b.pass_time(0.1)  # 4 s are over: one tries it, and fails
        await settled(b, 6)
        await quiet(b, 6)
        b.pass_time(7.9)
        await quiet(b, 6)
        b.pass_time(0.1)  # 8 s more
        await settled(b, 7)
        await quiet(b, 7)
        b.pass_time(16)  # that one gets through, and so do all the others at once
        await b.states(*["delivered"] * 20)
        assert b.receiver.counts.requests == 7 + 20
        assert metric("feederline_alerts_target_left_alone", target="desk") == 0
    said = [r.message for r in caplog.records if r.name == "alerts.dispatch" and r.levelno >= logging.INFO]
    assert said.count("target fails; it is left alone but for single messages that try it") == 1
    assert said.count("target answers again") == 1


async def test_what_waited_for_a_late_try_goes_when_the_target_is_back() -> None:
    """A message that failed often would wait for minutes; one that gets through shows that it need not."""
    async with bench(
        *[Behaviour(status=500)] * 5,
        breaker={"failures": 5, "open_s": 1},
        retry={"jitter": 0, "ladder_s": [1, 300]},
    ) as b:
        b.add("tkt-old")
        await settled(b, 1)
        b.pass_time(1)
        await settled(b, 2)  # the next try of this one is 300 s away
        for n in range(3):
            b.add(f"tkt-{n}")
        await settled(b, 5)
        b.pass_time(1)
        await b.states(*["delivered"] * 4)
        assert b.clock.now() == AT + 2 * SECOND


async def test_a_wish_to_wait_is_kept_when_the_target_is_back() -> None:
    asked = Behaviour(status=503, headers={"Retry-After": "100"})
    async with bench(*[asked] * 5, breaker={"failures": 5, "open_s": 1}) as b:
        for n in range(5):
            b.add(f"tkt-{n}")
        await settled(b, 5)
        b.pass_time(1)
        b.add("tkt-new")
        await settled(b, 6)
        await quiet(b, 6)
        b.pass_time(99)
        await b.states(*["delivered"] * 6)


async def test_a_message_that_is_not_liked_does_not_hold_up_the_others() -> None:
    async with bench(*[Behaviour(status=422, text="no such premise")] * 9, concurrency=1) as b:
        for n in range(9):
            b.add(f"bad-{n}")
        await settled(b, 9)
        b.add("tkt-good")
        await settled(b, 10)
        assert b.outbox.states()[-1] == "delivered"
        assert metric("feederline_alerts_target_left_alone", target="desk") == 0


async def test_a_target_that_fails_does_not_hold_up_another() -> None:
    async with Receiver(OTHER_SECRET) as other, bench(start=False) as b:
        targets = (
            target(b.receiver.url),
            target(other.url, name="other", secret={"env": "OTHER_SECRET"}),
        )
        b.settings = b.settings.model_copy(update={"targets": targets})
        b.receiver.misbehave(*[Behaviour(delay_s=30)] * 16)
        b.clock.at = SystemClock().now()
        async with running(b):
            for n in range(30):
                b.add(f"tkt-{n}")
                b.add(f"tkt-{n}", to="other")
            await until(lambda: other.counts.received == 30)
            assert b.receiver.counts.received == 0
            await b.receiver.stop()


async def test_a_desk_that_restarts_gets_each_message_once_and_in_order() -> None:
    """It is away, then accepts and dies before answering, then is well."""
    async with bench(concurrency=8) as b:
        await b.receiver.stop()
        for n in range(6):
            b.add(f"tkt-{n}", 1, 2, 3)
        rows = b.outbox.rows.values()
        await until(lambda: sum(len(row.errors) for row in rows) >= 5)
        b.receiver.misbehave(*[Behaviour(drop="after")] * 4)
        await b.receiver.start()

        def all_told() -> bool:
            b.pass_time(1)
            return b.outbox.states() == ["delivered"] * 18

        await until(all_told, what="every message to be delivered")
        counts = b.receiver.counts
        assert (counts.received, counts.duplicated, counts.out_of_order) == (18, 0, 0)
        assert counts.redelivered == 4
        for n in range(6):
            told = [m.revision for m in b.receiver.messages if m.ticket == f"tkt-{n}" and m.effect]
            assert told == [1, 2, 3]
