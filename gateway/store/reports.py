"""What people and programs may ask the database: incidents, tickets, the account of supply."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from gateway.core.clock import from_datetime
from gateway.core.model import PlannedOutage
from gateway.store.cases import Cases
from gateway.store.planned import planned_of
from gateway.store.rows import Row, when, when_any
from gateway.store.text import storable
from gateway.store.views import (
    DailyReliability,
    Indices,
    OpenInterruptions,
    PlannedOutageView,
    Reliability,
    SupplyNow,
    Totals,
)


class Reports(Cases):
    """Reads only. Every method raises UnavailableError while the database is away. Times are µs UTC."""

    async def planned_outages(
        self,
        state: Literal["active", "upcoming", "past", "withdrawn"] | None = None,
        *,
        at: int,
        reference: str | None = None,
        node: str | None = None,
        below: Collection[str] | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[PlannedOutageView]:
        """Announced windows as they were last announced, latest start first. `state` is that at the moment `at`;
        `below`: only at or below these nodes; `before`: only those that start before that time."""
        given = {
            "state": state,
            "at": when(at),
            "reference": storable(reference) if reference is not None else None,
            "node": storable(node) if node is not None else None,
            "below": None if below is None else [storable(top) for top in below],
            "limit": limit,
            "before": when_any(before),
        }
        return [
            PlannedOutageView(
                planned=planned_of(row),
                revision=row["revision"],
                node_name=row["node_name"],
                path=row["path"],
            )
            for row in await self._all("report_planned_outages", given)
        ]

    async def planned_of(self, references: Collection[str]) -> list[PlannedOutage]:
        """Every window under these references, as last announced; withdrawn ones too."""
        given = {"references": [storable(reference) for reference in references]}
        return [planned_of(row) for row in await self._all("planned_outage_known", given)]

    async def reliability(self, frm: int, to: int, *, at: int) -> Reliability:
        """Indices (IEEE 1366) of the interruptions that started in [frm, to), as known at `at`; the window ends
        there where `to` is later. See the SQL function of the same name for the rules of the account."""
        bounds = {"frm": when(frm), "to": when(to), "at": when(at)}
        kinds = {row["of"]: row for row in await self._all("report_reliability", bounds)}
        row = kinds["all"]
        return Reliability(
            window_from=from_datetime(row["window_from"]),
            window_to=from_datetime(row["window_to"]),
            served=row["served"],
            all=_indices(row),
            fault=_indices(kinds["fault"]),
            planned=_indices(kinds["planned"]),
            unknown_customer_minutes=row["unknown_customer_minutes"],
            unknown_share=row["unknown_share"],
            threshold_s=row["threshold_s"],
            comparator=row["comparator"],
            asai_target=row["asai_target"],
            saidi_target_minutes=row["saidi_target_minutes"],
        )

    async def reliability_daily(self, frm: int, to: int, *, at: int) -> list[DailyReliability]:
        """The indices of all interruptions day by day, in the time zone of the settings."""
        rows = await self._all("report_reliability_daily", {"frm": when(frm), "to": when(to), "at": when(at)})
        return [
            DailyReliability(
                day=from_datetime(row["day"]),
                served=row["served"],
                customer_interruptions=row["customer_interruptions"],
                customer_minutes=row["customer_minutes"],
                saifi=row["saifi"],
                saidi_minutes=row["saidi_minutes"],
                asai=row["asai"],
                open=OpenInterruptions(
                    customers=row["open_customers"], customer_minutes=row["open_customer_minutes"]
                ),
                unknown_customer_minutes=row["unknown_customer_minutes"],
                unknown_share=row["unknown_share"],
            )
            for row in rows
        ]

    async def supply_now(self) -> SupplyNow:
        """Customers by supply state at this moment."""
        row = (await self._all("report_supply_now", {}))[0]
        return SupplyNow(
            served=row["served"], on=row["supplied"], off=row["off_now"], unknown=row["unknown_now"]
        )

    async def totals(self) -> Totals:
        """How much is stored; counts the whole reading table, so not for a page that refreshes."""
        row = (await self._all("report_totals", {}))[0]
        return Totals(**row)


def _indices(row: Row) -> Indices:
    return Indices(
        customer_interruptions=row["customer_interruptions"],
        customer_minutes=row["customer_minutes"],
        saifi=row["saifi"],
        saidi_minutes=row["saidi_minutes"],
        caidi_minutes=row["caidi_minutes"],
        asai=row["asai"],
        maifi=row["maifi"],
        maifi_e=row["maifi_e"],
        caifi=row["caifi"],
        cemi={format(row["cemi_interruptions"], "g"): row["cemi"]},
        celid_s={format(row["celid_single_hours"], "g"): row["celid_single"]},
        celid_t={format(row["celid_total_hours"], "g"): row["celid_total"]},
        open=OpenInterruptions(
            customers=row["open_customers"], customer_minutes=row["open_customer_minutes"]
        ),
    )
