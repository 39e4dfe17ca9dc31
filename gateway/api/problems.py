"""Errors as answers: one sentence in `detail`, and every fault of a request by the name of its parameter."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gateway.core.errors import FeederlineError, InvalidInputError, UnavailableError

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_FAULTS = 1000
_IN_DETAIL = 20

PATIENCE_S = 8.0
"""How long the database may take for one answer."""


async def within(reading: Awaitable[T]) -> T:
    """The result of `reading`. Raises UnavailableError when it takes too long."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await reading
    except TimeoutError as exc:
        raise UnavailableError(f"the database did not answer within {PATIENCE_S:.0f} s") from exc


def install(app: FastAPI) -> None:
    app.add_exception_handler(RequestValidationError, _unprocessable)
    app.add_exception_handler(InvalidInputError, _invalid)
    app.add_exception_handler(FeederlineError, _unavailable)
    app.add_exception_handler(HTTPException, _refused)


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
        name = ".".join(str(part) for part in error["loc"][1:])
        if error["type"] == "extra_forbidden":
            message = "there is no such parameter"
        else:
            message = str(error["msg"]).removeprefix("Value error, ")
        faults.append(f"{name}: {message}" if name else message)
    return _faulty(faults)


async def _invalid(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, InvalidInputError)
    return _faulty(list(exc.faults))


async def _unavailable(request: Request, exc: Exception) -> JSONResponse:
    log.warning("request not answered", extra={"path": request.url.path, "error": str(exc)})
    return JSONResponse(
        {"detail": f"The database cannot be read now: {exc}"}, status_code=503, headers={"retry-after": "2"}
    )


async def _refused(_: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, HTTPException)
    return JSONResponse({"detail": exc.detail}, status_code=exc.status_code, headers=exc.headers)
