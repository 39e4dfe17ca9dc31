"""What goes into the audit log, and how much: each write by itself, what was denied or refused in bounded numbers."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field

from msgspec import structs

from gateway.api.metrics import AUDIT_LOST, DENIED
from gateway.api.problems import within
from gateway.core.access import AuditEntry
from gateway.core.clock import MINUTE, Clock, format_time
from gateway.core.errors import FeederlineError, NotStorableError
from gateway.store.access import Access

log = logging.getLogger(__name__)

MOST_ROWS = 60
"""Rows that denied attempts of strangers may make in a minute; from then on they share one for each reason. As many
again are for what is refused; from then on that shares one for each who asks."""

MANY = "many addresses"
MANY_REFUSED = "more than are told apart"
_KEPT = 10_000  # entries that wait for the database
_NAMED = 10  # things named in a row about several attempts
_TOGETHER = 500
_LOOK_S = 1.0

Key = tuple[str, str, str]


@dataclass
class _Flood:
    """Attempts of one key after the first, within one minute."""

    first: AuditEntry
    count: int = 0
    things: dict[str, None] = field(default_factory=dict)  # a set that keeps its order


class AuditTrail:
    """Writes entries; `run` works off those that had to wait. One for the life of the process: what waits for the
    database outlives a reload."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._access = access
        self._clock = clock
        self._waiting: deque[AuditEntry] = deque()
        self._floods: dict[Key, _Flood] = {}
        self._refusals: dict[Key, _Flood] = {}
        self._since = clock.now()
        self._wake = asyncio.Event()

    def move(self, access: Access) -> None:
        """From now on entries go there."""
        self._access = access

    def close(self) -> None:
        """Nobody will write any more; tells what is lost by that."""
        if self._waiting:
            AUDIT_LOST.inc(len(self._waiting))
            log.error("audit entries are lost: the database is away", extra={"entries": len(self._waiting)})
            self._waiting.clear()

    async def write(self, entry: AuditEntry) -> None:
        """Put an entry on record; while the database is away it is kept here and written later."""
        try:
            await within(self._access.audit([entry]))
        except NotStorableError as exc:
            _lost(entry, exc)
        except FeederlineError as exc:
            log.warning(
                "audit entry waits for the database", extra={"action": entry.action, "error": str(exc)}
            )
            self._keep(entry)

    def denied(self, entry: AuditEntry, reason: str) -> None:
        """Count a denied attempt and put it on record soon: the first of a minute by itself, the others as a number."""
        DENIED.labels(reason).inc()
        self._turn()
        key = (entry.address, entry.actor, reason)
        if key not in self._floods and len(self._floods) >= MOST_ROWS:
            entry = structs.replace(entry, address=MANY, actor="", token="")
            key = (MANY, "", reason)
        self._count(self._floods, key, entry, reason)

    def refused(self, entry: AuditEntry, reason: str) -> None:
        """Put on record soon what somebody who may asked for and cannot be: the first of a minute of the same kind and
        thing by itself, the others as a number."""
        self._turn()
        key = (entry.address, entry.actor, f"{entry.action} {entry.object} {entry.detail.get('status', '')}")
        if key not in self._refusals and len(self._refusals) >= MOST_ROWS:
            key, reason = (MANY, entry.actor, ""), MANY_REFUSED
            entry = structs.replace(entry, address=MANY, token="", object="", detail={})
        self._count(self._refusals, key, entry, reason)

    def _count(self, floods: dict[Key, _Flood], key: Key, entry: AuditEntry, reason: str) -> None:
        if (flood := floods.get(key)) is None:
            first = structs.replace(entry, detail={**entry.detail, "reason": reason})
            floods[key] = _Flood(first)
            self._keep(first)
            return
        flood.count += 1
        if len(flood.things) < _NAMED:
            flood.things[f"{entry.action} {entry.object}".strip()] = None

    async def run(self) -> None:
        """Until cancelled; what waits then is written if the database takes it."""
        try:
            while True:
                try:
                    async with asyncio.timeout(_LOOK_S):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                self._turn()
                await self._flush()
        finally:
            self._turn(now=True)
            await self._flush()

    def _turn(self, *, now: bool = False) -> None:
        """At the end of a minute, tell how many attempts there were beyond the first."""
        at = self._clock.now()
        if not now and at - self._since < MINUTE:
            return
        for flood in (*self._floods.values(), *self._refusals.values()):
            if flood.count:
                detail = {
                    **flood.first.detail,
                    "count": flood.count,
                    "since": format_time(flood.first.at),
                    "attempts": list(flood.things),
                }
                self._keep(structs.replace(flood.first, at=at, object="", detail=detail))
        self._floods.clear()
        self._refusals.clear()
        self._since = at

    def _keep(self, entry: AuditEntry) -> None:
        if len(self._waiting) >= _KEPT:
            AUDIT_LOST.inc()
            return
        self._waiting.append(entry)
        self._wake.set()

    async def _flush(self) -> None:
        self._wake.clear()
        together = _TOGETHER
        while self._waiting:
            some = [self._waiting[i] for i in range(min(together, len(self._waiting)))]
            try:
                await within(self._access.audit(some))
            except NotStorableError as exc:
                if len(some) > 1:  # one of them: the others must not wait for it
                    together = 1
                    continue
                _lost(some[0], exc)
            except FeederlineError as exc:
                log.warning("audit entries wait for the database", extra={"error": str(exc)})
                return
            for _ in some:
                self._waiting.popleft()


def _lost(entry: AuditEntry, exc: NotStorableError) -> None:
    AUDIT_LOST.inc()
    log.error("audit entry cannot be stored", extra={"action": entry.action, "error": str(exc)})
