"""Live changes as server-sent events (HTML Standard, section 9.2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import ExitStack, aclosing, suppress
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.api.access.gate import Gate
from gateway.api.cases.hub import Hub, Told, TooManyError, Watcher
from gateway.core.access import Actor, Role
from gateway.core.errors import UnavailableError
from gateway.core.network import Network
from gateway.store.changes import ChangeNote

BEAT_S = 15.0
"""At least so often something is sent, so that both sides notice that the other one is gone."""

CHECK_S = 30.0
"""How often it is asked whether whoever watches may still."""

SEND_S = 30.0
"""How long whoever reads may let us wait."""

RETRY_MS = 3000

_DESCRIPTION = """
A stream that does not end. Events: `change` with `{"what", "id", "revision", "node"}`, of incidents and tickets that
are theirs; `resync` when everything is to be read anew: at the beginning, after changes came too fast, and when an
interruption is over; `trouble` while changes are not heard of; `beat` when there was nothing else for 15 s; `end` with
the reason before the stream is closed.
"""


class EventStream(Response):
    """Sends until the generator ends, the reader goes away, or keeps us waiting for too long."""

    media_type = "text/event-stream"

    def __init__(self, parts: AsyncGenerator[bytes, None], over: Callable[[], None]) -> None:
        """`over` is called when nothing more is sent."""
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._parts = parts
        self._over = over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        tasks = [asyncio.create_task(self._send(send)), asyncio.create_task(_left(receive))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._over()
        if not tasks[0].cancelled() and (fault := tasks[0].exception()) is not None:
            raise fault

    async def _send(self, send: Send) -> None:
        async with aclosing(self._parts) as parts:
            with suppress(OSError, TimeoutError):  # the reader is gone, or as good as that
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                async for part in parts:
                    async with asyncio.timeout(SEND_S):
                        await send({"type": "http.response.body", "body": part, "more_body": True})
                await send({"type": "http.response.body", "body": b""})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def build(hub: Hub, network: Network, gate: Gate) -> APIRouter:
    api = APIRouter(prefix="/api/events", tags=["events"])
    viewer = Depends(gate.needs(Role.VIEWER))

    @api.get(
        "",
        summary="Live changes as server-sent events",
        description=_DESCRIPTION,
        operation_id="watch_events",
        status_code=200,
        response_class=EventStream,
        responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    )
    async def events(
        request: Request,
        last_event_id: Annotated[str | None, Header(max_length=100)] = None,
        actor: Actor = viewer,
    ) -> EventStream:
        def wants(change: ChangeNote) -> bool:
            return actor.reaches(change.node, network)

        async def may_still() -> bool:
            return await gate.holds(request, Role.VIEWER)

        watching = ExitStack()
        try:
            watcher = watching.enter_context(hub.watch(actor.token or actor.name, wants, after=last_event_id))
        except TooManyError:
            raise HTTPException(429, "too many streams are open", headers={"retry-after": "30"}) from None
        return EventStream(_written(watcher, may_still), watching.close)

    return api


async def _written(watcher: Watcher, may_still: Callable[[], Awaitable[bool]]) -> AsyncGenerator[bytes, None]:
    """The stream's bytes: events as they come, and a beat when there are none for a while.

    Comments would keep the connection as well, but a page does not see them: it could not tell a dead stream.
    """
    yield f"retry: {RETRY_MS}\n\n".encode()
    checked = monotonic()
    while True:
        told = None
        with suppress(TimeoutError):
            async with asyncio.timeout(BEAT_S):
                told = await watcher.next()
        if monotonic() - checked >= CHECK_S:
            checked = monotonic()
            with suppress(UnavailableError):  # the database is away: nobody is put out for that
                if not await may_still():
                    told = Told("end", detail="the credentials are not good any more")
        yield _event(told) if told is not None else b"event: beat\ndata: {}\n\n"
        if told is not None and told.name == "end":
            return


def _event(told: Told) -> bytes:
    if told.change is not None:
        change = told.change
        data: dict[str, object] = {
            "what": change.what, "id": change.id, "revision": change.revision, "node": change.node,
        }  # fmt: skip
    else:
        data = {"detail": told.detail}
    number = f"id: {told.id}\n" if told.id else ""
    return f"event: {told.name}\n{number}data: {json.dumps(data)}\n\n".encode()
