"""Another network or device list over HTTP: to look at what it changes, and to take it up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from gateway.api.access.gate import Gate
from gateway.api.problems import BODY, ProblemOut
from gateway.api.shapes import Shape
from gateway.core.access import Actor, Role
from gateway.core.errors import InvalidInputError, RefusedError, UnavailableError
from gateway.inventoryimport import Changes, Imported, Importer

LARGEST = 256 << 20
"""Bytes of one request; some three million devices."""

PATHS = ("/api/network/import", "/api/devices/import")
_PARTS = ("network", "devices")

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/json": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "minProperties": 1,
                    "properties": {part: {"type": "string"} for part in _PARTS},
                }
            },
        },
    }
}


class ImportAsked(BaseModel):
    """`allow_retire`: though it retires more than the configured share of devices or nodes."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = False
    allow_retire: bool = False


class CountsOut(Shape):
    added: int
    changed: int
    retired: int
    kept: int


class ChangeOut(Shape):
    """Only the columns that differ."""

    id: str
    before: dict[str, str | int | float | None]
    after: dict[str, str | int | float | None]


class ChangesOut(Shape):
    counts: CountsOut
    added: list[str]
    changed: list[ChangeOut]
    retired: list[str]


class ImportOut(Shape):
    """What an import changes. `refused`: why it needs `allow_retire`, told by a dry run; `kept`: the former files;
    `reload`: the gateway takes up `revision` now, GET /api/inventory says when it has."""

    dry_run: bool
    revision: str
    reload: bool
    refused: list[str]
    kept: list[str]
    nodes: ChangesOut
    devices: ChangesOut


def build(importer: Importer, gate: Gate) -> APIRouter:
    api = APIRouter(prefix="/api", tags=["inventory"])
    engineer = Depends(gate.needs(Role.ENGINEER))

    async def take(
        part: str, request: Request, response: Response, asked: ImportAsked, actor: Actor
    ) -> ImportOut:
        if actor.below:
            gate.deny(request, "area", actor, action="inventory.import", thing=part)
            raise HTTPException(403, "an import is for those of the whole network")
        texts = await _texts(request, part)
        named = " and ".join(texts)
        try:
            done = await importer.take(
                network=texts.get("network"),
                devices=texts.get("devices"),
                dry_run=asked.dry_run,
                allow_retire=asked.allow_retire,
            )
        except InvalidInputError as exc:
            if not asked.dry_run:
                detail = {"faults": len(exc.faults), "first": exc.faults[0][:500]}
                await gate.audit(request, actor, "inventory.import", named, outcome="refused", detail=detail)
            raise
        except RefusedError as exc:
            detail = {"error": str(exc)[:500]}
            await gate.audit(request, actor, "inventory.import", named, outcome="failed", detail=detail)
            raise HTTPException(409, str(exc)) from exc
        except UnavailableError as exc:
            raise HTTPException(503, str(exc), headers={"retry-after": "10"}) from exc
        if not asked.dry_run:
            detail = {**done.difference.counts, "revision": done.revision, "allow_retire": asked.allow_retire}
            await gate.audit(request, actor, "inventory.import", named, detail=detail)
        response.status_code = 202 if done.reload else 200
        return _out(done)

    responses: Mapping[int | str, dict[str, Any]] = {
        **BODY,
        202: {"model": ImportOut, "description": "Taken; the gateway takes it up now"},
        409: {"model": ProblemOut, "description": "The files cannot be written"},
    }

    @api.post(
        "/network/import",
        summary="Another network.csv, or both files",
        operation_id="import_network",
        openapi_extra=_BODY,
        responses=dict(responses),
    )
    async def network(
        request: Request,
        response: Response,
        asked: Annotated[ImportAsked, Query()],
        actor: Actor = engineer,
    ) -> ImportOut:
        return await take("network", request, response, asked, actor)

    @api.post(
        "/devices/import",
        summary="Another devices.csv, or both files",
        operation_id="import_devices",
        openapi_extra=_BODY,
        responses=dict(responses),
    )
    async def devices(
        request: Request,
        response: Response,
        asked: Annotated[ImportAsked, Query()],
        actor: Actor = engineer,
    ) -> ImportOut:
        return await take("devices", request, response, asked, actor)

    return api


async def _texts(request: Request, part: str) -> dict[str, bytes]:
    """The tables of a request by part. Raises HTTPException 415, InvalidInputError."""
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media not in ("application/json", "text/csv"):
        raise HTTPException(
            415, "send a table as text/csv, or network and devices as texts in application/json"
        )
    data = await request.body()
    if media == "text/csv":
        return {part: data}
    try:
        given = json.loads(data)
    except RecursionError as exc:
        raise InvalidInputError(["body: nested too deeply"]) from exc
    except ValueError as exc:
        raise InvalidInputError([f"body: not JSON: {exc}"]) from exc
    if (
        not isinstance(given, dict)
        or not given
        or set(given) - set(_PARTS)
        or not all(isinstance(text, str) for text in given.values())
    ):
        raise InvalidInputError(["body: not an object with the texts of network, devices or both"])
    try:
        return {name: text.encode() for name, text in given.items()}
    except UnicodeEncodeError as exc:
        raise InvalidInputError(["body: holds half a surrogate pair, which is no text"]) from exc


def _out(done: Imported) -> ImportOut:
    return ImportOut(
        dry_run=done.dry_run,
        revision=done.revision,
        reload=done.reload,
        refused=list(done.refused),
        kept=list(done.kept),
        nodes=_changes(done.difference.nodes),
        devices=_changes(done.difference.devices),
    )


def _changes(changes: Changes) -> ChangesOut:
    return ChangesOut(
        counts=CountsOut(**changes.counts),
        added=list(changes.added),
        changed=[ChangeOut.model_validate(change) for change in changes.changed],
        retired=list(changes.retired),
    )
