"""What operators say of interruptions: over the detector's word, on record for good, and in the account at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from gateway.core.access import AuditEntry
from gateway.core.clock import MINUTE, from_datetime, parse_time
from gateway.core.errors import InvalidInputError
from gateway.core.model import Record
from gateway.store.access import audit_write
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import Row, micros, when, when_any
from gateway.store.text import storable

_SAID_WRONG = "FL001"  # the database's own word for a correction that cannot be
_SINCE = parse_time("2000-01-01T00:00:00Z")  # before that a time is a slip of the pen
_LONGEST = {"by": 200, "reason": 2000, "cause": 2000}
_STEPS = 1 << 31
_AHEAD = MINUTE  # how far an operator's clock may be ahead of ours
MAX_EFFECTS = 100
"""How many interruptions a correction names; `changed` has the full number."""


class Correction(Record, frozen=True, kw_only=True):
    """What an operator says of an incident, of one of its devices, or of one interruption (`step`) of that.

    Of an incident a start holds for the first interruption of every member; an end for those that were still off then
    or came back with the last. Of a device they hold for its first and its last interruption. `voided`: it was none
    (False: it was one after all). `as_detected` takes back everything said before.
    """

    incident: str
    device: str | None = None
    step: int | None = None
    started_at: int | None = None
    ended_at: int | None = None
    voided: bool | None = None
    kind: str | None = None  # "fault" or "planned"
    cause: str | None = None
    as_detected: bool = False
    by: str
    reason: str

    def faults(self, at: int) -> list[str]:
        """What cannot be, each beginning with the name of the field."""
        found = [f"{name}: is empty" for name in ("by", "reason") if not getattr(self, name).strip()]
        found += [
            f"{name}: is longer than {most} characters"
            for name, most in _LONGEST.items()
            if len(getattr(self, name) or "") > most
        ]
        if self.step is not None and not 0 <= self.step < _STEPS:
            found.append(f"step: {self.step} is not one that an interruption can have")
        if self.step is not None and self.device is None:
            found.append("step: needs the device whose interruption it is")
        if self.kind not in (None, "fault", "planned"):
            found.append(f"kind: {self.kind!r} is neither fault nor planned")
        said = [self.started_at, self.ended_at, self.voided, self.kind, self.cause]
        given = sum(value is not None for value in said)
        if not given and not self.as_detected:
            found.append("nothing to correct: give a start, an end, a kind, a cause, void, or as detected")
        if given and self.as_detected:
            found.append("as_detected: takes everything back and goes with nothing else")
        if self.voided and (self.started_at is not None or self.ended_at is not None):
            found.append("voided: what was no interruption has neither start nor end")
        if self.started_at is not None and self.ended_at is not None and self.ended_at < self.started_at:
            found.append("ended_at: lies before started_at")
        for name, moment in (("started_at", self.started_at), ("ended_at", self.ended_at)):
            if moment is not None and moment > at + _AHEAD:
                found.append(f"{name}: lies ahead")
            elif moment is not None and moment < _SINCE:
                found.append(f"{name}: lies before the year 2000")
        return found


class InterruptionState(Record, frozen=True, kw_only=True):
    started_at: int
    ended_at: int | None
    kind: str
    voided: bool


class CorrectionEffect(Record, frozen=True, kw_only=True):
    """One interruption before and after a correction."""

    device: str
    step: int
    before: InterruptionState
    after: InterruptionState


class CorrectionView(Record, frozen=True, kw_only=True):
    """A correction on record; `effects` names the first interruptions and `changed` says how many there are."""

    number: int
    made_at: int
    correction: Correction
    changed: int
    effects: tuple[CorrectionEffect, ...]


class Corrections:
    """Every method raises UnavailableError while the database is away. Times are µs UTC."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection]) -> None:
        self._pool = pool

    async def make(
        self, correction: Correction, *, at: int, dry_run: bool = False, audit: AuditEntry | None = None
    ) -> CorrectionView:
        """Put a correction on record, restate the account and tell `audit`, in one transaction; `dry_run` undoes all
        of it again.

        Raises:
            InvalidInputError: it cannot be: no such interruption, or one would end before it starts.
        """
        if faults := correction.faults(at):
            raise InvalidInputError(faults)
        given = {
            "incident": storable(correction.incident),
            "device": None if correction.device is None else storable(correction.device),
            "step": correction.step,
            "started_at": when_any(correction.started_at),
            "ended_at": when_any(correction.ended_at),
            "voided": correction.voided,
            "kind": correction.kind,
            "cause": None if correction.cause is None else storable(correction.cause),
            "as_detected": correction.as_detected,
            "by": storable(correction.by.strip()),
            "reason": storable(correction.reason.strip()),
            "at": when(at),
        }
        with boundary("correcting"):
            async with self._pool.connection() as conn, conn.transaction(force_rollback=dry_run):
                try:
                    row = await (await conn.execute(sql("correction_make"), given)).fetchone()
                except psycopg.Error as exc:
                    if exc.sqlstate != _SAID_WRONG:
                        raise
                    raise InvalidInputError([exc.diag.message_primary or str(exc)]) from exc
                assert row is not None
                if audit is not None:
                    await audit_write(conn, audit)
                only = {"number": row[0], "incident": None, "before": None, "limit": 1, "below": None}
                return (await _trail(conn, only))[0]

    async def trail(
        self,
        incident: str | None = None,
        *,
        limit: int = 100,
        before: int | None = None,
        below: Collection[str] | None = None,
    ) -> list[CorrectionView]:
        """What was corrected, newest first; `before`: only what was made before that time; `below`: only of incidents
        at or below these nodes."""
        wanted = None if incident is None else storable(incident)
        given: dict[str, object] = {
            "number": None,
            "incident": wanted,
            "before": when_any(before),
            "limit": limit,
        }
        given |= {"below": None if below is None else [storable(node) for node in below]}
        with boundary("reading corrections"):
            async with self._pool.connection() as conn:
                return await _trail(conn, given)

    async def node_of(self, incident: str) -> str | None:
        """Where an incident is; None when there is none of that id."""
        with boundary("reading an incident"):
            async with self._pool.connection() as conn:
                given = {"incident": storable(incident)}
                row = await (await conn.execute(sql("incident_node"), given)).fetchone()
        return None if row is None else str(row[0])


