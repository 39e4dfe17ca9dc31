"""What was changed of meters: exchanges, ratios, clocks, resets."""

from __future__ import annotations

import math

from psycopg.rows import dict_row

from gateway.core.access import AuditEntry
from gateway.core.clock import from_datetime
from gateway.core.errors import InvalidInputError
from gateway.core.meterdata import ChangeOf, MeterChange
from gateway.core.model import Int32s
from gateway.store.access import audit_write
from gateway.store.book import Book
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import when
from gateway.store.text import storable


class ChangeBook(Book):
    async def changes(self, devices: Int32s, *, frm: int = 0) -> list[MeterChange]:
        """What is on record of these devices since `frm`, in order of device and time."""
        known = self._devices()
        given = {"devices": known.column(devices).tolist(), "frm": when(frm)}
        with boundary("reading changes of meters"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                rows = await (await cur.execute(sql("meter_changes"), given)).fetchall()
        locals_ = known.local_or_none(row["device_key"] for row in rows)
        found = [
            MeterChange(
                device=local,
                at=from_datetime(row["at"]),
                of=ChangeOf(row["of"]),
                before=row["before"],
                after=row["after"],
                by=row["made_by"],
                reason=row["reason"],
            )
            for local, row in zip(locals_, rows, strict=True)
            if local is not None
        ]
        return sorted(found, key=lambda change: (change.device, change.at))

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
                new = await (await conn.execute(sql("meter_change_insert"), given)).fetchone() is not None
                if not new:
                    row = await (await conn.execute(sql("meter_change_known"), given)).fetchone()
                    if row is None or tuple(row) != (change.before, change.after):
                        raise InvalidInputError(
                            ["at: another change of that kind is on record for that very time"]
                        )
                if audit is not None:
                    await audit_write(conn, audit)
        return new


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
