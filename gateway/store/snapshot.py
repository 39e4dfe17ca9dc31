"""One look at the database that nothing written meanwhile changes: for figures that have to agree with each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import numpy as np
import psycopg

from gateway.core.errors import RefusedError
from gateway.store.accounts import Accounts
from gateway.store.collection import CollectionBook
from gateway.store.devices import DeviceKeys
from gateway.store.drills import Drills
from gateway.store.errors import boundary, place
from gateway.store.migrate import migrations
from gateway.store.pool import connect
from gateway.store.quality import Quality
from gateway.store.queries import sql
from gateway.store.reporting import Reporting
from gateway.store.reports import Reports
from gateway.store.settings import DatabaseSettings

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

_ROLE = "feederline_api"  # may read everything that a report is about
_LONGEST_S = 1800  # a year of a large network takes longer than a page may wait


class _Only:
    """Stands where readers expect a pool, and hands them the one connection there is."""

    def __init__(self, conn: psycopg.AsyncConnection) -> None:
        self._conn = conn

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection]:
        yield self._conn


class Snapshot:
    """Readers that all see the database as it was at one moment. One statement at a time."""

    def __init__(self, conn: psycopg.AsyncConnection) -> None:
        pool = cast("AsyncConnectionPool[psycopg.AsyncConnection]", _Only(conn))
        none = DeviceKeys(np.empty(0, np.int32), np.empty(0, np.int32))
        self.reports = Reports(pool)
        self.accounts = Accounts(pool)
        self.reporting = Reporting(pool)
        self.drills = Drills(pool)
        self.collection = CollectionBook(pool, lambda: none)
        self.quality = Quality(pool, lambda: none)


@asynccontextmanager
async def snapshot(settings: DatabaseSettings) -> AsyncIterator[Snapshot]:
    """A transaction that only reads (REPEATABLE READ, READ ONLY), as the group of the API where the login is a member.

    Raises:
        UnavailableError: nobody answers there.
        RefusedError: wrong password, unknown database, or a schema that is missing or older than this program's.
    """
    conn = await connect(settings)
    try:
        with boundary("opening the database"):
            await _check(conn, settings)
            await conn.execute(sql("session"), {"role": _ROLE, "statement_timeout": f"{_LONGEST_S}s"})
            await conn.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
            await conn.set_read_only(True)
            await conn.set_autocommit(False)
        yield Snapshot(conn)
    finally:
        await conn.close()


async def _check(conn: psycopg.AsyncConnection, settings: DatabaseSettings) -> None:
    """Raises RefusedError where there is not the schema that this program asks of."""
    where = f"the database at {place(settings.url)}"
    try:
        row = await (await conn.execute(sql("schema_version"))).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as exc:
        raise RefusedError(
            f"{where} has no Feederline schema: the gateway makes it when it first starts"
        ) from exc
    wanted = migrations(timescale=False)[-1].version
    if row is None or row[0] is None or row[0] < wanted:
        raise RefusedError(f"{where} has the schema of an older version: start this version's gateway once")
    if row[0] > wanted:
        raise RefusedError(f"{where} has the schema of a newer version than this program")
