"""The network to draw: what there is, once per inventory; and who is without supply, as often as that changes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from functools import partial
from math import inf
from typing import Annotated, NamedTuple, TypeAlias

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BaseModel, ConfigDict

from gateway.api.access.gate import Gate
from gateway.api.inventory.field import Field
from gateway.api.problems import Responses, within
from gateway.api.shapes import Shape, Time
from gateway.api.shared import Shared
from gateway.api.supply.part import Encoded, Moment, Part, moment
from gateway.core.access import Actor, Role
from gateway.core.clock import Clock
from gateway.core.model import IncidentKind, IncidentState
from gateway.store.supply import Supply

STATE_KEPT_S = 1.0
"""For how long a state is good enough for the next viewer."""

MOST_PARTS = 16
"""So many parts of the network are kept ready; those that were not asked for the longest are made again."""

Row: TypeAlias = tuple[int, int, Time]
Match = Annotated[str | None, Header()]  # what is too long to mean anything is no mistake of who asks


class NoChoice(BaseModel):
    """Nothing can be chosen here."""

    model_config = ConfigDict(extra="forbid")


class PictureOut(Shape):
    """Columns by node, depth-first, so that what lies below a node follows it. `names` are empty where they are the
    id; `parent` is −1 at what has none or none that may be seen; `kind` is a place in `kinds`; `customers` and
    `devices` are the node's own; `lat` and `lon` are null where they are not known."""

    revision: str
    kinds: list[str]
    ids: list[str]
    names: list[str]
    parent: list[int]
    kind: list[int]
    customers: list[int]
    devices: list[int]
    lat: list[float | None]
    lon: list[float | None]


class TroubleOut(Shape):
    node: int
    id: str
    kind: IncidentKind
    state: IncidentState
    drill: bool


class PictureStateOut(Shape):
    """Nodes are places in the picture of this `revision`. Rows are node, customers of its own, and since when the
    first of them; `off` holds those of `planned` too, whose outage was announced. Who is in no row has supply."""

    at: Time
    revision: str
    off: list[Row]
    planned: list[Row]
    unknown: list[Row]
    incidents: list[TroubleOut]


class Look(NamedTuple):
    """The whole network at one moment, and what was told of it, by part."""

    moment: Moment
    told: dict[Part, Shared[Encoded]]


_SAME: Responses = {304: {"description": "As If-None-Match says it is"}}


def build(field: Field, supply: Supply, clock: Clock, gate: Gate) -> APIRouter:
    api = APIRouter(prefix="/api/network", tags=["inventory"])
    reader = Depends(gate.needs(Role.VIEWER))
    parts: OrderedDict[tuple[int, ...], Shared[Part]] = OrderedDict()

    async def part_of(actor: Actor) -> Part:
        """Made once for all who see the same."""
        tops = tuple(field.tops(actor))

        async def made() -> Part:
            part = Part(field, tops)
            await asyncio.to_thread(lambda: part.picture)
            return part

        shared = parts.setdefault(tops, Shared(made, keep_s=inf))
        parts.move_to_end(tops)
        while len(parts) > MOST_PARTS:
            parts.popitem(last=False)
        return await shared.get()

    async def look() -> Look:
        at, without, troubles = clock.now(), await within(supply.without()), await within(supply.troubles())
        return Look(await asyncio.to_thread(moment, field, without, troubles, at), {})

    now = Shared(look, keep_s=STATE_KEPT_S)

    @api.get(
        "/picture",
        summary="Every node that may be seen, in columns",
        operation_id="get_picture",
        response_class=Response,
        responses={200: {"model": PictureOut}, **_SAME},
    )
    async def picture(
        _: Annotated[NoChoice, Query()],
        if_none_match: Match = None,
        accept_encoding: Match = None,
        actor: Actor = reader,
    ) -> Response:
        return await _answer((await part_of(actor)).picture, if_none_match, accept_encoding)

    @api.get(
        "/state",
        summary="Who is without supply, by node of the picture",
        operation_id="get_picture_state",
        response_class=Response,
        responses={200: {"model": PictureStateOut}, **_SAME},
    )
    async def state(
        _: Annotated[NoChoice, Query()],
        if_none_match: Match = None,
        accept_encoding: Match = None,
        actor: Actor = reader,
    ) -> Response:
        part, seen = await part_of(actor), await now.get()
        if part not in seen.told:  # told once, however many ask meanwhile
            told = partial(asyncio.to_thread, part.state, seen.moment)
            seen.told[part] = Shared(told, keep_s=inf)
        return await _answer(await seen.told[part].get(), if_none_match, accept_encoding)

    return api


async def _answer(found: Encoded, match: str | None, accepted: str | None) -> Response:
    # Browsers keep it and ask each time whether it holds; who signs in after another has another tag for another part.
    headers = {
        "etag": f'W/"{found.tag}"',
        "cache-control": "private, no-cache",
        "vary": "accept-encoding, authorization, cookie",
    }
    given = [one.strip().removeprefix("W/") for one in (match or "").split(",")]
    if "*" in given or f'"{found.tag}"' in given:
        return Response(status_code=304, headers=headers)
    body = found.packed
    if _takes_gzip(accepted or ""):
        headers["content-encoding"] = "gzip"
    else:
        body = await asyncio.to_thread(found.plain)
    return Response(body, headers=headers, media_type="application/json")


def _takes_gzip(accepted: str) -> bool:
    for offer in accepted.lower().split(","):
        name, _, weight = offer.partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
