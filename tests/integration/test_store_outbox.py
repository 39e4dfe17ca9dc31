"""The outbox: each message leased to one dispatcher, in order per ticket and target."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from gateway.core.clock import MINUTE, SECOND, to_datetime
from gateway.core.model import Commit
from gateway.store import Store
from gateway.store.queries import sql
from tests.integration.store_world import SPOOL, T0, PlainDesk, outage, ready_store, rows
from tests.integration.webhook_rig import message, put
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
        assert (message.revision, message.attempts, message.attempts_before) == (1, 1, 0)
        await outbox.failed(message, at=AT + MINUTE, next_at=None, error="410 gone")
        (second,) = await outbox.claim(at=AT + MINUTE, lease=MINUTE, limit=10)
        assert second.revision == 2, "a dead letter does not hold up the next message"
        (ticket,) = await store.reports.tickets()
        assert [(d.state, d.last_error) for d in ticket.deliveries] == [
            ("dead", "410 gone"),
            ("pending", None),
        ]
        assert await store.deliveries.replay(at=AT + MINUTE, by="wu", delivery=message.id) == 1
        (replayed,) = await outbox.claim(at=AT + MINUTE, lease=SECOND, limit=10)
        assert (replayed.id, replayed.attempts, replayed.attempts_before) == (message.id, 2, 2)
        assert replayed.created_at == AT + MINUTE, "patience counts from the replay"


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


async def test_what_a_target_calls_a_ticket_is_told_to_its_later_messages_only(database_url: str) -> None:
    async with ready_store(database_url) as store:
        await open_tickets(store, 2, revisions=3)
        outbox = store.outbox()
        first, other = await outbox.claim(at=AT + SECOND, lease=SECOND, limit=10)
        assert (first.subject, first.reference, other.reference) == (first.ticket, "", "")
        await outbox.delivered(first, at=AT + SECOND, status=201, reference="INC0010\0")
        await outbox.delivered(other, at=AT + SECOND, status=201)
        known = {d.ticket: d.reference for d in await outbox.claim(at=AT + SECOND, lease=SECOND, limit=10)}
        assert known == {first.ticket: "INC0010␀", other.ticket: ""}
        (second,) = (d for d in await outbox.claim(at=AT + MINUTE, lease=SECOND, limit=9) if d.reference)
        await outbox.delivered(second, at=AT + MINUTE, status=200, reference="INC0011")
        (third,) = (d for d in await outbox.claim(at=AT + MINUTE, lease=SECOND, limit=9) if d.reference)
        assert (third.revision, third.reference) == (3, "INC0011")


async def test_a_disabled_target_stays_so_until_a_person_enables_it(database_url: str) -> None:
    async with ready_store(database_url) as store:
        await put(store, message("a"), message("a", 2), message("b"), message("b", to="other"))
        outbox = store.outbox(["desk"])
        (gone, under_way) = await outbox.claim(at=AT, lease=MINUTE, limit=9)
        await outbox.disable("desk", at=AT, reason="410: closed down")
        await outbox.failed(gone, at=AT, next_at=None, error="410: closed down")
    async with ready_store(database_url) as store:  # another process, another time
        await put(store, message("c"))
        assert [d.target for d in await store.outbox().claim(at=AT + SECOND, lease=SECOND, limit=9)] == [
            "other"
        ]
        states = {d.id: (d.state, d.last_error) for d in await store.deliveries.page(target="desk")}
        assert states.pop(under_way.id) == ("pending", None), "its outcome is still to come"
        assert [state for state, _ in states.values()] == ["dead"] * 3
        assert all("410: closed down" in str(error) for _, error in states.values())
        await store.outbox().claim(at=AT + MINUTE, lease=SECOND, limit=9)
        (late,) = [d for d in await store.deliveries.page(target="desk") if d.id == under_way.id]
        assert (late.state, late.last_error) == ("dead", "the target is disabled: 410: closed down")
        assert await store.targets.enable("desk", at=AT + MINUTE, by="wu") == 4
        again = await store.outbox(["desk"]).claim(at=AT + MINUTE, lease=SECOND, limit=9)
        assert [(d.subject, d.revision) for d in again] == [("a", 1), ("b", 1), ("c", 1)]


async def test_what_waits_goes_when_the_target_is_back(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        await put(store, message("a"), message("b"), message("b", to="other"))
        outbox = store.outbox()
        for delivery in await outbox.claim(at=AT, lease=MINUTE, limit=9):
            await outbox.failed(delivery, at=AT, next_at=AT + 5 * MINUTE, error="500")
        await outbox.hurry("desk", at=AT + SECOND)
        ready = await outbox.claim(at=AT + SECOND, lease=SECOND, limit=9)
        assert [(d.subject, d.target) for d in ready] == [("a", "desk"), ("b", "desk")]


CROWD = """
    insert into feederline.delivery
           (delivery_id, subject, revision, target, content_type, body, state, next_at, created_at)
    select 'm' || n, 's' || n / 5, n % 5, case when n % 20 < 3 then 'broken' else 'desk' end, 'text/plain', '',
           case when n <= 100000 then 'delivered' else 'pending' end,
           to_timestamp(1772352000 + n % 1000 - case when n % 20 < 3 then 86400 else 0 end), to_timestamp(1772352000)
      from generate_series(1, 120000) as n
"""


async def test_a_claim_looks_at_little_however_much_there_is(database_url: str) -> None:
    """100,000 messages delivered, and thousands that wait for other targets or for another time."""
    async with ready_store(database_url) as store:
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as conn:
            await conn.execute(CROWD)
            await conn.execute("analyze feederline.delivery")
        given = {
            "at": to_datetime(AT),
            "until": to_datetime(AT + MINUTE),
            "limit": 16,
            "targets": ["desk"],
            "owner": "me",
        }
        async with store._pool.connection() as conn:
            query = "explain (analyze, format json) " + sql("delivery_claim")
            (row,) = await (await conn.execute(query.encode(), given)).fetchall()
        (plan,) = row[0]
        touched = sum(
            _touched(node) for node in _nodes(plan["Plan"]) if node.get("Relation Name") == "delivery"
        )
        assert touched < 500, json.dumps(plan, indent=1)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _touched(node: dict[str, Any]) -> int:
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + removed) * node["Actual Loops"])


async def test_a_store_keeps_no_outbox_that_was_closed_and_closes_the_others(postgres_url: str) -> None:
    """A gateway that is reloaded goes on with its store and makes new ones each time."""

    async def listeners() -> int:
        return len(await rows(postgres_url, "select 1 from pg_stat_activity where query like 'listen %'"))

    async with ready_store(postgres_url) as store:
        outbox, left = store.outbox(["desk"]), store.outbox(["desk"])
        await outbox.wait(0.2)
        await left.wait(0.2)
        gone, before = weakref.ref(outbox), await listeners()
        await outbox.close()
        del outbox
        gc.collect()
        assert gone() is None
        assert before >= 2

    async def fewer() -> bool:
        return await listeners() <= before - 2

    await until(fewer, 10, "the connections to end")
