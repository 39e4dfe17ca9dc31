"""One writing gateway per database, said by a lock that goes with its connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.core.errors import UnavailableError
from gateway.core.model import Commit
from gateway.store import Store
from gateway.store.sole import OvertakenError
from tests.integration.store_world import SPOOL, T0, PlainDesk, outage, ready_store, rows
from tests.waiting import until

HOLDERS = """
select pid from pg_locks
 where locktype = 'advisory' and granted
   and database = (select oid from pg_database where datname = current_database())
"""


@asynccontextmanager
async def holding(store: Store) -> AsyncIterator[asyncio.Task[None]]:
    task: asyncio.Task[None] = asyncio.create_task(store.sole.hold())
    await asyncio.sleep(0)  # from its first step on nothing may be written
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def write(store: Store, revision: int) -> None:
    commit = Commit(upto=revision, at=T0, events=[outage(revision=revision)])
    await store.write(commit, PlainDesk(), SPOOL)


async def cut(url: str) -> None:
    """The administrator ends the connection that holds the lock."""
    ended = await rows(url, f"select pg_terminate_backend(pid) from ({HOLDERS}) h")
    assert ended == [(True,)]


async def test_who_never_asked_may_write_beside_who_did(postgres_url: str) -> None:
    async with ready_store(postgres_url) as gateway, ready_store(postgres_url) as tool, holding(gateway):
        await gateway.sole.held()
        await write(gateway, 1)
        await write(tool, 2)


async def test_a_second_gateway_waits_until_the_first_ends(database_url: str) -> None:
    async with (
        ready_store(database_url, application_name="north") as first,
        ready_store(database_url, application_name="south") as second,
    ):
        async with holding(first):
            await first.sole.held()
            [(pid,)] = await rows(database_url, HOLDERS)
            async with holding(second):
                await until(lambda: "north" in second.sole.trouble, 10, "the second to know of the first")
                with pytest.raises(UnavailableError) as refused:
                    await write(second, 1)
                assert str(refused.value) == (
                    f"another gateway (north, process {pid} of the server) writes to this database; "
                    "waiting until it ends"
                )
                await write(first, 1)
        async with holding(second):
            await second.sole.held()
            await write(second, 2)
    assert await rows(database_url, "select revision from incident") == [(2,)]


async def test_a_waiting_gateway_goes_on_when_the_first_is_gone(postgres_url: str) -> None:
    async with (
        ready_store(postgres_url) as first,
        ready_store(postgres_url) as second,
        holding(first) as held,
    ):
        await first.sole.held()
        async with holding(second):
            await until(lambda: "another gateway" in second.sole.trouble, 10, "the second to wait")
            held.cancel()
            await asyncio.wait_for(second.sole.held(), 10)
            await write(second, 1)


async def test_a_lost_connection_stops_writing_until_the_lock_is_held_again(database_url: str) -> None:
    async with ready_store(database_url) as store, holding(store):
        await store.sole.held()
        before = await rows(database_url, HOLDERS)
        await cut(database_url)
        await until(lambda: store.sole.trouble != "", 10, "the loss to be noticed")
        with pytest.raises(UnavailableError, match="holding the right to write"):
            await write(store, 1)
        await asyncio.wait_for(store.sole.held(), 10)
        assert await rows(database_url, HOLDERS) != before
        await write(store, 1)


async def test_a_gateway_that_was_overtaken_does_not_go_on_with_what_it_knew(postgres_url: str) -> None:
    async with (
        ready_store(postgres_url) as first,
        ready_store(postgres_url) as second,
        holding(first) as held,
    ):
        await first.sole.held()
        # The second is let in as if it had been quicker: the lock is taken from the first and given to it at once.
        first.sole._settings = first.settings.model_copy(update={"url": "postgresql://u@127.0.0.1:1/nobody"})
        await cut(postgres_url)
        async with holding(second):
            await asyncio.wait_for(second.sole.held(), 10)
            first.sole._settings = first.settings
            await until(held.done, 20, "the first to see that it was overtaken")
            assert isinstance(held.exception(), OvertakenError)
            with pytest.raises(UnavailableError):
                await write(first, 1)
