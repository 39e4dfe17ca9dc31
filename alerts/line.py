"""HTTP to one target (`alerts.exchange.Line`): below its address only, without redirects, within one time-out."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import aiohttp
from yarl import URL

from alerts.exchange import Answer, LineError, Reply
from gateway.core.clock import SECOND, Clock, from_datetime
from gateway.core.ticket import Delivery

MAX_BODY = 256 * 1024
_QUOTED = 200
_SECONDS_DIGITS = 12
_NOT_THEIRS = frozenset({"host", "content-length", "transfer-encoding", "connection", "cookie", "upgrade"})


class HttpLine:
    """One exchange with one target. Its time runs from when it is made, over all its requests."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        address: str,
        *,
        timeout_s: float,
        tls: ssl.SSLContext,
        own_headers: Mapping[str, str],
        sign: Callable[[Delivery], Mapping[str, str]],
        clock: Clock,
    ) -> None:
        self._session = session
        self._address = URL(address)
        self._timeout_s = timeout_s
        self._ends = asyncio.get_running_loop().time() + timeout_s
        self._tls = tls
        self._own_headers = own_headers
        self._sign = sign
        self._clock = clock

    async def request(
        self,
        method: str,
        path: str = "",
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """`path` is plain text, not percent-encoded. Raises what `alerts.exchange.Line` says."""
        url = below(self._address, path, query or {})
        theirs = {name.lower(): value for name, value in (headers or {}).items()}
        if forbidden := _NOT_THEIRS & theirs.keys():
            raise ValueError(f"a format must not set {', '.join(sorted(forbidden))}")
        left_s = self._ends - asyncio.get_running_loop().time()
        if left_s <= 0:
            raise LineError(f"no answer within {self._timeout_s:g} s")
        try:
            async with self._session.request(
                method,
                url,
                data=body,
                headers={**theirs, **self._own_headers},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=left_s),
                ssl=self._tls,
            ) as response:
                return Answer(
                    status=response.status,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=await _read(response),
                )
        except TimeoutError:
            raise LineError(f"no answer within {self._timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError) as exc:
            raise LineError(quotable(f"{type(exc).__name__}: {_reason(exc)}")) from None

    def signed(self, delivery: Delivery) -> Mapping[str, str]:
        return self._sign(delivery)

    def judge(self, answer: Answer) -> Reply:
        status = answer.status
        if 200 <= status < 300:
            return Reply(status=status)
        if 300 <= status < 400:
            said = "redirects are not followed; configure the final address"
        else:
            said = quotable(answer.body[: 4 * _QUOTED].decode("utf-8", "replace"))
        asked = answer.headers.get("retry-after", "") if status in (429, 503) else ""
        return Reply(
            status=status,
            error=f"answered {status}: {said}" if said else f"answered {status}",
            retry_after=retry_after(asked, self._clock.now()),
            gone=status == 410,
        )


def below(address: URL, path: str, query: Mapping[str, str]) -> URL:
    """The address of `path` (plain text, relative) below the target's own, whose query is kept.

    Raises LineError for a path that would lead elsewhere: names in it may come from the other side.
    """
    url = address
    if path:
        parts = path.split("/")
        if any(part in ("", ".", "..") or not part.isprintable() or "\\" in part for part in parts):
            raise LineError("a path that leads out of the target's address was refused")
        base = address.raw_path.rstrip("/")
        encoded = "/".join([base, *(quote(part, safe="") for part in parts)])
        url = URL.build(
            scheme=address.scheme,
            authority=address.raw_authority,
            path=encoded,
            query_string=address.raw_query_string,
            encoded=True,
        )
    return url.update_query(query) if query else url


def retry_after(text: str, at: int) -> int | None:
    """Seconds or an HTTP date to µs from `at`; None for anything else."""
    if text.isascii() and text.isdigit() and len(text) < _SECONDS_DIGITS:
        return int(text) * SECOND
    try:
        return max(0, from_datetime(parsedate_to_datetime(text)) - at)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def quotable(text: str, most: int = _QUOTED) -> str:
    """What somebody else said, on one line and short."""
    return "".join(c if c.isprintable() else " " for c in text[:most]).strip()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Up to the bound. The status has come: a body that is torn or does not end changes nothing about that."""
    found = bytearray()
    try:
        while len(found) < MAX_BODY and (part := await response.content.read(MAX_BODY - len(found))):
            found += part
    except (aiohttp.ClientError, OSError):  # TimeoutError is an OSError
        pass
    return bytes(found)


def _reason(exc: BaseException) -> str:
    """In words without the URL, whose query may hold a token."""
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        return str(exc.certificate_error)
    if isinstance(exc, aiohttp.ClientConnectorError) and exc.os_error.strerror:
        return exc.os_error.strerror
    if isinstance(exc, aiohttp.ClientResponseError):
        return exc.message or "no HTTP answer"
    if isinstance(exc, aiohttp.InvalidURL):
        return "the URL cannot be used"
    return str(exc) or "no more is known"
