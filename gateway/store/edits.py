"""What persons say of intervals, and the whole history of an interval."""

from __future__ import annotations

import math

import numpy as np
import psycopg
from psycopg.rows import dict_row

from gateway.core.access import AuditEntry
from gateway.core.clock import from_datetime
from gateway.core.errors import InvalidInputError, StaleError
from gateway.core.meterdata import IntervalEdit, IntervalStatus
from gateway.core.model import Int32s, Record
from gateway.core.quantities import BY_NAME, INDEX
from gateway.store.access import audit_write
from gateway.store.book import Book, Retired
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import Row, when
from gateway.store.text import storable

_SAID_WRONG = "FL001"  # the database's own word for an edit that cannot be
_LONGEST = {"by": 200, "reason": 2000}


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
    revision: int  # of the stretch before: the sum of the versions of its intervals


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
    async def retired(self, name: str) -> Retired | None:
        """The device of that id that is listed no more; None where it is listed, or never was."""
        with boundary("looking for a device"):
            async with self._pool.connection() as conn:
                given = {"device": storable(name)}
                row = await (await conn.execute(sql("device_retired"), given)).fetchone()
        return None if row is None else Retired(key=row[0], node=row[1])

    async def edited_since(self, number: int) -> tuple[int, Int32s]:
        """The last edit after `number` (0 where there is none), and whose intervals were edited since, rising."""
        with boundary("reading edits"):
            async with self._pool.connection() as conn:
                row = await (await conn.execute(sql("interval_edited_since"), {"number": number})).fetchone()
        assert row is not None
        local = self._devices().local_column(np.array(row[1], np.int32))
        return row[0], np.sort(local[local >= 0])

    async def edit(
        self,
        edit: IntervalEdit,
        *,
        expected: int | None = None,
        dry_run: bool = False,
        audit: AuditEntry | None = None,
    ) -> EditView:
        """Put a person's value on record and over the intervals of its stretch, in one transaction.

        The value is shared out in proportion to what the intervals have; where one of them has nothing, or all have
        zero, by their length. None takes back what persons said of them: what the
        machine says holds again, and the stretch is marked to be reckoned anew. A later edit holds over an earlier one.
        `dry_run` undoes all of it again.

        Raises:
            InvalidInputError: no such intervals, the stretch is not made of whole ones, nothing to take back, no name
                or reason, or a value that is none.
            StaleError: the stretch is not at the revision `expected`.
        """
        if faults := _faults(edit):
            raise InvalidInputError(faults)
        given: dict[str, object] = {
            "device": self._devices().key(edit.device),
            "quantity": INDEX[edit.quantity],
            "start": when(edit.start),
            "end": when(edit.end),
            "value": edit.value,
            "by": storable(edit.by.strip()),
            "reason": storable(edit.reason.strip()),
            "at": when(edit.at),
        }
        with boundary("editing intervals"):
            async with self._pool.connection() as conn, conn.transaction(force_rollback=dry_run):
                try:
                    row = await (await conn.execute(sql("interval_edit"), given)).fetchone()
                except psycopg.Error as exc:
                    if exc.sqlstate != _SAID_WRONG:
                        raise
                    raise InvalidInputError([exc.diag.message_primary or str(exc)]) from exc
                assert row is not None
                given |= {"number": row[0]}
                revision = await _revision(conn, given, expected)
                if audit is not None:
                    await audit_write(conn, audit)
                async with conn.cursor(row_factory=dict_row) as cur:
                    await cur.execute(sql("interval_edit_effects"), given)
                    changed = tuple([_edited(effect) async for effect in cur])
        return EditView(number=row[0], edit=edit, changed=changed, revision=revision)

    async def edits(
        self, device: int | Retired, quantity: str, frm: int, till: int
    ) -> list[tuple[int, IntervalEdit]]:
        """What persons said of intervals within [frm, till), each with its number, in the order they said it; their
        device is −1 where it is listed no more."""
        given = {
            "device": self._key(device),
            "quantity": INDEX[quantity],
            "frm": when(frm),
            "till": when(till),
        }
        with boundary("reading edits"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                await cur.execute(sql("interval_edits"), given)
                local = -1 if isinstance(device, Retired) else device
                return [(row["edit_id"], _edit(row, local, quantity)) async for row in cur]

    async def history(self, device: int | Retired, quantity: str, start: int) -> HistoryView | None:
        """Of the interval that begins at `start`; None where there is none."""
        given: dict[str, object] = {
            "device": self._key(device),
            "quantity": INDEX[quantity],
            "start": when(start),
        }
        with boundary("reading the history of an interval"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                rows = await (await cur.execute(sql("interval_history"), given)).fetchall()
                standing = next((row for row in rows if row["standing"]), None)
                if standing is None:
                    return None
                ends = []
                for moment in (standing["starts_at"], standing["ends_at"]):
                    await cur.execute(sql("interval_reading"), given | {"at": moment})
                    ends.append(_reading(await cur.fetchone()))
        return HistoryView(
            start=start,
            end=from_datetime(standing["ends_at"]),
            final=standing["final"],
            opening=ends[0],
            closing=ends[1],
            versions=tuple(_version(row) for row in rows if not row["too_late"]),
            too_late=tuple(_version(row) for row in rows if row["too_late"]),
        )


async def _revision(conn: psycopg.AsyncConnection, given: dict[str, object], expected: int | None) -> int:
    row = await (await conn.execute(sql("interval_edit_revision"), given)).fetchone()
    assert row is not None
    revision: int = row[0]
    if expected not in (None, revision):
        raise StaleError(
            f"that stretch has changed since it was read: it is at revision {revision} now", revision
        )
    return revision


def _faults(edit: IntervalEdit) -> list[str]:
    found = [f"{name}: is empty" for name in _LONGEST if not getattr(edit, name).strip()]
    found += [
        f"{name}: is longer than {most} characters"
        for name, most in _LONGEST.items()
        if len(getattr(edit, name)) > most
    ]
    if edit.quantity not in BY_NAME or BY_NAME[edit.quantity].kind != "register":
        found.append(f"quantity: {edit.quantity!r} is no register")
    if edit.end <= edit.start:
        found.append("end: does not lie after start")
    if edit.value is not None and not (math.isfinite(edit.value) and edit.value >= 0):
        found.append("value: is not a number of at least 0")
    return found


def _edit(row: Row, device: int, quantity: str) -> IntervalEdit:
    return IntervalEdit(
        device=device,
        quantity=quantity,
        start=from_datetime(row["starts_at"]),
        end=from_datetime(row["ends_at"]),
        value=row["value"],
        by=row["made_by"],
        at=from_datetime(row["made_at"]),
        reason=row["reason"],
    )


def _edited(row: Row) -> Edited:
    return Edited(
        start=from_datetime(row["starts_at"]),
        end=from_datetime(row["ends_at"]),
        was_value=row["was_value"],
        was_status=IntervalStatus(row["was_status"]),
        value=row["value"],
        status=IntervalStatus(row["status"]),
    )


def _version(row: Row) -> VersionView:
    by_person = row["edit_id"] is not None
    return VersionView(
        version=row["version"],
        made_at=from_datetime(row["made_at"]),
        raw=row["raw"],
        value=row["value"],
        status=IntervalStatus(row["status_code"]),
        rules=row["rule_flags"],
        edit=row["edit_id"],
        by=row["made_by"] if by_person else "",
        reason=row["reason"] if by_person else "",
    )


def _reading(row: Row | None) -> ReadingView | None:
    if row is None:
        return None
    return ReadingView(
        measured_at=from_datetime(row["measured_at"]),
        received_at=from_datetime(row["received_at"]),
        value=row["value"],
        quality=row["quality"],
    )
