"""What was changed of meters: exchanges, ratios, clocks, resets."""

from __future__ import annotations

import math

import psycopg
from psycopg.rows import dict_row

from gateway.core.access import AuditEntry
from gateway.core.clock import from_datetime
from gateway.core.errors import InvalidInputError
from gateway.core.meterdata import ChangeOf, MeterChange
from gateway.core.model import Int32s, Record
from gateway.store.access import audit_write
from gateway.store.book import Book, Retired
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import Row, when, when_any
from gateway.store.text import storable

_LONGEST = {"by": 200, "reason": 2000}


class Withdrawn(Record, frozen=True, kw_only=True):
    at: int
    by: str
    reason: str


class ChangeView(Record, frozen=True, kw_only=True):
    """A change on record, with who withdrew it where somebody did."""

    number: int
    change: MeterChange
    recorded_at: int
    withdrawn: Withdrawn | None


class ChangeBook(Book):
    async def changes(self, devices: Int32s, *, frm: int = 0) -> list[MeterChange]:
        """What stands of these devices since `frm`, in order of device and time."""
        known = self._devices()
        given = {"devices": known.column(devices).tolist(), "frm": when(frm)}
        with boundary("reading changes of meters"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                rows = await (await cur.execute(sql("meter_changes"), given)).fetchall()
        locals_ = known.local_or_none(row["device_key"] for row in rows)
        found = [_change(row, local) for local, row in zip(locals_, rows, strict=True) if local is not None]
        return sorted(found, key=lambda change: (change.device, change.at))

    async def changes_told(
        self,
        device: int | Retired | None = None,
        *,
        number: int | None = None,
        frm: int | None = None,
        till: int | None = None,
    ) -> list[ChangeView]:
        """What is on record of a device within [frm, till), in order of time, or the change of that number: what was
        withdrawn too. Their device is −1 where the inventory does not have it."""
        given = {
            "device": None if device is None else self._key(device),
            "number": number,
            "frm": when_any(frm),
            "till": when_any(till),
        }
        with boundary("reading changes of meters"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                rows = await (await cur.execute(sql("meter_changes_told"), given)).fetchall()
        locals_ = self._devices().local_or_none(row["device_key"] for row in rows)
        return [_told(row, -1 if local is None else local) for local, row in zip(locals_, rows, strict=True)]

    async def record_change(self, change: MeterChange, *, at: int, audit: AuditEntry | None = None) -> bool:
        """Put a change on record and mark what was reckoned from it on to be reckoned anew; False when it was known.

        Raises InvalidInputError: no name, figures that are none, or another change of that kind at that very time.
        """
        if faults := _faults(change, at):
            raise InvalidInputError(faults)
        given: dict[str, object] = {
            "device": self._devices().key(change.device),
            "moment": when(change.at),
            "of": change.of.value,
            "before": change.before,
            "after": change.after,
            "by": storable(change.by.strip()),
            "reason": storable(change.reason.strip()),
            "at": when(at),
        }
        with boundary("recording a change of a meter"):
            async with self._pool.connection() as conn, conn.transaction():
                made = await (await conn.execute(sql("meter_change_insert"), given)).fetchone()
                if made is not None:
                    await conn.execute(sql("meter_change_mark"), {"number": made[0]})
                else:
                    row = await (await conn.execute(sql("meter_change_known"), given)).fetchone()
                    if row is None or tuple(row) != (change.before, change.after):
                        raise InvalidInputError(
                            ["at: another change of that kind is on record for that very time"]
                        )
                if audit is not None:
                    await audit_write(conn, audit)
        return made is not None

    async def withdraw_change(
        self, number: int, *, by: str, reason: str, at: int, audit: AuditEntry | None = None
    ) -> bool:
        """Put on record that a change was registered by mistake, and mark what was reckoned from it on to be reckoned
        anew; False when it was withdrawn before. Another one of its kind may then be registered for its time.

        Raises InvalidInputError: there is no change of that number, no name or no reason.
        """
        said = {"by": by, "reason": reason}
        faults = [f"{name}: is empty" for name, text in said.items() if not text.strip()]
        faults += [
            f"{name}: is longer than {most} characters"
            for name, most in _LONGEST.items()
            if len(said[name]) > most
        ]
        if faults:
            raise InvalidInputError(faults)
        given = {name: storable(text.strip()) for name, text in said.items()}
        with boundary("withdrawing a change of a meter"):
            async with self._pool.connection() as conn, conn.transaction():
                try:
                    made = await conn.execute(
                        sql("meter_change_withdraw"), given | {"number": number, "at": when(at)}
                    )
                except psycopg.errors.ForeignKeyViolation as exc:
                    raise InvalidInputError(["number: there is no such change"]) from exc
                new = await made.fetchone() is not None
                if new:
                    await conn.execute(sql("meter_change_mark"), {"number": number})
                if audit is not None:
                    await audit_write(conn, audit)
        return new


def _change(row: Row, local: int) -> MeterChange:
    return MeterChange(
        device=local,
        at=from_datetime(row["at"]),
        of=ChangeOf(row["of"]),
        before=row["before"],
        after=row["after"],
        by=row["made_by"],
        reason=row["reason"],
    )


def _told(row: Row, local: int) -> ChangeView:
    withdrawn = None
    if row["withdrawn_at"] is not None:
        withdrawn = Withdrawn(
            at=from_datetime(row["withdrawn_at"]), by=row["withdrawn_by"], reason=row["withdrawn_reason"]
        )
    return ChangeView(
        number=row["change_id"],
        change=_change(row, local),
        recorded_at=from_datetime(row["recorded_at"]),
        withdrawn=withdrawn,
    )


def _faults(change: MeterChange, at: int) -> list[str]:
    found = ["by: is empty"] if not change.by.strip() else []
    figures = {"before": change.before, "after": change.after}
    found += [
        f"{name}: is not a number" for name, x in figures.items() if x is not None and not math.isfinite(x)
    ]
    if change.of is ChangeOf.MULTIPLIER:
        found += [
            f"{name}: a multiplier needs one above 0" for name, x in figures.items() if x is None or not x > 0
        ]
    if change.at > at:
        found.append("at: lies ahead")
    return found
