"""Takes another inventory or configuration for a running gateway: one change after the other, whole or not at all.

What is taken is made ready beside what runs. The gateway then ends what it runs in good order and goes on with the
newest that is ready, within the same process: spool, port and right to write stay.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import socket
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from gateway.api.serving import bind
from gateway.compose import Parts, compose, inventory_files, load
from gateway.core.clock import Clock
from gateway.core.errors import FeederlineError, InvalidInputError, UnavailableError
from gateway.inventoryfiles import InventoryFiles, Table, Tables
from gateway.inventoryimport import Difference, Imported, Loaded, compare
from gateway.store import Store

log = logging.getLogger(__name__)

T = TypeVar("T")


class Reloader:
    """Implements `gateway.inventoryimport.Importer`.

    parts: what runs, or will run next; its devices begin with those that the spool knows;  wanted: set while there is
    something that does not run yet;  stopping: nothing is taken any more.
    """

    def __init__(
        self,
        parts: Parts,
        listener: socket.socket,
        *,
        clock: Clock,
        stopping: asyncio.Event,
    ) -> None:
        self.parts = parts
        self.listener = listener
        self.wanted = asyncio.Event()
        self._clock = clock
        self._stopping = stopping
        self._since = clock.now()
        self._trouble = ""
        self._one_by_one = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._asked = False  # a rereading waits to begin

    # -- what the API asks ----------------------------------------------------------------------------------------

    async def take(
        self, *, network: bytes | None, devices: bytes | None, dry_run: bool, allow_retire: bool
    ) -> Imported:
        given = {"network": network, "devices": devices}
        texts = {part: data for part, data in given.items() if data is not None}
        # Whoever asked may go away; what was begun is done.
        work = self._begin(self._take(texts, dry_run=dry_run, allow_retire=allow_retire), "import")
        return await asyncio.shield(work)

    def loaded(self) -> Loaded:
        return Loaded(
            revision=self.parts.revision,
            since=self._since,
            reloading=self.wanted.is_set() and not self._stopping.is_set(),
            trouble=self._trouble,
        )

    # -- what the gateway asks --------------------------------------------------------------------------------------

    def reread(self) -> None:
        """Take the configuration and the inventory as they now are on disk; faults are logged and nothing changes."""
        if not self._asked and not self._stopping.is_set():
            self._asked = True
            self._begin(self._reread(), "reread")

    def running(self) -> None:
        """The parts run now."""
        self.wanted.clear()
        self._since = self._clock.now()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self.listener.close()

    def _begin(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _take(self, texts: dict[str, bytes], *, dry_run: bool, allow_retire: bool) -> Imported:
        async with self._one_by_one:
            self._check()
            before, files = self.parts, inventory_files(self.parts.config)
            tables = await asyncio.to_thread(with_texts, files, texts)
            make = functools.partial(
                compose,
                before.config,
                clock=self._clock,
                known=before.inventory.ids,
                tables=tables,
                file=before.file,
            )
            parts, difference = await asyncio.to_thread(_made, make, before)
            refused = difference.needs_consent(before.config.inventory.retire_share)
            if dry_run or (refused and not allow_retire):
                if not dry_run:
                    raise InvalidInputError(refused)
                return Imported(
                    difference=difference, revision=parts.revision, dry_run=True, refused=tuple(refused)
                )
            self._check()
            at = self._clock.now()
            kept = await asyncio.to_thread(functools.partial(files.replace, texts, at=at))
            if parts.revision != before.revision:
                self._set(parts)
            log.info("inventory imported", extra=difference.counts)
            return Imported(
                difference=difference,
                revision=parts.revision,
                dry_run=False,
                kept=tuple(path.name for path in kept),
                reload=parts.revision != before.revision,
            )

    async def _reread(self) -> None:
        async with self._one_by_one:
            self._asked = False
            try:
                await self._reread_now()
            except FeederlineError as exc:
                faults = exc.faults if isinstance(exc, InvalidInputError) else [str(exc)]
                self._trouble = f"the configuration on disk is not taken up: {'; '.join(faults[:3])}"
                for fault in faults:
                    log.error("reload refused; going on as before", extra={"fault": fault})  # noqa: TRY400

    async def _reread_now(self) -> None:
        before = self.parts
        known = before.inventory.ids
        if before.file is not None:
            make = functools.partial(load, before.file, clock=self._clock, known=known)
        else:
            make = functools.partial(compose, before.config, clock=self._clock, known=known)
        parts, difference = await asyncio.to_thread(_made, make, before)
        old, new = before.config, parts.config
        faults = difference.needs_consent(new.inventory.retire_share)
        if old.gateway.data_dir.resolve() != new.gateway.data_dir.resolve():
            faults.append("gateway.data_dir: has changed; that needs a stop and a start")
        if faults:
            raise InvalidInputError(faults)
        if old.database != new.database:  # once the former one is let go of there is no way back
            async with Store.open(new.database):
                pass
        self._check()
        if (old.api.host, old.api.port) != (new.api.host, new.api.port):
            # The former one may be in use until the gateway has come to the new one.
            former, self.listener = self.listener, bind(new.api)
            former.close()
        self._set(parts)
        log.info("configuration reread", extra=difference.counts)

    def _set(self, parts: Parts) -> None:
        self._trouble = ""
        self.parts = parts
        self.wanted.set()

    def _check(self) -> None:
        if self._stopping.is_set():
            raise UnavailableError("the gateway is stopping")


def with_texts(files: InventoryFiles, texts: dict[str, bytes]) -> Tables:
    """What is on disk, with these instead. Raises InvalidInputError for what is on disk and cannot be read."""
    faults: list[str] = []
    standing = files.read(faults) if len(texts) < 2 else Tables(None, None)
    if faults:
        raise InvalidInputError(faults)
    found = standing._asdict()
    for part, data in texts.items():
        found[part] = Table(files.configured[part].name, data)
    return Tables(**found)


def _made(make: Callable[[], Parts], before: Parts) -> tuple[Parts, Difference]:
    parts = make()
    return parts, compare(before.inventory, parts.inventory)
