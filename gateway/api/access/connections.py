"""One connection of HTTP: how long it may keep us waiting, and how many there may be."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 15.0
"""From the opening, or from the first byte, until the head of a request is complete."""

READ_S = 60.0
"""How long whoever asked may take nothing of the answer."""

MOST = 800
"""Connections at once, streams of live changes among them: the field needs file descriptors too."""


class Connection(H11Protocol):
    """uvicorn waits forever for who says nothing, says half of something, or does not read; this does not."""

    _waiting: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST:
            transport.abort()
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(READ_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stuck = _drop(self._stuck)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._waiting, self._stuck = _drop(self._waiting), _drop(self._stuck)

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._waiting = _drop(self._waiting)
        elif self._waiting is None and not self.transport.is_closing():
            self._waiting = self.loop.call_later(HEAD_S, self.transport.abort)


def _drop(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """What there is instead of a timer that is not wanted any more."""
    if timer is not None:
        timer.cancel()
    return None
