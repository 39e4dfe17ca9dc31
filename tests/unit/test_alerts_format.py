"""Messages of the format `standard`, each held to its schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

import alerts
from alerts.formats import FORMATS, Clock, Notice
from alerts.formats.facts import TICKET_TYPES
from alerts.tickets import Action
from gateway.core.clock import MINUTE
from gateway.core.errors import InvalidInputError
from gateway.core.model import IncidentKind
from gateway.core.ticket import TicketState
from tests.alerting import AT, outage
from tests.notices import TICKET, alarm, notice, storm

SCHEMAS = {
    name: json.loads((Path(alerts.__file__).parent / "schema" / f"{name}.v1.json").read_text())
    for name in ("ticket", "storm", "alarm", "callback")
}
S = TicketState
STANDARD = FORMATS.get("standard")


def told(made: Notice) -> dict[str, Any]:
    message = STANDARD.ticket(made)
    assert message is not None
    assert message.content_type == "application/json"
    return checked(message.body, "ticket")


def checked(body: bytes, schema: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(body)
    jsonschema.Draft202012Validator(SCHEMAS[schema]).validate(document)
    return document


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_are_schemas(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$id"] == f"urn:feederline:schema:{name}:1"


def test_opened() -> None:
    document = told(notice())
    assert (document["type"], document["timestamp"]) == ("ticket.opened", "2026-03-01T08:00:00Z")
    ticket, incident = document["data"]["ticket"], document["data"]["incident"]
    assert (ticket["id"], ticket["number"], ticket["revision"]) == (TICKET.id, 1017, 1)
    assert (ticket["previous_state"], ticket["party"], ticket["drill"]) == (None, "detector", False)
    assert ticket["clocks"] == [
        {"name": "arrival", "due_at": "2026-03-01T08:45:00Z", "stopped_at": None, "late": False}
    ]
    assert incident["path"] == [
        {"id": "S", "kind": "substation", "name": "North"},
        {"id": "F", "kind": "feeder", "name": "F"},
        {"id": "T12", "kind": "transformer", "name": "Market Street"},
    ]
    assert incident["location"] == {"lat": 52.1, "lon": 4.1}
    assert incident["customers_by_priority"] == {
        "critical": 0,
        "public_welfare": 0,
        "important": 0,
        "ordinary": 48,
    }
    assert incident["priority_devices"] == []
    assert incident["evidence"] == {"last_gasps": 31, "share": 0.65}  # counts only, and numbers only
    assert incident["devices"] == [f"M{i}" for i in range(1, 49)]
    assert document["data"]["links"] == {
        "page": "https://ops.example/",
        "ticket": f"https://ops.example/api/tickets/{TICKET.id}",
        "incident": "https://ops.example/api/incidents/inc-1",
        "actions": f"https://ops.example/api/tickets/{TICKET.id}/",
    }
    assert told(notice(public_url=""))["data"]["links"] == {}


def test_priorities_and_the_cap_on_devices() -> None:
    data = told(notice(incident=outage(devices=(0, 1, 2, 59), customers=6), max_devices=2))["data"][
        "incident"
    ]
    assert data["customers_by_priority"] == {
        "critical": 1,
        "public_welfare": 0,
        "important": 3,
        "ordinary": 2,
    }
    assert data["priority_devices"] == [
        {"id": "M59", "priority": "critical", "customers": 1},
        {"id": "M0", "priority": "important", "customers": 3},
    ]
    assert (data["devices"], data["devices_total"]) == (["M0", "M1"], 4)


def test_location_is_the_nearest_known_one_above() -> None:
    place = told(notice(incident=outage(node="T13")))["data"]["incident"]["location"]
    assert place == {"lat": 52.0, "lon": 4.0}


def test_a_node_that_is_gone_leaves_path_and_location_out() -> None:
    incident = told(notice(incident=outage(node="gone")))["data"]["incident"]
    assert (incident["path"], incident["location"]) == ([], None)


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("open", "opened"),
        ("update", "updated"),
        ("acknowledge", "acknowledged"),
        ("confirm", "updated"),
        ("dispatch", "dispatched"),
        ("arrive", "arrived"),
        ("estimate", "estimated"),
        ("restore", "restored"),
        ("close", "closed"),
        ("cancel", "cancelled"),
        ("merge", "merged"),
        ("reopen", "reopened"),
        ("comment", "commented"),
        ("warn", "warning"),
        ("escalate", "breached"),
    ],
)
def test_every_action_has_its_type(action: str, kind: str) -> None:
    document = told(notice(action, before=S.PREDICTED, revision=2, first=False))
    assert document["type"] == f"ticket.{kind}"
    assert document["data"]["ticket"]["action"] == action


def test_all_actions_and_types_are_in_the_schema() -> None:
    schema = SCHEMAS["ticket"]
    assert schema["$defs"]["ticket"]["properties"]["action"]["enum"] == [action.value for action in Action]
    assert sorted(schema["properties"]["type"]["enum"]) == sorted(TICKET_TYPES)
    assert schema["$defs"]["ticket_state"]["enum"] == [state.value for state in TicketState]


def test_whoever_hears_of_it_late_is_told_that_it_is_new() -> None:
    document = told(notice("escalate", S.DISPATCHED, before=S.DISPATCHED, revision=4, first=True))
    assert (document["type"], document["data"]["ticket"]["action"]) == ("ticket.opened", "escalate")
    assert document["data"]["ticket"]["previous_state"] == "dispatched"


@pytest.mark.parametrize(
    ("origin", "party", "system"),
    [
        ("detector", "detector", None),
        ("", "detector", None),
        ("clock", "clock", None),
        ("api", "operator", None),
        ("page", "operator", None),
        ("incident", "operator", None),
        ("callback desk", "service_system", "desk"),
    ],
)
def test_people_are_parties_and_not_names(origin: str, party: str, system: str | None) -> None:
    made = notice(
        "close",
        S.CLOSED,
        before=S.RESTORED,
        revision=3,
        origin=origin,
        by="Jane Roe",
        incident=msgspec.structs.replace(outage(), confirmed_by="Jane Roe"),
        ticket={"ended_by": "Jane Roe"},
    )
    message = STANDARD.ticket(made)
    assert message is not None
    assert b"Jane" not in message.body
    ticket = checked(message.body, "ticket")["data"]["ticket"]
    assert (ticket["party"], ticket["service_system"]) == (party, system)


def test_a_full_step() -> None:
    document = told(
        notice(
            "warn",
            S.DISPATCHED,
            before=S.DISPATCHED,
            revision=60,
            origin="clock",
            detail={"clock": "arrival"},
            ticket={
                "crew": "C7",
                "cause": "tree",
                "drill": "drl-1",
                "acknowledged_at": AT + 1,
                "dispatched_at": AT + 2,
                "restoration_estimated_at": AT + 60 * MINUTE,
            },
            split_from="tkt-" + "0" * 24,
            merged_into="tkt-" + "1" * 24,
        )
    )
    ticket = document["data"]["ticket"]
    assert (ticket["clock"], ticket["crew"], ticket["cause"], ticket["area"]) == (
        "arrival",
        "C7",
        "tree",
        "urban",
    )
    assert ticket["restoration_estimated_at"] == "2026-03-01T09:00:00Z"
    assert (ticket["split_from"], ticket["merged_into"]) == ("tkt-" + "0" * 24, "tkt-" + "1" * 24)
    assert ticket["clocks"][0]["late"]
    assert ticket["drill"] is True
    assert ticket["title"].startswith("DRILL: Outage")


@pytest.mark.parametrize(
    ("stopped", "at", "late"), [(None, 44, False), (None, 45, True), (45, 50, False), (46, 50, True)]
)
def test_late_clocks(stopped: int | None, at: int, late: bool) -> None:
    clock = Clock(
        name="arrival",
        due_at=AT + 45 * MINUTE,
        stopped_at=None if stopped is None else AT + stopped * MINUTE,
    )
    step = notice("update", before=S.PREDICTED, revision=at + 1, clocks=(clock,))
    assert told(step)["data"]["ticket"]["clocks"][0]["late"] is late


def test_a_title_is_never_too_long_for_its_mark() -> None:
    title = told(notice(ticket={"title": "x" * 160, "drill": "drl-1"}))["data"]["ticket"]["title"]
    assert (title[:8], len(title)) == ("DRILL: x", 160)
    assert told(notice(ticket={"title": "DRILL: x", "drill": "d"}))["data"]["ticket"]["title"] == "DRILL: x"


@pytest.mark.parametrize("kind", list(IncidentKind))
def test_every_kind_fits_the_schema(kind: IncidentKind) -> None:
    assert told(notice(incident=outage(kind, phases="B")))["data"]["incident"]["kind"] == kind


def test_a_storm() -> None:
    assert STANDARD.storm is not None
    message = STANDARD.storm(storm(150))
    assert message is not None
    data = checked(message.body, "storm")["data"]
    assert data["storm"] == {
        "id": "storm-1",
        "began_at": "2026-03-01T08:00:00Z",
        "ended_at": None,
        "summary": 3,
    }
    assert (data["opened"], data["ended"], data["standing"], data["customers"]) == (4, 1, 150, 150 * 48)
    assert data["by_severity"] == {"1": 50, "2": 50, "3": 50}
    assert len(data["tickets"]) == 100
    assert [line["drill"] for line in data["tickets"][:3]] == [False, True, False]
    assert data["tickets"][1]["title"].startswith("DRILL: ")
    over = STANDARD.storm(storm(0, ended_at=AT + MINUTE))
    assert over is not None
    assert checked(over.body, "storm")["data"]["storm"]["ended_at"] == "2026-03-01T08:01:00Z"


@pytest.mark.parametrize(("count", "kind"), [(2, "delivery.alarm"), (0, "delivery.alarm_cleared")])
def test_an_alarm(count: int, kind: str) -> None:
    message = STANDARD.alarm(alarm(count))
    assert message is not None
    document = checked(message.body, "alarm")
    assert document["type"] == kind
    assert (document["data"]["target"], document["data"]["count"]) == ("desk", count)


def test_unknown_formats_are_named_with_what_there_is() -> None:
    there = "chat, jira, servicenow, standard, template"
    with pytest.raises(InvalidInputError, match=f"unknown ticket format 'xml'; there are: {there}"):
        FORMATS.get("xml")
