"""Devices of one endpoint that somebody wants asked now, ahead of their turn, and what came of it. No sockets."""

from __future__ import annotations

import asyncio

from drivers.modbus.client import OF_ITS_OWN, TARGET_FAILED, RefusedByDeviceError
from drivers.modbus.poll import Asked
from drivers.modbus.share import Share
from gateway.core.model import SignalKind


def verdict(asked: Asked, *, path_lives: bool) -> tuple[str, SignalKind | None]:
    """(outcome as the metrics call it, the signal to give, if any).

    path_lives: whether somebody else was heard over the same path, or nobody else is there; only then silence means
    something. A refusal that only whoever has the registers can give is a sign of life; others may be a gateway's.
    """
    if asked.image is not None:
        return "answered", None
    if not isinstance(asked.failure, RefusedByDeviceError):
        return ("unanswered", SignalKind.PING_FAILED) if path_lives else ("unheard", None)
    if asked.failure.code in TARGET_FAILED:
        return "target_failed", SignalKind.TARGET_FAILED
    return ("answered", SignalKind.PING_OK) if asked.failure.code in OF_ITS_OWN else ("refused", None)


class _Waiting:
    """asked: whether it was answered or not, it was asked;  interrupted: the end of a connection cut it short once."""

    __slots__ = ("asked", "interrupted", "over")

    def __init__(self) -> None:
        self.asked = False
        self.interrupted = False
        self.over = asyncio.Event()


class Questions:
    """Oldest first, one per device. Where polls come so densely that the next question would hold one up, questions
    together get a fifth of the line, so that silent devices do not slow down the living ones. Times are µs."""

    def __init__(self) -> None:
        self._waiting: dict[int, _Waiting] = {}
        self._taken: dict[int, _Waiting] = {}
        self._share = Share(5)

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

    def next_at(self, now: int, next_poll: int | None) -> int | None:
        """When one may be taken, `now` at the earliest, given when the next poll is due; None while none waits."""
        return self._share.next_at(now, next_poll) if self._waiting else None

    def take(self, now: int, next_poll: int | None) -> int | None:
        """The next device to ask; None when there is none that may be asked already."""
        at = self.next_at(now, next_poll)
        if at is None or at > now:
            return None
        key = next(iter(self._waiting))
        self._taken[key] = self._waiting.pop(key)
        return key

    def done(self, key: int, began: int, now: int) -> None:
        """It was asked from `began` until `now`, whatever came of it."""
        self._share.used(began, now)
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
