"""Unusual usage with its reasons, what is lost in transformer areas, and the load to be expected."""

from __future__ import annotations

import datetime as dt
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request

from gateway.api.meterdata.asked import BelowChoice, DayPage, NodeChoice, WatchChoice
from gateway.api.meterdata.scope import Scope, window_out
from gateway.api.problems import FOUND, within
from gateway.api.shapes import Shape, Time, WindowOut
from gateway.core.access import Actor, Role
from gateway.core.clock import to_datetime
from gateway.core.errors import InvalidInputError
from gateway.store.areas import AreaLossView
from gateway.store.judgements import WatchView
from gateway.store.meterlists import MeterLists
from gateway.store.outlook import LoadRisk
from gateway.store.usage import Usage


class ReasonOut(Shape):
    """`weight`: what it adds to the log-odds; what is below 0 speaks for the customer."""

    rule: str
    weight: float
    words: str
    figures: dict[str, float]


class WatchOut(Shape):
    """The last word on a device; a terminal stands for the area of its transformer. `since`: when it began as far as
    that can be told, `until`: the end of the last day looked at. `reasons`: strongest first."""

    device: str
    device_kind: str
    node: str | None
    transformer: str | None
    feeder: str | None
    customer_class: str
    score: float
    since: Time
    until: Time
    reasons: list[ReasonOut]
    incident: str | None
    ticket_number: int | None
    ticket_state: str | None


class WatchlistOut(Shape):
    at: Time
    devices: list[WatchOut]


class JudgedOut(Shape):
    """A day as judged. `kinds`: of independent evidence; `opens`: score and kinds ask for an inspection."""

    day: dt.date
    score: float
    kinds: int
    opens: bool
    kwh: float | None
    expected_kwh: float | None
    since: Time | None
    reasons: list[ReasonOut]


class JudgedDaysOut(Shape):
    window: WindowOut
    device: str
    days: list[JudgedOut]


class AreaOut(Shape):
    """The last balance of a transformer's area, kWh of the intervals in which everything was measured (`coverage` of
    the day). `excess`: loss beyond what is technical, `excess_per_day`: that of recent days; `loss_share`: of what was
    supplied. `since`: when a lasting rise began. `found`: what makes the area one to be looked into."""

    node: str
    name: str
    feeder: str | None
    day: dt.date
    members: int
    supplied: float
    sold: float
    technical: float | None
    excess: float | None
    excess_per_day: float | None
    loss_share: float | None
    since: Time | None
    coverage: float | None
    found: list[str]
    finding: str | None
    words: str | None


class AreasOut(Shape):
    at: Time
    areas: list[AreaOut]


class RiskOut(Shape):
    """A node whose load may go beyond its rating: `high_kw`, the upper quantile, does; `expected`: what is expected
    does, too."""

    node: str
    name: str
    kind: str
    start: Time
    end: Time
    intervals: int
    expected_kw: float
    high_kw: float
    limit_kw: float
    expected: bool


class RisksOut(Shape):
    at: Time
    risks: list[RiskOut]


class LoadOut(Shape):
    start: Time
    end: Time
    expected_kw: float
    high_kw: float
    share: float
    limit_kw: float | None
    made_at: Time


class OutlookOut(Shape):
    at: Time
    node: str
    intervals: list[LoadOut]


