"""Least privilege: what each group may not do, said by the server itself."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gateway.core.access import AuditEntry
from gateway.core.clock import MINUTE
from gateway.core.errors import RefusedError
from gateway.core.model import Commit, DeadLetter
from gateway.core.ticket import TicketRequest
from gateway.store import Store
from gateway.store.acts import BoundActs
from gateway.store.migrate import migrations
from tests.integration.store_world import (
    SPOOL,
    T0,
    PlainDesk,
    outage,
    ready_store,
    rows,
    settings_for,
    small_inventory,
    voltages,
)

REFUSED = psycopg.errors.InsufficientPrivilege


async def fill(url: str) -> None:
    commit = Commit(
        batches=[voltages([0], T0, [230])],
        dead_letters=[DeadLetter(received_at=T0, source="", topic="", payload=b"", reason="")],
        events=[outage()],
        at=T0 + 5 * MINUTE,
    )
    async with ready_store(url) as store:
        written = await store.write(commit, PlainDesk(), SPOOL)
        assert written.tickets_opened == 1


async def attempt(url: str, role: str, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(url) as conn:
        await conn.execute(f"set role {role}; set search_path = feederline".encode())
        await conn.execute(statement.encode())
        await conn.rollback()


MAY_NOT = {
    "feederline_writer": [
        "delete from ticket_transition",
        "update ticket_transition set reason = 'another'",
        "truncate ticket_transition",
        "update ticket_link set kind = 'merged_into'",
        "delete from ticket_link",
        "update instruction set made_by = 'another'",
        "delete from instruction",
        "update drill set reason = 'another'",
        "delete from drill",
        "delete from ticket_reference",
        "delete from storm",
        "delete from webhook_target",
        "update planned_outage set withdrawn = true",
        "delete from planned_outage",
        "delete from reading",
        "delete from incident",
        "delete from interruption",
        "delete from ticket",
        "delete from delivery",
        "update suspicion set score = 0",
        "delete from suspicion",
        "truncate suspicion",
        "update usage_day set score = 0",
        "update area_finding set words = ''",
        "delete from area_loss_day",
        "delete from usage_baseline",
        "truncate meter_event",
        "drop table reading",
        "create table mine ()",
        "update migration set checksum = ''",
    ],
    "feederline_api": [
        "insert into reading (device_key, measured_at, received_at) values (0, now(), now())",
        "update incident set customers = 0",
        "insert into setting values ('asai_target', '0', 0)",
        "update ticket_transition set reason = 'another'",
        "delete from ticket_transition",
        "update ticket_link set kind = 'merged_into'",
        "delete from ticket_link",
        "insert into instruction values ('x', 'I1', 'cancel', '', '', 'me', '', now())",
        "insert into drill values ('x', 'T0', now(), now() + interval '1 h', 'me', '', now())",
        "delete from instruction",
        "delete from drill",
        "delete from delivery",
        "insert into planned_outage values ('x', 'x', 1, now(), now() + interval '1 h', '', '', false, now())",
        "select drop_partitions('2026-03-01')",
        "delete from suspicion",
        "insert into suspicion values (default, 0, now(), now(), now(), 1, '[]')",
        "delete from usage_day",
        "update usage_baseline set state = ''",
        "update area_loss_day set sold = 0",
        "delete from area_finding",
        "delete from load_outlook",
        "delete from meter_event",
        "update quality_day set device_key = 0",
        "delete from transformer_day",
    ],
    "feederline_grafana": [
        "insert into setting values ('x', 'x')",
        "update ticket set state = 'closed'",
        "delete from incident",
        "select body from delivery",
        "select * from callback",
        "select * from access_token",
        "select * from access_session",
        "select * from audit",
        "insert into callback values ('x', 'x', now(), 200, '{}')",
        "select payload from dead_letter",
        "select * from stream_position",
        "delete from suspicion",
        "update usage_day set score = 0",
        "delete from meter_event",
        "create table mine ()",
    ],
}
MAY = {
    "feederline_writer": [
        "select * from reading",
        "delete from signal",
        "insert into setting values ('x', 'x')",
        "insert into instruction values ('x', 'I1', 'cancel', '', '', 'me', '', now())",
        "insert into drill values ('x', 'T0', now(), now() + interval '1 h', 'me', '', now())",
        "insert into storm values ('x', now())",
        "insert into webhook_target values ('x', now(), '', null, now(), 'me')",
        "update callback set status = 200",
        "delete from callback",
        "insert into ticket_reference select ticket_id, 'x', 'y' from ticket",
        "delete from usage_day",
        "delete from area_finding",
        "delete from load_outlook",
        "delete from meter_event",
        "delete from quality_day",
        "delete from transformer_day",
    ],
    "feederline_api": [
        "select * from delivery",
        "update ticket set state = 'dispatched'",
        "insert into callback values ('x', 'x', now(), 200, '{}')",
        "insert into audit (at, actor, action, outcome) values (now(), 'x', 'ticket.close', 'done')",
        "insert into ticket_transition values ('tkt-I1', 9, now(), 'close', 'confirmed', 'closed', 'x', '')",
        "insert into webhook_target values ('x', now(), '', null, now(), 'me')",
        "select * from reading",
    ],
    "feederline_grafana": [
        "select * from reading_15min",
        "select * from reliability(now() - interval '1 day', now())",
        "select * from reliability_daily(now() - interval '1 day', now())",
        "select state, count(*) from delivery group by 1",
        "select * from supply_now",
        "select * from customers_now",
        "select * from ticket join ticket_transition using (ticket_id)",
        "select * from setting, incident, device, node, signal",
        "select * from planned_outage_now",
        "select * from ticket_link, ticket_reference, storm, webhook_target, instruction, drill",
        "select * from usage_watchlist, suspicion_now, usage_day, usage_baseline",
        "select * from area_loss_now, area_finding, load_risk, load_outlook",
        "select * from meter_event_open, transformer_load, quality_day",
    ],
}


async def test_what_each_group_may_and_may_not(database_url: str) -> None:
    await fill(database_url)
    for role, statements in MAY_NOT.items():
        for statement in statements:
            if "drop_partitions" in statement and not await _has(database_url, "drop_partitions"):
                continue
            with pytest.raises(REFUSED):
                await attempt(database_url, role, statement)
    for role, statements in MAY.items():
        for statement in statements:
            await attempt(database_url, role, statement)


async def _has(url: str, function: str) -> bool:
    return await rows(url, f"select 1 from pg_proc where proname = '{function}'") != []


async def test_the_gateway_acts_as_the_writer(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store, store._pool.connection() as conn:
        found = await (await conn.execute("select current_user, current_setting('search_path')")).fetchone()
        assert found == ("feederline_writer", "feederline")
        with pytest.raises(REFUSED):
            await conn.execute("delete from ticket_transition")


@pytest.mark.before_migrations
async def test_a_login_without_createrole_goes_on_without_groups(postgres_url: str) -> None:
    name = conninfo_to_dict(postgres_url)["dbname"]
    login = f"{name}_login"
    async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as conn:
        await conn.execute(f"create role {login} login".encode())
        await conn.execute(f"grant create on database {name} to {login}".encode())
        try:
            async with Store.open(settings_for(make_conninfo(postgres_url, user=login))) as store:
                done = await store.migrate()
                assert done.applied
                await store.put_settings({"asai_target": 0.9995})
                async with store._pool.connection() as acting:
                    row = await (await acting.execute("select current_user")).fetchone()
                    assert row == (login,)
        finally:
            await conn.execute("drop schema if exists feederline cascade")
            await conn.execute(f"drop owned by {login}; drop role {login}".encode())


@pytest.mark.before_migrations
async def test_a_login_that_may_not_migrate_is_told_the_command(postgres_url: str) -> None:
    name = conninfo_to_dict(postgres_url)["dbname"]
    login = f"{name}_login"
    async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as conn:
        await conn.execute(f"create role {login} login".encode())
        try:
            async with Store.open(settings_for(make_conninfo(postgres_url, user=login))) as store:
                with pytest.raises(RefusedError) as refused:
                    await store.migrate()
                assert f"permission denied for database {name}" in str(refused.value)
                command = f"alter database {name} owner to {login}"
                assert str(refused.value).endswith(command)
                await conn.execute(command.encode())
                assert (await store.migrate()).applied
        finally:
            await conn.execute(f"alter database {name} owner to current_user".encode())
            await conn.execute("drop schema if exists feederline cascade")
            await conn.execute(f"drop owned by {login}; drop role {login}".encode())


async def test_a_login_that_is_not_the_owner_works_once_the_owner_has_migrated(database_url: str) -> None:
    login = f"{conninfo_to_dict(database_url)['dbname']}_login"
    async with (
        ready_store(database_url),
        await psycopg.AsyncConnection.connect(database_url, autocommit=True) as conn,
    ):
        await conn.execute(f"create role {login} login".encode())
        try:
            async with Store.open(settings_for(make_conninfo(database_url, user=login))) as store:
                with pytest.raises(
                    RefusedError, match=r"permission denied .*; the schema feederline belongs to postgres"
                ):
                    await store.migrate()
                await conn.execute(f"grant feederline_writer to {login}".encode())
                assert (await store.migrate()).applied == ()
                await store.sync_inventory(small_inventory())
                await store.write(
                    Commit(upto=1, at=T0, batches=[voltages([0], T0, [230])]), PlainDesk(), SPOOL
                )
                await store.maintain(T0)
                last = len(migrations(timescale=False))
                await conn.execute(f"delete from feederline.migration where version > {last - 2}".encode())
                with pytest.raises(RefusedError, match=r"2 migrations are missing; .* let postgres migrate"):
                    await store.migrate()
        finally:
            await conn.execute(f"drop owned by {login}; drop role {login}".encode())


async def test_what_people_do_needs_no_more_than_the_group_of_the_api_has(database_url: str) -> None:
    await fill(database_url)
    now = T0 + 10 * MINUTE
    entry = AuditEntry(at=now, actor="li", action="ticket.dispatch", object="tkt-I1", outcome="done")
    asked = TicketRequest(action="dispatch", by="li", origin="api", crew="7")

    async def call(acts: BoundActs) -> tuple[int, dict[str, str]]:
        await acts.refer(await acts.find("I1"), target="desk", reference="INC7")
        await acts.act("tkt-I1", asked, PlainDesk(), at=now, audit=entry)
        return 200, {"done": "yes"}

    async with Store.open(settings_for(database_url, role="feederline_api")) as store:
        await store.acts.act("tkt-I1", asked, PlainDesk(), at=now, revision=1, audit=entry)
        assert not (await store.acts.once("desk", "m1", at=now, work=call)).again
        assert await store.targets.disable("desk", at=now, by="li", reason="it moves", audit=entry)
        assert await store.targets.enable("desk", at=now, by="li", audit=entry) == 0
        assert await store.deliveries.replay(at=now, by="li", target="desk", audit=entry) == 0
    assert await rows(database_url, "select count(*) from audit") == [(5,)]
