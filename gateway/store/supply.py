"""Single devices at this moment: who is without supply, and of when their last readings are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import psycopg
from psycopg_pool import AsyncConnectionPool

from gateway.core.clock import from_datetime
from gateway.core.model import IncidentKind, IncidentState, Record
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import when
from gateway.store.text import storable


class Without(Record, frozen=True, kw_only=True):
    """A listed device whose supply is not known to be on; times are µs UTC."""

    device: str
    state: Literal["off", "unknown"]
    since: int
    incident: str


class Trouble(Record, frozen=True, kw_only=True):
    """An incident that lives, by where it is. `node` need not be in the network any more."""

    incident: str
    node: str
    kind: IncidentKind
    state: IncidentState
    drill: bool


class Silence(NamedTuple):
    """Of which devices nothing was measured for three of their intervals, at least 15 minutes and at most two days,
    nor of any that hangs on them; and of when (µs UTC) the latest reading is that came through each concentrator."""

    devices: frozenset[str]
    through: Mapping[str, int]


class Supply:
    """Reads only. Every method raises UnavailableError while the database is away."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection]) -> None:
        self._pool = pool

    async def without(self) -> list[Without]:
        """Everybody who is not on."""
        with boundary("reading who is without supply"):
            async with self._pool.connection() as conn:
                rows = await (await conn.execute(sql("supply_without"))).fetchall()
        return [
            Without(device=device, state=state, since=from_datetime(since), incident=incident)
            for device, state, since, incident in rows
        ]

    async def troubles(self) -> list[Trouble]:
        """Every incident that lives, the oldest first."""
        with boundary("reading where incidents are"):
            async with self._pool.connection() as conn:
                rows = await (await conn.execute(sql("supply_incidents"))).fetchall()
        return [
            Trouble(
                incident=name, node=node, kind=IncidentKind(kind), state=IncidentState(state), drill=drill
            )
            for name, node, kind, state, drill in rows
        ]

    async def last_readings(self, devices: Sequence[str], *, since: int) -> dict[str, int]:
        """The time of the last reading of each of these that has one later than `since`."""
        given = {"devices": [storable(device) for device in devices], "since": when(since)}
        with boundary("reading when devices were heard"):
            async with self._pool.connection() as conn:
                rows = await (await conn.execute(sql("supply_heard"), given)).fetchall()
        return {device: from_datetime(at) for device, at in rows}

    async def silence(self, at: int) -> Silence:
        """As of `at`; a device that was heard is in neither."""
        with boundary("reading which devices are silent"):
            async with self._pool.connection() as conn:
                rows = await (await conn.execute(sql("devices_silent"), {"at": when(at)})).fetchall()
        return Silence(
            devices=frozenset(device for device, through in rows if through is None),
            through={device: from_datetime(through) for device, through in rows if through is not None},
        )
