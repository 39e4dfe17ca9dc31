"""What is on record stays: nobody rewrites it, no migration loses it; and who watches hears of every change once."""

from __future__ import annotations

import asyncio
import json

import psycopg
import pytest

from gateway.core.clock import MINUTE, SECOND
from gateway.core.model import Commit, Drill, Instruction, Order
from gateway.core.ticket import TicketRequest
from gateway.store import Store
from gateway.store import migrate as module
from tests.integration.store_world import (
    SPOOL,
    T0,
    PlainDesk,
    outage,
    ready_store,
    rows,
    settings_for,
    small_inventory,
)

OPENED = T0 + 10 * SECOND
DESK = PlainDesk(0)


async def test_append_only_holds_for_the_owner_of_the_tables_too(database_url: str) -> None:
    instruction = Instruction(id="w1", incident="I1", order=Order.CONFIRM, received_at=T0, by="li")
    drill = Drill(id="d1", node="T0", starts_at=T0, ends_at=T0 + MINUTE, received_at=T0, by="li")
    async with ready_store(database_url) as store:
        part = outage("I2", node="T1", devices=(1,), evidence={"split_from": "I1"})
        first = Commit(events=[outage()], instructions=[instruction], drills=[drill], at=OPENED)
        for commit in (first, Commit(events=[part], at=OPENED + 1)):
            await store.write(commit, DESK, SPOOL)
    for table, column in [
        ("ticket_transition", "reason"),
        ("ticket_link", "kind"),
        ("instruction", "reason"),
        ("drill", "reason"),
    ]:
        assert await rows(database_url, f"select count(*) > 0 from {table}") == [(True,)]
        for statement in (
            f"update {table} set {column} = {column}",
            f"delete from {table}",
            f"truncate {table} cascade",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                await rows(database_url, statement)


OLD = """
insert into incident (incident_id, kind, node_id, phases, state, started_at, detected_at, customers, confidence, direct,
                      summary, evidence, revision)
values ('I1', 'outage', 'T0', 'ABC', 'open', '2026-03-01T08:00:00Z', '2026-03-01T08:00:05Z', 2, 0.9, false, 'dark',
        '{"gasps": 2}', 1),
       ('I2', 'outage', 'T1', 'ABC', 'closed', '2026-02-01T08:00:00Z', '2026-02-01T08:00:05Z', 1, 0.9, false, 'dark',
        '{}', 3);
insert into ticket (ticket_id, number, incident_id, state, severity, node_id, title, customers, opened_at, updated_at,
                    closed_at, started_at, incident_revision, revision)
values ('tkt-I1', 8, 'I1', 'confirmed', 2, 'T0', 'dark', 2, '2026-03-01T08:00:10Z', '2026-03-01T08:00:10Z', null,
        '2026-03-01T08:00:00Z', 1, 1),
       ('tkt-I2', 7, 'I2', 'closed', 3, 'T1', 'dark', 1, '2026-02-01T08:01:00Z', '2026-02-01T09:00:00Z',
        '2026-02-01T09:00:00Z', '2026-02-01T08:00:00Z', 3, 2);
insert into ticket_transition (ticket_id, revision, at, action, from_state, to_state, actor, reason)
values ('tkt-I1', 1, '2026-03-01T08:00:10Z', 'open', null, 'confirmed', 'detector', 'dark'),
       ('tkt-I2', 1, '2026-02-01T08:01:00Z', 'open', null, 'confirmed', 'detector', 'dark'),
       ('tkt-I2', 2, '2026-02-01T09:00:00Z', 'close', 'confirmed', 'closed', 'detector', 'back');
insert into delivery (delivery_id, ticket_id, revision, target, content_type, body, state, next_at, created_at)
values ('m1', 'tkt-I1', 1, 'desk', 'application/json', '{}', 'pending', '2026-03-01T08:00:10Z', '2026-03-01T08:00:10Z'),
       ('m2', 'tkt-I1', 1, 'chat', 'application/json', '{}', 'dead', '2026-03-01T08:00:10Z', '2026-03-01T08:00:10Z'),
       ('m3', 'tkt-I2', 2, 'desk', 'application/json', '{}', 'delivered', '2026-02-01T09:00:00Z',
        '2026-02-01T09:00:00Z')
"""


@pytest.mark.before_migrations
async def test_a_database_of_before_keeps_everything_and_goes_on(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_roles(conn: psycopg.AsyncConnection) -> tuple[str, ...]:
        return ()

    every = module.migrations
    with monkeypatch.context() as before:
        before.setattr(module, "migrations", lambda *, timescale: every(timescale=timescale)[:9])
        before.setattr(module, "_roles", no_roles)
        async with Store.open(settings_for(database_url, role=None)) as store:
            assert (await store.migrate()).applied[-1] == "account"
    await rows_of(database_url, OLD)
    old = [await rows(database_url, query) for query in UNCHANGED]
    async with ready_store(database_url) as store:
        assert [await rows(database_url, query) for query in UNCHANGED] == old
        assert await rows(
            database_url, "select told, clocks_from = opened_at from ticket order by number"
        ) == [
            (["desk"], True),
            (["chat", "desk"], True),
        ]
        outbox = store.outbox()
        [message] = await outbox.claim(at=OPENED, lease=MINUTE, limit=9)
        assert (message.id, message.subject, message.ticket) == ("m1", "tkt-I1", "tkt-I1")
        await outbox.delivered(message, at=OPENED, status=200)
        assert await store.deliveries.replay(at=OPENED, by="li", target="chat") == 1
        news = outage(revision=2, at=OPENED + MINUTE, summary="darker")
        await store.write(Commit(events=[news], at=OPENED + MINUTE), DESK, SPOOL)
        asked = TicketRequest(action="close", by="li", origin="api")
        step = await store.acts.act("tkt-I1", asked, DESK, at=OPENED + 2 * MINUTE, revision=2)
        assert step.ticket.told == ("chat", "desk")


UNCHANGED = (
    "select incident_id, kind, node_id, state, started_at, evidence, revision from incident order by 1",
    "select ticket_id, number, incident_id, state, opened_at, closed_at, revision from ticket order by 1",
    "select ticket_id, revision, at, action, from_state, to_state, actor, reason from ticket_transition order by 1, 2",
    "select delivery_id, ticket_id, revision, target, body, state, created_at from delivery order by 1",
)


async def rows_of(url: str, script: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        await conn.execute("set search_path = feederline")
        await conn.execute(script.encode())


async def heard(conn: psycopg.AsyncConnection) -> list[tuple[str, str, int, str]]:
    """What has been told since the last call."""
    await conn.execute("select pg_notify('feederline_change', 'mark')")
    found = []
    async with asyncio.timeout(10):
        async for note in conn.notifies():
            if note.payload == "mark":
                break
            assert len(note.payload.encode()) < 4100
            told = json.loads(note.payload)
            assert list(told) == ["what", "id", "revision", "node"]
            found.append(tuple(told.values()))
    return found


async def test_who_watches_hears_of_each_change_once_and_of_nothing_else(database_url: str) -> None:
    clocked = PlainDesk(0, remind_after=MINUTE)
    async with (
        ready_store(database_url) as store,
        await psycopg.AsyncConnection.connect(database_url, autocommit=True) as conn,
    ):
        await conn.execute("listen feederline_change")
        commit = Commit(events=[outage()], at=OPENED)
        await store.write(commit, clocked, SPOOL)
        assert await heard(conn) == [("incident", "I1", 1, "T0"), ("ticket", "tkt-I1", 1, "T0")]
        await store.write(commit, clocked, SPOOL)
        await store.write(Commit(at=OPENED + SECOND), clocked, SPOOL)
        assert await heard(conn) == [], "nothing changed"
        await store.write(Commit(events=[outage(revision=2)], at=OPENED + 2), PlainDesk(0), SPOOL)
        assert await heard(conn) == [("incident", "I1", 2, "T0"), ("ticket", "tkt-I1", 2, "T0")]
        await store.sync_inventory(small_inventory(3))
        assert await heard(conn) == []


async def test_names_too_long_to_be_told_stop_nothing(postgres_url: str) -> None:
    name = "\N{CJK UNIFIED IDEOGRAPH-7AD9}" * 3000
    async with (
        ready_store(postgres_url) as store,
        await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as conn,
    ):
        await conn.execute("listen feederline_change")
        await store.write(Commit(events=[outage(node=name)], at=T0), PlainDesk(MINUTE), SPOOL)
        assert await heard(conn) == [("incident", "", 1, "")]
