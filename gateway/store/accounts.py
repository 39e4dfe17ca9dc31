"""The account of supply by place and time, by its targets, and split by major event days; and clocks that are wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from gateway.core.clock import from_datetime
from gateway.core.model import Record
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import Row, when

Place: TypeAlias = Literal["all", "node", "feeder", "transformer", "district", "customer_class"]
Period: TypeAlias = Literal["day", "month", "year"]
Of: TypeAlias = Literal["all", "fault", "planned"]
Basis: TypeAlias = Literal["lv", "mv"]


class Account(Record, frozen=True, kw_only=True):
    """Sums and indices of one group in one stretch of time. On the basis "mv" users are transformers, each counting 1,
    and momentary events are not told. `key` is a node's id, a district or a class; empty where there is none."""

    key: str
    name: str | None
    kind: str | None
    period_from: int
    period_to: int
    served: int
    customer_interruptions: int
    customer_minutes: float
    momentary_interruptions: int
    momentary_events: int | None
    open_customers: int
    open_customer_minutes: float
    unknown_customer_minutes: float
    saifi: float | None
    saidi_minutes: float | None
    caidi_minutes: float | None
    asai: float | None
    maifi: float | None
    maifi_e: float | None
    unknown_share: float | None


class TargetState(Record, frozen=True, kw_only=True):
    """Where a window stands against one target; minutes are customer minutes. The formulas: docs/indices.md.

    spent holds what still goes on (`open_minutes`).  burn_rate: 1 when the budget will just last.  forecast: the index
    at `window_to` at the rate so far.  state: met, at_risk or missed.
    """

    span: str
    index: str
    target: float
    window_from: int
    window_to: int
    served: int
    budget_minutes: float
    spent_minutes: float
    open_minutes: float
    left_minutes: float
    spent_share: float | None
    elapsed_share: float
    burn_rate: float | None
    forecast_minutes: float | None
    forecast: float | None
    state: str


class Dlt836(Record, frozen=True, kw_only=True):
    """DL/T 836 names, hours: 1 all interruptions, s scheduled, f faults; customer_hours is Σ hours × users."""

    saidi_1_hours: float | None
    saidi_s_hours: float | None
    saidi_f_hours: float | None
    saifi_1: float | None
    saifi_s: float | None
    saifi_f: float | None
    asai_1: float | None
    customer_hours: float
    customer_hours_s: float
    customer_hours_f: float
    threshold_s: float


class EventDay(Record, frozen=True, kw_only=True):
    day: int
    customer_interruptions: int
    customer_minutes: float
    saifi: float | None
    saidi_minutes: float | None
    major: bool


class SplitPart(Record, frozen=True, kw_only=True):
    customer_interruptions: int
    customer_minutes: float
    saifi: float
    saidi_minutes: float
    caidi_minutes: float | None


class MajorEvents(Record, frozen=True, kw_only=True):
    """T_MED from the history before the window, the window's days that had interruptions, and the split.

    t_med_minutes is None where fewer than two days of the history had interruptions; provisional: under five years.
    """

    alpha: float | None
    beta: float | None
    t_med_minutes: float | None
    history_from: int
    history_days: int
    provisional: bool
    days: tuple[EventDay, ...]
    all: SplitPart
    normal: SplitPart
    major: SplitPart


class ClockFault(Record, frozen=True, kw_only=True):
    """A device whose own time was wrong within the last day: in so many signals and readings, last at; `error_s` is by
    how much the last such signal's time was ahead of its reception (negative: behind)."""

    device: str
    node: str | None
    signals: int
    readings: int
    last_at: int
    error_s: float | None


class Accounts:
    """Reads only. Every method raises UnavailableError while the database is away. Times are µs UTC."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection]) -> None:
        self._pool = pool

    async def by(
        self,
        place: Place,
        frm: int,
        to: int,
        *,
        at: int,
        of: Of = "all",
        basis: Basis = "lv",
        period: Period | None = None,
        limit: int = 100_000,
    ) -> list[Account]:
        """Accounts of the window by group, those with most customer minutes first, and by period where one is given."""
        given = {
            **_bounds(frm, to, at),
            "place": place,
            "of": of,
            "basis": basis,
            "period": period,
            "limit": limit,
        }
        return [
            Account(
                period_from=from_datetime(row["period_from"]),
                period_to=from_datetime(row["period_to"]),
                **_rest(row, "period_from", "period_to", "of"),
            )
            for row in await self._all("account_by", given)
        ]

    async def targets(self, at: int) -> list[TargetState]:
        return [
            TargetState(
                window_from=from_datetime(row["window_from"]),
                window_to=from_datetime(row["window_to"]),
                **_rest(row, "window_from", "window_to"),
            )
            for row in await self._all("account_targets", {"at": when(at)})
        ]

    async def dlt_836(self, frm: int, to: int, *, at: int, basis: Basis = "lv") -> Dlt836:
        (row,) = await self._all("account_dlt836", {**_bounds(frm, to, at), "basis": basis})
        return Dlt836(**row)

    async def major_events(self, frm: int, to: int, *, at: int) -> MajorEvents:
        bounds = _bounds(frm, to, at)
        (limit,) = await self._all("account_major_limit", bounds)
        days = await self._all("account_major_days", bounds)
        split = {
            row["days"]: SplitPart(**_rest(row, "days")) for row in await self._all("account_split", bounds)
        }
        return MajorEvents(
            alpha=limit["alpha"],
            beta=limit["beta"],
            t_med_minutes=limit["t_med_minutes"],
            history_from=from_datetime(limit["history_from"]),
            history_days=limit["days"],
            provisional=limit["provisional"],
            days=tuple(
                EventDay(day=from_datetime(row["day"]), **_rest(row, "day", "t_med_minutes")) for row in days
            ),
            all=split["all"],
            normal=split["normal"],
            major=split["major"],
        )

    async def clock_faults(self, at: int, *, limit: int = 1000) -> list[ClockFault]:
        """Devices whose clocks were wrong within the day before `at`, latest first."""
        return [
            ClockFault(
                device=row["device_id"],
                node=row["node_id"],
                signals=row["signals"],
                readings=row["readings"],
                last_at=from_datetime(row["last_at"]),
                error_s=None if row["error_s"] is None else float(row["error_s"]),
            )
            for row in await self._all("clock_faults", {"at": when(at), "limit": limit})
        ]

    async def _all(self, query: str, given: Mapping[str, object]) -> list[Row]:
        with boundary("reading accounts"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                return [*await (await cur.execute(sql(query), given)).fetchall()]


def _bounds(frm: int, to: int, at: int) -> dict[str, object]:
    return {"frm": when(frm), "to": when(to), "at": when(at)}


def _rest(row: Row, *without: str) -> Row:
    return {name: value for name, value in row.items() if name not in without}
