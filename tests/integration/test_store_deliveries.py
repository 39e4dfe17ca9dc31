"""Deliveries listed and replayed, and targets that are disabled and enabled."""

from __future__ import annotations

import pytest

from gateway.core.access import AuditEntry
from gateway.core.clock import HOUR, MINUTE, SECOND
from gateway.core.errors import NotFoundError
from gateway.core.model import Commit
from gateway.store import Store
from tests.integration.store_world import SPOOL, T0, PlainDesk, outage, ready_store, rows

OPENED = T0 + 10 * SECOND
LATER = OPENED + HOUR
DESK = PlainDesk(0)


async def two_tickets(store: Store) -> None:
    """Three messages: of I1 and I2 at OPENED, of I1 a second later."""
    both = [outage(at=OPENED), outage("I2", node="T1", devices=(1,), at=OPENED)]
    await store.write(Commit(events=both, at=OPENED), DESK, SPOOL)
    news = outage(revision=2, at=OPENED + SECOND)
    await store.write(Commit(events=[news], at=OPENED + SECOND), DESK, SPOOL)


async def kill(store: Store, target: str = "desk") -> None:
    """Everything becomes a dead letter, one after the other."""
    outbox = store.outbox([target])
    while claimed := await outbox.claim(at=LATER, lease=MINUTE, limit=9):
        for message in claimed:
            await outbox.failed(message, at=LATER, next_at=None, error="no such host")


def entry() -> AuditEntry:
    return AuditEntry(at=LATER, actor="wu", action="delivery.replay", outcome="done")


async def test_deliveries_are_listed_newest_first_page_by_page(database_url: str) -> None:
    async with ready_store(database_url) as store:
        await two_tickets(store)
        everything = await store.deliveries.page()
        assert [(d.ticket, d.revision) for d in everything] == [("tkt-I1", 2), ("tkt-I1", 1), ("tkt-I2", 1)]
        paged, before = [], None
        while page := await store.deliveries.page(limit=1, before=before):
            paged += page
            before = (page[-1].created_at, page[-1].id)
        assert paged == everything
        assert [d.revision for d in await store.deliveries.page(ticket="tkt-I1")] == [2, 1]
        assert await store.deliveries.page(target="other") == []
        assert await store.deliveries.page(state="dead") == []
        assert [d.ticket for d in await store.deliveries.page(below=["T1"])] == ["tkt-I2"]
        assert len(await store.deliveries.page(below=["F"])) == 3
        assert await store.deliveries.page(below=[]) == []
        one = await store.deliveries.one(everything[0].id)
        assert (one, one.node, one.state) == (everything[0], "T0", "pending")
        with pytest.raises(NotFoundError):
            await store.deliveries.one("msg-9")


async def test_dead_letters_are_replayed_in_order_and_on_record(database_url: str) -> None:
    async with ready_store(database_url) as store:
        await two_tickets(store)
        await kill(store)
        assert {d.state for d in await store.deliveries.page()} == {"dead"}
        [second] = [d for d in await store.deliveries.page() if d.revision == 2]
        assert await store.deliveries.replay(at=LATER, by="wu", delivery=second.id, audit=entry()) == 1
        assert await store.deliveries.replay(at=LATER, by="wu", delivery=second.id) == 0, "it is pending"
        assert await store.deliveries.replay(at=LATER + 1, by="wu", ticket="tkt-I1", target="desk") == 1
        assert await store.deliveries.replay(at=LATER, by="wu", target="other") == 0
        outbox = store.outbox(["desk"])
        order = []
        while claimed := await outbox.claim(at=LATER + MINUTE, lease=MINUTE, limit=9):
            for message in claimed:
                order.append((message.ticket, message.revision))
                await outbox.delivered(message, at=LATER + MINUTE, status=200)
        assert order == [("tkt-I1", 1), ("tkt-I1", 2)]
        found = await store.deliveries.one(second.id)
        assert (found.state, found.replayed_at, found.replayed_by) == ("delivered", LATER, "wu")
        with pytest.raises(ValueError, match="replay what"):
            await store.deliveries.replay(at=LATER, by="wu")
    assert await rows(database_url, "select actor, action from audit") == [("wu", "delivery.replay")]


async def test_a_disabled_target_is_sent_nothing_until_a_person_enables_it(database_url: str) -> None:
    async with ready_store(database_url) as store:
        await two_tickets(store)
        assert await store.targets.disable("desk", at=LATER, by="dispatch", reason="410 Gone")
        assert not await store.targets.disable("desk", at=LATER + 1, by="wu", reason="again", audit=entry())
        await store.close()
    async with ready_store(database_url) as store:  # remembered
        outbox = store.outbox(["desk"])
        assert await outbox.claim(at=LATER, lease=MINUTE, limit=9) == []
        [state] = await store.targets.states(at=LATER, late_after=MINUTE)
        assert (state.disabled_at, state.reason, state.changed_by) == (LATER, "410 Gone", "dispatch")
        assert (state.pending, state.dead) == (0, 3)
        assert await store.deliveries.replay(at=LATER, by="wu", target="desk") == 0
        assert await store.targets.enable("desk", at=LATER + 2, by="wu", audit=entry()) == 3
        assert await store.targets.enable("desk", at=LATER + 2, by="wu") is None
        assert len(await outbox.claim(at=LATER + 2, lease=MINUTE, limit=9)) == 2, "the oldest of each ticket"


async def test_targets_are_told_with_what_waits_for_them(database_url: str) -> None:
    async with ready_store(database_url) as store:
        await two_tickets(store)
        at = OPENED + MINUTE
        idle, desk = sorted(
            await store.targets.states(at=at, late_after=MINUTE - 500_000, names=["chat"]),
            key=lambda state: state.target,
        )
        assert (idle.target, idle.pending, idle.oldest_pending_at) == ("chat", 0, None)
        assert (desk.pending, desk.late, desk.dead, desk.oldest_pending_at) == (3, 2, 0, OPENED)
        await kill(store)
        [state] = await store.targets.states(at=at)
        assert (state.pending, state.dead, state.oldest_pending_at) == (0, 3, None)