def build(usage: Usage, lists: MeterLists, scope: Scope) -> APIRouter:
    api = APIRouter(prefix="/api/usage", tags=["usage"])
    viewer = Depends(scope.gate.needs(Role.VIEWER))

    @api.get(
        "/watchlist",
        summary="Whose usage to look at first, with the reasons in words",
        operation_id="get_usage_watchlist",
        responses=FOUND,
    )
    async def watchlist(asked: Annotated[WatchChoice, Query()], actor: Actor = viewer) -> WatchlistOut:
        below = scope.below(actor, asked.below)
        found = await within(usage.watchlist(score=asked.score, below=below, limit=asked.limit))
        return WatchlistOut(at=scope.clock.now(), devices=[_watched(view) for view in found])

    @api.get(
        "/days",
        summary="How the days of one device were judged",
        operation_id="list_judged_days",
        responses=FOUND,
    )
    async def days(
        asked: Annotated[DayPage, Query()], request: Request, actor: Actor = viewer
    ) -> JudgedDaysOut:
        device, window = scope.device(asked.device, request, actor), scope.window(asked)
        first, last = _date(window.low, scope.zone), _date(window.high - 1, scope.zone)
        found = await within(usage.days(first, _after(last), device=device, limit=asked.limit))
        return JudgedDaysOut(
            window=window_out(window),
            device=asked.device,
            days=[JudgedOut.model_validate(day) for day in found],
        )

    @api.get(
        "/areas",
        summary="What is lost in transformer areas, the most first",
        operation_id="get_area_losses",
        responses=FOUND,
    )
    async def areas(asked: Annotated[BelowChoice, Query()], actor: Actor = viewer) -> AreasOut:
        found = await within(usage.areas(below=scope.below(actor, asked.below), limit=asked.limit))
        return AreasOut(at=scope.clock.now(), areas=[_area(view) for view in found])

    @api.get(
        "/risks",
        summary="Where more load is to be expected than is rated",
        operation_id="get_load_risks",
        responses=FOUND,
    )
    async def risks(asked: Annotated[BelowChoice, Query()], actor: Actor = viewer) -> RisksOut:
        at = scope.clock.now()
        found = await within(usage.risks(at=at, below=scope.below(actor, asked.below), limit=asked.limit))
        return RisksOut(at=at, risks=[_risk(view) for view in found])

    @api.get(
        "/outlook",
        summary="The load to be expected of a transformer or feeder",
        operation_id="get_load_outlook",
        responses=FOUND,
    )
    async def outlook(asked: Annotated[NodeChoice, Query()], actor: Actor = viewer) -> OutlookOut:
        at, node = scope.clock.now(), scope.node(asked.node, actor)
        found = await within(lists.outlook(node, at=at))
        return OutlookOut(at=at, node=node, intervals=[LoadOut.model_validate(one) for one in found])

    return api


def _date(at: int, zone: ZoneInfo) -> dt.date:
    try:
        return to_datetime(at).astimezone(zone).date()
    except OverflowError as exc:
        raise InvalidInputError(["from: lies too near the end of time"]) from exc


def _after(day: dt.date) -> dt.date:
    return day if day == dt.date.max else day + dt.timedelta(days=1)


def _watched(view: WatchView) -> WatchOut:
    return WatchOut(
        device=view.device_id,
        device_kind=view.device_kind,
        node=view.node_id,
        transformer=view.transformer_id,
        feeder=view.feeder_id,
        customer_class=view.customer_class,
        score=view.score,
        since=view.since,
        until=view.until,
        reasons=[ReasonOut.model_validate(reason) for reason in view.reasons],
        incident=view.incident_id,
        ticket_number=view.ticket_number,
        ticket_state=view.ticket_state,
    )


def _area(view: AreaLossView) -> AreaOut:
    return AreaOut(
        node=view.node_id,
        name=view.name,
        feeder=view.feeder_id,
        day=view.day,
        members=view.members,
        supplied=view.supplied,
        sold=view.sold,
        technical=view.technical,
        excess=view.excess,
        excess_per_day=view.level,
        loss_share=view.ratio,
        since=view.since,
        coverage=view.coverage,
        found=[*view.found],
        finding=view.finding,
        words=view.words,
    )


def _risk(view: LoadRisk) -> RiskOut:
    return RiskOut(
        node=view.node_id,
        name=view.name,
        kind=view.kind,
        start=view.starts_at,
        end=view.ends_at,
        intervals=view.intervals,
        expected_kw=view.expected_kw,
        high_kw=view.high_kw,
        limit_kw=view.limit_kw,
        expected=view.expected,
    )
