"""Devices and nodes: keys that stay, changes that are counted, all or nothing."""

from __future__ import annotations

import asyncio

import numpy as np
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gateway.core.errors import NotStorableError, RefusedError, UnavailableError
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Commit
from gateway.core.network import Network
from gateway.embedded import free_port
from gateway.store import DatabaseSettings, InventoryDiff, Store
from tests.integration.store_world import (
    SPOOL,
    T0,
    PlainDesk,
    outage,
    ready_store,
    rows,
    settings_for,
    small_inventory,
    small_network,
    voltages,
)
from tests.waiting import until


async def test_devices_and_nodes_as_they_were_written(database_url: str) -> None:
    network = Network(
        ["S", "F", "T"], ["", "S", "F"], ["substation", "feeder", "transformer"],
        names=["Süd", "", ""], lat=[np.nan, 1.5, 2.5], lon=[np.nan, 3.5, 4.5],
        attributes=[{}, {}, {"rated_kva": "400"}],
    )  # fmt: skip
    inventory = Inventory(
        [
            Device(id="C", node="T", kind="concentrator", protocol="modbus", customers=0),
            Device(
                id="M",
                node="T",
                via="C",
                phases="A",
                customers=3,
                priority="critical",
                interval_s=900,
                attributes={"nominal_voltage": "220", "area": "urban\0"},
            ),
            Device(id="H", node="S", kind="terminal", customers=0),
        ],
        network,
    )
    async with ready_store(database_url, inventory) as store:
        assert await store.sync_inventory(inventory) == InventoryDiff(
            nodes_added=0,
            nodes_changed=0,
            nodes_retired=0,
            devices_added=0,
            devices_changed=0,
            devices_retired=0,
        )
    assert await rows(
        database_url, "select node_id, name, lat, level, path, attributes from node order by level"
    ) == [
        ("S", "Süd", None, 0, "S", {}),
        ("F", "F", 1.5, 1, "S/F", {}),
        ("T", "T", 2.5, 2, "S/F/T", {"rated_kva": "400"}),
    ]
    assert await rows(
        database_url,
        """select d.device_id, v.device_id, d.phases, d.customers, d.priority, d.interval_s, d.nominal_v,
                  t.node_id, f.node_id, d.attributes
             from device d left join device v on v.device_key = d.via_key
             left join node t on t.node_key = d.transformer_key left join node f on f.node_key = d.feeder_key
            order by 1""",
    ) == [
        ("C", None, "ABC", 0, "", 60, 230.0, "T", "F", {}),
        ("H", None, "ABC", 0, "", 60, 230.0, None, None, {}),
        ("M", "C", "A", 3, "critical", 900, 220.0, "T", "F", {"nominal_voltage": "220", "area": "urban␀"}),
    ]


async def test_changes_are_counted_and_keys_stay(postgres_url: str) -> None:
    keys = "select device_id, device_key from device where device_id in ('M0', 'M1') order by 1"
    async with ready_store(postgres_url, small_inventory(4)) as store:
        before = await rows(postgres_url, keys)
        less = Inventory(
            [Device(id="M1", node="T0"), Device(id="M2", node="T2"), Device(id="new", node="T1")],
            small_network(),
            known=["M0", "M1", "M2", "M3"],
        )
        diff = await store.sync_inventory(less)
        assert diff == InventoryDiff(
            nodes_added=0,
            nodes_changed=0,
            nodes_retired=0,
            devices_added=1,
            devices_changed=1,
            devices_retired=2,
        )
        assert await rows(postgres_url, keys) == before
        # what a device said before it was taken off the list still arrives
        late = await store.write(Commit(batches=[voltages([0], T0, [230])]), PlainDesk(), SPOOL)
        assert late.inserted == 1
        back = await store.sync_inventory(small_inventory(4))
        assert (back.devices_added, back.devices_changed, back.devices_retired) == (0, 3, 1)
        smaller = Inventory([Device(id="M0", node="T0")], small_network(1))
        gone = await store.sync_inventory(smaller)
        assert (gone.nodes_retired, gone.devices_retired) == (2, 3)
    assert await rows(postgres_url, "select sum(customers) from device where listed") == [(1,)]


async def test_a_name_without_a_row_gets_one_when_the_database_is_new(postgres_url: str) -> None:
    inventory = small_inventory(2, known=["old"])
    async with ready_store(postgres_url, inventory) as store:
        written = await store.write(Commit(batches=[voltages([0], T0, [230])]), PlainDesk(), SPOOL)
    assert written.inserted == 1
    assert await rows(
        postgres_url, "select device_id, listed from device join reading using (device_key)"
    ) == [("old", False)]


