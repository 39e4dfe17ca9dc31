from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import alerts
from alerts.desk import Desk, ticket_id
from alerts.formats import FORMATS
from gateway.core.clock import SECOND
from gateway.core.errors import InvalidInputError
from gateway.core.model import Incident, IncidentKind, IncidentState
from gateway.core.ports import TicketStep
from tests.alerting import AT, district, outage, settings, target

SCHEMA = json.loads((Path(alerts.__file__).parent / "schema" / "ticket.v1.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
INVENTORY = district()


def body(step: TicketStep) -> dict[str, Any]:
    (delivery,) = step.deliveries
    assert delivery.content_type == "application/json"
    document: dict[str, Any] = json.loads(delivery.body)
    VALIDATOR.validate(document)
    return document


def desk(**changes: Any) -> Desk:
    return Desk(INVENTORY, settings(target(), **changes))


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_opened() -> None:
    document = body(desk(public_url="https://ops.example/").open(outage(), number=7, at=AT + 60 * SECOND))
    assert document["type"] == "ticket.opened"
    assert document["timestamp"] == "2026-03-01T08:01:00Z"
    ticket, incident = document["data"]["ticket"], document["data"]["incident"]
    assert ticket["id"] == ticket_id("inc-1")
    assert (ticket["number"], ticket["revision"], ticket["previous_state"]) == (7, 1, None)
    assert incident["path"] == [
        {"id": "S", "kind": "substation", "name": "North"},
        {"id": "F", "kind": "feeder", "name": "F"},
        {"id": "T12", "kind": "transformer", "name": "Market Street"},
    ]
    assert incident["location"] == {"lat": 52.1, "lon": 4.1}
    assert incident["customers_by_priority"] == {"critical": 0, "important": 0, "ordinary": 48}
    assert incident["evidence"] == {
        "last_gasps": 31,
        "share": 0.65,
    }  # counts only, and only those that are numbers
    assert incident["devices"] == [f"M{i}" for i in range(1, 49)]
    assert document["data"]["links"]["ticket"] == f"https://ops.example/api/tickets/{ticket['id']}"


def test_priorities_and_the_cap_on_devices() -> None:
    incident = outage(devices=(0, 1, 2, 59), customers=6)
    data = body(desk(max_devices=2).open(incident, number=1, at=AT))["data"]["incident"]
    assert data["customers_by_priority"] == {"critical": 1, "important": 3, "ordinary": 2}
    assert (data["devices"], data["devices_total"]) == (["M0", "M1"], 4)


def test_location_is_the_nearest_known_one_above() -> None:
    assert body(desk().open(outage(node="T13"), number=1, at=AT))["data"]["incident"]["location"] == {
        "lat": 52.0,
        "lon": 4.0,
    }


def test_a_node_that_is_gone_leaves_path_and_location_out() -> None:
    incident = body(desk().open(outage(node="gone"), number=1, at=AT))["data"]["incident"]
    assert (incident["path"], incident["location"]) == ([], None)


@pytest.mark.parametrize(
    ("incident", "kind"),
    [
        (outage(customers=50, revision=2), "ticket.updated"),
        (outage(direct=True, revision=2), "ticket.updated"),
        (outage(state=IncidentState.RESTORED, restored_at=AT + 1, revision=2), "ticket.restored"),
        (outage(state=IncidentState.CLOSED, revision=2), "ticket.closed"),
        (outage(state=IncidentState.CANCELLED, revision=2), "ticket.cancelled"),
        (outage(state=IncidentState.MERGED, parent="inc-0", revision=2), "ticket.merged"),
        (outage(IncidentKind.MOMENTARY, revision=2), "ticket.closed"),
    ],
)
def test_every_step_has_its_type_and_fits_the_schema(incident: Incident, kind: str) -> None:
    follower = desk()
    ticket = follower.open(outage(), number=7, at=AT).ticket
    step = follower.follow(incident, ticket, at=AT + 300 * SECOND)
    assert step is not None
    document = body(step)
    assert document["type"] == kind
    merged_into = ticket_id("inc-0") if kind == "ticket.merged" else None
    assert document["data"]["ticket"]["merged_into"] == merged_into


def test_reopened() -> None:
    follower = desk()
    ticket = follower.open(outage(), number=7, at=AT).ticket
    restored = follower.follow(outage(state=IncidentState.RESTORED, revision=2), ticket, at=AT + 1)
    assert restored is not None
    again = follower.follow(outage(revision=3), restored.ticket, at=AT + 2)
    assert again is not None
    assert body(again)["type"] == "ticket.reopened"


NO_TICKET = (IncidentKind.MOMENTARY, IncidentKind.PLANNED_OUTAGE)


@pytest.mark.parametrize("kind", [k for k in IncidentKind if k not in NO_TICKET])
def test_every_kind_fits_the_schema(kind: IncidentKind) -> None:
    document = body(desk(kinds=[kind]).open(outage(kind, phases="B"), number=1, at=AT))
    assert document["data"]["incident"]["kind"] == kind


def test_unknown_formats_are_named_with_what_there_is() -> None:
    with pytest.raises(InvalidInputError, match="unknown ticket format 'xml'; there are: standard"):
        FORMATS.get("xml")
