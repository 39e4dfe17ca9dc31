"""The sections `api` and `access` of the configuration."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from gateway.core.access import ROLES, Role
from gateway.core.settings import Seconds, Settings

RoleName = Literal["viewer", "operator", "engineer", "admin"]
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]  # those with a public key

_HOST = re.compile(r"(\[[0-9a-z:.%]*\]|[^:\[\]]*)(?::[0-9]*)?")
_GONE = {
    "allow_open": "give a certificate in api.tls, or write api.plain_http: true where a TLS proxy stands in front",
    "allow_writes": "tokens say who may change what (feederline token create)",
}


class TlsSettings(Settings):
    """Certificate (with its chain) and private key, both PEM files."""

    cert: Path
    key: Path


class ApiSettings(Settings):
    """Where the page and the REST API listen.

    Beyond this machine they are served with TLS only, or by `plain_http` where a proxy in front has it. `hosts` are
    further names in the address bar that are answered on loopback, such as a reverse proxy's. `proxies`: from these
    addresses the header X-Forwarded-For is believed. `public_url`: where people reach the page, for links from
    dashboards; empty for `alerts.public_url`, and where that is empty too the address that is served.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080  # 0 picks a free one
    hosts: tuple[str, ...] = ()
    tls: TlsSettings | None = None
    plain_http: bool = False
    proxies: tuple[str, ...] = ()
    public_url: str = ""

    @model_validator(mode="before")
    @classmethod
    def _gone(cls, data: object) -> object:
        if isinstance(data, dict) and (found := [key for key in _GONE if key in data]):
            raise ValueError("; ".join(f"{key} is gone: {_GONE[key]}" for key in found))
        return data

    @property
    def proxied_here(self) -> bool:
        """Whether a proxy on this machine is believed."""
        return any(ip_network(text).is_loopback for text in self.proxies)

    @field_validator("proxies")
    @classmethod
    def _addresses(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for text in given:
            try:
                ip_network(text)
            except ValueError:
                raise ValueError(
                    f"{text!r} is neither an address nor a network such as 10.1.0.0/16"
                ) from None
        return given

    @field_validator("public_url")
    @classmethod
    def _address(cls, given: str) -> str:
        parts = urlsplit(given)
        if given and (
            parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment
        ):
            raise ValueError(f"{given!r} is not an address such as https://operations.example")
        return given.rstrip("/")

    @model_validator(mode="after")
    def _closed(self) -> ApiSettings:
        if self.tls is None and not self.plain_http and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host} can be reached by other machines, and tokens would travel in the clear; "
                "name a certificate in api.tls, or write api.plain_http: true where a TLS proxy stands in front"
            )
        return self


class SessionSettings(Settings):
    """How long a sign-in on the page lasts: without a request, and at all."""

    idle_s: Seconds = 3600
    longest_s: Seconds = 43_200


class LimitSettings(Settings):
    """What one actor, one address and one request may take. Short bursts of ten seconds' worth are let through."""

    actor_per_s: Annotated[float, Field(gt=0, le=100_000)] = 50
    address_per_s: Annotated[float, Field(gt=0, le=100_000)] = 100
    failures_per_minute: Annotated[int, Field(ge=1, le=10_000)] = 10
    body_mb: Annotated[float, Field(gt=0, le=1024)] = 4


class OidcSettings(Settings):
    """Bearer tokens of an OpenID Connect issuer, beside our own.

    `roles` maps values of `role_claim` to roles; the highest that applies holds, and who has none is refused.
    `below_claim` names the nodes that limit somebody; without one in the token they have the whole network.
    """

    issuer: str
    audience: str
    jwks_url: str | None = None  # none: as the issuer's discovery document says
    role_claim: str = "roles"
    roles: dict[str, RoleName]
    below_claim: str | None = None
    name_claim: str = "preferred_username"  # the subject where it is missing
    algorithms: tuple[Algorithm, ...] = ("RS256", "ES256")
    leeway_s: Annotated[float, Field(ge=0, le=300)] = 30
    refresh_s: Seconds = 3600  # how long keys are kept
    unknown_key_s: Seconds = 30  # how often an unknown key may make them be fetched anew

    @field_validator("issuer", "jwks_url")
    @classmethod
    def _encrypted(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.hostname:
            return url
        if parts.scheme == "http" and parts.hostname and is_loopback(parts.hostname):
            return url
        raise ValueError(f"{url!r} must be an https:// address; http:// is for this machine only")

    @field_validator("algorithms")
    @classmethod
    def _some(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if not given:
            raise ValueError("names no algorithm, so no token could be good")
        return given


class AccessSettings(Settings):
    """The section `access`: who may ask what.

    `loopback_role`: what requests from this machine may do that bring no credentials and come through no proxy.
    """

    loopback_role: Literal["none"] | RoleName = "none"
    token_days: Annotated[int, Field(ge=1, le=400)] = 90
    session: SessionSettings = SessionSettings()
    limits: LimitSettings = LimitSettings()
    oidc: OidcSettings | None = None

    @property
    def loopback(self) -> Role | None:
        return ROLES.get(self.loopback_role)


def is_loopback(host: str) -> bool:
    """True for names and addresses that never leave this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """The name in a Host header, without its port, in lower case; addresses of version 6 keep their brackets. Empty for
    what is neither."""
    match = _HOST.fullmatch(host.lower())
    return match[1] if match else ""
