"""What can be configured about one target: where it is, how it is spoken to, and what it is told of."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator
from yarl import URL

from alerts.formats import FORMATS
from alerts.work import Work, work_of
from gateway.core.errors import InvalidInputError
from gateway.core.model import IncidentKind
from gateway.core.settings import Seconds, Secret, Settings

Fraction = Annotated[float, Field(ge=0, le=1)]


class About(StrEnum):
    """What a target may be told of."""

    TICKET = "ticket"
    WARNING = "warning"  # a clock of a ticket is about to run out
    BREACH = "breach"  # it has run out
    STORM = "storm"  # summaries, in place of mere updates, while there are very many tickets
    ALARM = "alarm"  # another target does not get its messages


class BasicAuth(Settings):
    user: str = Field(min_length=1, max_length=200)
    password: Secret


class TargetSettings(Settings):
    """One service system, and which tickets it is told about."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    url: str
    secret: Secret | None = None
    previous_secret: Secret | None = None  # signs beside the new one while receivers change over
    callback_secret: Secret | None = None  # what it signs with when it calls back; without it, it may not
    previous_callback_secret: Secret | None = None  # is taken beside the new one while it changes over
    basic_auth: BasicAuth | None = None
    bearer_token: Secret | None = None
    format: str = "standard"
    options: dict[str, Any] = Field(default_factory=dict)  # of the format
    about: tuple[About, ...] = Field((About.TICKET, About.WARNING, About.BREACH, About.STORM), min_length=1)
    kinds: tuple[IncidentKind, ...] | None = None  # None: every kind that gets a ticket, but no inspections
    severities: tuple[Annotated[int, Field(ge=1, le=3)], ...] = Field((1, 2, 3), min_length=1)
    areas: tuple[str, ...] | None = None  # urban, rural, remote; None: every area
    below: tuple[str, ...] = ()  # only what lies at or below these nodes; empty: the whole network
    drills: bool = True
    timeout_s: Seconds = 20.0
    rate_per_s: Annotated[float, Field(gt=0, le=10_000)] = 50.0  # messages a second, of each gateway
    ca_file: Path | None = None  # certificate authorities to trust instead of the system's
    client_cert: Path | None = None  # mutual TLS
    client_key: Path | None = None
    plain_http: bool = False  # allow http:// to a host that is not this machine

    @property
    def host(self) -> str:
        return (URL(self.url).host or "").lower()

    def wants(
        self, *, kind: IncidentKind, severity: int, area: str, path: Collection[str], drill: bool
    ) -> bool:
        """Whether a ticket like this is for it. `path`: ids of the ticket's node and of those above it."""
        return (
            (work_of(kind) is not Work.INSPECTION if self.kinds is None else kind in self.kinds)
            and severity in self.severities
            and (self.areas is None or area in self.areas)
            and (not self.below or any(node in path for node in self.below))
            and (self.drills or not drill)
        )

    @field_validator("url")
    @classmethod
    def _web_address(cls, text: str) -> str:
        # The address is never quoted in a fault: it may hold a token.
        try:
            url = URL(text)
        except ValueError:
            raise ValueError("not an http or https address") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError("not an http or https address with a host")
        if url.user or url.password:
            raise ValueError("holds a user name or password; write basic_auth instead")
        return text

    @field_validator("format")
    @classmethod
    def _known_format(cls, name: str) -> str:
        try:
            FORMATS.get(name)
        except InvalidInputError as exc:
            raise ValueError(str(exc)) from None
        return name

    @model_validator(mode="after")
    def _complete(self) -> TargetSettings:
        form = FORMATS.get(self.format)
        faults = form.check(self.options)
        if form.signed and self.secret is None:
            faults.append(f"secret: is missing; format {self.format} is signed")
        if self.previous_callback_secret is not None and self.callback_secret is None:
            faults.append("previous_callback_secret: goes with callback_secret")
        if (self.client_cert is None) != (self.client_key is None):
            faults.append("client_cert and client_key go together")
        if self.basic_auth is not None and self.bearer_token is not None:
            faults.append("basic_auth and bearer_token: write one of them")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @model_validator(mode="after")
    def _encrypted(self) -> TargetSettings:
        if URL(self.url).scheme == "http" and not self.plain_http and not is_loopback(self.host):
            raise ValueError(
                f"http to {self.host} is not encrypted; use https, or write plain_http: true if that is wanted"
            )
        return self


class RetrySettings(Settings):
    """When a failed message is tried again, and when that is given up."""

    ladder_s: tuple[Seconds, ...] = Field((1, 2, 5, 10, 30, 60, 120, 300), min_length=1)  # the last repeats
    jitter: Fraction = (
        0.5  # part of a wait that is left to chance; 1 is anything from nothing to the full wait
    )
    retry_after_max_s: Seconds = 3600.0  # a receiver cannot put us off for longer than this
    give_up_after_s: Seconds = 3 * 86_400.0
    late_after_s: Seconds = 120.0  # undelivered for so long is an alarm


class BreakerSettings(Settings):
    """When a target that fails is left alone for a while, but for one message that tries it."""

    failures: int = Field(5, ge=1, le=1000)  # in a row
    open_s: Seconds = 1.0  # before the first of these messages
    longest_s: Seconds = 30.0  # the time doubles up to this while it goes on failing


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
