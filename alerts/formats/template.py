"""Any other service system: a body made of the target's own template, with {names} of a fixed list in it.

A name stands for its value and nothing else: no attributes, no indices, no expressions.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, TypeAlias
from urllib.parse import urlencode

import msgspec
from pydantic import Field, field_validator, model_validator

from alerts.exchange import Line, Reply
from alerts.formats import words
from alerts.formats.notice import AlarmNotice, Format, Message, Notice, StormNotice
from alerts.formats.options import checked_by
from gateway.core.settings import Settings
from gateway.core.ticket import Delivery

Body: TypeAlias = str | dict[str, Any] | list[Any]

TICKET_NAMES = (
    "type", "at", "ticket_id", "number", "revision", "state", "previous_state", "action", "party", "reason",
    "severity", "area", "title", "drill", "crew", "cause", "opened_at", "updated_at", "acknowledged_at",
    "dispatched_at", "arrived_at", "restored_at", "restoration_estimated_at", "closed_at", "clocks", "merged_into",
    "split_from", "incident_id", "kind", "work", "node", "path", "lat", "lon", "phases", "started_at", "customers",
    "critical_customers", "public_welfare_customers", "important_customers", "ordinary_customers",
    "priority_devices", "devices", "devices_total", "confidence", "evidence", "page_url", "ticket_url",
    "incident_url", "text",
)  # fmt: skip
STORM_NAMES = (
    "type", "at", "storm_id", "began_at", "ended_at", "summary", "opened", "ended", "standing", "severity_1",
    "severity_2", "severity_3", "customers", "page_url", "text",
)  # fmt: skip
ALARM_NAMES = ("type", "at", "target", "count", "oldest_at", "error", "page_url", "text")

FORM = "application/x-www-form-urlencoded"
_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_SECRET_HEADERS = re.compile(r"authorization|cookie|token|secret|password|api-?key", re.IGNORECASE)
_OUR_HEADERS = ("content-type", "content-length", "host", "transfer-encoding", "connection")


class TemplateOptions(Settings):
    """`body`: an object or a list becomes JSON, a text stays text; `storm_body` and `alarm_body` for those messages.

    `path`: below the target's address, with names in it; for a PUT that is the same however often it is sent.
    """

    body: Body
    storm_body: Body | None = None
    alarm_body: Body | None = None
    method: Literal["POST", "PUT"] = "POST"
    path: str = Field("", pattern=r"^([^/]+(/[^/]+)*)?$")
    content_type: str = Field("", pattern=r"^([a-z0-9.+-]+/[a-z0-9.+-]+(; ?charset=[a-zA-Z0-9-]+)?)?$")
    headers: dict[str, str] = Field(default_factory=dict)

    @field_validator("headers")
    @classmethod
    def _harmless(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if _SECRET_HEADERS.search(name):
                raise ValueError(
                    f"{name}: secrets do not belong here; use basic_auth, bearer_token or secret"
                )
            if name.lower() in _OUR_HEADERS or name.lower().startswith("webhook-"):
                raise ValueError(f"{name}: set by the gateway")
            if not re.fullmatch(r"[A-Za-z0-9-]+", name) or not value.isascii() or not value.isprintable():
                raise ValueError(f"{name}: not a header with printable ASCII text")
        return headers

    @model_validator(mode="after")
    def _names(self) -> TemplateOptions:
        faults = _faults("path", self.path, TICKET_NAMES)
        faults += _faults("body", self.body, TICKET_NAMES)
        faults += _faults("storm_body", self.storm_body, STORM_NAMES)
        faults += _faults("alarm_body", self.alarm_body, ALARM_NAMES)
        if self.content_type == FORM:
            faults += [
                f"{name}: a form is an object of texts"
                for name, body in self._bodies()
                if not isinstance(body, dict)
                or any(isinstance(value, dict | list) for value in body.values())
            ]
        if self.path and (self.storm_body is not None or self.alarm_body is not None) and "{" in self.path:
            faults.append("path: names a ticket, which storm_body and alarm_body are not about")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _bodies(self) -> list[tuple[str, Body]]:
        bodies = (("body", self.body), ("storm_body", self.storm_body), ("alarm_body", self.alarm_body))
        return [(name, body) for name, body in bodies if body is not None]


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    path: str
    headers: dict[str, str]
    body: str


def fill(template: str, names: Mapping[str, object], escape: Callable[[str], str] = str) -> str:
    """The text with every {name} replaced; {{ and }} are the braces themselves."""

    def value(part: re.Match[str]) -> str:
        return part[0][0] if part[1] is None else escape(str(names[part[1]]))

    return _PART.sub(value, template)


def _segment(value: str) -> str:
    """A value as part of a path, which leads nowhere else."""
    plain = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in value)
    return plain if plain.strip(".") else "_"


def _faults(option: str, template: object, allowed: Collection[str]) -> list[str]:
    """What is wrong with a template, each with the option and the place in it."""
    if isinstance(template, Mapping):
        return [f for key, part in template.items() for f in _faults(f"{option}.{key}", part, allowed)]
    if isinstance(template, list):
        return [f for i, part in enumerate(template) for f in _faults(f"{option}.{i}", part, allowed)]
    if not isinstance(template, str):
        return []
    faults = []
    for part in _PART.finditer(template):
        if part[0] in ("{", "}"):
            faults.append(f"{option}: a single {part[0]}; write it twice to mean the brace itself")
        elif part[1] is not None and part[1] not in allowed:
            faults.append(f"{option}: there is no {part[0]}; there are: {', '.join(allowed)}")
    return faults


def _filled(template: object, names: Mapping[str, object]) -> object:
    """The same structure with its texts filled; a text that is one {name} becomes the value, a number stays one."""
    if isinstance(template, Mapping):
        return {key: _filled(part, names) for key, part in template.items()}
    if isinstance(template, list):
        return [_filled(part, names) for part in template]
    if not isinstance(template, str):
        return template
    whole = _PART.fullmatch(template)
    if whole is not None and whole[1] is not None:
        return names[whole[1]]
    return fill(template, names)


def _message(options: TemplateOptions, body: Body, names: Mapping[str, object]) -> Message:
    kind = options.content_type
    if isinstance(body, str):
        kind = kind or "text/plain; charset=utf-8"
        media = kind.partition(";")[0]
        text = fill(body, names, html.escape if media.endswith(("xml", "html")) else str)
    elif kind == FORM:
        text = urlencode({key: str(value) for key, value in dict(_filled(body, names)).items()})  # type: ignore[call-overload]
    else:
        kind = kind or "application/json"
        text = msgspec.json.encode(_filled(body, names)).decode()
    stored = Stored(
        method=options.method,
        path=fill(options.path, names, _segment),
        headers=dict(options.headers),
        body=text,
    )
    return Message(body=msgspec.json.encode(stored), content_type=kind)


def _ticket(notice: Notice) -> Message:
    options = TemplateOptions.model_validate(dict(notice.options))
    return _message(options, options.body, words.words(notice))


def _storm(notice: StormNotice) -> Message | None:
    options = TemplateOptions.model_validate(dict(notice.options))
    body = options.storm_body
    return None if body is None else _message(options, body, words.storm_words(notice))


def _alarm(notice: AlarmNotice) -> Message | None:
    options = TemplateOptions.model_validate(dict(notice.options))
    body = options.alarm_body
    return None if body is None else _message(options, body, words.alarm_words(notice))


async def _exchange(line: Line, delivery: Delivery) -> Reply:
    stored = msgspec.json.decode(delivery.body, type=Stored)
    sent = msgspec.structs.replace(delivery, body=stored.body.encode())
    signed = {name: value for name, value in line.signed(sent).items() if value}
    headers = {**stored.headers, **signed, "content-type": delivery.content_type}
    return line.judge(await line.request(stored.method, stored.path, body=sent.body, headers=headers))


TEMPLATE = Format(
    ticket=_ticket,
    storm=_storm,
    alarm=_alarm,
    exchange=_exchange,
    signed=False,
    check=checked_by(TemplateOptions),
)
