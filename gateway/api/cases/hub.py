"""One ear at the database for everybody who watches: changes go out to streams, each with a queue of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import NamedTuple, Protocol

from gateway.api.metrics import EVENTS_DROPPED, STREAMS
from gateway.core.backoff import Backoff
from gateway.core.errors import FeederlineError
from gateway.store.changes import ChangeNote

log = logging.getLogger(__name__)

REMEMBERED = 1000
"""Changes that somebody who comes back can be told of."""

QUEUE = 256
"""Changes that may wait for one who reads slowly."""

LINGER_S = 30.0
"""How long the ear stays when the last one has gone: pages come back."""

STOPS = "the gateway stops"
RELOADS = "the gateway takes up another inventory or configuration; come back, and read everything anew"


class Feed(Protocol):
    """`gateway.store.changes.Changes`."""

    def listen(self) -> AsyncGenerator[ChangeNote | None, None]: ...


class Told(NamedTuple):
    """One event of a stream.

    name: "change", "resync" (read everything anew), "trouble" (nothing is heard now), "end" (nothing more will come).
    """

    name: str
    id: str = ""
    change: ChangeNote | None = None
    detail: str = ""


class TooManyError(Exception):
    """No more streams for this one, or for anybody."""


class Watcher:
    """One stream's queue. Whoever does not keep up is told to read everything anew, once."""

    def __init__(self, wants: Callable[[ChangeNote], bool]) -> None:
        self._wants = wants
        self._queue: asyncio.Queue[Told] = asyncio.Queue(QUEUE)
        self._lost = False  # and not read of it yet

    def offer(self, told: Told) -> None:
        if self._lost or (told.change is not None and not self._wants(told.change)):
            return
        try:
            self._queue.put_nowait(told)
        except asyncio.QueueFull:
            EVENTS_DROPPED.inc(self._queue.qsize())
            while not self._queue.empty():
                self._queue.get_nowait()
            self._queue.put_nowait(Told("resync", told.id, detail="changes came faster than they were read"))
            self._lost = True

    async def next(self) -> Told:
        told = await self._queue.get()
        self._lost = False
        return told


class Hub:
    """Listens while somebody watches. `most`: streams in all; `most_each`: of one actor."""

    def __init__(
        self, feed: Feed, *, most: int = 500, most_each: int = 20, linger_s: float = LINGER_S
    ) -> None:
        self._feed = feed
        self._most = most
        self._most_each = most_each
        self._linger_s = linger_s
        self._watchers: dict[Watcher, str] = {}
        self._recent: deque[Told] = deque(maxlen=REMEMBERED)
        self._run = ""  # names this stretch of unbroken listening
        self._count = 0
        self._trouble = ""
        self._ear: asyncio.Task[None] | None = None
        self._leaving: asyncio.TimerHandle | None = None

    @property
    def watched(self) -> int:
        return len(self._watchers)

    @property
    def listening(self) -> bool:
        return self._ear is not None

    @contextlib.contextmanager
    def watch(
        self, who: str, wants: Callable[[ChangeNote], bool], *, after: str | None = None
    ) -> Iterator[Watcher]:
        """A watcher that is told of changes that it wants; `after`: the id of the last event that it had.

        Raises TooManyError.
        """
        if len(self._watchers) >= self._most or [*self._watchers.values()].count(who) >= self._most_each:
            raise TooManyError
        watcher = Watcher(wants)
        for told in self._first(after):
            watcher.offer(told)
        self._watchers[watcher] = who
        STREAMS.set(len(self._watchers))
        self._listen()
        try:
            yield watcher
        finally:
            del self._watchers[watcher]
            STREAMS.set(len(self._watchers))
            if not self._watchers:
                self._leaving = asyncio.get_running_loop().call_later(self._linger_s, self.close)

    def end(self, why: str = STOPS) -> None:
        """Tell every stream that it is over."""
        self._all(Told("end", detail=why))

    def close(self) -> None:
        """Stop listening, unless somebody watches."""
        if self._ear is not None and not self._watchers:
            self._ear.cancel()
            self._ear = None

    def _listen(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        if self._ear is None:
            self._ear = asyncio.create_task(self._hear(), name="events")

    async def _hear(self) -> None:
        backoff = Backoff(base_s=0.5, cap_s=10.0)
        try:
            while True:
                try:
                    async with aclosing(self._feed.listen()) as heard:
                        async for note in heard:
                            if note is None:
                                self._begin()
                                backoff.reset()
                            else:
                                self._tell(note)
                except FeederlineError as exc:
                    self._break(str(exc))
                except (
                    Exception
                ) as exc:  # a boundary: whoever watches must not be left in the dark by a mistake of ours
                    log.exception("listening for changes failed")
                    self._break(type(exc).__name__)
                await backoff.sleep()
        finally:
            self._run = ""
            self._recent.clear()

    def _begin(self) -> None:
        """What happened while nobody listened is not known, so everybody reads anew."""
        self._trouble, self._run = "", secrets.token_hex(4)
        self._recent.clear()
        self._all(Told("resync", self._here, detail="changes are heard of from here on"))

    def _tell(self, note: ChangeNote) -> None:
        self._count += 1
        told = Told("change", self._here, note)
        self._recent.append(told)
        self._all(told)

    def _break(self, why: str) -> None:
        self._run = ""
        if not self._trouble:
            log.warning("changes are not heard of", extra={"error": why})
            self._trouble = "the database is away; changes are not heard of"
            self._all(Told("trouble", detail=self._trouble))

    def _all(self, told: Told) -> None:
        for watcher in self._watchers:
            watcher.offer(told)

    def _first(self, after: str | None) -> list[Told]:
        """What a new stream begins with: what it missed, or to read everything; nothing before we listen."""
        if self._trouble:
            return [Told("trouble", detail=self._trouble)]
        if not self._run:
            return []
        missed = self._missed(after) if after is not None else None
        if missed is None:
            return [Told("resync", self._here, detail="changes are heard of from here on")]
        return [*self._recent][len(self._recent) - missed :]

    def _missed(self, after: str) -> int | None:
        """How many changes there were since the event of that id; None where they are not known any more."""
        run, _, number = after.rpartition("-")
        if run != self._run or not (number.isascii() and number.isdigit()):
            return None
        missed = self._count - int(number)
        return missed if 0 <= missed <= len(self._recent) else None

    @property
    def _here(self) -> str:
        return f"{self._run}-{self._count}"
