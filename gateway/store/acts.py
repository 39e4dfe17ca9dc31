"""What people and service systems do with tickets: each act one transaction, with its messages and its audit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from gateway.core.access import AuditEntry
from gateway.core.errors import NotFoundError, StaleError
from gateway.core.model import Incident, Record
from gateway.core.ports import TicketDesk, TicketStep
from gateway.core.ticket import Ticket, TicketRequest
from gateway.store import incidents
from gateway.store.access import audit_write
from gateway.store.devices import DeviceKeys
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import ticket_of, when
from gateway.store.text import storable, to_json
from gateway.store.tickets import look_again, save, save_links
from gateway.store.told import Teller, of_steps


class Answered(Record, frozen=True, kw_only=True):
    """What a service system's call was answered with. `again`: the call had come before and did nothing now."""

    status: int  # of HTTP
    body: dict[str, Any]
    again: bool = False


def _everything(node: str) -> bool:  # noqa: ARG001
    return True


class BoundActs:
    """Acts within one transaction that is already open, on its connection: asking for others meanwhile, in numbers, may
    leave none for anybody."""

    def __init__(self, conn: psycopg.AsyncConnection, devices: DeviceKeys) -> None:
        self._conn = conn
        self._devices = devices
        self.steps: list[TicketStep] = []

    async def act(
        self,
        ticket_id: str,
        request: TicketRequest,
        desk: TicketDesk,
        *,
        at: int,
        revision: int | None = None,
        audit: AuditEntry | None = None,
        reaches: Callable[[str], bool] = _everything,
    ) -> TicketStep:
        """See `TicketActs.act`. An error undoes this act only, not the transaction around it."""
        async with self._conn.transaction():
            ticket, incident = await self._case("ticket_lock_one", ticket_id)
            if not reaches(ticket.node):
                raise NotFoundError(f"there is no ticket {ticket_id!r}")
            if revision is not None and revision != ticket.revision:
                raise StaleError(
                    f"ticket {ticket.id} is at revision {ticket.revision}, not {revision}", ticket.revision
                )
            step = desk.act(incident, ticket, request, at=at)
            await save(self._conn, [step])
            await save_links(self._conn, step.links)
            await look_again(self._conn, {step.ticket.id: desk.again_at(incident, step.ticket)})
            if audit is not None:
                await audit_write(self._conn, audit)
        self.steps.append(step)
        return step

    async def find(self, key: str, *, target: str = "") -> str:
        """Id of the ticket that `key` names: its id, its incident's id, or what `target` calls it.

        Raises NotFoundError.
        """
        given = {"key": storable(key), "target": storable(target)}
        row = await (await self._conn.execute(sql("ticket_find"), given)).fetchone()
        if row is None:
            raise NotFoundError(f"there is no ticket {key!r}")
        return str(row[0])

    async def numbered(self, number: int) -> str:
        """Id of the ticket that people call by this number. Raises NotFoundError."""
        row = await (await self._conn.execute(sql("report_ticket_number"), {"number": number})).fetchone()
        if row is None:
            raise NotFoundError(f"there is no ticket {number}")
        return str(row[0])

    async def case(self, ticket_id: str) -> tuple[Ticket, Incident]:
        """The ticket and its incident as they are now. Raises NotFoundError."""
        return await self._case("ticket_one", ticket_id)

    async def _case(self, query: str, ticket_id: str) -> tuple[Ticket, Incident]:
        async with self._conn.cursor(row_factory=dict_row) as cur:
            row = await (await cur.execute(sql(query), {"ticket": storable(ticket_id)})).fetchone()
        if row is None:
            raise NotFoundError(f"there is no ticket {ticket_id!r}")
        given = {"incident": row["incident_id"]}
        [incident] = await incidents.select(self._conn, "incident_one", given, self._devices)
        return ticket_of(row), incident

    async def refer(self, ticket_id: str, *, target: str, reference: str) -> None:
        """From now on the target calls the ticket `reference`; an empty one changes nothing."""
        if reference:
            given = {
                "ticket": storable(ticket_id),
                "target": storable(target),
                "reference": storable(reference),
            }
            await self._conn.execute(sql("ticket_refer"), given)

    async def audit(self, entry: AuditEntry) -> None:
        await audit_write(self._conn, entry)


class TicketActs:
    """Every method raises UnavailableError while the database is away; nothing is half done."""

    def __init__(
        self,
        pool: AsyncConnectionPool[psycopg.AsyncConnection],
        devices: Callable[[], DeviceKeys],
        teller: Teller,
    ) -> None:
        self._pool = pool
        self._devices = devices
        self._teller = teller

    async def act(
        self,
        ticket_id: str,
        request: TicketRequest,
        desk: TicketDesk,
        *,
        at: int,
        revision: int | None = None,
        audit: AuditEntry | None = None,
        reaches: Callable[[str], bool] = _everything,
    ) -> TicketStep:
        """Do what is asked for, with its transition, messages and audit entry, all or nothing.

        revision: of the ticket as the one who asks has read it;  reaches: whether a node is theirs.

        Raises:
            NotFoundError: there is no such ticket, or its node is not within reach.
            StaleError: the ticket has another revision than `revision`.
            ImpossibleError, InvalidInputError: the desk says no.
        """
        with boundary("moving a ticket on"):
            async with self._pool.connection() as conn, conn.transaction():
                step = await BoundActs(conn, self._devices()).act(
                    ticket_id, request, desk, at=at, revision=revision, audit=audit, reaches=reaches
                )
        self._teller.tell(of_steps([step]))
        return step

    async def once(
        self,
        target: str,
        message_id: str,
        *,
        at: int,
        work: Callable[[BoundActs], Awaitable[tuple[int, Mapping[str, Any]]]],
    ) -> Answered:
        """Do `work` for a message of a service system and keep its answer, in one transaction; the same message again
        is given the same answer without doing it. At the same time, one does it and the other waits.

        work: returns the status of HTTP and the body. What it raises undoes everything, and the message may come
        again; errors of the asking that are to be its lasting answer it catches itself: a failed `act` leaves nothing.
        """
        message = {"target": storable(target), "message_id": storable(message_id)}
        with boundary("answering a service system"):
            async with self._pool.connection() as conn, conn.transaction():
                taken = await conn.execute(sql("callback_take"), {**message, "at": when(at)})
                if not taken.rowcount:
                    row = await (await conn.execute(sql("callback_answer"), message)).fetchone()
                    assert row is not None
                    return Answered(status=row[0], body=row[1], again=True)
                bound = BoundActs(conn, self._devices())
                status, body = await work(bound)
                await conn.execute(
                    sql("callback_keep"), {**message, "status": status, "answer": to_json(body)}
                )
        self._teller.tell(of_steps(bound.steps))
        return Answered(status=status, body=dict(body))
