"""Bearer tokens of an OpenID Connect issuer: who it says somebody is, if its keys and our rules agree."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import jwt
import msgspec

from gateway.api.access.identity import StrangerError
from gateway.api.settings import OidcSettings, is_loopback
from gateway.core.access import ROLES, Actor
from gateway.core.errors import UnavailableError

log = logging.getLogger(__name__)

_PATIENCE_S = 5.0
_MOST_BYTES = 1 << 20
_LONGEST_NAME = 100
_OF = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}  # which kind of key signs by what
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Oidc:
    """A `gateway.api.access.identity.Verifier`. Keys are fetched when the first token comes, and kept."""

    def __init__(self, settings: OidcSettings) -> None:
        self._settings = settings
        self._keys: dict[str, Mapping[str, Any]] = {}
        self._fetched_at = -1e9
        self._tried_at = -1e9
        self._one_by_one = asyncio.Lock()

    async def actor(self, token: str, address: str) -> Actor:
        settings = self._settings
        key = await self._key(token)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[*settings.algorithms],
                audience=settings.audience,
                issuer=settings.issuer,
                leeway=settings.leeway_s,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise StrangerError("token expired") from None
        except (jwt.PyJWTError, RecursionError) as exc:
            # The exception's class only: its text may repeat what was sent.
            raise StrangerError(f"issuer's token: {type(exc).__name__}") from None
        name = _name(claims, settings.name_claim)
        given = _words(_claim(claims, settings.role_claim))
        roles = [ROLES[role] for value, role in settings.roles.items() if value in given]
        if not roles:
            raise StrangerError("issuer's token: no role", name)
        below: tuple[str, ...] = ()
        if settings.below_claim is not None and (part := _claim(claims, settings.below_claim)) is not None:
            below = tuple(sorted(_words(part)))
            if not below:  # an empty part is no part, and not the whole
                raise StrangerError("issuer's token: empty part", name)
        return Actor(
            name=name,
            role=max(roles),
            below=below,
            origin="api",
            address=address,
            token=f"oidc:{claims['sub']}"[:200],
        )

    async def _key(self, token: str) -> jwt.PyJWK:
        """The key that must have signed it. Raises StrangerError, UnavailableError."""
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, RecursionError):
            raise StrangerError("unknown token") from None
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self._settings.algorithms:
            raise StrangerError("issuer's token: algorithm")
        if not isinstance(kid, str):
            raise StrangerError("issuer's token: names no key")
        now = asyncio.get_running_loop().time()
        known = kid in self._keys and now - self._fetched_at < self._settings.refresh_s
        if not known:
            async with self._one_by_one:
                await self._refresh(kid)
        key = self._keys.get(kid)
        if key is None:
            raise StrangerError("issuer's token: unknown key")
        if key["kty"] != _OF[algorithm[:2]] or key.get("alg", algorithm) != algorithm:
            raise StrangerError("issuer's token: algorithm")
        try:
            return jwt.PyJWK(dict(key), algorithm)
        except jwt.PyJWTError:
            raise StrangerError("issuer's token: unusable key") from None

    async def _refresh(self, kid: str) -> None:
        """Fetch the keys anew, though not too often: strangers may make up key ids as they like."""
        now, settings = asyncio.get_running_loop().time(), self._settings
        if kid in self._keys and now - self._fetched_at < settings.refresh_s:
            return  # somebody else fetched it meanwhile
        if now - self._tried_at < settings.unknown_key_s:
            if self._fetched_at < self._tried_at and not self._keys:
                raise UnavailableError("the issuer's keys could not be had a moment ago")
            return
        self._tried_at = now
        try:
            self._keys = await self._fetch()
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as exc:
            log.warning("issuer's keys cannot be had", extra={"issuer": settings.issuer, "error": str(exc)})
            if not self._keys:
                raise UnavailableError("the issuer's keys cannot be had now") from exc
        else:
            self._fetched_at = now

    async def _fetch(self) -> dict[str, Mapping[str, Any]]:
        """Raises aiohttp.ClientError, OSError, TimeoutError, ValueError."""
        settings = self._settings
        timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
        async with aiohttp.ClientSession(timeout=timeout) as client:
            url = settings.jwks_url
            if url is None:
                document = await _get(
                    client, f"{settings.issuer.rstrip('/')}/.well-known/openid-configuration"
                )
                if document.get("issuer") != settings.issuer:
                    raise ValueError("the discovery document is of another issuer")
                url = str(document.get("jwks_uri", ""))
                _check(url)
            listed = (await _get(client, url)).get("keys")
        found: dict[str, Mapping[str, Any]] = {
            key["kid"]: key
            for key in (listed if isinstance(listed, list) else [])
            if isinstance(key, dict)
            and key.get("kty") in _OF.values()  # no secrets that both sides would know
            and key.get("use", "sig") == "sig"
            and isinstance(key.get("kid"), str)
        }
        if not found:
            raise ValueError("the issuer lists no key that can be used")
        return found


async def _get(client: aiohttp.ClientSession, url: str) -> Mapping[str, Any]:
    async with client.get(url, allow_redirects=False) as answer:
        if answer.status != 200:
            raise ValueError(f"{url} answered {answer.status}")
        body = bytearray()
        async for part in answer.content.iter_any():
            body += part
            if len(body) > _MOST_BYTES:
                raise ValueError(f"{url} answered more than {_MOST_BYTES} bytes")
    try:
        return _decode(body)
    except (msgspec.DecodeError, RecursionError) as exc:
        raise ValueError(f"{url} answered no JSON object") from exc


def _check(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise ValueError("the discovery document names keys at an address without TLS")


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """A claim by its name, or by a path with dots into nested ones, such as realm_access.roles."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _words(value: object) -> set[str]:
    if isinstance(value, str):
        return set(value.split())
    if isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping)):
        return {word for word in value if isinstance(word, str) and word}
    return set()


def _name(claims: Mapping[str, Any], claim: str) -> str:
    said = _claim(claims, claim)
    name = said if isinstance(said, str) and said.strip() else str(claims["sub"])
    return "".join(c for c in name if c.isprintable())[:_LONGEST_NAME] or "nameless"
