"""How the stand-in refuses, and reads what it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from aiohttp import web

from tests.grafana import shapes

T = TypeVar("T")
Document = dict[str, Any]


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of ours
    def __init__(self, code: int, message: str, **more: object) -> None:
        super().__init__(message)
        self.code = code
        self.body = {"message": message, **more}


async def body_of(request: web.Request, schema: shapes.Schema) -> Document:
    if not request.content_type.startswith("application/json"):
        raise Refusal(400, "bad request data")
    try:
        body: Document = await request.json()
    except ValueError as exc:
        raise Refusal(400, "bad request data") from exc
    if wrong := shapes.faults(schema, body):
        raise Refusal(400, "; ".join(wrong))
    return body


def there_is(known: Mapping[str, T], request: web.Request, message: str) -> T:
    try:
        return known[request.match_info["uid"]]
    except KeyError:
        raise Refusal(404, message) from None
