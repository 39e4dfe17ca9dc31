"""A running gateway, asked through its API by a command on the same machine or elsewhere."""

from __future__ import annotations

import getpass
from ipaddress import ip_address
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from gateway.api.settings import ApiSettings
from gateway.core.errors import InvalidInputError, RefusedError, UnavailableError

_PATIENCE_S = 30.0
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def address_of(settings: ApiSettings) -> str:
    """Where a gateway with these settings answers those on its own machine.

    Raises InvalidInputError when only the gateway itself knows.
    """
    if not settings.port:
        raise InvalidInputError(["api.port 0 lets the gateway pick a port; say where it answers with --url"])
    host = settings.host.strip("[]")
    try:
        if ip_address(host).is_unspecified:
            host = "::1" if ":" in host else "127.0.0.1"
    except ValueError:
        pass  # a name
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def who() -> str:
    """The user of this machine, for the record of who changed what."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "feederline"


async def ask(
    method: str,
    url: str,
    *,
    by: str = "",
    params: dict[str, str] | None = None,
    data: bytes | None = None,
    media: str = "",
) -> dict[str, Any]:
    """The gateway's answer, an object. `url` is whole and encoded.

    Raises:
        UnavailableError: nobody answers there, or not now.
        InvalidInputError: the gateway found faults in what was sent, or `url` or `by` are no such things.
        RefusedError: it said no, or what answers there is no gateway.
    """
    if not (by.isprintable() and len(by) <= 200):
        raise InvalidInputError([f"--by {by[:40]!r} is not a name of at most 200 printable characters"])
    try:
        url.encode()  # an argument that was no text holds half surrogate pairs
        target = URL(url, encoded=True)
        place = str(target.origin())
        if target.scheme not in ("http", "https"):
            raise ValueError(target.scheme)
    except ValueError as exc:
        raise InvalidInputError([f"{url!r} is not below an address such as http://127.0.0.1:8080"]) from exc
    headers = {"X-Requested-By": by} if by else {}
    if media:
        headers["content-type"] = media
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATIENCE_S)) as client,
            client.request(
                method,
                target.update_query(params or {}),
                headers=headers,
                data=aiohttp.BytesPayload(data) if data is not None else None,
                allow_redirects=False,
            ) as response,
        ):
            status, body = response.status, await response.read()
    except TimeoutError as exc:
        raise UnavailableError(f"the gateway at {place} did not answer within {_PATIENCE_S:.0f} s") from exc
    except (aiohttp.ClientError, OSError) as exc:
        raise UnavailableError(
            f"no gateway answers at {place} ({exc}); start it with feederline run, or say where it is with --url"
        ) from exc
    try:
        answer = _decode(body)
    except msgspec.DecodeError as exc:
        raise RefusedError(f"what answers at {place} is not a gateway (status {status})") from exc
    if status == 422:
        raise InvalidInputError(answer.get("faults") or [str(answer.get("detail"))])
    if status >= 300:
        refusal = UnavailableError if status == 503 else RefusedError
        raise refusal(f"the gateway at {place} says: {answer.get('detail', status)}")
    return answer
