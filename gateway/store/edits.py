"""What persons say of intervals, and the whole history of an interval."""

from __future__ import annotations

from gateway.core.access import AuditEntry
from gateway.core.meterdata import IntervalEdit, IntervalStatus
from gateway.core.model import Record
from gateway.store.book import Book


class Edited(Record, frozen=True, kw_only=True):
    """One interval before and after an edit."""

    start: int
    end: int
    was_value: float | None
    was_status: IntervalStatus
    value: float | None
    status: IntervalStatus


class EditView(Record, frozen=True, kw_only=True):
    """An edit on record, with what it changed."""

    number: int
    edit: IntervalEdit
    changed: tuple[Edited, ...]


class VersionView(Record, frozen=True, kw_only=True):
    """One version of an interval; the last one stands. `by`, `reason`, `edit` are of a person's versions only."""

    version: int
    made_at: int
    raw: float | None
    value: float | None
    status: IntervalStatus
    rules: int  # of `Rule`
    edit: int | None
    by: str
    reason: str


class ReadingView(Record, frozen=True, kw_only=True):
    """The register as read at `measured_at`."""

    measured_at: int
    received_at: int
    value: float
    quality: int


class HistoryView(Record, frozen=True, kw_only=True):
    """Everything on record of one interval. opening, closing: the last readings at or before its ends, within a day."""

    start: int
    end: int
    final: bool
    opening: ReadingView | None
    closing: ReadingView | None
    versions: tuple[VersionView, ...]
    too_late: tuple[VersionView, ...]  # came when it was final; `version` is that of the one that stood


class EditBook(Book):
    async def edit(
        self, edit: IntervalEdit, *, dry_run: bool = False, audit: AuditEntry | None = None
    ) -> EditView:
        """Put a person's value on record and over the intervals of its stretch, in one transaction.

        The value is shared out in proportion to what the intervals have (those that have nothing count as the mean of
        the others; where all have nothing or zero, by length). None takes back what persons said of them: what the
        machine said last holds again, and the stretch is marked to be reckoned anew. A later edit holds over an earlier
        one. `dry_run` undoes all of it again.

        Raises InvalidInputError: no such intervals, the stretch is not made of whole ones, nothing to take back, no name
        or reason, or a value that is none.
        """
        raise NotImplementedError

    async def history(self, device: int, quantity: str, start: int) -> HistoryView | None:
        """Of the interval that begins at `start`; None where there is none."""
        raise NotImplementedError
