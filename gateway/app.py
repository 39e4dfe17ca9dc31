"""Runs the parts as named tasks of one group until told to stop, and what was read by then is stored."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import TypeVar

from alerts.dispatch import Dispatcher
from alerts.targets import TargetSettings
from gateway.api.app import create_app
from gateway.api.serving import bind, serve, url_of
from gateway.api.state import Condition, DriverState
from gateway.asking import Asker
from gateway.compose import Parts, compose, spool_directory
from gateway.core.backoff import Backoff
from gateway.core.clock import Clock, SystemClock
from gateway.core.errors import FeederlineError, UnavailableError
from gateway.metrics import SPOOL_BYTES
from gateway.pipeline import Pipeline
from gateway.spool import Spool
from gateway.store import Store
from gateway.supervise import keep_running
from gateway.timekeeper import Timekeeper

log = logging.getLogger(__name__)

T = TypeVar("T")

_UPKEEP_S = 3600.0  # partitions ahead and retention
_LAG_LIMIT = 50_000  # entries behind from which on the gateway does not call itself ready


async def run_gateway(parts: Parts, *, clock: Clock | None = None, stop: asyncio.Event | None = None) -> None:
    """Run until SIGINT, SIGTERM or `stop`; what was read by then is stored before this returns.

    Raises FeederlineError when something is wrong that only a person can mend.
    """
    config = parts.config
    clock = clock or SystemClock()
    stop = stop or asyncio.Event()
    listener = bind(config.api)
    with contextlib.closing(listener), _stopping_on_signals(stop):
        async with Spool(spool_directory(config), max_bytes=config.gateway.spool_max_mb << 20) as spool:
            known = spool.devices()
            if list(parts.inventory.ids[: len(known)]) != known:  # another gateway had it until just now
                parts = compose(config, clock=clock, known=known)
            spool.remember_devices(parts.inventory.ids)
            try:
                await Gateway(parts, spool, listener, clock).run(stop)
            except* FeederlineError as group:
                raise _first(group) from None
    log.info("stopped")


class Gateway:
    """One running gateway. Implements `gateway.api.state.GatewayState`."""

    def __init__(self, parts: Parts, spool: Spool, listener: socket.socket, clock: Clock) -> None:
        self.parts = parts
        self.spool = spool
        self.listener = listener
        self.clock = clock
        self.started_at = clock.now()
        self.store: Store | None = None
        self.pipeline: Pipeline | None = None
        self.asker = Asker(parts.drivers, parts.inventory, parts.config.asking, clock)
        settings = parts.config.gateway
        self.keeper = Timekeeper(
            clock,
            last=spool.heard_at,
            period_s=settings.tick_s,
            absent_after_s=max(settings.absent_after_s, 2 * settings.tick_s),
        )

    async def run(self, stop: asyncio.Event) -> None:
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
            await stop.wait()
            log.info("stopping; storing what has been read")
            asking.cancel()
            try:
                async with asyncio.timeout(settings.stop_s):
                    await self._wind_down(ticking)
            except TimeoutError:
                log.warning("stopped before everything was stored; the spool keeps the rest")
            for task in (ticking, *reading, working):
                task.cancel()

    async def _wind_down(self, ticking: asyncio.Task[None]) -> None:
        await asyncio.gather(*(driver.stop() for driver in self.parts.drivers))
        ticking.cancel()
        if self.pipeline is not None:
            await self.pipeline.drain()
            await self.pipeline.snapshot()

    async def _work(self) -> None:
        """Everything that needs the database, once it is there."""
        config = self.parts.config
        store = self.store = Store.unopened(config.database)
        app = create_app(
            store,
            settings=config.api,
            state=self,
            sink=self.spool,
            network=self.parts.inventory.network,
            time_zone=config.targets.time_zone,
            clock=self.clock,
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(serve(app, config.api, self.listener), name="api")
                await self._patiently(store.connect)
                group.create_task(store.sole.hold(), name="sole writer")
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
                for target in config.alerts.targets:  # one each: a slow target does not hold up the others
                    name = f"dispatch {target.name}"
                    work = functools.partial(self._dispatch, store, target)
                    group.create_task(keep_running(name, work), name=name)
                group.create_task(keep_running("upkeep", lambda: self._upkeep(store)), name="upkeep")
                log.info("gateway runs", extra={"page": url_of(self.listener)})
        finally:
            await store.close()

    async def _prepare(self, store: Store) -> None:
        """Bring the schema up to date and hand over inventory and targets."""
        config = self.parts.config
        await store.migrate()
        diff = await store.sync_inventory(self.parts.inventory)
        await store.put_settings(
            {
                "sustained_threshold_s": config.outage.sustained_s,
                "max_clock_error_s": config.outage.max_clock_error_s,
            }
            | config.targets.values()
            | config.indices.values()
        )
        if changes := str(diff):
            log.info("inventory is in the database", extra={"changes": changes})

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
        await outbox.release()
        await Dispatcher(outbox, [target], self.clock, self.parts.config.alerts).run()

    async def _upkeep(self, store: Store) -> None:
        while True:
            await store.maintain(self.clock.now())
            await asyncio.sleep(_UPKEEP_S)

    # -- what the API asks ----------------------------------------------------------------------------------------

    def ready(self) -> list[str]:
        reasons: list[str] = []
        if self.pipeline is None:
            waits = self.store.sole.trouble if self.store else ""
            reasons.append(waits or "the database has not been reached since the start")
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
        )


@contextlib.contextmanager
def _stopping_on_signals(stop: asyncio.Event):  # type: ignore[no-untyped-def]
    """The first Ctrl-C or SIGTERM asks to stop; a second one cancels at once."""
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()

    def on_signal() -> None:
        if stop.is_set() and main is not None:
            main.cancel()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _first(group: BaseExceptionGroup[FeederlineError]) -> FeederlineError:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
