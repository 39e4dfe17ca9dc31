"""The outbox: each message leased to one dispatcher, in order per ticket and target."""

from __future__ import annotations

import asyncio

import pytest

from gateway.core.clock import MINUTE, SECOND
from gateway.core.model import Commit
from gateway.store import Store
from tests.integration.store_world import SPOOL, T0, PlainDesk, outage, ready_store, rows
from tests.waiting import until

DESK = PlainDesk(hold_off=0)
AT = T0 + MINUTE


async def open_tickets(store: Store, count: int, *, revisions: int = 1) -> None:
    events = [
        outage(f"I{i}", node=f"T{i}", revision=r, at=AT + r)
        for i in range(count)
        for r in range(1, revisions + 1)
    ]
    for r in range(revisions):
        now = [event for event in events if event.incident.revision == r + 1]
        await store.write(Commit(events=now, at=AT), DESK, SPOOL)


async def test_many_dispatchers_never_get_the_same_message(database_url: str) -> None:
    async with ready_store(database_url) as store:
        await open_tickets(store, 12)
        claims = await asyncio.gather(*(store.outbox().claim(at=AT, lease=MINUTE, limit=3) for _ in range(6)))
    taken = [delivery.id for claim in claims for delivery in claim]
    assert len(taken) == len(set(taken)) == 12


async def test_order_per_ticket_and_target(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        await open_tickets(store, 1, revisions=3)
        outbox = store.outbox()
        for revision in (1, 2, 3):
            (first,) = await outbox.claim(at=AT + SECOND, lease=SECOND, limit=10)
            assert first.revision == revision
            assert await outbox.claim(at=AT + SECOND, lease=SECOND, limit=10) == [], "leased"
            await outbox.delivered(first, at=AT + SECOND, status=202)
        assert await outbox.claim(at=AT + MINUTE, lease=SECOND, limit=10) == []
        (ticket,) = await store.reports.tickets()
    assert [(d.state, d.attempts, d.status, d.delivered_at) for d in ticket.deliveries] == [
        ("delivered", 1, 202, AT + SECOND)
    ] * 3


async def test_a_lease_that_ran_out_is_taken_over(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        await open_tickets(store, 1)
        (lost,) = await store.outbox().claim(at=AT, lease=30 * SECOND, limit=1)
        assert await store.outbox().claim(at=AT + 29 * SECOND, lease=SECOND, limit=1) == []
        (again,) = await store.outbox().claim(at=AT + 30 * SECOND, lease=SECOND, limit=1)
    assert again == lost


async def test_failures_wait_and_in_the_end_become_dead_letters(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        await open_tickets(store, 1, revisions=2)
        outbox = store.outbox()
        (message,) = await outbox.claim(at=AT, lease=SECOND, limit=10)
        await outbox.failed(message, at=AT, next_at=AT + MINUTE, error="503\0 later")
        assert await outbox.claim(at=AT + 59 * SECOND, lease=SECOND, limit=10) == []
        (message,) = await outbox.claim(at=AT + MINUTE, lease=SECOND, limit=10)
        assert (message.revision, message.attempts) == (1, 1)
        await outbox.failed(message, at=AT + MINUTE, next_at=None, error="410 gone")
        (second,) = await outbox.claim(at=AT + MINUTE, lease=MINUTE, limit=10)
        assert second.revision == 2, "a dead letter does not hold up the next message"
        (ticket,) = await store.reports.tickets()
        assert [(d.state, d.last_error) for d in ticket.deliveries] == [
            ("dead", "410 gone"),
            ("pending", None),
        ]
        assert await outbox.replay(message.id, at=AT + MINUTE)
        assert not await outbox.replay(message.id, at=AT + MINUTE)
        (replayed,) = await outbox.claim(at=AT + MINUTE, lease=SECOND, limit=10)
        assert (replayed.id, replayed.attempts) == (message.id, 2)


async def test_only_the_targets_asked_for(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        await open_tickets(store, 1)
        assert await store.outbox(["elsewhere"]).claim(at=AT, lease=SECOND, limit=9) == []
        assert len(await store.outbox(["desk", "elsewhere"]).claim(at=AT, lease=SECOND, limit=9)) == 1


async def test_waiting_ends_when_a_message_is_committed(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        outbox = store.outbox()
        await outbox.wait(5)  # the first wait only begins to listen
        waiting = asyncio.create_task(outbox.wait(60))
        await asyncio.sleep(0)
        assert not waiting.done()
        await open_tickets(store, 1)
        await until(waiting.done)
        for _ in range(2):  # what was told while nobody waited is not lost
            await open_tickets(store, 2)
        await asyncio.wait_for(outbox.wait(60), 10)


async def test_waiting_outlives_its_connection(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        outbox = store.outbox()
        await outbox.wait(5)
        waiting = asyncio.create_task(outbox.wait(60))
        await until(lambda: rows(postgres_url, "select 1 from pg_stat_activity where query like 'listen%'"))
        await rows(
            postgres_url, "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%'"
        )
        await until(waiting.done, what="a new connection listens and says so")


async def test_waiting_ends_with_its_timeout_and_can_be_done_again(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        outbox = store.outbox()
        await outbox.wait(5)
        await asyncio.wait_for(outbox.wait(0.05), 10)
        waiting = asyncio.create_task(outbox.wait(60))
        await open_tickets(store, 1)
        await until(waiting.done)


@pytest.mark.parametrize("limit", [1, 2])
async def test_a_claim_is_bounded(postgres_url: str, limit: int) -> None:
    async with ready_store(postgres_url) as store:
        await open_tickets(store, 3)
        assert len(await store.outbox().claim(at=AT, lease=SECOND, limit=limit)) == limit


async def test_after_a_kill_the_same_owner_takes_up_its_claims_at_once_and_no_one_elses(
    postgres_url: str,
) -> None:
    async with ready_store(postgres_url) as store:
        await open_tickets(store, 2)
        (lost,) = await store.outbox(owner="one").claim(at=AT, lease=MINUTE, limit=1)
        (others,) = await store.outbox(owner="two").claim(at=AT, lease=MINUTE, limit=1)
        restarted = store.outbox(owner="one")
        await restarted.release()
        assert await restarted.claim(at=AT, lease=MINUTE, limit=10) == [lost]
    assert others != lost
