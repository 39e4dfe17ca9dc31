"""What one gateway leaves to the next one in the same process: the database, and the right to write to it."""

from __future__ import annotations

import asyncio

from gateway.store import DatabaseSettings, Store


class Backing:
    """A reload must not let go of the right to write: another gateway may be waiting for it."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._store: Store | None = None
        self._holding: asyncio.Task[None] | None = None

    async def store(self, settings: DatabaseSettings) -> Store:
        """The one there is, or another where these settings are other ones."""
        if self._store is None or self._store.settings != settings:
            await self.close()
            self._store = Store.unopened(settings)
        return self._store

    async def hold(self) -> None:
        """Connect and return when this gateway may write. Raises what `Store.connect` raises."""
        store = self._store
        assert store is not None
        if self._holding is None:
            await store.connect()
            self._holding = self._group.create_task(store.sole.hold(), name="sole writer")

    async def close(self) -> None:
        if self._holding is not None:
            self._holding.cancel()
            await asyncio.wait([self._holding])
        if self._store is not None:
            await self._store.close()
        self._store = self._holding = None
