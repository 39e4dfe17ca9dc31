"""How often one address may ask, and how much one request may bring; before any route is looked for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fastapi import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.access.buckets import Buckets
from gateway.api.access.gate import BURST_S, Gate, too_many
from gateway.api.access.identity import neighbourhood
from gateway.api.inventory import imports
from gateway.api.settings import LimitSettings

LARGER: Mapping[str, int] = dict.fromkeys(imports.PATHS, imports.LARGEST)
"""Bytes that single paths take instead, where whole tables are sent."""

_PART_S = 30.0  # how long the next part of a body may be on its way
_PER_S = 4096  # bytes that have to come in each second after that time, on the whole
_ALWAYS = "/health/"  # whoever watches the gateway must hear of it


class Limits:
    """Plain ASGI: answers that go on are passed through as they come, and a body is counted while it streams."""

    def __init__(
        self, app: ASGIApp, *, gate: Gate, settings: LimitSettings, larger: Mapping[str, int] = LARGER
    ) -> None:
        self.app = app
        self._gate = gate
        self._body = round(settings.body_mb * (1 << 20))
        self._larger = larger
        self._addresses = Buckets(settings.address_per_s, settings.address_per_s * BURST_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_ALWAYS):
            await self.app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        wait = self._addresses.take(
            neighbourhood(self._gate.identity.address(request)), asyncio.get_running_loop().time()
        )
        if wait:
            self._gate.deny(request, "rate of address")
            await _answer(too_many(wait, "this address asks too often"))(scope, receive, send)
            return
        most = self._larger.get(scope["path"], self._body)
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > most:
            self._gate.deny(request, "body")
            await _answer(_too_large(most))(scope, receive, send)
            return
        await self.app(scope, self._counted(request, receive, most), send)

    def _counted(self, request: HTTPConnection, receive: Receive, most: int) -> Receive:
        size, whole = 0, False
        begun = asyncio.get_running_loop().time()

        async def counted() -> Message:
            nonlocal size, whole
            if whole:
                return await receive()
            try:
                # Neither may the next part be late, nor may all of them together come drop by drop.
                async with asyncio.timeout(_PART_S), asyncio.timeout_at(begun + _PART_S + size / _PER_S):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "the body did not come in time") from None
            if message["type"] == "http.request":
                size += len(message.get("body", b""))
                whole = not message.get("more_body", False)
                if size > most:
                    self._gate.deny(request, "body")
                    raise _too_large(most)
            return message

        return counted


def _too_large(most: int) -> HTTPException:
    return HTTPException(413, f"more than {most / (1 << 20):.3g} MiB in one request; send it in parts")


def _answer(refusal: HTTPException) -> JSONResponse:
    return JSONResponse({"detail": refusal.detail}, status_code=refusal.status_code, headers=refusal.headers)
