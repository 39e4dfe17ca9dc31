"""What was collected of what was expected, and what lacks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from gateway.api.meterdata.asked import CollectionChoice, GapPage
from gateway.api.meterdata.scope import Scope, window_out
from gateway.api.parameters import cursor
from gateway.api.problems import FOUND, within
from gateway.api.shapes import Shape, Time, WindowOut
from gateway.core.access import Actor, Role
from gateway.core.clock import format_time
from gateway.core.meterdata import GapCause
from gateway.store.collection import CollectionRate
from gateway.store.meterdata import MeterData
from gateway.store.meterlists import GapView, MeterLists


class LackingOut(Shape):
    """Intervals that were expected and not collected, by why."""

    supply: int
    device: int
    communications: int
    gateway: int


class RateOut(Shape):
    """`key`: id of the node or device, or the area's name; empty where there is none. `rate`: collected / expected.
    `day`: when it begins; null for the whole window."""

    key: str
    day: Time | None
    devices: int
    expected: int
    collected: int
    estimated: int
    missing: int
    edited: int
    lacking: LackingOut
    rate: float | None
    target: float
    met: bool | None


class CollectionOut(Shape):
    at: Time
    window: WindowOut
    place: str
    rates: list[RateOut]


class GapOut(Shape):
    """`filled` of `intervals` have come since; `asks`: how often it was asked for again, last at `asked_at`."""

    number: int
    device: str
    node: str | None
    quantity: str
    start: Time
    end: Time
    cause: GapCause
    found_at: Time
    asked_at: Time | None
    asks: int
    filled_at: Time | None
    intervals: int
    filled: int


class GapsOut(Shape):
    """`next` is the `before` of the page that follows; null on the last one."""

    gaps: list[GapOut]
    next: str | None


def build(book: MeterData, lists: MeterLists, scope: Scope) -> APIRouter:
    api = APIRouter(prefix="/api/meter-data", tags=["meter data"])
    viewer = Depends(scope.gate.needs(Role.VIEWER))

    @api.get(
        "/collection",
        summary="Collection rate by place, against its target",
        operation_id="get_collection",
        responses=FOUND,
    )
    async def collection(
        asked: Annotated[CollectionChoice, Query()], request: Request, actor: Actor = viewer
    ) -> CollectionOut:
        below, window = scope.groups(request, actor, asked.place, asked.below), scope.window(asked)
        found = await within(
            book.collection(
                window.low,
                window.high,
                asked.place,
                by_day=asked.period == "day",
                below=below,
                limit=asked.limit,
            )
        )
        return CollectionOut(
            at=scope.clock.now(),
            window=window_out(window),
            place=asked.place,
            rates=[_rate(rate) for rate in found],
        )

    @api.get(
        "/gaps",
        summary="What was not collected, why, and how often it was asked for",
        operation_id="list_gaps",
        responses=FOUND,
    )
    async def gaps(asked: Annotated[GapPage, Query()], request: Request, actor: Actor = viewer) -> GapsOut:
        if asked.device is not None:
            scope.device(asked.device, request, actor)
        before = None
        if asked.before is not None:
            at, number = cursor(asked.before)
            before = at, int(number)
        found = await within(
            lists.gaps(
                filled=None if asked.state == "any" else asked.state == "filled",
                cause=asked.cause,
                device=asked.device,
                below=scope.below(actor, asked.below),
                before=before,
                limit=asked.limit + 1,
            )
        )
        rows = found[: asked.limit]
        more = len(found) > asked.limit
        return GapsOut(
            gaps=[_gap(row) for row in rows],
            next=f"{format_time(rows[-1].start)}_{rows[-1].number}" if more else None,
        )

    return api


def _rate(rate: CollectionRate) -> RateOut:
    return RateOut(
        key=rate.key,
        day=rate.day,
        devices=rate.devices,
        expected=rate.expected,
        collected=rate.collected,
        estimated=rate.estimated,
        missing=rate.missing,
        edited=rate.edited,
        lacking=LackingOut.model_validate(rate),
        rate=rate.rate,
        target=rate.target,
        met=rate.met,
    )


def _gap(view: GapView) -> GapOut:
    told = GapOut.model_validate(view)
    return told if told.node else told.model_copy(update={"node": None})
