"""Runs one gateway after the other in one process, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from gateway.api.access.auditing import AuditTrail
from gateway.api.serving import bind
from gateway.backing import Backing
from gateway.compose import Parts, compose, inventory_files, spool_directory
from gateway.core.clock import Clock, SystemClock
from gateway.core.errors import FeederlineError, first_of
from gateway.logs import set_up_logging
from gateway.reload import Reloader
from gateway.running import Gateway
from gateway.spool import Spool
from gateway.supervise import on_signals
from gateway.timekeeper import Timekeeper

log = logging.getLogger(__name__)


async def run_gateway(parts: Parts, *, clock: Clock | None = None, stop: asyncio.Event | None = None) -> None:
    """Run until SIGINT, SIGTERM or `stop`; what was read by then is stored before this returns. SIGHUP, or an import,
    goes on with what is then on disk, in the same process.

    Raises FeederlineError when something is wrong that only a person can mend.
    """
    config = parts.config
    clock = clock or SystemClock()
    stop = stop or asyncio.Event()
    listener = bind(config.api)
    async with contextlib.AsyncExitStack() as stack:
        with contextlib.ExitStack() as holding:
            holding.callback(listener.close)
            spool = await stack.enter_async_context(
                Spool(spool_directory(config), max_bytes=config.gateway.spool_max_mb << 20)
            )
            known = spool.devices()
            if list(parts.inventory.ids[: len(known)]) != known:  # another gateway had it until just now
                parts = compose(config, clock=clock, known=known, file=parts.file)
            reloader = Reloader(parts, listener, clock=clock, stopping=stop)
            stack.push_async_callback(reloader.close)
            holding.pop_all()
        stack.enter_context(on_signals(stop, reloader.reread))
        await asyncio.to_thread(finish_import, parts)
        try:
            async with asyncio.TaskGroup() as group:
                await _generations(reloader, spool, clock, stop, Backing(group))
        except* FeederlineError as found:
            raise first_of(found) from None
    log.info("stopped")


async def _generations(
    reloader: Reloader, spool: Spool, clock: Clock, stop: asyncio.Event, backing: Backing
) -> None:
    """One gateway after the other: each until the next one is ready, the last until `stop`."""
    settings = reloader.parts.config.gateway
    keeper = Timekeeper(clock, last=spool.heard_at)
    started_at = clock.now()
    trail: AuditTrail | None = None
    try:
        while True:
            parts = reloader.parts
            reloader.running()
            spool.remember_devices(parts.inventory.ids)
            spool.max_bytes = parts.config.gateway.spool_max_mb << 20
            if settings != (settings := parts.config.gateway):
                set_up_logging(settings.log_level, settings.log_format)
            keeper.pace(settings.tick_s, max(settings.absent_after_s, 2 * settings.tick_s))
            store = await backing.store(parts.config.database)
            trail = trail or AuditTrail(store.access, clock)
            trail.move(store.access)
            gateway = Gateway(
                parts,
                spool,
                store,
                reloader=reloader,
                clock=clock,
                keeper=keeper,
                trail=trail,
                connect=backing.hold,
                started_at=started_at,
            )
            await gateway.run(stop, reloader.wanted)
            if stop.is_set():
                return
            log.info("going on with another inventory or configuration")
    finally:
        if trail is not None:
            trail.close()
        await backing.close()


def finish_import(parts: Parts) -> None:
    """Put in place what an interrupted import left; what is valid is known without it."""
    try:
        if inventory_files(parts.config).finish():
            log.warning("an import that was interrupted is finished")
    except FeederlineError as exc:
        log.error("an interrupted import cannot be finished", extra={"error": str(exc)})  # noqa: TRY400
