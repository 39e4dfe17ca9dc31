"""Single requests that somebody wants answered between polls: those of recalls. No sockets."""

from __future__ import annotations

import asyncio
from collections import deque

from drivers.modbus.client import ConnectionLostError
from drivers.modbus.plan import Read
from drivers.modbus.share import Share
from gateway.core.errors import FeederlineError


class Fetch:
    """One request to the device `key`. Whoever waits for it gets bytes as they came, or what happened instead."""

    __slots__ = ("_future", "key", "read")

    def __init__(self, key: int, read: Read) -> None:
        self.key = key
        self.read = read
        self._future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    @property
    def over(self) -> bool:
        return self._future.done()

    async def wait(self) -> bytes:
        return await self._future

    def answer(self, data: bytes) -> None:
        if not self.over:
            self._future.set_result(data)

    def fail(self, error: FeederlineError) -> None:
        if not self.over:
            self._future.set_exception(error)


class Fetches:
    """Oldest first. Where polls are dense they get a tenth of the line together: nobody waits for the past."""

    def __init__(self) -> None:
        self._waiting: deque[Fetch] = deque()
        self._taken: set[Fetch] = set()
        self._share = Share(10)

    async def put(self, key: int, read: Read) -> bytes:
        """Raises NoAnswerError, RefusedByDeviceError, ConnectionLostError."""
        fetch = Fetch(key, read)
        self._waiting.append(fetch)
        return await fetch.wait()

    def next_at(self, now: int, next_poll: int | None) -> int | None:
        """When one may be taken, `now` at the earliest, given when the next poll is due; None while none waits."""
        while self._waiting and self._waiting[0].over:  # nobody waits for it any more
            self._waiting.popleft()
        return self._share.next_at(now, next_poll) if self._waiting else None

    def take(self, now: int, next_poll: int | None) -> Fetch | None:
        at = self.next_at(now, next_poll)
        if at is None or at > now:
            return None
        fetch = self._waiting.popleft()
        self._taken.add(fetch)
        return fetch

    def done(self, fetch: Fetch, began: int, now: int) -> None:
        """It took the line from `began` until `now`, whatever came of it."""
        self._taken.discard(fetch)
        self._share.used(began, now)

    def dismiss(self, why: str) -> None:
        """Nothing can be fetched any more; who waits is told so."""
        for fetch in (*self._waiting, *self._taken):
            fetch.fail(ConnectionLostError(why))
        self._waiting.clear()
        self._taken.clear()
