"""Devices of one endpoint that somebody wants asked now, ahead of their turn. Pure bookkeeping: no sockets."""

from __future__ import annotations

import asyncio


class _Waiting:
    """asked: whether it was answered or not, it was asked;  interrupted: the end of a connection cut it short once."""

    __slots__ = ("asked", "interrupted", "over")

    def __init__(self) -> None:
        self.asked = False
        self.interrupted = False
        self.over = asyncio.Event()


class Questions:
    """Oldest first, one per device. While polls are due they have right of way over what a question cost: where the
    line is busy, questions together get a fifth of it, so that silent devices cannot hold up the living ones."""

    def __init__(self) -> None:
        self._waiting: dict[int, _Waiting] = {}
        self._taken: dict[int, _Waiting] = {}
        self._free_at = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    async def put(self, key: int) -> bool:
        """Wait until the device has been asked; False when it could not be."""
        waiting = self._waiting.get(key) or self._taken.get(key) or self._waiting.setdefault(key, _Waiting())
        try:
            await waiting.over.wait()
        except asyncio.CancelledError:
            if self._waiting.get(key) is waiting:
                del self._waiting[key]
                waiting.over.set()
            raise
        return waiting.asked

    def take(self, now: int, next_poll: int | None) -> int | None:
        """The next device to ask at `now`; None when there is none, or when a poll is due and goes first."""
        if not self._waiting or (now < self._free_at and next_poll is not None and next_poll <= now):
            return None
        key = next(iter(self._waiting))
        self._taken[key] = self._waiting.pop(key)
        return key

    def done(self, key: int, began: int, now: int) -> None:
        """It was asked from `began` until `now`, whatever came of it."""
        self._free_at = now + 4 * (now - began)
        waiting = self._taken.pop(key)
        waiting.asked = True
        waiting.over.set()

    def interrupted(self, key: int) -> None:
        """The connection ended before the answer came: once more over the next one, then no more."""
        waiting = self._taken.pop(key)
        if waiting.interrupted:
            waiting.over.set()
        else:
            waiting.interrupted = True
            self._waiting[key] = waiting

    def dismiss(self) -> None:
        """Nobody can be asked any more; who waits is let go."""
        for waiting in (*self._waiting.values(), *self._taken.values()):
            waiting.over.set()
        self._waiting.clear()
        self._taken.clear()
