"""What is known of the way to the devices of one endpoint, and what is told of it. No sockets."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from drivers.modbus.gather import Gatherer
from gateway.core.model import Signal, SignalKind

log = logging.getLogger(__name__)


class Standing:
    """`witnesses` are all keys that a lost connection concerns.

    heard: keys that were last asked with some reply, be it the concentrator's.
    """

    def __init__(self, source: str, witnesses: Sequence[int], gatherer: Gatherer) -> None:
        self.heard: set[int] = set()
        self._source = source
        self._witnesses = tuple(witnesses)
        self._gatherer = gatherer
        self._up: bool | None = None  # what was last told about the connection

    @property
    def up(self) -> bool:
        """The connection is known to be made."""
        return bool(self._up)

    @property
    def lost(self) -> bool:
        """The connection is known to be lost. An endpoint that has not been tried yet is not."""
        return self._up is False

    @property
    def alone(self) -> bool:
        """The endpoint is its one device's own: what is true of the one is true of the other."""
        return len(self._witnesses) == 1

    def path_lives(self, key: int) -> bool:
        """Whether somebody else was heard over the same path, or nobody else is there."""
        return self.alone or len(self.heard) > (key in self.heard)

    def made(self, at: int) -> None:
        """An answer proves the connection."""
        self._up = True
        self.tell(SignalKind.CONNECTION_MADE, self._witnesses, at)

    def ended(self, at: int, detail: str) -> None:
        """Told once, until an answer comes again."""
        self.heard.clear()
        if not self.lost:
            self._up = False
            log.warning("connection lost", extra={"endpoint": self._source, "error": detail})
            self.tell(SignalKind.CONNECTION_LOST, self._witnesses, at, detail)

    def tell(self, kind: SignalKind, keys: Sequence[int], at: int, detail: str = "") -> None:
        self._gatherer.tell(
            [
                Signal(kind=kind, device=key, received_at=at, source=self._source, detail=detail)
                for key in keys
            ]
        )
