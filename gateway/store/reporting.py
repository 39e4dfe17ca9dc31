"""What a report of a month, quarter or year needs beyond the accounts: by customer, cause, area, ticket, doubt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from gateway.core.clock import from_datetime
from gateway.core.model import Drill, IncidentKind, IncidentState, Record
from gateway.core.ticket import Ticket
from gateway.store.drills import drill_of
from gateway.store.reader import Reader
from gateway.store.rows import micros, ticket_of, when


class CustomerSupply(Record, frozen=True, kw_only=True):
    """A metering point's sustained interruptions. µs: `total` and `longest` of what has ended, `open` so far."""

    device: str
    node: str
    transformer: str
    feeder: str
    priority: str
    customers: int
    interruptions: int
    total: int
    longest: int | None
    open: int | None


class CauseAccount(Record, frozen=True, kw_only=True):
    """`kind` is fault or planned; `cause` as on record, empty where nobody told one."""

    kind: str
    cause: str
    incidents: int
    customer_interruptions: int
    customer_minutes: float
    open_customer_minutes: float


class AreaAccount(Record, frozen=True, kw_only=True):
    area: str
    served: int
    customer_interruptions: int
    customer_minutes: float
    open_customers: int
    open_customer_minutes: float


class Heat(Record, frozen=True, kw_only=True):
    """Customer minutes of one feeder in one period, what goes on included."""

    key: str
    period_from: int
    minutes: float


class IncidentOutcome(Record, frozen=True, kw_only=True):
    kind: IncidentKind
    state: IncidentState
    incidents: int
    by_people: int  # withdrawn or merged on a person's word
    tickets: int


class Absence(Record, frozen=True, kw_only=True):
    started_at: int
    ended_at: int


class CorrectionLine(Record, frozen=True, kw_only=True):
    """`device` is empty where the whole incident is meant; `changed` counts interruptions."""

    number: int
    made_at: int
    made_by: str
    incident: str
    device: str
    started_at: int | None
    ended_at: int | None
    voided: bool | None
    kind: str | None
    cause: str
    as_detected: bool
    reason: str
    changed: int


class EditCount(Record, frozen=True, kw_only=True):
    made_by: str
    edits: int
    devices: int


class Doubts(Record, frozen=True, kw_only=True):
    """too_late: intervals of which readings came when they were final; the others: messages and values as they came."""

    too_late: int
    dead_letters: int
    rejected_values: int


class WrongClock(Record, frozen=True, kw_only=True):
    device: str
    signals: int
    readings: int
    last_at: int
    error_s: float | None


class Protocol(Record, frozen=True, kw_only=True):
    protocol: str
    points: int
    customers: int


class Suspicions(Record, frozen=True, kw_only=True):
    suspicions: int
    devices: int
    highest: float | None


class Reporting(Reader):
    """Reads only. Every method raises UnavailableError while the database is away. Times are µs UTC."""

    async def settings(self) -> dict[str, tuple[str, float | None]]:
        """(text, number) of each by its name."""
        return {row["name"]: (row["value"], row["number"]) for row in await self._all("report_settings", {})}

    async def observed_since(self) -> int | None:
        """When the gateway first heard the field; None before that."""
        (row,) = await self._all("report_observed", {})
        return micros(row["observed_since"])

    async def heard_until(self) -> int | None:
        """Up to when all that the field said is stored; None where nothing ever was."""
        (row,) = await self._all("report_heard", {})
        return micros(row["heard_until"])

    async def customers(self, frm: int, to: int, *, at: int) -> list[CustomerSupply]:
        """Metering points with sustained interruptions, those with most first."""
        return [CustomerSupply(**row) for row in await self._all("report_customers", _window(frm, to, at))]

    async def causes(self, frm: int, to: int, *, at: int) -> list[CauseAccount]:
        """All sustained interruptions by kind and cause, those with most minutes first."""
        return [CauseAccount(**row) for row in await self._all("report_causes", _window(frm, to, at))]

    async def areas(self, frm: int, to: int, *, at: int) -> list[AreaAccount]:
        return [AreaAccount(**row) for row in await self._all("report_areas", _window(frm, to, at))]

    async def heat(
        self, feeders: Sequence[str], frm: int, to: int, *, at: int, period: Literal["day", "month"]
    ) -> list[Heat]:
        given = _window(frm, to, at) | {"feeders": list(feeders), "period": period}
        return [
            Heat(**{**row, "period_from": from_datetime(row["period_from"])})
            for row in await self._all("report_heat", given)
        ]

    async def tickets(self, frm: int, to: int) -> list[Ticket]:
        """Real ones that were opened in the window, with the kind of their incident; earliest first."""
        return [ticket_of(row) for row in await self._all("report_work", _window(frm, to))]

    async def incidents(self, frm: int, to: int) -> list[IncidentOutcome]:
        """Real ones that started in the window, by kind and by what became of them."""
        return [
            IncidentOutcome(
                kind=IncidentKind(row["kind"]),
                state=IncidentState(row["state"]),
                incidents=row["incidents"],
                by_people=row["by_people"],
                tickets=row["tickets"],
            )
            for row in await self._all("report_incident_outcomes", _window(frm, to))
        ]

    async def absences(self, frm: int, to: int) -> list[Absence]:
        """When the gateway was away, cut to the window."""
        return [
            Absence(started_at=from_datetime(row["started_at"]), ended_at=from_datetime(row["ended_at"]))
            for row in await self._all("report_absences", _window(frm, to))
        ]

    async def corrections(self, frm: int, to: int) -> list[CorrectionLine]:
        """Those that changed the account of the window, in the order they were made."""
        return [
            CorrectionLine(
                **{
                    **row,
                    "made_at": from_datetime(row["made_at"]),
                    "started_at": micros(row["started_at"]),
                    "ended_at": micros(row["ended_at"]),
                }
            )
            for row in await self._all("report_corrections", _window(frm, to))
        ]

    async def edits(self, frm: int, to: int) -> list[EditCount]:
        return [EditCount(**row) for row in await self._all("report_edits", _window(frm, to))]

    async def doubts(self, frm: int, to: int) -> Doubts:
        (row,) = await self._all("report_doubts", _window(frm, to))
        return Doubts(**row)

    async def clock_faults(self, frm: int, to: int) -> list[WrongClock]:
        """Devices whose own time was wrong within the window, latest first."""
        return [
            WrongClock(
                device=row["device_id"],
                signals=row["signals"],
                readings=row["readings"],
                last_at=from_datetime(row["last_at"]),
                error_s=None if row["error_s"] is None else float(row["error_s"]),
            )
            for row in await self._all("report_clock_faults", _window(frm, to))
        ]

    async def protocols(self) -> list[Protocol]:
        return [Protocol(**row) for row in await self._all("report_protocols", {})]

    async def names(self, nodes: Collection[str]) -> dict[str, str]:
        """Names of these nodes, those that have one."""
        found = await self._all("report_names", {"nodes": list(nodes)})
        return {row["node_id"]: row["name"] for row in found if row["name"]}

    async def suspicions(self, frm: int, to: int) -> Suspicions:
        (row,) = await self._all("report_suspicions", _window(frm, to))
        return Suspicions(**row)

    async def drills(self, frm: int, to: int) -> list[Drill]:
        """Those that began in the window, and the last one before it; earliest first."""
        return [drill_of(row) for row in await self._all("report_drills", _window(frm, to))]


def _window(frm: int, to: int, at: int | None = None) -> dict[str, object]:
    bounds: dict[str, object] = {"frm": when(frm), "to": when(to)}
    return bounds if at is None else bounds | {"at": when(at)}
