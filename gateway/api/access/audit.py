"""The audit log to look through, and the schemas of what is sent."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from gateway.api.access.gate import Gate
from gateway.api.access.scope import whole
from gateway.api.paging import page
from gateway.api.parameters import Name, Page
from gateway.api.problems import FOUND, within
from gateway.api.shapes import Shape, Time
from gateway.core.access import Actor, Role
from gateway.core.clock import format_time
from gateway.core.errors import NotFoundError
from gateway.store.access import Access, AuditView


class AuditPage(Page):
    """`object`: the id of what it was done to; `token`: the id of the token it was done with."""

    actor: Name | None = None
    action: Name | None = None
    object: Name | None = None
    outcome: Literal["done", "denied", "refused", "failed"] | None = None
    address: Name | None = None
    token: Name | None = None


class AuditOut(Shape):
    number: int
    at: Time
    actor: str
    role: str
    origin: str
    address: str
    token: str
    action: str
    object: str
    outcome: str
    detail: dict[str, Any]


class AuditLogOut(Shape):
    """`next` is the `before` of the page that follows; null on the last one."""

    audit: list[AuditOut]
    next: str | None


def build(access: Access, gate: Gate) -> APIRouter:
    api = APIRouter(prefix="/api")
    admin, viewer = Depends(gate.needs(Role.ADMIN)), Depends(gate.needs(Role.VIEWER))

    @api.get(
        "/audit",
        summary="What was done and what was denied, newest first",
        operation_id="list_audit",
        tags=["access"],
    )
    async def audit(
        request: Request, asked: Annotated[AuditPage, Query()], actor: Actor = admin
    ) -> AuditLogOut:
        whole(gate, request, actor, "the audit log is of the whole network")

        async def fetch(limit: int, before: int | None) -> list[AuditView]:
            return await within(
                access.audit_entries(
                    actor=asked.actor,
                    action=asked.action,
                    thing=asked.object,
                    outcome=asked.outcome,
                    address=asked.address,
                    token=asked.token,
                    limit=limit,
                    before=before,
                )
            )

        rows, following = await page(
            fetch, lambda view: view.entry.at, limit=asked.limit, before=asked.before, after=asked.after
        )
        return AuditLogOut(
            audit=[AuditOut(number=row.number, **msgspec.structs.asdict(row.entry)) for row in rows],
            next=None if following is None else format_time(following),
        )

    @api.get(
        "/schemas/{name}",
        summary="A JSON Schema of messages",
        operation_id="get_schema",
        responses=FOUND | {200: {"content": {"application/schema+json": {}}}},
        response_class=Response,
        dependencies=[viewer],
        tags=["deliveries"],
    )
    async def schema(name: Annotated[str, Path(max_length=200)]) -> Response:
        held = {file.name: file for file in files("alerts.schema").iterdir() if file.name.endswith(".json")}
        if name not in held:
            raise NotFoundError(f"there is no schema {name!r}; there are {', '.join(sorted(held))}")
        return Response(held[name].read_bytes(), media_type="application/schema+json")

    return api
