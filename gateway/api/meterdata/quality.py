"""Supply quality by day and place, and events of meters."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from gateway.api.meterdata.asked import EventPage, PlaceChoice, VoltageChoice, WeekChoice
from gateway.api.meterdata.scope import Scope, window_out
from gateway.api.paging import page
from gateway.api.parameters import Window
from gateway.api.problems import FOUND, within
from gateway.api.shapes import Shape, Time, WindowOut
from gateway.core.access import Actor, Role
from gateway.core.clock import format_time, from_datetime, to_datetime
from gateway.core.errors import InvalidInputError
from gateway.core.model import MeterEventKind
from gateway.store.quality import En50160, MeterEventView, Quality

_WEEK = timedelta(days=7)


class MeterEventOut(Shape):
    """`phase`: empty for the whole meter. `extreme`: the value furthest beyond `limit`, in the unit that the kind has.
    `source`: `device` where the meter told it, `readings` where they show it."""

    device: str
    node: str | None
    kind: MeterEventKind
    phase: str
    started_at: Time
    ended_at: Time | None
    severe: bool
    extreme: float | None
    limit: float | None
    source: str


class MeterEventsOut(Shape):
    """`next` is the `before` of the page that follows; null on the last one."""

    window: WindowOut
    events: list[MeterEventOut]
    next: str | None


class ComplianceOut(Shape):
    """`compliance`: the share of observed time within GB/T 12325. `days`: of a point each."""

    key: str
    points: int
    days: int
    observed_minutes: float
    out_minutes: float
    low_minutes: float
    high_minutes: float
    lost_minutes: float
    compliance: float | None


class VoltageOut(Shape):
    at: Time
    window: WindowOut
    place: str
    groups: list[ComplianceOut]


class TransformerOut(Shape):
    """As its terminal measured it. `peak_load`: the highest of the days, as a share of the rating."""

    node: str | None
    name: str | None
    device: str
    rated_kva: float | None
    peak_kva: float | None
    peak_load: float | None
    observed_minutes: float | None
    heavy_minutes: float | None
    overload_minutes: float | None
    longest_overload_minutes: float | None
    reverse_minutes: float | None
    reverse_kw: float | None
    highest_temperature: float | None
    hot_minutes: float | None


class TransformersOut(Shape):
    at: Time
    window: WindowOut
    transformers: list[TransformerOut]


class WeekOut(Shape):
    """10-min means of a metering point; `within`: those within 10 % of nominal; `lowest`, `highest`: shares of nominal.
    `frequency`: the share of time within 1 %, which the standard judges over a year."""

    device: str
    node: str | None
    means: int
    within: int
    share: float | None
    met: bool
    lowest: float | None
    highest: float | None
    frequency: float | None


class WeeksOut(Shape):
    at: Time
    window: WindowOut
    points: list[WeekOut]


def build(quality: Quality, scope: Scope) -> APIRouter:
    api = APIRouter(prefix="/api", tags=["supply quality"])
    viewer = Depends(scope.gate.needs(Role.VIEWER))

    @api.get(
        "/meter-events",
        summary="Events of meters, latest start first",
        operation_id="list_meter_events",
        responses=FOUND,
    )
    async def events(
        asked: Annotated[EventPage, Query()], request: Request, actor: Actor = viewer
    ) -> MeterEventsOut:
        if asked.device is not None:
            scope.device(asked.device, request, actor)
        below, window = scope.below(actor, asked.below), scope.window(asked)

        async def fetch(limit: int, before: int | None) -> list[MeterEventView]:
            return await within(
                quality.events(
                    window.low,
                    window.high if before is None else min(before, window.high),
                    device=asked.device,
                    kind=asked.kind,
                    ended=None if asked.state == "any" else asked.state == "ended",
                    below=below,
                    limit=limit,
                )
            )

        rows, following = await page(
            fetch, lambda view: view.started_at, limit=asked.limit, before=asked.before, after=None
        )
        return MeterEventsOut(
            window=window_out(window),
            events=[_event(row) for row in rows],
            next=None if following is None else format_time(following),
        )

    @api.get(
        "/supply-quality/voltage",
        summary="Voltage compliance by place, the worst first",
        operation_id="get_voltage_compliance",
        responses=FOUND,
    )
    async def voltage(
        asked: Annotated[VoltageChoice, Query()], request: Request, actor: Actor = viewer
    ) -> VoltageOut:
        below, window = scope.groups(request, actor, asked.place, asked.below), scope.window(asked)
        found = await within(
            quality.compliance(window.low, window.high, place=asked.place, below=below, limit=asked.limit)
        )
        return VoltageOut(
            at=scope.clock.now(),
            window=window_out(window),
            place=asked.place,
            groups=[
                ComplianceOut(
                    key=one.key or "",
                    points=one.points,
                    days=one.days,
                    observed_minutes=one.observed_minutes or 0.0,
                    out_minutes=one.out_minutes or 0.0,
                    low_minutes=one.low_minutes or 0.0,
                    high_minutes=one.high_minutes or 0.0,
                    lost_minutes=one.lost_minutes or 0.0,
                    compliance=_share(one.percent),
                )
                for one in found
            ],
        )

    @api.get(
        "/supply-quality/transformers",
        summary="Load and heat of transformers, the most loaded first",
        operation_id="get_transformer_loads",
        responses=FOUND,
    )
    async def transformers(asked: Annotated[PlaceChoice, Query()], actor: Actor = viewer) -> TransformersOut:
        window = scope.window(asked)
        found = await within(
            quality.transformers(
                window.low, window.high, below=scope.below(actor, asked.below), limit=asked.limit
            )
        )
        return TransformersOut(
            at=scope.clock.now(),
            window=window_out(window),
            transformers=[
                TransformerOut(
                    node=one.node_id,
                    name=one.name,
                    device=one.device_id,
                    rated_kva=one.rated_kva,
                    peak_kva=one.peak_kva,
                    peak_load=_share(one.peak_percent),
                    observed_minutes=one.observed_min,
                    heavy_minutes=one.heavy_min,
                    overload_minutes=one.overload_min,
                    longest_overload_minutes=one.overload_longest_min,
                    reverse_minutes=one.reverse_min,
                    reverse_kw=one.reverse_kw,
                    highest_temperature=one.temperature_high,
                    hot_minutes=one.hot_min,
                )
                for one in found
            ],
        )

    @api.get(
        "/supply-quality/en-50160",
        summary="Who meets EN 50160 over a week; who does not comes first",
        operation_id="get_en_50160",
        responses=FOUND,
    )
    async def en_50160(asked: Annotated[WeekChoice, Query()], actor: Actor = viewer) -> WeeksOut:
        window = _week(asked.from_, scope)
        found = await within(
            quality.en_50160(
                window.low, window.high, below=scope.below(actor, asked.below), limit=asked.limit
            )
        )
        return WeeksOut(
            at=scope.clock.now(), window=window_out(window), points=[_point(one) for one in found]
        )

    return api


def _week(frm: int | None, scope: Scope) -> Window:
    """Seven local days: from the one that `frm` lies in, or the last ones that are over."""
    try:
        local = to_datetime(scope.clock.now() if frm is None else frm).astimezone(scope.zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        low = midnight - _WEEK if frm is None else midnight
        return Window("week", from_datetime(low), from_datetime(low + _WEEK))
    except OverflowError as exc:
        raise InvalidInputError(["from: lies too near the end of time for a week"]) from exc


def _share(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def _event(view: MeterEventView) -> MeterEventOut:
    told = MeterEventOut.model_validate(view)
    return told if told.node else told.model_copy(update={"node": None})


def _point(one: En50160) -> WeekOut:
    return WeekOut(
        device=one.device_id,
        node=one.node_id,
        means=one.means or 0,
        within=one.within or 0,
        share=_share(one.percent),
        met=bool(one.met),
        lowest=one.lowest,
        highest=one.highest,
        frequency=_share(one.frequency_percent),
    )
