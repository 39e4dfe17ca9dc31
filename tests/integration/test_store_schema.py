"""Migrations, and that both kinds of server offer the same names and columns."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.core.clock import DAY, parse_time
from gateway.core.errors import RefusedError
from gateway.core.model import Batch, Commit
from gateway.core.quantities import NAMES
from gateway.embedded import embedded_postgres
from gateway.store import Store
from gateway.store.migrate import migrations
from tests.integration.store_world import SPOOL, PlainDesk, ready_store, rows, settings_for
from tests.waiting import until

COLUMNS = """
    select table_name, column_name, data_type
      from information_schema.columns
     where table_schema = 'feederline' and table_name !~ '^reading_(\\d{8}|default)$'
     order by table_name, ordinal_position"""

DESK = PlainDesk()


async def test_both_backends_have_the_same_tables_and_columns(postgres_url: str, timescale_url: str) -> None:
    found = {}
    for url in (postgres_url, timescale_url):
        async with Store.open(settings_for(url)) as store:
            timescale = (await store.migrate()).timescale
        found[timescale] = await rows(url, COLUMNS)
    assert found[False] == found[True]
    names = {row[0] for row in found[False]}
    assert {"reading", "reading_15min", "reading_hourly", "reading_daily", "incident", "delivery"} <= names


async def test_the_reading_table_has_the_one_list_of_quantities(database_url: str) -> None:
    async with Store.open(settings_for(database_url)) as store:
        await store.migrate()
    found = await rows(
        database_url,
        """select column_name from information_schema.columns
            where table_schema = 'feederline' and table_name = 'reading' order by ordinal_position""",
    )
    assert [name for (name,) in found] == ["device_key", "measured_at", "received_at", "quality", *NAMES]


@pytest.mark.before_migrations
async def test_migrating_again_changes_nothing(database_url: str) -> None:
    async with Store.open(settings_for(database_url)) as store:
        first = await store.migrate()
        assert [m.name for m in migrations(timescale=first.timescale)] == list(first.applied)
        second = await store.migrate()
    assert second.applied == ()
    assert second.timescale == first.timescale


@pytest.mark.before_migrations
async def test_gateways_that_migrate_at_once_do_it_once(database_url: str) -> None:
    async def one() -> int:
        async with Store.open(settings_for(database_url)) as store:
            return len((await store.migrate()).applied)

    done = await asyncio.gather(*(one() for _ in range(4)))
    assert sorted(done) == [0, 0, 0, len(migrations(timescale=False))]


@pytest.fixture
def untouched_server() -> Iterator[str]:
    """URL of the superuser on a server that no gateway has seen: the roles that gateways make are its own."""
    with (
        tempfile.TemporaryDirectory(prefix="feederline-test-", ignore_cleanup_errors=True) as folder,
        embedded_postgres(Path(folder), durable=False) as url,
    ):
        yield url


async def test_a_role_that_another_database_makes_at_this_moment(untouched_server: str) -> None:
    """Roles belong to the server; the lock of a migration holds within its database only."""
    waiting = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%create role%'"
    async with await psycopg.AsyncConnection.connect(untouched_server) as other:
        await other.execute("create role feederline_api nologin")
        async with Store.open(settings_for(untouched_server)) as store:
            migrating = asyncio.create_task(store.migrate())
            await until(lambda: rows(untouched_server, waiting))
            await other.commit()
            assert (await migrating).missing_roles == ()


async def test_an_edited_migration_is_refused(postgres_url: str) -> None:
    async with Store.open(settings_for(postgres_url)) as store:
        await store.migrate()
        async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as conn:
            await conn.execute("update feederline.migration set checksum = 'x' where version = 3")
        with pytest.raises(RefusedError, match="0003_signal was applied in another form"):
            await store.migrate()


async def test_a_database_newer_than_the_program_is_refused(postgres_url: str) -> None:
    async with Store.open(settings_for(postgres_url)) as store:
        await store.migrate()
        async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as conn:
            await conn.execute(
                "insert into feederline.migration (version, name, checksum, timescale) values (99, 'x', 'x', false)"
            )
        with pytest.raises(RefusedError, match="update it"):
            await store.migrate()


@pytest.mark.before_migrations
async def test_a_failing_migration_leaves_nothing_of_itself_and_of_those_that_were_due_with_it(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.store import migrate as module

    real = module.migrations(timescale=False)
    broken = module.Migration(version=len(real) + 1, name="broken", text="create table half (); select 1 / 0")
    monkeypatch.setattr(module, "migrations", lambda *, timescale: [*real, broken])
    async with Store.open(settings_for(postgres_url)) as store:
        with pytest.raises(Exception, match="division by zero"):
            await store.migrate()
    assert await rows(postgres_url, "select to_regclass('half'), max(version) from migration") == [
        (None, None)
    ]


@pytest.mark.before_migrations
async def test_timescale_demanded_and_not_there(postgres_url: str) -> None:
    async with Store.open(settings_for(postgres_url, timescale="on")) as store:
        with pytest.raises(RefusedError, match=r"database\.timescale is on"):
            await store.migrate()


async def test_timescale_switched_off(timescale_url: str) -> None:
    async with Store.open(settings_for(timescale_url, timescale="off")) as store:
        assert (await store.migrate()).timescale is False


async def test_policies_follow_the_configuration(timescale_url: str) -> None:
    query = """select config ->> 'compress_after', config ->> 'drop_after' from timescaledb_information.jobs
                where hypertable_name = 'reading' order by proc_name"""
    for days in (7, 7, 3):
        async with Store.open(
            settings_for(timescale_url, compress_after_days=days, retention_days=90)
        ) as store:
            await store.migrate()
        assert await rows(timescale_url, query) == [(f"{days} days", None), (None, "90 days")]


async def test_rollups_say_the_same_on_both_backends(postgres_url: str, timescale_url: str) -> None:
    start = parse_time("2026-02-28T23:50:00Z")
    minutes = range(0, 40, 5)
    batch = Batch.of(
        ("voltage_a", "active_power", "energy_import"),
        [0] * len(minutes),
        [start + m * 60_000_000 for m in minutes],
        [[230 + m, 1000 - m, 5 + m / 60] for m in minutes],
    )
    found = []
    for url in (postgres_url, timescale_url):
        async with ready_store(url) as store:
            await store.write(Commit(batches=[batch]), DESK, SPOOL)
        found.append(
            [
                await rows(
                    url,
                    f"select bucket, samples, voltage_a_avg, voltage_a_min, voltage_a_max, active_power_max, "
                    f"energy_import_max - energy_import_min from {view} order by bucket",
                )
                for view in ("reading_15min", "reading_hourly", "reading_daily")
            ]
        )
    assert found[0] == found[1]
    assert [row[1] for row in found[0][0]] == [2, 3, 3]
    assert [row[1] for row in found[0][2]] == [2, 6]


async def test_compressed_readings_still_take_late_ones(timescale_url: str) -> None:
    at = parse_time("2026-03-01T08:00:00Z")
    row = Batch.of(("voltage_a",), [0], [at], [[230.0]])
    more = Batch.of(("voltage_a", "voltage_b"), [0, 1], [at, at], [[9.0, 231.0], [232.0, 233.0]])
    async with ready_store(timescale_url) as store:
        await store.write(Commit(batches=[row]), DESK, SPOOL)
        await rows(timescale_url, "select public.compress_chunk(c) from public.show_chunks('reading') c")
        written = await store.write(Commit(batches=[more]), DESK, SPOOL)
    assert (written.inserted, written.merged, written.duplicates) == (1, 1, 0)
    assert await rows(timescale_url, "select voltage_a, voltage_b from reading order by device_key") == [
        (230.0, 231.0),
        (232.0, 233.0),
    ]


async def test_plain_partitions_ahead_sorted_and_dropped(postgres_url: str) -> None:
    now = parse_time("2026-03-10T12:00:00Z")
    days = [-50, -3, 0, 2, 400]
    batch = Batch.of(("voltage_a",), [0] * 5, [now + d * DAY for d in days], [[float(d)] for d in days])
    async with ready_store(postgres_url, retention_days=30, partitions_ahead_days=3) as store:
        await store.write(Commit(batches=[batch]), DESK, SPOOL)
        for _ in range(2):
            await store.maintain(now)
    assert await rows(postgres_url, "select voltage_a, tableoid::regclass::text from reading order by 1") == [
        (-3.0, "reading_20260307"),
        (0.0, "reading_20260310"),
        (2.0, "reading_20260312"),
        (400.0, "reading_default"),  # an odd date waits here
    ]
    (ahead,) = await rows(postgres_url, "select to_regclass('reading_20260313') is not null")
    assert ahead == (True,)


async def test_maintenance_prunes_signals_and_dead_letters(postgres_url: str) -> None:
    from gateway.core.model import DeadLetter, Signal, SignalKind

    now = parse_time("2026-03-10T12:00:00Z")
    commit = Commit(
        signals=[Signal(kind=SignalKind.NO_ANSWER, device=0, received_at=now - d * DAY) for d in (1, 9)],
        dead_letters=[
            DeadLetter(received_at=now - d * DAY, source="", topic="", payload=b"", reason="") for d in (1, 9)
        ],
    )
    async with ready_store(postgres_url, signal_retention_days=5) as store:
        await store.write(commit, DESK, SPOOL)
        await store.maintain(now)
    assert await rows(
        postgres_url, "select (select count(*) from signal), (select count(*) from dead_letter)"
    ) == [(1, 1)]
