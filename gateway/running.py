"""One running gateway: its parts as named tasks of one group until told to stop; what was read by then is stored."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from alerts.dispatch import Dispatcher
from alerts.targets import TargetSettings
from gateway.alarms import Alarms
from gateway.api.access.auditing import AuditTrail
from gateway.api.app import create_app
from gateway.api.serving import serve, url_of
from gateway.api.state import Condition, DriverState
from gateway.asking import Asker
from gateway.compose import Parts
from gateway.core.backoff import Backoff
from gateway.core.clock import Clock
from gateway.core.errors import UnavailableError
from gateway.meterdata.ground import ground as ground_of
from gateway.meterdata.ground import rules_of
from gateway.meterdata.job import MeterData
from gateway.meterdata.recalling import Recaller
from gateway.metrics import SPOOL_BYTES
from gateway.minutes import Minutes
from gateway.pipeline import Pipeline
from gateway.reload import Reloader
from gateway.spool import Spool
from gateway.store import Store
from gateway.supervise import keep_running
from gateway.timekeeper import Timekeeper
from gateway.totals import Summing

log = logging.getLogger(__name__)

T = TypeVar("T")

_UPKEEP_S = 3600.0  # partitions ahead and retention
_LAG_LIMIT = 50_000  # entries behind from which on the gateway does not call itself ready


class Gateway:
    """One running gateway, until the next one. Implements `gateway.api.state.GatewayState`.

    connect: reaches the database and asks for the right to write to it.
    """

    def __init__(
        self,
        parts: Parts,
        spool: Spool,
        store: Store,
        *,
        reloader: Reloader,
        clock: Clock,
        keeper: Timekeeper,
        trail: AuditTrail,
        connect: Callable[[], Awaitable[None]],
        started_at: int,
    ) -> None:
        self.parts = parts
        self.spool = spool
        self.reloader = reloader
        self.clock = clock
        self.keeper = keeper
        self.trail = trail
        self.store = store
        self.started_at = started_at
        self.pipeline: Pipeline | None = None
        self.alarms: Alarms | None = None
        self.asker = Asker(parts.drivers, parts.inventory, parts.config.asking, clock)
        self._connect = connect

    async def run(self, *until: asyncio.Event) -> None:
        """Until one of these is set."""
        settings = self.parts.config.gateway
        async with asyncio.TaskGroup() as group:
            ticking = group.create_task(
                keep_running("time", lambda: self.keeper.run(self.spool)), name="time"
            )
            reading = [
                group.create_task(
                    keep_running(driver.name, functools.partial(driver.run, self.spool)), name=driver.name
                )
                for driver in self.parts.drivers
            ]
            asking = group.create_task(
                keep_running("asking", lambda: self.asker.run(self.spool)), name="asking"
            )
            working = group.create_task(self._work(), name="back office")
            await _any_of(until)
            log.info("stopping; storing what has been read")
            asking.cancel()
            try:
                async with asyncio.timeout(settings.stop_s):
                    await self._wind_down(ticking, patient=until[0].is_set())
            except TimeoutError:
                log.warning("stopped before everything was stored; the spool keeps the rest")
            for task in (ticking, *reading, working):
                task.cancel()

    async def _wind_down(self, ticking: asyncio.Task[None], *, patient: bool) -> None:
        """patient: wait for a database that is away too; else the spool keeps what is for it, and so it goes on."""
        await asyncio.gather(*(driver.stop() for driver in self.parts.drivers))
        ticking.cancel()
        if self.pipeline is not None and (patient or not self.pipeline.trouble):
            await self.pipeline.drain()
            await self.pipeline.snapshot()

    async def _work(self) -> None:
        """Everything that needs the database, once it is there."""
        config, store = self.parts.config, self.store
        app = create_app(
            store,
            settings=config.api,
            state=self,
            sink=self.spool,
            network=self.parts.inventory.network,
            desk=self.parts.desk,
            alerts=config.alerts,
            devices=self.parts.inventory,
            importer=self.reloader,
            access=config.access,
            trail=self.trail,
            drill=config.drill,
            time_zone=config.targets.time_zone,
            clock=self.clock,
        )
        listener = self.reloader.listener.dup()  # serving closes it; the port stays ours
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(listener.close)
            group = await stack.enter_async_context(asyncio.TaskGroup())
            group.create_task(serve(app, config.api, listener), name="api")
            await self._patiently(self._connect)
            await store.sole.held()
            await self._patiently(lambda: self._prepare(store))
            self.pipeline = Pipeline(
                self.spool,
                store,
                self.parts.processors,
                self.parts.desk,
                ask=self.asker.take,
                snapshot_s=config.gateway.snapshot_s,
            )
            group.create_task(self.pipeline.run(), name="pipeline")
            alarms = self.alarms = Alarms(store.lateness, config.alerts, self.clock)
            group.create_task(keep_running("alarms", alarms.run), name="alarms")
            for target in config.alerts.targets:  # one each: a slow target does not hold up the others
                name = f"dispatch {target.name}"
                work = functools.partial(self._dispatch, store, target)
                group.create_task(keep_running(name, work), name=name)
            book = MeterData(
                lambda: ground_of(store, self.parts.inventory, rules_of(config)), self._stored_until
            )
            group.create_task(keep_running("meter data", lambda: book.run(self.spool)), name="meter data")
            recaller = Recaller(
                self.parts.drivers, self.parts.inventory, store.meterdata, config.meterdata, self.clock
            )
            group.create_task(keep_running("recalls", lambda: recaller.run(self.spool)), name="recalls")
            minutes = Minutes(store.minutes, self.condition, self.ready, self.clock)
            group.create_task(keep_running("minutes", minutes.run), name="minutes")
            summing = Summing(store.totals, self.clock)
            group.create_task(keep_running("totals", summing.run), name="totals")
            group.create_task(keep_running("upkeep", lambda: self._upkeep(store)), name="upkeep")
            log.info("gateway runs", extra={"page": url_of(listener, tls=config.api.tls is not None)})

    async def _prepare(self, store: Store) -> None:
        """Bring the schema up to date, hand over inventory and targets, and hold tickets to the limits of now."""
        config = self.parts.config
        await store.migrate()
        diff = await store.sync_inventory(self.parts.inventory)
        shared: dict[str, float | str] = {
            "sustained_threshold_s": config.outage.sustained_s,
            "sustained_comparator": config.outage.sustained_comparator,
            "max_clock_error_s": config.outage.max_clock_error_s,
            "page_url": self._page(),
            "sla": config.alerts.sla.model_dump_json(),
        }
        await store.put_settings(shared | config.targets.values() | config.indices.values() | config.limits())
        await store.review_tickets(at=self.clock.now())
        if changes := str(diff):
            log.info("inventory is in the database", extra={"changes": changes})

    def _page(self) -> str:
        """Where people reach the page."""
        config = self.parts.config
        served = url_of(self.reloader.listener, tls=config.api.tls is not None)
        return config.api.public_url or config.alerts.public_url.rstrip("/") or served

    def _stored_until(self) -> int:
        """Stream time before which everything heard is in the database; 0 while that is not known."""
        pipeline = self.pipeline
        return 0 if pipeline is None or pipeline.trouble else pipeline.stored_at

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Repeat `work` until the database is there; the field is heard meanwhile, and the spool keeps it."""
        backoff = Backoff(base_s=0.5, cap_s=15.0)
        while True:
            try:
                return await work()
            except UnavailableError as exc:
                log.warning("database is away; what arrives is kept in the spool", extra={"error": str(exc)})
            await backoff.sleep()

    async def _dispatch(self, store: Store, target: TargetSettings) -> None:
        """Send what is for one target; nobody else acts under this spool's name."""
        outbox = store.outbox([target.name], owner=str(self.spool.id))
        try:
            await outbox.release()
            await Dispatcher(outbox, target, self.clock, self.parts.config.alerts).run()
        finally:
            await outbox.close()

    async def _upkeep(self, store: Store) -> None:
        while True:
            await store.maintain(self.clock.now())
            await store.access.prune_sessions(self.clock.now())
            await asyncio.sleep(_UPKEEP_S)

    # -- what the API asks ----------------------------------------------------------------------------------------

    def ready(self) -> list[str]:
        reasons: list[str] = []
        if self.pipeline is None:
            reasons.append(self.store.sole.trouble or "the database has not been reached since the start")
        elif self.pipeline.trouble:
            reasons.append(f"database: {self.pipeline.trouble}")
        elif self.pipeline.lag > _LAG_LIMIT:
            reasons.append(f"{self.pipeline.lag} entries wait to be stored")
        if self.keeper.trouble:
            reasons.append(self.keeper.trouble)
        reasons += [f"{driver.name}: {driver.trouble}" for driver in self.parts.drivers if driver.trouble]
        if self.spool.trouble:
            reasons.append(f"spool: {self.spool.trouble}")
        if self.spool.size >= self.spool.max_bytes:
            reasons.append("the spool is full; sources are made to wait")
        return reasons

    def condition(self) -> Condition:
        SPOOL_BYTES.set(self.spool.size)
        pipeline = self.pipeline
        return Condition(
            started_at=self.started_at,
            stream_at=pipeline.at if pipeline else 0,
            spool_bytes=self.spool.size,
            lag_entries=pipeline.lag if pipeline else self.spool.last - self.spool.first + 1,
            drivers=tuple(
                DriverState(
                    name=driver.name, state="waiting" if driver.trouble else "running", detail=driver.trouble
                )
                for driver in self.parts.drivers
            ),
            alarms=self.alarms.troubles if self.alarms else (),
        )


async def _any_of(events: Sequence[asyncio.Event]) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
