"""Readings in columns out of the database; intervals into it and out."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.core.meterdata import Intervals, Registers
from gateway.core.model import Batch, Int32s, Record
from gateway.store.book import Book


class Put(Record, frozen=True, kw_only=True):
    """What became of the intervals that were put."""

    inserted: int = 0
    replaced: int = 0  # what stood is a version now
    kept: int = 0  # what stood says the same, is better, or was edited
    too_late: int = (
        0  # of these: would have been taken, but what stood was final; on record in `interval_too_late`
    )


class IntervalBook(Book):
    async def readings(self, devices: Int32s, quantities: Sequence[str], frm: int, till: int) -> Batch:
        """Rows of [frm, till) of these devices that carry at least one of the quantities, by device and time."""
        raise NotImplementedError

    async def registers(
        self, devices: Int32s, quantity: str, frm: int, till: int, *, reach: int
    ) -> Registers:
        """Readings of [frm, till], and of each device the nearest one before frm and after till within `reach` µs; by
        device and time. Values that are none, as far as they are on record, come as NaN."""
        raise NotImplementedError

    async def intervals(self, devices: Int32s, quantity: str, frm: int, till: int) -> Intervals:
        """Intervals that begin in [frm, till), as they stand, by device and start."""
        raise NotImplementedError

    async def put(self, intervals: Intervals, *, at: int, final_before: int) -> Put:
        """Take over what was made of readings, in one transaction; the same again changes nothing.

        What stands stays where it is as good (measured before estimated before missing), where a person edited it, and
        where it ends at or before `final_before`: what is final stays final, the latest such time ever given holds.
        `Rule.LATE` is set here where what was measured takes the place of what was not.

        Raises NotStorableError for what no machine may say: status EDITED, a value without status or the reverse.
        """
        raise NotImplementedError
