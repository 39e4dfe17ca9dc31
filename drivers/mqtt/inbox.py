"""Messages received and not yet taken: bounded, and handed out in lots."""

from __future__ import annotations

import asyncio

from drivers.mqtt.router import Message

_IDLE_S = 0.002  # silence after which waiting for more is pointless: the broker's window may be used up
_MOST_BYTES = 16 << 20


class Inbox:
    """Full at two lots of messages or 16 MiB of payload, whichever comes first; whoever fills it then stops."""

    def __init__(self, lot: int, latest_s: float) -> None:
        """lot: most messages handed out at once;  latest_s: longest wait for a lot to become complete."""
        self.closed = False
        self._lot = lot
        self._latest_s = latest_s
        self._messages: list[Message] = []
        self._bytes = 0
        self._first_at = 0.0  # loop time of the oldest message
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def is_full(self) -> bool:
        return len(self._messages) >= 2 * self._lot or self._bytes >= _MOST_BYTES

    def add(self, message: Message, at: float) -> None:
        """`at` is the event loop's time."""
        if not self._messages:
            self._first_at = at
            self._changed.set()
        self._messages.append(message)
        self._bytes += len(message.payload)

    def close(self) -> None:
        """What is here is still handed out, without waiting for more."""
        self.closed = True
        self._changed.set()

    async def take(self) -> list[Message]:
        """The next lot in order of arrival; empty when the inbox is closed and empty.

        A lot is complete when it is full, when nothing more comes, or `latest_s` after its first message.
        """
        while not self._messages:
            if self.closed:
                return []
            self._changed.clear()
            await self._changed.wait()
        loop = asyncio.get_running_loop()
        latest = self._first_at + self._latest_s
        while len(self._messages) < self._lot and not self.closed:
            count, left = len(self._messages), latest - loop.time()
            if left <= 0:
                break
            await asyncio.sleep(min(_IDLE_S, left))
            if len(self._messages) == count:
                break
        lot = self._messages[: self._lot]
        del self._messages[: len(lot)]
        self._bytes -= sum(len(message.payload) for message in lot)
        self._first_at = loop.time()
        return lot
