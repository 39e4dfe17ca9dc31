"""One writing gateway per database: of two, each would hold its own word on the same outage for the latest."""

from __future__ import annotations

import asyncio
import logging
from typing import NoReturn

import psycopg

from gateway.core.backoff import Backoff
from gateway.core.errors import FeederlineError, RefusedError, UnavailableError
from gateway.store.errors import boundary
from gateway.store.pool import connect
from gateway.store.queries import sql
from gateway.store.settings import DatabaseSettings

log = logging.getLogger(__name__)

_ASK_S = 1.0  # between two looks whether the other gateway has ended
_BEAT_S = 5.0  # between two proofs that a silent connection is there; one that was closed is noticed at once
_ANSWER_S = 10.0


class OvertakenError(RefusedError):
    """Another gateway wrote meanwhile; what this one knows of incidents is out of date until it starts again."""


class SoleWriter:
    """The right to write to a database: an advisory lock on a connection that does nothing else.

    The lock goes with its connection, so a killed gateway leaves nothing behind. Tools and tests that write without
    ever asking for it are not held up.
    """

    def __init__(self, settings: DatabaseSettings) -> None:
        self.trouble = ""  # why nothing may be written now; empty while it is held, or was never asked for
        self._settings = settings
        self._held = asyncio.Event()
        self._pid: int | None = None  # the server's process that held it for us last

    async def hold(self) -> NoReturn:
        """Get the right to write and keep it, again after a lost connection, until cancelled.

        Raises OvertakenError when another gateway got it while our connection was lost.
        """
        self._missing("the right to write to this database is not obtained yet")
        backoff = Backoff(base_s=0.1, cap_s=5.0)
        while True:
            try:
                await self._hold(backoff)
            except OvertakenError:
                raise
            except FeederlineError as exc:  # someone may mend it: a password, a server's rules
                self._missing(str(exc))
                log.warning("the right to write is not held", extra={"error": str(exc)})
            finally:
                self._missing(self.trouble or "the right to write to this database was given up")
            await backoff.sleep()

    async def held(self) -> None:
        """Return when the right to write is held."""
        await self._held.wait()

    def check(self) -> None:
        """Raises UnavailableError, saying who else writes, while `hold` runs and has not got it."""
        if self.trouble:
            raise UnavailableError(self.trouble)

    async def _hold(self, backoff: Backoff) -> NoReturn:
        """Raises what ended it."""
        with boundary("holding the right to write"):
            conn = await connect(self._settings)
            try:
                await conn.execute(sql("sole_session"))
                await self._turn(conn)
                self._pid = conn.info.backend_pid
                self.trouble = ""
                self._held.set()
                backoff.reset()
                await _until_lost(conn)
            finally:
                await conn.close()

    async def _turn(self, conn: psycopg.AsyncConnection) -> None:
        """Return once the lock is ours."""
        told = ""
        while not await _taken(conn):
            row = await (await conn.execute(sql("sole_holder"))).fetchone()
            if row is not None:
                other = f"another gateway ({row[1] or 'without a name'}, process {row[0]} of the server)"
                # Our own lost connection may live on there, until the server too knows that it is lost.
                if self._pid is not None and row[0] != self._pid:
                    raise OvertakenError(
                        f"{other} writes to this database since the connection to it was lost; start this one again, "
                        "or give it a database of its own"
                    )
                self._missing(f"{other} writes to this database; waiting until it ends")
            if self.trouble != told:
                told = self.trouble
                log.warning("waiting for the right to write", extra={"error": told})
            await asyncio.sleep(_ASK_S)

    def _missing(self, why: str) -> None:
        self.trouble = why
        self._held.clear()


async def _taken(conn: psycopg.AsyncConnection) -> bool:
    row = await (await conn.execute(sql("sole_lock"))).fetchone()
    return row is not None and bool(row[0])


async def _until_lost(conn: psycopg.AsyncConnection) -> NoReturn:
    """Raises psycopg.OperationalError or UnavailableError when the connection is gone."""
    while True:
        async for _ in conn.notifies(timeout=_BEAT_S):
            pass
        try:
            async with asyncio.timeout(_ANSWER_S):
                await conn.execute(sql("sole_beat"))
        except TimeoutError as exc:
            raise UnavailableError(f"the database did not answer within {_ANSWER_S:.0f} s") from exc