async def _trail(conn: psycopg.AsyncConnection, given: Mapping[str, object]) -> list[CorrectionView]:
    async with conn.cursor(row_factory=dict_row) as cur:
        rows = await (await cur.execute(sql("correction_trail"), given)).fetchall()
        numbers = {"corrections": [row["correction_id"] for row in rows], "members": MAX_EFFECTS}
        effects = await (await cur.execute(sql("correction_effects"), numbers)).fetchall() if rows else []
    changed: dict[int, list[CorrectionEffect]] = {}
    for effect in effects:
        changed.setdefault(effect["correction_id"], []).append(_effect(effect))
    return [_view(row, tuple(changed.get(row["correction_id"], ()))) for row in rows]


def _view(row: Row, effects: tuple[CorrectionEffect, ...]) -> CorrectionView:
    return CorrectionView(
        number=row["correction_id"],
        made_at=from_datetime(row["made_at"]),
        correction=Correction(
            incident=row["incident_id"],
            device=row["device_id"],
            step=row["step"],
            started_at=micros(row["started_at"]),
            ended_at=micros(row["ended_at"]),
            voided=row["voided"],
            kind=row["kind"],
            cause=row["cause"],
            as_detected=row["as_detected"],
            by=row["made_by"],
            reason=row["reason"],
        ),
        changed=row["changed"],
        effects=effects,
    )


def _effect(row: Row) -> CorrectionEffect:
    return CorrectionEffect(
        device=row["device_id"],
        step=row["step"],
        before=_state(row, "was_"),
        after=_state(row, ""),
    )


def _state(row: Row, which: str) -> InterruptionState:
    return InterruptionState(
        started_at=from_datetime(row[f"{which}started_at"]),
        ended_at=micros(row[f"{which}ended_at"]),
        kind=row[f"{which}kind"],
        voided=row[f"{which}voided"],
    )
