"""What service systems call back with: checked to be theirs, and read as what they want done with a ticket.

Pure but for reading the secrets once. Described by `alerts/schema/callback.v1.json`; ServiceNow and Jira may send their
own payloads, of which the target's option `callback_actions` makes an action.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any

import msgspec
from pydantic import Field, ValidationError, field_validator, model_validator
from standardwebhooks import Webhook

from alerts.formats.facts import CALLBACK
from alerts.formats.jira import JiraOptions
from alerts.formats.options import CALLBACK_ACTIONS
from alerts.formats.servicenow import ServiceNowOptions
from alerts.signing import SHAPE, signer
from alerts.targets import TargetSettings
from alerts.tickets import TABLE, Action
from gateway.core.clock import MINUTE, SECOND, parse_time, to_datetime
from gateway.core.errors import FeederlineError, InvalidInputError
from gateway.core.settings import Settings
from gateway.core.ticket import TicketRequest, TicketState

TOLERANCE = 5 * MINUTE
_NAMES = ("ticket", "number", "incident", "reference")
_ID_LENGTH = 200
_LONGEST_REASON = 4000


class ForgedError(FeederlineError):
    """Not signed by who it claims to be from, or too old. Says what is wrong, and nothing of what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """What a service system wants, of a ticket that it names in one of four ways; the others are empty.

    id: of the message; the same again is to have no second effect.  reference: what the target calls the ticket itself.
    request: None when the message asks for nothing.
    """

    id: str
    ticket: str = ""
    number: int | None = None
    incident: str = ""
    reference: str = ""
    request: TicketRequest | None = None


class _Body(Settings):
    """callback.v1.json; other payloads are put into this shape, so that all are held to the same bounds."""

    ticket: str = Field("", pattern=r"^(tkt-[0-9a-f]{24})?$")
    number: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)] | None = None
    incident: str = Field("", max_length=100)
    reference: str = Field("", max_length=100)
    action: str
    reason: str = Field("", max_length=_LONGEST_REASON)
    crew: str = Field("", max_length=200)
    cause: str = Field("", max_length=1000)
    restoration_estimated_at: str | None = None
    by: str = Field("", max_length=200)

    @field_validator("action")
    @classmethod
    def _offered(cls, action: str) -> str:
        if action not in CALLBACK_ACTIONS:
            raise ValueError(f"not one of {', '.join(CALLBACK_ACTIONS)}")
        return action

    @field_validator("restoration_estimated_at")
    @classmethod
    def _time(cls, text: str | None) -> str | None:
        if text is not None:
            parse_time(text)
        return text

    @model_validator(mode="after")
    def _named_once(self) -> _Body:
        if sum(bool(getattr(self, name)) for name in _NAMES) != 1:
            raise ValueError(f"name the ticket by exactly one of {', '.join(_NAMES)}")
        return self


