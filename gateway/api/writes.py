"""Who may change something, as long as there is no sign-in: this machine, and no web page from elsewhere."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import HTTPException, Request

from gateway.api.settings import ApiSettings, is_loopback

BODY_LIMIT = 4 << 20
"""Bytes of one request; some 40,000 announced windows."""

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


class WriteGuard:
    """A dependency of every route that changes something. Raises HTTPException with the reason.

    A page elsewhere can make a browser send requests here, but not with a header of its own choice, unless it is
    allowed to by answers that this API never gives; and the browser says where the page came from.
    """

    def __init__(self, settings: ApiSettings) -> None:
        self._listens_here = is_loopback(settings.host)
        self._allowed = settings.allow_writes

    def __call__(self, request: Request) -> str:
        """Who asks, as they say."""
        headers = request.headers
        host = headers.get("host", "")
        if not self._allowed and not (self._listens_here and is_loopback(_name(host))):
            raise HTTPException(403, _CLOSED)
        if not self._allowed and any(name in headers for name in _FORWARDED):
            raise HTTPException(403, _CLOSED)
        origin = headers.get("origin")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") or (
            origin is not None and _netloc(origin) != host.lower()
        ):
            raise HTTPException(403, "a page from elsewhere may not change anything here")
        by = _utf8(headers.get("x-requested-by", "")).strip()
        if not by:
            raise HTTPException(403, "a change needs the header X-Requested-By: who asks for it")
        if len(by) > 200 or not by.isprintable():
            raise HTTPException(403, "X-Requested-By is not a name of at most 200 printable characters")
        return by


async def body(request: Request) -> bytes:
    """The body of a request. Raises HTTPException when it is too large, as soon as that is known."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > BODY_LIMIT:
            raise HTTPException(413, f"more than {BODY_LIMIT >> 20} MiB in one request; send it in parts")
    return bytes(data)


def _name(host: str) -> str:
    """Host name without its port."""
    return host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.rsplit(":", 1)[0]


def _utf8(header: str) -> str:
    """The header as who sent it wrote it: bytes come here as Latin-1."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


_CLOSED = (
    "other machines can reach this API and there is no sign-in yet, so nothing may be changed through it; "
    "ask on the gateway's own machine, or write api.allow_writes: true where a firewall or proxy keeps strangers out"
)
