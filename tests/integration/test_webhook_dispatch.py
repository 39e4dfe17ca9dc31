"""Real HTTP to a receiver that misbehaves; time stands still but for the test's own steps."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from email.utils import format_datetime

import pytest

from alerts import metrics
from gateway.core.clock import DAY, SECOND, SystemClock, to_datetime
from gateway.core.errors import RefusedError, UnavailableError
from simulator.receiver import Behaviour, Receiver
from tests.alerting import AT, OTHER_SECRET, SECRET, settings, target
from tests.integration.webhook_rig import bench, metric, running
from tests.waiting import until


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_SECRET", SECRET)
    monkeypatch.setenv("OTHER_SECRET", OTHER_SECRET)


async def test_a_life_is_told_in_order_once() -> None:
    async with bench() as b:
        b.add("tkt-1", 1, 2, 3)
        await b.states("delivered", "delivered", "delivered")
        assert [m.revision for m in b.receiver.messages] == [1, 2, 3]
        assert b.receiver.counts.received == 3
        assert b.receiver.counts.requests == 3
        (ticket,) = b.receiver.tickets.values()
        assert ticket["revision"] == 3
        assert {row.status for row in b.outbox.rows.values()} == {204}


async def test_500_is_tried_again_on_the_ladder_and_order_holds() -> None:
    async with bench(*[Behaviour(status=500, text="database down")] * 3) as b:
        b.add("tkt-1", 1, 2, 3)
        for count, wait_s in ((1, 1), (2, 2), (3, 5)):
            errors = await b.failures(count)
            b.pass_time(wait_s)
        await b.states("delivered", "delivered", "delivered")
        assert errors == ["answered 500: database down"] * 3
        assert b.retries == [1, 3, 8]
        assert b.receiver.counts.out_of_order == 0
        assert [m.revision for m in b.receiver.messages] == [1, 2, 3]
        # the time of the try is what is signed, not the time of the message
        assert b.receiver.messages[0].signed_at == (AT + 8 * SECOND) // SECOND


async def test_not_before_it_is_due() -> None:
    async with bench(Behaviour(status=500)) as b:
        b.add()
        await b.failures(1)
        b.pass_time(0.999)
        b.add("tkt-2")
        await b.states("pending", "delivered")
        assert b.receiver.counts.requests == 2
        b.pass_time(0.001)
        await b.states("delivered", "delivered")


async def test_a_slow_receiver_is_left_and_tried_again() -> None:
    async with bench(Behaviour(status=500, delay_s=30), start=False) as b:
        chosen = settings(target(b.receiver.url, timeout_s=0.2), retry={"jitter": 0}, idle_s=30)
        b.settings = chosen
        async with running(b):
            b.add()
            assert await b.failures(1) == ["no answer within 0.2 s"]
            b.pass_time(1)
            await b.states("delivered")


async def test_410_disables_the_target() -> None:
    async with bench(Behaviour(status=410, text="closed down")) as b:
        b.add("tkt-1", 1, 2, 3)
        await b.states("dead", "dead", "dead")
        assert b.outbox.disabled == {"desk": "answered 410: closed down"}
        assert metric("feederline_alerts_target_disabled", target="desk") == 1
        b.add("tkt-2")
        b.pass_time(1)
        assert b.receiver.counts.requests == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_in_seconds(status: int) -> None:
    async with bench(Behaviour(status=status, headers={"Retry-After": "77"})) as b:
        b.add()
        await b.failures(1)
        assert b.retries == [77]


async def test_retry_after_as_a_date() -> None:
    date = format_datetime(to_datetime(AT + 90 * SECOND), usegmt=True)
    async with bench(Behaviour(status=503, headers={"Retry-After": date})) as b:
        b.add()
        await b.failures(1)
        assert b.retries == [90]


@pytest.mark.parametrize("text", ["soon", "-5", "²", "1e9", "Thu, 99 Foo 2026"])
async def test_nonsense_in_retry_after_is_ignored(text: str) -> None:
    async with bench(Behaviour(status=429, headers={"Retry-After": text})) as b:
        b.add()
        await b.failures(1)
        assert b.retries == [1]


async def test_retry_after_counts_only_where_it_means_that() -> None:
    async with bench(Behaviour(status=500, headers={"Retry-After": "77"})) as b:
        b.add()
        await b.failures(1)
        assert b.retries == [1]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    async with (
        Receiver(SECRET) as elsewhere,
        bench(Behaviour(status=status, headers={"Location": elsewhere.url})) as b,
    ):
        b.add()
        errors = await b.failures(1)
        assert errors == [f"answered {status}: redirects are not followed; configure the final address"]
        assert elsewhere.counts.requests == 0
        b.pass_time(1)
        await b.states("delivered")


async def test_connection_reset_and_nobody_there() -> None:
    async with bench(Behaviour(drop="before")) as b:
        b.add()
        (error,) = await b.failures(1)
        assert error.startswith(("ServerDisconnectedError", "ClientOSError", "ConnectionResetError"))
        b.pass_time(1)
        await b.states("delivered")
    async with bench(targets=(target("http://127.0.0.1:1/"),)) as b:
        b.add()
        (error,) = await b.failures(1)
        assert error.startswith("ClientConnectorError: ")
        assert b.retries == [1]


async def test_accepted_but_died_before_answering_has_one_effect() -> None:
    async with bench(Behaviour(drop="after"), Behaviour(drop="after")) as b:
        b.add()
        for count, wait_s in ((1, 1), (2, 2)):
            await b.failures(count)
            b.pass_time(wait_s)
        await b.states("delivered")
        assert len({m.id for m in b.receiver.messages}) == 1
        assert [m.effect for m in b.receiver.messages] == [True, False, False]
        counts = b.receiver.counts
        assert (counts.received, counts.redelivered, counts.duplicated, counts.rejected) == (1, 2, 0, 0)


async def test_secrets_rotate_without_a_gap() -> None:
    """While both sign, a receiver with the old one and a receiver with the new one accept the same message."""
    async with Receiver(SECRET) as old, Receiver(OTHER_SECRET) as new:
        targets = tuple(
            target(r.url, name=name, secret={"env": "OTHER_SECRET"}, previous_secret={"env": "DESK_SECRET"})
            for name, r in (("old", old), ("new", new))
        )
        async with bench(targets=targets) as b:
            b.clock.at = SystemClock().now()
            b.add(to="old")
            b.add(to="new")
            await b.states("delivered", "delivered")
        assert (old.counts.received, new.counts.received) == (1, 1)


async def test_a_wrong_secret_is_refused_and_retried() -> None:
    async with bench(start=False) as b:
        b.settings = settings(
            target(b.receiver.url, secret={"env": "OTHER_SECRET"}), retry={"jitter": 0}, idle_s=30
        )
        async with running(b):
            b.add()
            assert await b.failures(1) == ["answered 401: signature is missing, wrong or too old"]
        assert b.receiver.counts.rejected == 1
        assert b.receiver.counts.received == 0


async def test_the_first_failure_is_said_at_once_and_once(caplog: pytest.LogCaptureFixture) -> None:
    async with bench(Behaviour(status=401), Behaviour(status=500)) as b:
        b.add()
        for count, wait_s in ((1, 1), (2, 2)):
            await b.failures(count)
            b.pass_time(wait_s)
        await b.states("delivered")
    (said,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert said.message == "delivery failed; it is tried again"
    fields = said.__dict__
    assert (fields["target"], fields["status"], fields["attempts"]) == ("desk", 401, 1)
    assert fields["error"].startswith("answered 401")


async def test_the_query_of_a_url_is_in_no_log_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async def nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"this is not HTTP\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(nonsense, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with bench(targets=(target(f"http://127.0.0.1:{port}/?token=hunter2"),)) as b:
            b.add()
            (error,) = await b.failures(1)
    assert "hunter2" not in error + caplog.text + repr([r.__dict__ for r in caplog.records])
    assert error.startswith("ClientResponseError: ")


async def test_given_up_after_three_days(caplog: pytest.LogCaptureFixture) -> None:
    async with bench(*[Behaviour(status=500)] * 2) as b:
        b.add()
        await b.failures(1)
        b.pass_time(3 * DAY / SECOND)
        await b.states("dead")
    assert "delivery given up; it is among the dead letters" in caplog.messages


async def test_the_database_away_and_back() -> None:
    async with bench(start=False, unavailable_s=0.01) as b:
        b.outbox.faults = [UnavailableError("no database")] * 3
        b.add()
        async with running(b):
            await b.states("delivered")
        assert b.outbox.faults == []


async def test_an_outcome_is_written_as_soon_as_the_database_is_back() -> None:
    release = asyncio.Event()
    async with bench(Behaviour(hold=release), unavailable_s=0.01) as b:
        b.add("tkt-1", 1, 2)
        await until(lambda: b.receiver.counts.requests == 1)
        b.outbox.faults = [UnavailableError("no database")] * 3
        release.set()
        await b.states("delivered", "delivered")
        assert (b.receiver.counts.requests, b.receiver.counts.redelivered) == (2, 0)


async def test_an_outcome_that_could_not_be_written_is_sent_again_to_one_effect(
    caplog: pytest.LogCaptureFixture,
) -> None:
    release = asyncio.Event()
    async with bench(Behaviour(hold=release), unavailable_s=0.01) as b:
        b.add()
        await until(lambda: b.receiver.counts.requests == 1)
        b.outbox.faults = [UnavailableError("no database")] * 10_000
        release.set()
        await until(lambda: len(b.outbox.faults) < 9_998)
        b.clock.advance(30 * SECOND)  # its lease is over
        await until(
            lambda: "outcome of a delivery could not be written; it will be sent again" in caplog.messages
        )
        b.outbox.faults.clear()
        b.pass_time(0)
        await b.states("delivered")
        assert (b.receiver.counts.received, b.receiver.counts.redelivered) == (1, 1)


async def test_a_failure_it_cannot_mend_ends_it() -> None:
    async with bench(start=False) as b:
        b.outbox.faults = [RuntimeError("a mistake of ours")]
        with pytest.raises(ExceptionGroup) as caught:
            await b.dispatchers()[0].run()
        assert caught.group_contains(RuntimeError, match="a mistake of ours")


async def test_an_outcome_it_cannot_write_for_good_ends_it() -> None:
    release = asyncio.Event()
    async with bench(Behaviour(hold=release), start=False) as b:
        b.add()
        running_one = asyncio.create_task(b.dispatchers()[0].run())
        await until(lambda: b.receiver.counts.requests == 1)
        b.outbox.faults = [RefusedError("permission denied for table delivery")]
        release.set()
        with pytest.raises(ExceptionGroup) as caught:
            await running_one
        assert caught.group_contains(RefusedError)


async def test_what_is_under_way_at_shutdown_is_finished() -> None:
    release = asyncio.Event()
    async with bench(Behaviour(hold=release), start=False) as b:
        b.add()
        async with running(b) as (task,):
            await until(lambda: b.receiver.counts.requests == 1)
            task.cancel()
            asyncio.get_running_loop().call_soon(release.set)
            with pytest.raises(asyncio.CancelledError):
                await task
        assert b.outbox.states() == ["delivered"]


async def test_shutdown_does_not_wait_for_ever() -> None:
    async with bench(Behaviour(delay_s=30), start=False, grace_s=0.1) as b:
        b.add()
        async with running(b):
            await until(lambda: b.receiver.counts.requests == 1)
        (row,) = b.outbox.rows.values()
        assert (row.state, row.errors) == ("pending", [])  # neither answered nor timed out


async def test_two_dispatchers_send_nothing_twice() -> None:
    async with bench(concurrency=4) as b, running(b):
        for n in range(40):
            b.add(f"tkt-{n}")
        await b.states(*["delivered"] * 40)
        assert (b.receiver.counts.requests, b.receiver.counts.received) == (40, 40)


async def test_tickets_go_out_in_parallel_but_not_more_than_allowed() -> None:
    release = asyncio.Event()
    async with bench(*[Behaviour(hold=release)] * 8, concurrency=4) as b:
        for n in range(8):
            b.add(f"tkt-{n}")
        await until(lambda: b.receiver.counts.requests == 4)
        assert sum(row.lease_until > 0 for row in b.outbox.rows.values()) == 4
        release.set()
        await b.states(*["delivered"] * 8)


async def test_no_secret_reaches_logs_or_errors(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with bench(Behaviour(status=500), Behaviour(drop="before"), Behaviour(status=410)) as b:
        b.add()
        for count, wait_s in ((1, 1), (2, 2)):
            await b.failures(count)
            b.pass_time(wait_s)
        await b.states("dead")
        said = (
            caplog.text + repr([r.__dict__ for r in caplog.records]) + repr(b.outbox.rows) + repr(b.settings)
        )
    assert SECRET.removeprefix("whsec_") not in said
    assert "v1," not in said


@pytest.fixture(autouse=True)
def _fresh_gauges() -> Iterator[None]:
    yield
    metrics.DISABLED.clear()
    metrics.LEFT_ALONE.clear()
