"""A running gateway, asked through its API by a command on the same machine or elsewhere."""

from __future__ import annotations

import getpass
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import msgspec
import typer
from yarl import URL

from gateway.api.settings import ApiSettings, is_loopback
from gateway.config import load_config
from gateway.core.errors import InvalidInputError, RefusedError, UnavailableError

TOKEN_VARIABLE = "FEEDERLINE_TOKEN"  # noqa: S105 - the name of a variable
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file", help=f"File with the token. Default: the environment variable {TOKEN_VARIABLE}."
    ),
]
CaFile = Annotated[
    Path | None,
    typer.Option(
        "--ca-file", help="Certificates that the gateway's own is checked with. Default: the system's."
    ),
]
Gateway = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="The configuration file (YAML), which says where the gateway answers; or --url.",
    ),
]
Address = Annotated[
    str, typer.Option("--url", help="Where the gateway answers. Default: api.host and api.port.")
]

_PATIENCE_S = 30.0
_HOW = (
    "; make a token with feederline token create -c FILE --name … --role …, "
    f"and put it into {TOKEN_VARIABLE} or a file for --token-file"
)
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def base_of(config: Path | None, url: str) -> str:
    """Where the gateway answers. Raises InvalidInputError when neither says so, or the configuration is faulty."""
    if url:
        return url.rstrip("/")
    if config is None:
        raise InvalidInputError(["say which gateway: its configuration with -c, or its address with --url"])
    return address_of(load_config(config).api)


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
    scheme = "https" if settings.tls else "http"
    return f"{scheme}://[{host}]:{settings.port}" if ":" in host else f"{scheme}://{host}:{settings.port}"


@dataclass(frozen=True)
class Credentials:
    """What a command shows the gateway, and how it knows the gateway."""

    token: str = field(default="", repr=False)
    ca_file: Path | None = None

    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"} if self.token else {}

    def tls(self) -> ssl.SSLContext | bool:
        """Raises InvalidInputError when there are no certificates in the file."""
        if self.ca_file is None:
            return True
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as exc:
            raise InvalidInputError([f"--ca-file {self.ca_file}: {exc.strerror or exc}"]) from exc


def credentials(token_file: Path | None = None, ca_file: Path | None = None) -> Credentials:
    """The token of the file, or of the environment; none where neither is: the gateway may let this machine in.

    Raises InvalidInputError when the file cannot be read, or holds something else.
    """
    if token_file is None:
        return Credentials(_one_line(os.environ.get(TOKEN_VARIABLE, ""), TOKEN_VARIABLE), ca_file)
    try:
        text = token_file.read_text(encoding="utf-8")
    except OSError as exc:
        raise InvalidInputError([f"--token-file {token_file}: {exc.strerror}"]) from exc
    except UnicodeDecodeError as exc:
        raise InvalidInputError([f"--token-file {token_file}: is not text"]) from exc
    if not text.strip():
        raise InvalidInputError([f"--token-file {token_file}: is empty"])
    return Credentials(_one_line(text, f"--token-file {token_file}"), ca_file)


def _one_line(text: str, where: str) -> str:
    token = text.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidInputError([f"{where}: holds more than a token"])
    return token


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
    shown: Credentials | None = None,
    params: Mapping[str, str] | None = None,
    data: bytes | None = None,
    media: str = "",
    headers: Mapping[str, str] | None = None,
    patience_s: float = _PATIENCE_S,
) -> dict[str, Any]:
    """The gateway's answer, an object; an empty one where it has none. `url` is whole and encoded. `shown`: by default
    the token of the environment.

    Raises:
        UnavailableError: nobody answers there, or not now.
        InvalidInputError: the gateway found faults in what was sent, or `url` is no such thing.
        RefusedError: it said no, or what answers there is no gateway.
    """
    shown = credentials() if shown is None else shown
    try:
        url.encode()  # an argument that was no text holds half surrogate pairs
        target = URL(url, encoded=True)
        place = str(target.origin())
        if target.scheme not in ("http", "https"):
            raise ValueError(target.scheme)
    except ValueError as exc:
        raise InvalidInputError([f"{url!r} is not below an address such as http://127.0.0.1:8080"]) from exc
    if target.scheme == "http" and shown.token and not is_loopback(str(target.host)):
        raise InvalidInputError(
            [f"{place} is not encrypted: the token would be read on the way; write https://"]
        )
    sent = {**shown.headers(), **(headers or {})}
    if media:
        sent["content-type"] = media
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=patience_s)) as client,
            client.request(
                method,
                target.update_query(params or {}),
                headers=sent,
                ssl=shown.tls(),
                data=aiohttp.BytesPayload(data) if data is not None else None,
                allow_redirects=False,
            ) as response,
        ):
            status, body = response.status, await response.read()
    except TimeoutError as exc:
        raise UnavailableError(f"the gateway at {place} did not answer within {patience_s:.0f} s") from exc
    except (aiohttp.ClientError, OSError) as exc:
        raise UnavailableError(
            f"no gateway answers at {place} ({exc}); start it with feederline run, or say where it is with --url"
        ) from exc
    try:
        answer = _decode(body) if body else {}
    except msgspec.DecodeError as exc:
        raise RefusedError(f"what answers at {place} is not a gateway (status {status})") from exc
    if status == 422:
        raise InvalidInputError(answer.get("faults") or [str(answer.get("detail"))])
    if status == 401:
        why = "does not know the token, or not any more" if shown.token else "wants to know who asks"
        raise RefusedError(f"the gateway at {place} {why}{_HOW}")
    if status >= 300:
        refusal = UnavailableError if status == 503 else RefusedError
        instead = "; ".join(map(str, answer.get("possible") or []))
        says = f"{answer.get('detail', status)}{f'; possible is {instead}' if instead else ''}"
        raise refusal(f"the gateway at {place} says: {says}")
    return answer
