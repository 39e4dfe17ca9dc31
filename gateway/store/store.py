"""The store: what the rest of the gateway asks of the database."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import numpy as np
import psycopg
from psycopg_pool import AsyncConnectionPool

from gateway.core.errors import FeederlineError, RefusedError
from gateway.core.inventory import Inventory
from gateway.core.model import Commit, Incident, Interruption, PlannedOutage
from gateway.core.ports import TicketDesk
from gateway.store import incidents, inventory, maintenance, planned, tickets, writer
from gateway.store.access import Access
from gateway.store.accounts import Accounts
from gateway.store.acts import TicketActs
from gateway.store.bookkeeping import BookKeeping
from gateway.store.changes import Changes
from gateway.store.completeness import Completeness, Delivered, compare
from gateway.store.corrections import Corrections
from gateway.store.deliveries import Deliveries
from gateway.store.devices import DeviceKeys
from gateway.store.drills import Drills
from gateway.store.errors import boundary
from gateway.store.instructions import Instructions
from gateway.store.inventory import InventoryDiff
from gateway.store.lateness import Lateness
from gateway.store.meterdata import MeterData
from gateway.store.meterlists import MeterLists
from gateway.store.metrics import FAULTS, ROWS, WRITE_SECONDS
from gateway.store.migrate import Migrated, migrate, not_ours
from gateway.store.minutes import GatewayMinutes
from gateway.store.outbox import PostgresOutbox
from gateway.store.pool import build, connect
from gateway.store.quality import Quality
from gateway.store.queries import sql
from gateway.store.reports import Reports
from gateway.store.rows import when
from gateway.store.settings import DatabaseSettings
from gateway.store.sole import SoleWriter
from gateway.store.supply import Supply
from gateway.store.targets import TargetStates
from gateway.store.text import storable
from gateway.store.told import Teller
from gateway.store.totals import Totals
from gateway.store.usage import Usage
from gateway.store.writer import Written

log = logging.getLogger(__name__)


class Store:
    """One per process. Every method raises UnavailableError while the database is away; trying again is safe."""

    def __init__(
        self, settings: DatabaseSettings, pool: AsyncConnectionPool[psycopg.AsyncConnection]
    ) -> None:
        self.settings = settings
        self.reports = Reports(pool)
        self.accounts = Accounts(pool)
        self.corrections = Corrections(pool)
        self.access = Access(pool)
        self.supply = Supply(pool)
        self.changes = Changes(settings)
        self._teller = Teller()
        self.acts = TicketActs(pool, lambda: self.devices, self._teller)
        self.deliveries = Deliveries(pool)
        self.targets = TargetStates(pool)
        self.instructions = Instructions(pool)
        self.drills = Drills(pool)
        self.lateness = Lateness(pool)
        self.meterdata = MeterData(pool, lambda: self.devices)
        self.meterlists = MeterLists(pool, lambda: self.devices)
        self.usage = Usage(pool, lambda: self.devices)
        self.quality = Quality(pool, lambda: self.devices)
        self.bookkeeping = BookKeeping(pool, lambda: self.devices)
        self.sole = SoleWriter(settings)
        self.minutes = GatewayMinutes(pool, self.sole)
        self.totals = Totals(pool, self.sole)
        self.devices = DeviceKeys(np.empty(0, np.int32), np.empty(0, np.int32))
        self._pool = pool
        self._outboxes: set[PostgresOutbox] = set()

    @classmethod
    def unopened(cls, settings: DatabaseSettings) -> Store:
        """A store that is not connected yet: until `connect` every method raises UnavailableError.

        Raises InvalidInputError when the password's variable or file is missing.
        """
        return cls(settings, build(settings))

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: DatabaseSettings) -> AsyncIterator[Store]:
        """Connect; on leaving, close all connections. Raises what `unopened` and `connect` raise."""
        store = cls.unopened(settings)
        try:
            await store.connect()
            yield store
        finally:
            await store.close()

    async def connect(self) -> None:
        """Raises:
        UnavailableError: nobody answers there; the message says what to do.
        RefusedError: wrong password, unknown database or role, or a server too old.
        """
        probe = await connect(self.settings)
        await probe.close()
        with boundary("opening the database"):
            # Not told to wait: a pool that waited in vain cannot be opened again.
            await self._pool.open()

    async def close(self) -> None:
        for outbox in list(self._outboxes):
            await outbox.close()
        await self._pool.close()

    async def migrate(self) -> Migrated:
        """Bring the schema up to date; safe to call from several gateways at once.

        Raises RefusedError when the database is not ours to change, or newer than this program.
        """
        conn = await connect(self.settings)
        try:
            with boundary("migrating the database"):
                try:
                    done = await migrate(conn, self.settings)
                except psycopg.errors.InsufficientPrivilege as exc:
                    raise await not_ours(conn, exc) from exc
                await self._pool.drain()  # connections made before may lack the group and the schema
        finally:
            await conn.close()
        return done

    async def sync_inventory(self, listed: Inventory) -> InventoryDiff:
        """Make the database's devices and nodes those of `listed`, all or nothing; needed before `write`."""
        with boundary("writing the inventory"):
            async with self._pool.connection() as conn:
                diff, keys = await inventory.sync(conn, listed)
        self.devices = DeviceKeys(keys, listed.customers.copy())
        return diff

    async def put_settings(self, settings: Mapping[str, float | str]) -> None:
        """Write thresholds and targets for SQL and dashboards; names not given keep their values."""
        given = {
            "name": list(settings),
            "value": [storable(v) if isinstance(v, str) else format(v, ".15g") for v in settings.values()],
            "number": [None if isinstance(v, str) else float(v) for v in settings.values()],
        }
        with boundary("writing settings"):
            async with self._pool.connection() as conn:
                await conn.execute(sql("setting_upsert"), given)

    async def write(self, commit: Commit, desk: TicketDesk, spool: UUID) -> Written:
        """Write one stretch of the stream in one transaction; a second time changes nothing.

        Raises:
            NotStorableError: these data will never be taken; nothing was written.
            UnavailableError: try again; so too while `sole` is being waited for.
        """
        try:
            self.sole.check()
            with boundary("writing"), WRITE_SECONDS.time():
                async with self._pool.connection() as conn:
                    written, happened = await writer.write(conn, commit, desk, spool, self.devices)
        except FeederlineError as exc:
            FAULTS.labels(type(exc).__name__).inc()
            raise
        self._teller.tell(happened)
        self.minutes.count(written)
        ROWS.labels("inserted").inc(written.inserted)
        ROWS.labels("merged").inc(written.merged)
        ROWS.labels("duplicate").inc(written.duplicates)
        return written

    async def review_tickets(self, *, at: int) -> None:
        """Let the desk be asked about every ticket that lives once the stream gets to `at`: another configuration may
        have other limits."""
        with boundary("reviewing tickets"):
            async with self._pool.connection() as conn:
                await tickets.review(conn, at)

    async def position(self, spool: UUID) -> int:
        """Last sequence number of that spool that is written; 0 before the first."""
        with boundary("reading the position"):
            async with self._pool.connection() as conn:
                row = await (await conn.execute(sql("position"), {"spool": spool})).fetchone()
        return 0 if row is None else int(row[0])

    async def open_incidents(self) -> list[Incident]:
        """Incidents that are open or wait for verification, exercises too (`drill`), oldest first, members under local
        keys."""
        with boundary("reading incidents"):
            async with self._pool.connection() as conn:
                return await incidents.select(conn, "incident_live", {}, self.devices)

    async def open_interruptions(self) -> list[Interruption]:
        """What `open_incidents` have told of their members: their interruptions, ended ones too, under local keys."""
        with boundary("reading interruptions"):
            async with self._pool.connection() as conn:
                return await incidents.live_interruptions(conn, self.devices)

    async def planned_outages(self, *, since: int) -> list[PlannedOutage]:
        """Announced windows that end later than `since`, as last announced, in the order in which they were told;
        withdrawn ones too."""
        with boundary("reading planned outages"):
            async with self._pool.connection() as conn:
                return await planned.select(conn, "planned_outage_since", {"since": when(since)})

    def outbox(self, targets: Collection[str] | None = None, *, owner: str | None = None) -> PostgresOutbox:
        """Deliveries for these targets (None: all); closed with the store at the latest.

        owner: a name that outlives restarts, of one dispatcher at a time; without one, claims of a killed dispatcher
        are free only when their lease ends.
        """
        outbox = PostgresOutbox(
            self._pool, self.settings, targets, owner=owner or str(uuid4()), closed=self._outboxes.discard
        )
        self._outboxes.add(outbox)
        return outbox

    async def maintain(self, now: int) -> None:
        """Partitions ahead and retention; daily or more often."""
        conn = await connect(self.settings)
        try:
            with boundary("maintaining the database"):
                await conn.execute(sql("session"), {"role": self.settings.role, "statement_timeout": "0"})
                row = await (await conn.execute(sql("is_timescale"))).fetchone()
                if row is None:
                    raise RefusedError("the database has no schema yet; run migrate first")
                await maintenance.maintain(conn, self.settings, now, timescale=row[0])
        finally:
            await conn.close()

    async def ping(self) -> None:
        """Return when the database answers and its schema is there."""
        with boundary("asking the database"):
            async with self._pool.connection() as conn:
                await conn.execute(sql("is_timescale"))

    async def completeness(self, delivered: Delivered) -> Completeness:
        """Hold what sources say they delivered against what is stored."""
        with boundary("counting what is stored"):
            async with self._pool.connection() as conn:
                return await compare(conn, delivered)

    async def devices_heard(self) -> int:
        """How many devices have at least one reading; looks through the whole table, for small databases."""
        with boundary("counting devices"):
            async with self._pool.connection() as conn:
                row = await (await conn.execute(sql("devices_heard"))).fetchone()
        return 0 if row is None else int(row[0])
