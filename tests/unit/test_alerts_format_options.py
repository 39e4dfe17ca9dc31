"""Options of targets: what is wrong is named with the option and with what is allowed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.formats import FORMATS, Message
from alerts.formats.chat import quiet
from alerts.formats.servicenow import in_query
from alerts.formats.template import ALARM_NAMES, STORM_NAMES, TICKET_NAMES, Stored, fill
from alerts.formats.words import alarm_words, storm_words, words
from gateway.core.ticket import TicketState
from tests.alerting import outage, target
from tests.notices import TICKET, alarm, notice, storm

JIRA = {"deployment": "cloud", "service_desk_id": "1", "request_type_id": "2", "project": "OPS"}


@pytest.mark.parametrize(
    ("form", "options", "fault"),
    [
        ("standard", {"x": 1}, "options.x: there is no such option"),
        ("servicenow", {"tabel": "x"}, "options.tabel: there is no such option; there are: table, caller_id"),
        ("servicenow", {"table": "inc ident"}, "options.table: "),
        ("servicenow", {"table": "../../login"}, "options.table: "),
        ("servicenow", {"states": {"shut": 6}}, "options.states.shut"),
        ("servicenow", {"states": {"closed": "six"}}, "options.states.closed: "),
        ("servicenow", {"fields": {"correlation_id": "x"}}, "correlation_id: set by the gateway"),
        ("servicenow", {"callback_actions": {"6": "shut"}}, "shut: not one of acknowledge, confirm"),
        ("jira", {}, "options.deployment: is missing"),
        ("jira", {**JIRA, "deployment": "server"}, "'cloud' or 'data_center'"),
        ("jira", {**JIRA, "service_desk_id": "x/../y"}, "options.service_desk_id: "),
        ("jira", {**JIRA, "project": 'OPS" OR "'}, "options.project: "),
        ("jira", {**JIRA, "id_field": "summary"}, "options.id_field: "),
        ("jira", {**JIRA, "priorities": {1: "High"}}, "name one for each severity: 1, 2 and 3"),
        ("jira", {**JIRA, "transitions": {"closed": "Done"}}, "options.transitions.closed: "),
        ("jira", {**JIRA, "fields": {"summary": "x"}}, "summary: set by the gateway"),
        ("jira", {**JIRA, "fields": {"labels": "outage"}}, "labels: must be a list of texts without spaces"),
        ("chat", {"key": "text..x"}, "options.key: "),
        ("chat", {"skip": ["ticket.renamed"]}, "ticket.renamed: not one of ticket.opened"),
        ("template", {}, "options.body: is missing"),
        ("template", {"body": {"a": ["{titel}"]}}, "body.a.0: there is no {titel}; there are: type, at"),
        ("template", {"body": "{ticket.title}"}, "body: there is no {ticket.title}"),
        ("template", {"body": "{}"}, "body: there is no {}"),
        ("template", {"body": "a } b"}, "body: a single }; write it twice"),
        ("template", {"body": "{title"}, "body: a single {; write it twice"),
        ("template", {"body": "x", "storm_body": "{crew}"}, "storm_body: there is no {crew}"),
        ("template", {"body": "x", "alarm_body": "{crew}"}, "alarm_body: there is no {crew}"),
        ("template", {"body": "x", "path": "a/{no}"}, "path: there is no {no}"),
        ("template", {"body": "x", "path": "/a"}, "options.path: "),
        ("template", {"body": "x", "path": "t/{ticket_id}", "storm_body": "x"}, "path: names a ticket"),
        ("template", {"body": "x", "method": "DELETE"}, "'POST' or 'PUT'"),
        ("template", {"body": "x", "headers": {"X-Api-Key": "k"}}, "secrets do not belong here"),
        ("template", {"body": "x", "headers": {"Authorization": "k"}}, "secrets do not belong here"),
        ("template", {"body": "x", "headers": {"Webhook-Id": "k"}}, "set by the gateway"),
        ("template", {"body": "x", "headers": {"X-A": "a\nb"}}, "not a header"),
        ("template", {"body": "x", "content_type": "xml"}, "options.content_type: "),
        (
            "template",
            {"body": {"a": {}}, "content_type": "application/x-www-form-urlencoded"},
            "body: a form is an object of texts",
        ),
    ],
)
def test_faults(form: str, options: dict[str, Any], fault: str) -> None:
    faults = FORMATS.get(form).check(options)
    assert len(faults) >= 1
    assert any(fault in found for found in faults), faults
    with pytest.raises(ValidationError, match="options"):
        target(format=form, options=options)


@pytest.mark.parametrize(
    ("form", "options"), [("servicenow", {}), ("jira", JIRA), ("chat", {}), ("template", {"body": "{text}"})]
)
def test_the_least_that_is_needed(form: str, options: dict[str, Any]) -> None:
    assert FORMATS.get(form).check(options) == []


def test_the_lists_of_names_are_what_there_is() -> None:
    assert tuple(words(notice())) == TICKET_NAMES
    assert tuple(storm_words(storm())) == STORM_NAMES
    assert tuple(alarm_words(alarm())) == ALARM_NAMES


def templated(options: dict[str, Any], **changes: Any) -> tuple[Stored, str]:
    message = FORMATS.get("template").ticket(notice(options=options, **changes))
    assert message is not None
    return msgspec.json.decode(message.body, type=Stored), message.content_type


def test_json_keeps_numbers_and_escapes_text() -> None:
    body = {
        "n": "{number}",
        "text": '{number}: "{reason}"',
        "list": ["{customers}", 7, None, True],
        "braces": "{{{kind}}}",
    }
    stored, kind = templated({"body": body}, reason='a "b" \\ {title}\n')
    assert kind == "application/json"
    assert json.loads(stored.body) == {
        "n": 1017,
        "text": '1017: "a "b" \\ {title}\n"',
        "list": [48, 7, None, True],
        "braces": "{outage}",
    }


@pytest.mark.parametrize(
    ("kind", "body", "made"),
    [
        ("", "{number} {reason}", "1017 <&> {title}"),
        ("application/xml", "<t>{reason}</t>", "<t>&lt;&amp;&gt; {title}</t>"),
        ("application/x-www-form-urlencoded", {"q": "{reason}", "n": 1}, "q=%3C%26%3E+%7Btitle%7D&n=1"),
    ],
)
def test_other_bodies(kind: str, body: Any, made: str) -> None:
    stored, content_type = templated({"body": body, "content_type": kind}, reason="<&> {title}")
    assert stored.body == made
    assert content_type == (kind or "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    ("node", "segment"), [("a/../b", "a_.._b"), ("..", "_"), ("", "_"), ("a\n\\b", "a__b")]
)
def test_a_path_does_not_lead_elsewhere(node: str, segment: str) -> None:
    options = {"body": "x", "method": "PUT", "path": "outages/{node}"}
    stored, _ = templated(options, incident=outage(node=node))
    assert (stored.method, stored.path) == ("PUT", f"outages/{segment}")


def test_summaries_and_alarms_only_where_there_is_a_template() -> None:
    form = FORMATS.get("template")
    assert form.storm(storm(options={"body": "x"})) is None
    assert form.alarm(alarm(options={"body": "x"})) is None
    told = form.storm(storm(options={"body": "x", "storm_body": {"n": "{standing}"}}))
    assert told is not None
    assert json.loads(json.loads(told.body)["body"]) == {"n": 2}
    told = form.alarm(alarm(options={"body": "x", "alarm_body": "{target}: {count}"}))
    assert told is not None
    assert json.loads(told.body)["body"] == "desk: 2"


@given(st.text(alphabet="{}ab"), st.text(alphabet="{}x"))
def test_values_are_never_templates(template: str, value: str) -> None:
    if FORMATS.get("template").check({"body": template.replace("{a}", "{title}")}):
        return
    wanted = template.replace("{a}", "{title}")
    made = fill(wanted, {"title": value})
    assert made == fill(wanted, {"title": "\0"}).replace("\0", value)


def chat(options: dict[str, Any], **changes: Any) -> Message | None:
    return FORMATS.get("chat").ticket(notice(options=options, **changes))


def test_chat() -> None:
    message = chat({}, ticket={"drill": "drl-1"})
    assert message is not None
    text = json.loads(message.body)["text"]
    assert text.startswith("DRILL: Ticket 1017, step 1: opened")
    assert TICKET.title in text
    assert f"https://ops.example/api/tickets/{TICKET.id}" in text


def test_chat_in_another_shape_and_without_mere_updates() -> None:
    options = {
        "key": "text.content",
        "extra": {"msgtype": "text", "text": {"a": 1}},
        "skip": ["ticket.updated"],
    }
    message = chat(options)
    assert message is not None
    document = json.loads(message.body)
    assert (document["msgtype"], document["text"]["a"]) == ("text", 1)
    assert "Ticket 1017" in document["text"]["content"]
    assert options["extra"] == {"msgtype": "text", "text": {"a": 1}}
    assert chat(options, action="update", before=TicketState.PREDICTED, revision=2) is None


def test_chat_tells_of_storms_and_alarms() -> None:
    form = FORMATS.get("chat")
    told = form.storm(storm()), form.alarm(alarm()), form.alarm(alarm(0))
    texts = [json.loads(message.body)["text"] for message in told if message is not None]
    assert texts[0].startswith("Storm: 2 tickets, 96 customers\nSince the last summary 4 opened, 1 ended.")
    assert "1: DRILL: Outage below" in texts[0]
    assert texts[1:] == [
        "2 messages to desk not delivered, the oldest since 2026-03-01T08:00:00Z: 503: try later",
        "Messages to desk get through again.",
    ]


def test_chat_calls_nobody_up() -> None:
    assert (
        quiet("<!channel> @all me@allan.example <@U1> @Here")
        == "< !channel> @ all me@allan.example < @U1> @ Here"
    )


def test_values_in_encoded_queries() -> None:
    assert in_query("a^ORb") == "a^^ORb"


@settings(max_examples=50)
@given(st.text(), st.text(min_size=1), st.booleans())
def test_whatever_people_write_makes_a_message(reason: str, title: str, drill: bool) -> None:
    ticket = {"title": title, "crew": reason, "cause": reason, "drill": "drl-1" if drill else ""}
    made = notice(reason=reason, ticket=ticket)
    for form, options in (
        ("servicenow", {}),
        ("jira", JIRA),
        ("chat", {}),
        ("template", {"body": ["{reason}"]}),
    ):
        message = FORMATS.get(form).ticket(replace(made, options=options))
        assert message is not None
        stored = json.loads(message.body)
        if form == "servicenow":
            assert len(stored["create"]["short_description"]) <= 160
            assert all(isinstance(value, str) for value in stored["create"].values())
        if form == "jira":
            summary = stored["create"]["requestFieldValues"]["summary"]
            assert len(summary.splitlines()) <= 1
            assert stored["mark"] in stored["create"]["requestFieldValues"]["description"]
        if form == "template":
            assert json.loads(stored["body"]) == [reason]
