"""Tickets that are no repair: who hears of them, how urgent they are, their clocks and their words."""

from __future__ import annotations

import json

import msgspec
import pytest

from alerts.desk import Desk
from alerts.storm import weather
from alerts.work import Work, work_of
from gateway.core.clock import DAY, HOUR, MINUTE
from gateway.core.model import Incident, IncidentKind, IncidentState
from gateway.core.ports import TicketStep
from gateway.core.ticket import TicketRequest, TicketState
from tests.alerting import AT, district, outage, settings, target

INVENTORY = district()
REPAIRS = target(name="repairs")
INSPECTORS = target(name="inspectors", kinds=["usage_anomaly"])
DESK = Desk(INVENTORY, settings(REPAIRS, INSPECTORS))


def of(kind: IncidentKind, **changes: object) -> Incident:
    """One that began five days ago, at a single metering point of priority important."""
    incident = outage(kind, node="T12", customers=3, devices=(0,), started_at=AT - 5 * DAY)
    return msgspec.structs.replace(incident, **changes)


def opened(incident: Incident) -> TicketStep:
    return DESK.open(incident, number=1, at=AT)


def closed_by_person(step: TicketStep, incident: Incident) -> TicketStep:
    request = TicketRequest(action="close", by="ann", origin="api", cause="meter exchanged")
    return DESK.act(incident, step.ticket, request, at=AT + HOUR)


def test_every_kind_of_incident_is_some_work() -> None:
    assert {kind: work_of(kind) for kind in IncidentKind if work_of(kind) is not Work.REPAIR} == {
        IncidentKind.POWER_QUALITY: Work.QUALITY,
        IncidentKind.USAGE_ANOMALY: Work.INSPECTION,
    }


@pytest.mark.parametrize(
    ("kind", "heard"),
    [
        (IncidentKind.OUTAGE, ["repairs"]),
        (IncidentKind.POWER_QUALITY, ["repairs"]),
        (IncidentKind.USAGE_ANOMALY, ["inspectors"]),
    ],
)
def test_an_inspection_goes_to_those_who_ask_for_it_only(kind: IncidentKind, heard: list[str]) -> None:
    step = opened(of(kind))
    assert [delivery.target for delivery in step.deliveries] == heard
    ticket = json.loads(step.deliveries[0].body)["data"]["ticket"]
    assert ticket["work"] == work_of(kind)


def test_nothing_but_a_repair_becomes_urgent_by_lasting() -> None:
    severities = {kind: opened(of(kind, devices=(5,))).ticket.severity for kind in IncidentKind}
    assert severities[IncidentKind.OUTAGE] == 2
    assert severities[IncidentKind.POWER_QUALITY] == 3
    assert severities[IncidentKind.USAGE_ANOMALY] == 3
    assert opened(of(IncidentKind.POWER_QUALITY)).ticket.severity == 2  # an important customer
    assert opened(of(IncidentKind.USAGE_ANOMALY)).ticket.severity == 3


@pytest.mark.parametrize(
    ("kind", "minutes"),
    [
        (IncidentKind.POWER_QUALITY, {"response": 120, "arrival": 1440}),
        (IncidentKind.USAGE_ANOMALY, {"response": 1440, "arrival": 2880}),
    ],
)
def test_their_own_clocks(kind: IncidentKind, minutes: dict[str, int]) -> None:
    from alerts.sla import clocks

    found = clocks(opened(of(kind)).ticket, settings().sla)
    assert {clock.name: (clock.due_at - AT) / MINUTE for clock in found} == minutes


@pytest.mark.parametrize(
    "kind", [IncidentKind.OUTAGE, IncidentKind.POWER_QUALITY, IncidentKind.USAGE_ANOMALY]
)
def test_who_inspected_is_believed(kind: IncidentKind) -> None:
    incident = of(kind)
    done = closed_by_person(opened(incident), incident)
    later = DESK.follow(msgspec.structs.replace(incident, revision=2), done.ticket, at=AT + 2 * DAY)
    if kind is IncidentKind.OUTAGE:
        assert later is not None
        assert later.ticket.state is TicketState.REOPENED
        assert DESK.again_at(incident, done.ticket) is not None
    else:
        assert later is None
        assert DESK.again_at(incident, done.ticket) is None


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (IncidentKind.OUTAGE, "supply is back"),
        (IncidentKind.POWER_QUALITY, "supply is within its limits"),
        (IncidentKind.USAGE_ANOMALY, "usage is as expected"),
    ],
)
def test_the_words_of_what_is_over(kind: IncidentKind, words: str) -> None:
    incident = of(kind)
    step = opened(incident)
    over = msgspec.structs.replace(incident, state=IncidentState.RESTORED, restored_at=AT, revision=2)
    restored = DESK.follow(over, step.ticket, at=AT + HOUR)
    assert restored is not None
    assert restored.transition.reason.startswith(f"{words} since")
    ended = msgspec.structs.replace(over, state=IncidentState.CLOSED, revision=3)
    closed = DESK.follow(ended, restored.ticket, at=AT + 2 * HOUR)
    assert closed is not None
    assert closed.transition.reason.startswith(f"{words}: ")
    assert closed.ticket.state is TicketState.CLOSED


def test_nobody_is_said_to_have_seen_what_was_not_measured() -> None:
    incident = of(IncidentKind.POWER_QUALITY)
    gone = msgspec.structs.replace(incident, state=IncidentState.CLOSED, revision=2)
    closed = DESK.follow(gone, opened(incident).ticket, at=AT + HOUR)
    assert closed is not None
    assert closed.transition.reason.startswith("nothing is measured outside its limits any more: ")


def test_inspections_make_no_storm() -> None:
    configured = settings(REPAIRS, storm={"tickets": 2})
    for kind, storms in ((IncidentKind.OUTAGE, True), (IncidentKind.USAGE_ANOMALY, False)):
        standing = [
            msgspec.structs.replace(opened(of(kind)).ticket, id=f"t{i}", told=("repairs",)) for i in range(3)
        ]
        storm, _ = weather(None, standing, INVENTORY, configured, [], at=AT + MINUTE)
        assert (storm is not None) is storms
