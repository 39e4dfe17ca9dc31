"""What every answer carries and every request must satisfy, before any route is looked for."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from time import perf_counter

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.metrics import DURATION, REQUESTS
from gateway.api.settings import ApiSettings, host_name, is_loopback

log = logging.getLogger(__name__)

_HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_ONLY_TLS = {"strict-transport-security": "max-age=31536000"}


class Guard:
    """Refuses foreign host names, adds the security headers, answers for mistakes of ours, counts and times.

    A page elsewhere can make a name of its own point at 127.0.0.1 and then read what `loopback_role` lets this machine
    read; the name it must send tells it apart.
    """

    def __init__(self, app: ASGIApp, *, settings: ApiSettings) -> None:
        self.app = app
        self.open = not is_loopback(settings.host)
        self.headers = _HEADERS | (_ONLY_TLS if settings.tls else {})
        self.hosts = _lower([settings.host, *settings.hosts])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, begun, status = perf_counter(), 0.0, 0

        async def with_headers(message: Message) -> None:
            nonlocal begun, status
            if message["type"] == "http.response.start":
                begun, status = perf_counter(), message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        try:
            given = Headers(scope=scope)
            if self._foreign(given.get("host", "")):
                await _MISDIRECTED(scope, receive, with_headers)
            elif "transfer-encoding" in given and "content-length" in given:
                await _TWO_ENDS(scope, receive, with_headers)
            else:
                await self.app(scope, receive, with_headers)
        except Exception:  # a boundary: whoever asked gets an answer, the log gets the reason
            log.exception("request failed", extra={"path": scope["path"]})
            if status:
                raise
            await _BROKEN(scope, receive, with_headers)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            REQUESTS.labels(route, f"{status // 100}xx").inc()
            DURATION.labels(route).observe((begun or perf_counter()) - started)

    def _foreign(self, host: str) -> bool:
        if self.open:
            return False
        name = host_name(host)
        return not (is_loopback(name) or name.strip("[]") in self.hosts)


def _lower(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.lower().strip("[]") for name in names)


_MISDIRECTED = JSONResponse(
    {"detail": "this name is not served here; add it to api.hosts if it should be"}, status_code=421
)
# A proxy in front may go by the other one, and take what follows for somebody else's request (RFC 9112, 6.3).
_TWO_ENDS = JSONResponse(
    {"detail": "Transfer-Encoding and Content-Length contradict each other"},
    status_code=400,
    headers={"connection": "close"},
)
_BROKEN = JSONResponse(
    {"detail": "the gateway made a mistake answering this; its log says which"}, status_code=500
)