async def test_a_large_list_goes_in_at_once(postgres_url: str) -> None:
    n = 20_000
    devices = [Device(id=f"M{i}", node=f"T{i % 50}") for i in range(n)]
    async with ready_store(postgres_url, Inventory(devices, small_network(50))) as store:
        assert await rows(postgres_url, "select count(*), count(transformer_key) from device") == [(n, n)]
        assert len(np.unique(store.devices.keys)) == n


async def test_settings_are_written_and_changed(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        await store.put_settings({"asai_target": 0.9995, "note": "a\0b"})
        await store.put_settings({"asai_target": 0.99})
    assert await rows(
        postgres_url,
        "select name, value, number from setting where name in ('asai_target', 'note') order by 1",
    ) == [("asai_target", "0.99", 0.99), ("note", "a␀b", None)]


async def test_nobody_answers(tmp_path: object) -> None:
    settings = DatabaseSettings(url=f"postgresql://someone@127.0.0.1:{free_port()}/x")
    with pytest.raises(UnavailableError, match=r"no database at 127\.0\.0\.1:\d+, database x: .*; start it"):
        async with Store.open(settings):
            pass


@pytest.mark.parametrize(
    ("change", "words"),
    [({"dbname": "nowhere_here"}, "does not exist; create it"), ({"user": "nobody_here"}, "does not exist")],
)
async def test_the_server_says_no(postgres_url: str, change: dict[str, str], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        async with Store.open(settings_for(make_conninfo(postgres_url, **change))):
            pass


@pytest.mark.before_migrations
async def test_a_database_without_schema_is_refused_not_retried(postgres_url: str) -> None:
    async with Store.open(settings_for(postgres_url)) as store:
        with pytest.raises(RefusedError, match="stream_position"):
            await store.position(SPOOL)


async def test_a_server_that_goes_away_is_a_reason_to_retry(postgres_url: str) -> None:
    commit = Commit(batches=[voltages([0], T0, [230])])
    async with ready_store(postgres_url, statement_timeout_s=0.2, pool_min=2) as store:
        async with store._pool.connection() as blocker, blocker.transaction():
            await blocker.execute("set local role none; lock table feederline.reading")
            with pytest.raises(UnavailableError, match="timeout"):
                await store.write(commit, PlainDesk(), SPOOL)
        assert (await store.write(commit, PlainDesk(), SPOOL)).inserted == 1
        await rows(
            postgres_url,
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'feederline' "
            "and datname = current_database()",
        )
        assert (await store.write(commit, PlainDesk(), SPOOL)).duplicates == 1


async def test_a_server_that_only_reads_for_a_while_is_a_reason_to_retry(postgres_url: str) -> None:
    commit = Commit(batches=[voltages([0], T0, [230])])
    name = conninfo_to_dict(postgres_url)["dbname"]

    async def read_only(word: str) -> None:
        async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as conn:
            await conn.execute("set default_transaction_read_only = off")
            await conn.execute(f"alter database {name} set default_transaction_read_only = {word}".encode())
            await conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'feederline' "
                "and datname = current_database()"
            )

    async with ready_store(postgres_url) as store:
        await read_only("on")
        with pytest.raises(UnavailableError, match="read-only"):
            await store.write(commit, PlainDesk(), SPOOL)
        await read_only("off")
        assert (await store.write(commit, PlainDesk(), SPOOL)).inserted == 1


async def test_a_connection_cut_while_writing_leaves_nothing_and_can_be_retried(database_url: str) -> None:
    commit = Commit(batches=[voltages([0, 1], T0, [230, 231])], events=[outage()], upto=4)
    waiting = "from pg_stat_activity where query like 'copy%' and wait_event_type = 'Lock'"
    async with ready_store(database_url) as store:
        async with store._pool.connection() as blocker, blocker.transaction():
            await blocker.execute("set local role none; lock table feederline.reading")
            writing = asyncio.create_task(store.write(commit, PlainDesk(), SPOOL))
            await until(lambda: rows(database_url, f"select 1 {waiting}"))
            await rows(database_url, f"select pg_terminate_backend(pid) {waiting}")
            with pytest.raises(UnavailableError):
                await writing
        assert await store.position(SPOOL) == 0
        again = await store.write(commit, PlainDesk(), SPOOL)
    assert (again.inserted, again.incidents, again.duplicates) == (2, 1, 0)


async def test_an_inventory_must_be_known_before_writing(postgres_url: str) -> None:
    async with Store.open(settings_for(postgres_url)) as store:
        await store.migrate()
        with pytest.raises(NotStorableError):
            await store.write(Commit(batches=[voltages([0], T0, [1])]), PlainDesk(), SPOOL)
