"""Energy by interval to look at: how intervals stand, and the whole story of one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from gateway.api.lookup import tag
from gateway.api.meterdata import shapes
from gateway.api.meterdata.asked import IntervalPage, OneInterval
from gateway.api.meterdata.scope import Scope, window_out
from gateway.api.problems import FOUND, within
from gateway.core.access import Actor, Role
from gateway.core.clock import DAY, MINUTE, format_time
from gateway.core.errors import NotFoundError
from gateway.core.quantities import BY_NAME
from gateway.store.book import Retired
from gateway.store.edits import HistoryView
from gateway.store.meterdata import MeterData
from gateway.store.meterlists import MeterLists


def build(book: MeterData, lists: MeterLists, scope: Scope) -> APIRouter:
    api = APIRouter(prefix="/api/meter-data", tags=["meter data"])
    viewer = Depends(scope.gate.needs(Role.VIEWER))

    @api.get(
        "/intervals",
        summary="Energy of a device by interval, as it stands",
        operation_id="list_intervals",
        responses=FOUND,
    )
    async def intervals(
        asked: Annotated[IntervalPage, Query()], request: Request, actor: Actor = viewer
    ) -> shapes.IntervalsOut:
        device, window = await scope.known(asked.device, book, request, actor), scope.window(asked)
        found = await within(
            lists.intervals(
                device, asked.quantity, window.low, window.high, after=asked.after, limit=asked.limit + 1
            )
        )
        page = [shapes.interval(view) for view in found[: asked.limit]]
        return shapes.IntervalsOut(
            device=asked.device,
            quantity=asked.quantity,
            unit=BY_NAME[asked.quantity].unit,
            window=window_out(window),
            intervals=page,
            next=page[-1].start if len(found) > asked.limit else None,
        )

    @api.get(
        "/intervals/history",
        summary="Everything on record of one interval: readings, versions, rules, and who",
        operation_id="get_interval_history",
        responses=FOUND,
    )
    async def history(
        asked: Annotated[OneInterval, Query()], request: Request, response: Response, actor: Actor = viewer
    ) -> shapes.HistoryOut:
        device = await scope.known(asked.device, book, request, actor)
        found = await within(book.history(device, asked.quantity, asked.start))
        if found is None:
            missing = f"{asked.device!r} has no interval of {asked.quantity} that begins at {format_time(asked.start)}"
            raise NotFoundError(missing + await _covering(lists, device, asked))
        edits = await within(book.edits(device, asked.quantity, found.start, found.end))
        changes = await within(book.changes_told(device, frm=_since(found), till=found.end))
        stands = found.versions[-1]
        tag(response, stands.version)
        return shapes.HistoryOut(
            device=asked.device,
            node=scope.node_of(device),
            quantity=asked.quantity,
            unit=BY_NAME[asked.quantity].unit,
            start=found.start,
            end=found.end,
            raw=stands.raw,
            value=stands.value,
            status=stands.status.word,
            final=found.final,
            revision=stands.version,
            opening=shapes.reading(found.opening),
            closing=shapes.reading(found.closing),
            versions=[shapes.version(view) for view in found.versions],
            too_late=[shapes.version(view) for view in found.too_late],
            edits=[shapes.edit(number, said) for number, said in edits],
            changes=[shapes.change(view) for view in changes],
        )

    return api


async def _covering(lists: MeterLists, device: int | Retired, asked: OneInterval) -> str:
    """Which interval the time that was asked for lies in, in words; empty for none."""
    if asked.start < DAY:
        return ""
    longest, most = DAY, DAY // MINUTE  # from a minute to a day is what intervals are
    near = await within(
        lists.intervals(device, asked.quantity, asked.start - longest, asked.start, limit=most)
    )
    if not near or near[-1].end <= asked.start:
        return ""
    return f"; the one from {format_time(near[-1].start)} to {format_time(near[-1].end)} covers it"


def _since(found: HistoryView) -> int:
    return found.opening.measured_at if found.opening is not None else found.start
