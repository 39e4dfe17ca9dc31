"""The ledger of gaps: what was not collected, why, how often it was asked for, when it was filled."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.core.meterdata import GapCause, Gaps
from gateway.core.model import Int32s, Record
from gateway.store.book import Book


class OpenGap(Record, frozen=True, kw_only=True):
    """A gap that is not filled; `filled` of its `intervals` have come."""

    number: int
    device: int
    quantity: str
    start: int
    end: int
    cause: GapCause
    found_at: int
    asked_at: int | None
    asks: int
    intervals: int
    filled: int


class GapBook(Book):
    async def put_gaps(self, gaps: Gaps, *, at: int) -> int:
        """Take gaps into the ledger; how many are new. One that overlaps or adjoins an open one of its device and cause
        goes on with it; one that lies within an open one is that one, with the cause as found now."""
        raise NotImplementedError

    async def settle_gaps(self, devices: Int32s, quantity: str, *, at: int) -> int:
        """Hold the open gaps of these devices against their intervals; how many are filled now."""
        raise NotImplementedError

    async def open_gaps(
        self, *, since: int, limit: int, asked_before: int | None = None, asks_below: int | None = None
    ) -> list[OpenGap]:
        """Gaps not filled that end later than `since`, those asked for least and longest ago first; where given only
        those never asked for or last before `asked_before`, and asked for fewer than `asks_below` times."""
        raise NotImplementedError

    async def gaps_asked(self, numbers: Sequence[int], *, at: int) -> None:
        """These were asked for again."""
        raise NotImplementedError
