"""How far the reckoning of intervals is, and what came for stretches that it has left behind."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.model import Int32s, Int64s
from gateway.store.book import Book


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LateMarks:
    """Stretches to reckon anew, oldest marks first; several may be of one device.

    number: int64[n];  device: int32[n];  first, last: int64[n] µs UTC, when the earliest and the latest of what came were
    measured (both included): the intervals on both sides of each are concerned.
    """

    number: Int64s
    device: Int32s
    first: Int64s
    last: Int64s

    def __len__(self) -> int:
        return len(self.number)


class Progress(Book):
    async def done_until(self) -> int | None:
        """Until when intervals are reckoned for all devices; None before the first time."""
        raise NotImplementedError

    async def begin(self, till: int) -> None:
        """To be called before the readings until `till` are read for `set_done(till)`: from now on the writer marks what
        comes for earlier times. Returns when whatever is not marked can be read."""
        raise NotImplementedError

    async def set_done(self, till: int) -> None:
        """Intervals until `till` are reckoned; never goes back."""
        raise NotImplementedError

    async def take_late(self, limit: int) -> LateMarks:
        """The oldest marks; they stay until `late_done`."""
        raise NotImplementedError

    async def late_done(self, marks: LateMarks) -> None:
        """What these marks said has been done."""
        raise NotImplementedError
