"""A service desk to send messages to: it verifies signatures, counts what came twice, misbehaves on demand."""

from __future__ import annotations

import asyncio
import hmac
import json
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal

from aiohttp import web
from standardwebhooks import Webhook

from gateway.core.clock import MINUTE, SECOND, Clock, SystemClock, to_datetime

TOLERANCE = 5 * MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What to do with one request instead of accepting it."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    delay_s: float = 0.0  # before taking effect
    hold: asyncio.Event | None = None  # wait for this before taking effect
    hold_answer: asyncio.Event | None = None  # take effect, and wait for this before answering
    drop: Literal["", "before", "after"] = ""  # hang up before reading, or after it took effect, unanswered


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request that carried a valid signature. `ticket` is empty and `revision` 0 where it is about none."""

    id: str
    type: str
    ticket: str
    revision: int
    at: int  # µs, by the receiver's clock
    signed_at: int  # s, by the webhook-timestamp
    effect: bool
    body: dict[str, Any]


@dataclass(slots=True)
class Counts:
    requests: int = 0
    received: int = 0  # messages that took effect, each webhook-id once
    redelivered: int = 0  # a webhook-id that had taken effect before; no second effect
    duplicated: int = 0  # one ticket's step under two webhook-ids: a second effect, which must not be
    rejected: int = 0  # signature missing, wrong or too old
    out_of_order: int = 0  # a step older than one already known of the same ticket


class Receiver:
    """Listens while entered as an async context manager; can be stopped and started in between, on the same port.

    tickets: ticket id → the `ticket` object of its latest revision;  messages: every verified request in order.
    """

    def __init__(
        self,
        secret: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`tls`: speak HTTPS by this context, which may ask for a client's certificate."""
        self.tickets: dict[str, dict[str, Any]] = {}
        self.messages: list[Received] = []
        self.counts = Counts()
        self._webhook = Webhook(secret)
        self._host, self._port = host, port
        self._tls = tls
        self._clock = clock or SystemClock()
        self._behaviours: deque[Behaviour] = deque()
        self._seen: set[str] = set()
        self._steps: set[tuple[str, int]] = set()
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://{self._host}:{self._port}/tickets"

    def misbehave(self, *behaviours: Behaviour) -> None:
        """The next requests are answered so, one each; after them all is well again."""
        self._behaviours.extend(behaviours)

    async def start(self) -> None:
        self._closing.clear()
        app = web.Application()
        app.router.add_post("/tickets", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port, ssl_context=self._tls).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Nobody is there any more; what was received is still known."""
        self._closing.set()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> Receiver:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _take(self, request: web.Request) -> web.Response:
        self.counts.requests += 1
        behaviour = self._behaviours.popleft() if self._behaviours else Behaviour()
        if behaviour.drop == "before":
            return hang_up(request)
        data = await request.read()
        if not self._is_genuine(request.headers, data):
            self.counts.rejected += 1
            return web.Response(status=401, text="signature is missing, wrong or too old")
        if behaviour.delay_s:
            await self._linger(behaviour.delay_s)
        if behaviour.hold is not None:
            await behaviour.hold.wait()
        if 200 <= behaviour.status < 300:
            self._apply(request.headers, json.loads(data))
        if behaviour.hold_answer is not None:
            await behaviour.hold_answer.wait()
        if behaviour.drop == "after":
            return hang_up(request)
        return web.Response(status=behaviour.status, text=behaviour.text, headers=behaviour.headers)

    def _is_genuine(self, headers: Mapping[str, str], data: bytes) -> bool:
        """The library's own check compares with the machine's clock; this one with ours."""
        try:
            name, stamp = headers["webhook-id"], int(headers["webhook-timestamp"])
            wanted = self._webhook.sign(name, to_datetime(stamp * SECOND), data.decode())
            offered = headers["webhook-signature"].split(" ")
        except (KeyError, ValueError, OverflowError):
            return False
        fresh = abs(self._clock.now() - stamp * SECOND) <= TOLERANCE
        return fresh and any(hmac.compare_digest(wanted.encode(), text.encode()) for text in offered)

    def _apply(self, headers: Mapping[str, str], body: dict[str, Any]) -> None:
        name, ticket = headers["webhook-id"], body["data"].get("ticket") or {}
        key, revision = str(ticket.get("id", "")), int(ticket.get("revision", 0))
        effect = name not in self._seen
        self.messages.append(
            Received(
                id=name,
                type=body["type"],
                ticket=key,
                revision=revision,
                at=self._clock.now(),
                signed_at=int(headers["webhook-timestamp"]),
                effect=effect,
                body=body,
            )
        )
        if not effect:
            self.counts.redelivered += 1
            return
        self._seen.add(name)
        self.counts.received += 1
        if not key:
            return
        if (key, revision) in self._steps:
            self.counts.duplicated += 1
        self._steps.add((key, revision))
        known = self.tickets.get(key)
        if known is not None and revision < known["revision"]:
            self.counts.out_of_order += 1
        else:
            self.tickets[key] = ticket

    async def _linger(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return


def hang_up(request: web.Request) -> web.Response:
    """Break the connection off; what is returned never gets there."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