class Caller:
    """A target that may call back."""

    def __init__(self, target: TargetSettings) -> None:
        """Raises InvalidInputError, naming the target but no secret, when a callback secret of it cannot be used."""
        self.name = target.name
        self._target = target
        if target.callback_secret is None:
            raise InvalidInputError([f"target {target.name}: has no callback_secret"])
        given = {"callback_secret": target.callback_secret}
        if target.previous_callback_secret is not None:
            given["previous_callback_secret"] = target.previous_callback_secret
        self._keys: list[tuple[str, Webhook]] = []  # each secret as it is written, and what signs with it
        faults: list[str] = []
        for key, secret in given.items():
            try:
                text = secret.reveal()
            except InvalidInputError as exc:
                faults += [f"target {target.name}: {key}: {fault}" for fault in exc.faults]
                continue
            made = signer(text)
            if made is None:
                faults.append(f"target {target.name}: {key}: must be {SHAPE}")
            else:
                self._keys.append((text, made))
        if faults:
            raise InvalidInputError(faults)

    def read(self, headers: Mapping[str, str], body: bytes, *, now: int) -> Callback:
        """Check and read one message that came at `now`.

        Raises:
            ForgedError: its signature is missing or wrong, or it was made more than five minutes off.
            InvalidInputError: it is theirs, but cannot be understood; every fault is named.
        """
        given = {name.lower(): value for name, value in headers.items()}
        hub = self._target.format == "jira" and "webhook-signature" not in given
        name = self._hub_signed(given, body) if hub else self._signed(given, body, now)
        try:
            document = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.DecodeError as exc:
            raise InvalidInputError([f"body: not a JSON object: {exc}"]) from None
        except RecursionError:
            raise InvalidInputError(["body: nested too deeply"]) from None
        if hub:  # these signatures cover no time but the one in the body
            made = document.get("timestamp")
            _fresh(made * 1000 if isinstance(made, int) and abs(made) < 10**15 else None, now)
        return self._callback(name, document)

    def _signed(self, headers: Mapping[str, str], body: bytes, now: int) -> str:
        name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not 1 <= len(name) <= _ID_LENGTH or not name.isascii() or not name.isprintable():
            raise ForgedError("webhook-id is missing or is no id")
        seconds = int(stamp) if stamp.isascii() and stamp.isdigit() and len(stamp) <= 11 else None
        _fresh(None if seconds is None else seconds * SECOND, now)
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise ForgedError("the body is not UTF-8, so the signature cannot be right") from None
        made_at = to_datetime((seconds or 0) * SECOND)
        offered = headers.get("webhook-signature", "").split(" ")
        if not any(_one_of(own.sign(name, made_at, text), offered) for _, own in self._keys):
            raise ForgedError("webhook-signature is missing or wrong")
        return name

    def _hub_signed(self, headers: Mapping[str, str], body: bytes) -> str:
        """As Jira signs its own webhooks: the key is the secret as it is written, the id has to come of the body."""
        offered = [headers.get("x-hub-signature", "")]
        wanted = (f"sha256={hmac.new(secret.encode(), body, sha256).hexdigest()}" for secret, _ in self._keys)
        if not any(_one_of(own, offered) for own in wanted):
            raise ForgedError("webhook-signature (or x-hub-signature) is missing or wrong")
        return f"hub_{sha256(body).hexdigest()}"

    def _callback(self, name: str, document: Mapping[str, Any]) -> Callback:
        if "action" not in document:
            own = {"servicenow": self._servicenow, "jira": self._jira}.get(self._target.format)
            if own is not None:
                shaped = own(document)
                if "action" not in shaped:
                    return Callback(id=name)
                document = shaped
        try:
            asked = _Body.model_validate(document)
        except ValidationError as exc:
            raise InvalidInputError(_fault(error) for error in exc.errors(include_url=False)) from None
        estimated = asked.restoration_estimated_at
        return Callback(
            id=name,
            ticket=asked.ticket,
            number=asked.number,
            incident=asked.incident,
            reference=asked.reference,
            request=TicketRequest(
                action=asked.action,
                by=asked.by.strip() or self.name,
                origin=CALLBACK + self.name,
                reason=asked.reason,
                crew=asked.crew,
                cause=asked.cause,
                restoration_estimated_at=None if estimated is None else parse_time(estimated),
            ),
        )

    def _servicenow(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of the incident, as a business rule sends them; those that are not known are left alone."""
        options = ServiceNowOptions.model_validate(self._target.options)
        state = str(record.get("state", ""))
        if not record.get("correlation_id") or not state:
            raise InvalidInputError(["body: holds neither an action nor correlation_id and state"])
        if state not in options.callback_actions:
            return {}
        told = next(
            (record[name] for name in ("close_notes", "work_notes", "comments") if record.get(name)), ""
        )
        number = record.get("number") or "the incident"
        return {
            "incident": record["correlation_id"],
            "action": options.callback_actions[state],
            "reason": str(told)[:_LONGEST_REASON] or f"{number} has state {state} now",
        }

    def _jira(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Jira's own webhook: the status that the issue got, if that is what changed."""
        options = JiraOptions.model_validate(self._target.options)
        issue = _object(event.get("issue"))
        key = issue.get("key")
        if not key:
            raise InvalidInputError(["body: holds neither an action nor issue.key"])
        if "changelog" in event:
            items = _object(event["changelog"]).get("items")
            moves = [_object(item) for item in items] if isinstance(items, list) else []
            status = next((item.get("toString") for item in moves if item.get("field") == "status"), None)
        else:
            status = _object(_object(issue.get("fields")).get("status")).get("name")
        if not isinstance(status, str) or status not in options.callback_actions:
            return {}
        return {
            "reference": key,
            "action": options.callback_actions[status],
            "reason": f"{key} has status {status} now"[:_LONGEST_REASON],
        }


def callers(targets: Iterable[TargetSettings]) -> dict[str, Caller]:
    """Those of the targets that may call back, by name. Raises InvalidInputError with the faults of all of them."""
    found: dict[str, Caller] = {}
    faults: list[str] = []
    for target in targets:
        if target.callback_secret is None:
            continue
        try:
            found[target.name] = Caller(target)
        except InvalidInputError as exc:
            faults += exc.faults
    if faults:
        raise InvalidInputError(faults)
    return found


def is_there_already(state: TicketState, action: Action) -> bool:
    """Whether the ticket is where the action would have led: an echo of our own message, or said twice."""
    return any(moves.get(action) is state for before, moves in TABLE.items() if before is not state)


def _fresh(made_at: int | None, now: int) -> None:
    if made_at is None:
        raise ForgedError("the time at which it was signed is missing or is no time")
    if abs(now - made_at) > TOLERANCE:
        raise ForgedError("signed more than five minutes ago, or in the future")


def _one_of(wanted: str, offered: Iterable[str]) -> bool:
    """Each is compared in constant time."""
    return any(hmac.compare_digest(wanted.encode(), text.encode()) for text in offered)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _fault(error: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "body"
    if error["type"] == "extra_forbidden":
        return f"{where}: there is no such field; there are: {', '.join(_Body.model_fields)}"
    if error["type"] == "missing":
        return f"{where}: is missing"
    return f"{where}: {str(error['msg']).removeprefix('Value error, ')}"
