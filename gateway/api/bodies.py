"""Bodies that a route reads itself, so that everything that is wrong with them is told in one 422."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from fastapi import HTTPException, Request
from pydantic import BaseModel, ValidationError

from gateway.core.errors import InvalidInputError

M = TypeVar("M", bound=BaseModel)


def described(shape: type[BaseModel]) -> dict[str, Any]:
    """What a route with such a body adds to the machine-readable description."""
    content = {"application/json": {"schema": shape.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


async def read(
    request: Request, shape: type[M], what: str, *, context: Mapping[str, object] | None = None
) -> M:
    """The body as `shape`; `context` is for its validators. Raises HTTPException 415, InvalidInputError."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, f"send the {what} as application/json")
    try:
        return shape.model_validate_json(await request.body(), context=context)
    except ValidationError as exc:
        raise InvalidInputError(_faults(exc)) from exc


def _faults(exc: ValidationError) -> list[str]:
    return [
        ": ".join([*map(str, error["loc"]), error["msg"].removeprefix("Value error, ")])
        for error in exc.errors(include_url=False, include_input=False, include_context=False)
    ]
