"""What service systems call back with: only what is theirs and fresh is read, and every fault is named."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

import alerts
from alerts.callbacks import TOLERANCE, Callback, Caller, ForgedError, callers, is_there_already
from alerts.formats.options import CALLBACK_ACTIONS
from alerts.tickets import Action
from gateway.core.clock import SECOND, to_datetime
from gateway.core.errors import InvalidInputError
from gateway.core.ticket import TicketRequest, TicketState
from tests.alerting import AT, OTHER_SECRET, SECRET, target

SCHEMA = json.loads((Path(alerts.__file__).parent / "schema" / "callback.v1.json").read_text())
TICKET = "tkt-a34a84587bc9d446af0aecb8"
JIRA = {
    "deployment": "cloud",
    "service_desk_id": "1",
    "request_type_id": "2",
    "project": "OPS",
    "callback_actions": {"In Progress": "dispatch", "Resolved": "close"},
}


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACK_SECRET", SECRET)


def caller(form: str = "standard", **changes: Any) -> Caller:
    made = target(format=form, callback_secret={"env": "BACK_SECRET"}, **changes)
    return Caller(made)


def signed(body: bytes, *, name: str = "msg_1", at: int = AT, secret: str = SECRET) -> dict[str, str]:
    return {
        "Webhook-Id": name,
        "Webhook-Timestamp": str(at // SECOND),
        "Webhook-Signature": Webhook(secret).sign(name, to_datetime(at), body.decode()),
    }


def read(document: object, by: Caller | None = None, **how: Any) -> Callback:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return (by or caller()).read(signed(body, **how), body, now=AT)


def faults(document: object, by: Caller | None = None) -> tuple[str, ...]:
    with pytest.raises(InvalidInputError) as caught:
        read(document, by)
    return caught.value.faults


def test_a_full_callback() -> None:
    document = {
        "number": 1017,
        "action": "estimate",
        "reason": "cable to be replaced",
        "cause": "cable",
        "crew": "C7",
        "restoration_estimated_at": "2026-03-01T18:00:00+08:00",
        "by": "Dispatch desk",
    }
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert read(document) == Callback(
        id="msg_1",
        number=1017,
        request=TicketRequest(
            action="estimate",
            by="Dispatch desk",
            origin="callback desk",
            reason="cable to be replaced",
            crew="C7",
            cause="cable",
            restoration_estimated_at=AT + 2 * 3600 * SECOND,
        ),
    )


@pytest.mark.parametrize("named", [{"ticket": TICKET}, {"incident": "inc-1"}, {"reference": "OPS-1"}])
def test_the_ways_to_name_a_ticket(named: dict[str, str]) -> None:
    made = read({**named, "action": "close"})
    assert {name: getattr(made, name) for name in named} == named
    assert made.request is not None
    assert (made.request.by, made.request.origin) == ("desk", "callback desk")


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_within_five_minutes_it_is_fresh(seconds: int) -> None:
    assert read({"number": 1, "action": "close"}, at=AT + seconds * SECOND).number == 1


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_replayed_or_early_message_is_refused(seconds: int) -> None:
    with pytest.raises(ForgedError, match="five minutes"):
        read({"number": 1, "action": "close"}, at=AT + seconds * SECOND)
    assert TOLERANCE == 300 * SECOND


@pytest.mark.parametrize(
    "spoil",
    [
        {"Webhook-Id": ""},
        {"Webhook-Id": "msg_2"},
        {"Webhook-Id": "x" * 201},
        {"Webhook-Id": "é"},
        {"Webhook-Timestamp": ""},
        {"Webhook-Timestamp": "soon"},
        {"Webhook-Timestamp": "9" * 30},
        {"Webhook-Timestamp": str(AT // SECOND + 1)},
        {"Webhook-Timestamp": f"-{AT // SECOND}"},
        {"Webhook-Signature": ""},
        {"Webhook-Signature": "v1,AAAA"},
        {"Webhook-Signature": "nonsense é"},
    ],
)
def test_forgeries(spoil: dict[str, str]) -> None:
    body = b'{"number": 1, "action": "close"}'
    with pytest.raises(ForgedError) as caught:
        caller().read({**signed(body), **spoil}, body, now=AT)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("body", [b'{"number": 2, "action": "close"}', b"\xff\xfe", b""])
def test_another_body_than_was_signed(body: bytes) -> None:
    with pytest.raises(ForgedError):
        caller().read(signed(b'{"number": 1, "action": "close"}'), body, now=AT)


def test_another_secret_and_one_of_several_signatures() -> None:
    body = b'{"number": 1, "action": "close"}'
    other = signed(body, secret=OTHER_SECRET)
    with pytest.raises(ForgedError):
        caller().read(other, body, now=AT)
    both = f"{other['Webhook-Signature']} {signed(body)['Webhook-Signature']}"
    assert caller().read({**other, "Webhook-Signature": both}, body, now=AT).number == 1


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (b"", "body: not a JSON object"),
        (b"[]", "body: not a JSON object"),
        (b'{"a": "\\ud800"}', "body: not a JSON object"),
        ({"action": "close"}, "body: name the ticket by exactly one of ticket, number, incident, reference"),
        ({"action": "close", "number": 1, "incident": "i"}, "body: name the ticket by exactly one of"),
        ({"number": 1}, "action: is missing"),
        ({"number": 1, "action": "open"}, "action: not one of acknowledge, confirm"),
        ({"number": 1, "action": ["close"]}, "action: "),
        ({"number": "1", "action": "close"}, "number: "),
        ({"number": True, "action": "close"}, "number: true does not belong here"),
        ({"number": 0, "action": "close"}, "number: "),
        ({"number": 2**31, "action": "close"}, "number: "),
        ({"ticket": "1017", "action": "close"}, "ticket: "),
        ({"number": 1, "action": "close", "reason": "a\0b"}, "reason: holds a NUL character"),
        ({"number": 1, "action": "close", "reason": "x" * 4001}, "reason: "),
        ({"number": 1, "action": "close", "notes": "x"}, "notes: there is no such field; there are: ticket"),
        (
            {"number": 1, "action": "estimate", "restoration_estimated_at": "tomorrow"},
            "restoration_estimated_at: 'tomorrow' is not an ISO 8601 time",
        ),
    ],
)
def test_what_is_theirs_but_wrong_is_named(document: object, fault: str) -> None:
    assert any(found.startswith(fault) for found in faults(document)), faults(document)


def test_every_fault_at_once() -> None:
    assert len(faults({"number": "x", "action": "open", "reason": 7, "color": "red"})) == 4


def test_the_schema_offers_the_same_actions() -> None:
    assert tuple(SCHEMA["properties"]["action"]["enum"]) == CALLBACK_ACTIONS


@given(st.dictionaries(st.sampled_from([*SCHEMA["properties"], "x"]), st.none() | st.text() | st.integers()))
def test_anything_else_is_an_input_error(document: dict[str, Any]) -> None:
    body = json.dumps(document, ensure_ascii=True).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BACK_SECRET", SECRET)
        by = caller()
    try:
        by.read(signed(body), body, now=AT)
    except InvalidInputError:
        return
    if None not in document.values():
        jsonschema.Draft202012Validator(SCHEMA).validate(document)


SERVICENOW = {"correlation_id": "inc-1", "number": "INC0010023", "close_notes": "fuse replaced"}


@pytest.mark.parametrize(
    ("state", "action"),
    [("2", "acknowledge"), (6, "close"), ("7", "close"), ("8", "cancel"), ("3", None), ("1", None)],
)
def test_servicenow(state: object, action: str | None) -> None:
    made = read({**SERVICENOW, "state": state, "sys_updated_by": "admin"}, caller("servicenow"))
    assert (made.request.action if made.request else None) == action
    if made.request:
        assert (made.incident, made.request.reason, made.request.by) == ("inc-1", "fuse replaced", "desk")


def test_servicenow_by_its_options_and_in_the_common_shape() -> None:
    by = caller("servicenow", options={"callback_actions": {"10": "arrive"}})
    made = read({"correlation_id": "inc-1", "state": "10"}, by).request
    assert made is not None
    assert (made.action, made.reason) == ("arrive", "the incident has state 10 now")
    assert read({"incident": "inc-1", "action": "close"}, by).incident == "inc-1"
    assert faults({"state": "6"}, by) == ("body: holds neither an action nor correlation_id and state",)
    assert faults({"correlation_id": "x" * 101, "state": "10"}, by)[0].startswith("incident: ")
    assert faults({"correlation_id": {"a": 1}, "state": "10"}, by)[0].startswith("incident: ")


def jira_event(**changes: Any) -> dict[str, Any]:
    return {
        "timestamp": AT // 1000,
        "webhookEvent": "jira:issue_updated",
        "user": {"displayName": "Jane Roe"},
        "issue": {"key": "OPS-7", "fields": {"status": {"name": "Resolved"}}},
        "changelog": {"items": [{"field": "status", "fromString": "Open", "toString": "In Progress"}]},
        **changes,
    }


def test_jira() -> None:
    by = caller("jira", options=JIRA)
    made = read(jira_event(), by)
    assert (made.reference, made.request and made.request.action) == ("OPS-7", "dispatch")
    assert made.request is not None
    assert made.request.by == "desk"  # no names from over there
    other = {"items": [{"field": "assignee", "toString": "Resolved"}]}
    assert read(jira_event(changelog=other), by).request is None
    automation = jira_event()
    del automation["changelog"]
    closed = read(automation, by).request
    assert closed is not None
    assert (closed.action, closed.reason) == ("close", "OPS-7 has status Resolved now")
    assert faults({"timestamp": 1}, by) == ("body: holds neither an action nor issue.key",)


@pytest.mark.parametrize("changelog", [None, [], {"items": None}, {"items": ["x", {"field": "status"}]}])
def test_odd_events_of_jira_ask_for_nothing(changelog: object) -> None:
    assert read(jira_event(changelog=changelog), caller("jira", options=JIRA)).request is None


def hub(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-Hub-Signature": "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()}


def test_jira_may_sign_as_it_does_by_itself() -> None:
    body = json.dumps(jira_event()).encode()
    by = caller("jira", options=JIRA)
    made = by.read(hub(body), body, now=AT + 300 * SECOND)
    assert made.id == by.read(hub(body), body, now=AT).id == f"hub_{sha256(body).hexdigest()}"
    for headers in ({}, hub(body, OTHER_SECRET), hub(body + b" "), {"X-Hub-Signature": "sha256="}):
        with pytest.raises(ForgedError):
            by.read(headers, body, now=AT)
    with pytest.raises(ForgedError, match="five minutes"):
        by.read(hub(body), body, now=AT + 301 * SECOND)
    for stamp in (None, "soon", True, 10**18):
        odd = json.dumps(jira_event(timestamp=stamp)).encode()
        with pytest.raises(ForgedError):
            by.read(hub(odd), odd, now=AT)
    with pytest.raises(ForgedError):  # only for Jira
        caller().read(hub(body), body, now=AT)


def test_while_its_secret_is_changed_a_target_may_sign_with_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORMER_SECRET", OTHER_SECRET)
    body = json.dumps({"number": 1, "action": "close"}).encode()
    both = caller(previous_callback_secret={"env": "FORMER_SECRET"})
    for secret in (SECRET, OTHER_SECRET):
        assert both.read(signed(body, secret=secret), body, now=AT).number == 1
    with pytest.raises(ForgedError, match="wrong"):
        both.read(signed(body, secret="whsec_" + "QUJE" * 8), body, now=AT)
    with pytest.raises(ForgedError, match="wrong"):
        caller().read(signed(body, secret=OTHER_SECRET), body, now=AT)
    event = json.dumps(jira_event()).encode()
    jira = caller("jira", options=JIRA, previous_callback_secret={"env": "FORMER_SECRET"})
    assert jira.read(hub(event), event, now=AT) == jira.read(hub(event, OTHER_SECRET), event, now=AT)
    monkeypatch.setenv("FORMER_SECRET", "hunter2")
    with pytest.raises(InvalidInputError, match="desk: previous_callback_secret: must be whsec_") as caught:
        caller(previous_callback_secret={"env": "FORMER_SECRET"})
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ValueError, match="goes with callback_secret"):
        target(previous_callback_secret={"env": "FORMER_SECRET"})


def test_who_may_call_back(monkeypatch: pytest.MonkeyPatch) -> None:
    silent, calling = target(name="silent"), target(name="calling", callback_secret={"env": "BACK_SECRET"})
    assert list(callers([silent, calling])) == ["calling"]
    with pytest.raises(InvalidInputError, match="silent: has no callback_secret"):
        Caller(silent)
    for secret, fault in (
        ("hunter2", "must be whsec_"),
        ("", "is not set or is empty"),
        ("whsec_é", "whsec_"),
    ):
        monkeypatch.setenv("BACK_SECRET", secret)
        with pytest.raises(InvalidInputError, match=f"target calling: callback_secret: .*{fault}") as caught:
            callers([calling])
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("state", "action", "there"),
    [
        (TicketState.CLOSED, Action.CLOSE, True),
        (TicketState.CANCELLED, Action.CLOSE, False),
        (TicketState.DISPATCHED, Action.DISPATCH, True),
        (TicketState.DISPATCHED, Action.COMMENT, False),
        (TicketState.RESTORED, Action.CLOSE, False),
    ],
)
def test_echoes(state: TicketState, action: Action, there: bool) -> None:
    assert is_there_already(state, action) is there
