"""Errors as answers: one sentence in `detail`, and every fault of a request by the name of its parameter."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from gateway.core.errors import (
    FeederlineError,
    ImpossibleError,
    InvalidInputError,
    NotFoundError,
    NotStorableError,
    StaleError,
    UnavailableError,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_FAULTS = 1000
_IN_DETAIL = 20

_CANNOT = frozenset({409, 412, 415, 422, 428})
_Handler: TypeAlias = Callable[[Request, Exception], Awaitable[JSONResponse]]

PATIENCE_S = 8.0
"""How long the database may take for one answer."""


class ProblemOut(BaseModel):
    """Why a request was not done, in a sentence."""

    detail: str


class FaultsOut(ProblemOut):
    """`faults`: everything that is wrong, each with the name of its parameter or member."""

    faults: list[str]


class StaleOut(ProblemOut):
    """`revision`: the one that there is now; the header ETag says it too."""

    revision: int


class ImpossibleOut(ProblemOut):
    """`possible`: what can be done as things are."""

    possible: list[str]


Responses: TypeAlias = dict[int | str, dict[str, Any]]

COMMON: Responses = {
    401: {"model": ProblemOut, "description": "No credentials, or none that are good"},
    403: {"model": ProblemOut, "description": "Not for this role, or from a page elsewhere"},
    421: {"model": ProblemOut, "description": "A host name that is not served"},
    422: {"model": FaultsOut, "description": "A parameter or the body is wrong"},
    429: {"model": ProblemOut, "description": "Too many requests; Retry-After says when to come back"},
    503: {"model": ProblemOut, "description": "Not now; Retry-After says when to come back"},
}
"""What any route may answer besides its own."""

FOUND: Responses = {404: {"model": ProblemOut, "description": "There is none, or none that is theirs"}}
BODY: Responses = {
    400: {"model": ProblemOut, "description": "The body could not be received"},
    413: {"model": ProblemOut, "description": "The body is too large"},
    415: {"model": ProblemOut, "description": "The body is of another kind than is taken"},
}
DRIVEN: Responses = (
    FOUND
    | BODY
    | {
        409: {"model": ImpossibleOut, "description": "Not possible as things are; says what is"},
        412: {"model": StaleOut, "description": "It has changed since it was read"},
        428: {"model": ProblemOut, "description": "If-Match is missing"},
    }
)
"""What a route that drives a ticket or an incident may answer besides."""


async def within(reading: Awaitable[T]) -> T:
    """The result of `reading`. Raises UnavailableError when it takes too long."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await reading
    except TimeoutError as exc:
        raise UnavailableError(f"the database did not answer within {PATIENCE_S:.0f} s") from exc


def install(app: FastAPI, refused: Callable[[Request, int, str], None] = lambda _, __, ___: None) -> None:
    """`refused`: told of every request that was understood and cannot be done, with the status and why."""

    def recorded(handler: _Handler) -> _Handler:
        async def answer(request: Request, exc: Exception) -> JSONResponse:
            response = await handler(request, exc)
            if response.status_code in _CANNOT:
                refused(request, response.status_code, json.loads(bytes(response.body))["detail"])
            return response

        return answer

    app.add_exception_handler(RequestValidationError, recorded(_unprocessable))
    app.add_exception_handler(InvalidInputError, recorded(_invalid))
    app.add_exception_handler(NotFoundError, _missing)
    app.add_exception_handler(ImpossibleError, recorded(_impossible))
    app.add_exception_handler(StaleError, recorded(_stale))
    app.add_exception_handler(NotStorableError, recorded(_not_storable))
    app.add_exception_handler(FeederlineError, _unavailable)
    app.add_exception_handler(HTTPException, recorded(_refused))


def _faulty(faults: list[str]) -> JSONResponse:
    """An answer stays small, however much is wrong with a large body."""
    told = faults[:MOST_FAULTS]
    if len(faults) > MOST_FAULTS:
        told.append(f"and {len(faults) - MOST_FAULTS} more faults")
    detail = told if len(told) <= _IN_DETAIL else [*told[:_IN_DETAIL], f"and {len(faults) - _IN_DETAIL} more"]
    return JSONResponse({"detail": "; ".join(detail), "faults": told}, status_code=422)


async def _unprocessable(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, RequestValidationError)
    faults = []
    for error in exc.errors():
        if error["type"] == "json_invalid":
            return _unreadable(str(exc.body), int(error["loc"][1]), str(error["ctx"]["error"]))
        name = ".".join(str(part) for part in error["loc"][1:])
        if not name and error["loc"] == ("body",) and error["type"] != "value_error":
            name = "body"
        faults.append(fault(name, error["type"], error["msg"]))
    return _faulty(faults)


def fault(name: str, kind: str, message: str) -> str:
    """One error of pydantic's about the parameter or member of this name."""
    told = (
        "there is no such parameter" if kind == "extra_forbidden" else message.removeprefix("Value error, ")
    )
    return f"{name}: {told}" if name else told


def _unreadable(body: str, at: int, why: str) -> JSONResponse:
    line, column = body.count("\n", 0, at) + 1, at - body.rfind("\n", 0, at)
    return JSONResponse(
        {"detail": f"the body is no JSON: line {line}, column {column}: {why}"}, status_code=400
    )


async def _invalid(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, InvalidInputError)
    return _faulty(list(exc.faults))


async def _missing(_: Request, exc: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(exc)}, status_code=404)


async def _impossible(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, ImpossibleError)
    return JSONResponse({"detail": str(exc), "possible": [*exc.possible]}, status_code=409)


async def _stale(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, StaleError)
    return JSONResponse(
        {"detail": str(exc), "revision": exc.revision}, status_code=412, headers={"etag": f'"{exc.revision}"'}
    )


async def _not_storable(_: Request, exc: Exception) -> JSONResponse:
    return _faulty([str(exc)])


async def _unavailable(request: Request, exc: Exception) -> JSONResponse:
    log.warning("request not answered", extra={"path": request.url.path, "error": str(exc)})
    return JSONResponse(
        {"detail": f"The database cannot be read now: {exc}"}, status_code=503, headers={"retry-after": "2"}
    )


async def _refused(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, HTTPException)
    detail = exc.detail
    if exc.status_code == 404 and (others := _beside(request)):  # of no route: those say what is missing
        last = request.url.path.rpartition("/")[2]
        detail = f"there is no {last[:100]!r} here; there are: {', '.join(others)}"
    return JSONResponse({"detail": detail}, status_code=exc.status_code, headers=exc.headers)


def _beside(request: Request) -> list[str]:
    """What may be asked for in the same way in place of the last part of a path that no route has: what can be done to
    a ticket, say."""
    if "route" in request.scope:
        return []
    *above, _ = request.url.path.split("/")
    found: list[str] = []
    for route in iter_route_contexts(request.app.routes):
        *theirs, last = (route.path_format or "").split("/")
        same = len(theirs) == len(above) and all(
            part.startswith("{") or part == mine for part, mine in zip(theirs, above, strict=True)
        )
        if (
            same
            and request.method in (route.methods or ())
            and not last.startswith("{")
            and theirs[-1:] != [""]
        ):
            found.append(last)
    return found
