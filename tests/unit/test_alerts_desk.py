from __future__ import annotations

from typing import Any

import msgspec
import pytest

from alerts.desk import Desk, message_id, ticket_id
from gateway.core.clock import SECOND
from gateway.core.model import Incident, IncidentKind, IncidentState
from gateway.core.ports import TicketDesk, TicketStep
from gateway.core.ticket import Ticket, TicketState
from tests.alerting import AT, district, outage, settings, target

INVENTORY = district()


@pytest.fixture
def desk() -> Desk:
    return Desk(INVENTORY, settings(target(), target(name="other")))


def opened(desk: TicketDesk, incident: Incident | None = None) -> Ticket:
    return desk.open(incident or outage(), number=7, at=AT + 60 * SECOND).ticket


def followed(desk: Desk, ticket: Ticket, seconds: int, **changes: Any) -> TicketStep | None:
    return desk.follow(outage(**changes), ticket, at=AT + seconds * SECOND)


def stepped(desk: Desk, ticket: Ticket, seconds: int, **changes: Any) -> TicketStep:
    step = followed(desk, ticket, seconds, **changes)
    assert step is not None
    assert step.ticket.revision == step.transition.revision == ticket.revision + 1
    assert step.transition.from_state is ticket.state
    assert step.transition.to_state is step.ticket.state
    assert step.ticket.updated_at == step.transition.at == AT + seconds * SECOND
    return step


# When a ticket is due


@pytest.mark.parametrize(
    ("incident", "seconds"),
    [
        (outage(), 60),
        (outage(direct=True), 0),
        (outage(IncidentKind.PHASE_LOSS), 60),
        (outage(IncidentKind.COMMUNICATIONS_LOSS), None),
        (outage(IncidentKind.MOMENTARY), None),
        (outage(IncidentKind.PLANNED_OUTAGE), None),
        (outage(state=IncidentState.RESTORED), None),
        (outage(state=IncidentState.CANCELLED), None),
    ],
)
def test_due(desk: Desk, incident: Incident, seconds: int | None) -> None:
    assert desk.due_at(incident) == (None if seconds is None else AT + seconds * SECOND)


def test_communications_loss_has_its_own_hold_off_even_when_direct() -> None:
    desk = Desk(INVENTORY, settings(kinds=["communications_loss"], communications_hold_off_s=300))
    assert desk.due_at(outage(IncidentKind.COMMUNICATIONS_LOSS, direct=True)) == AT + 300 * SECOND
    assert desk.due_at(outage()) is None


# Opening


def test_open(desk: Desk) -> None:
    step = desk.open(outage(), number=7, at=AT + 60 * SECOND)
    assert step.ticket == Ticket(
        id=ticket_id("inc-1"),
        number=7,
        incident="inc-1",
        kind=IncidentKind.OUTAGE,
        state=TicketState.PREDICTED,
        severity=3,
        node="T12",
        title="Outage below transformer T12 (Market Street), 48 customers",
        customers=48,
        opened_at=AT + 60 * SECOND,
        updated_at=AT + 60 * SECOND,
        started_at=AT - 5 * SECOND,
        incident_revision=1,
        area="urban",
        clocks_from=AT + 60 * SECOND,
        told=("desk", "other"),
    )
    assert (step.transition.action, step.transition.from_state) == ("open", None)
    assert step.transition.reason == "31 of 48 meters sent a last gasp within 12 s"
    assert [d.target for d in step.deliveries] == ["desk", "other"]
    assert len({d.id for d in step.deliveries}) == 2
    assert {(d.subject, d.ticket, d.revision, d.created_at, d.attempts) for d in step.deliveries} == {
        (step.ticket.id, step.ticket.id, 1, AT + 60 * SECOND, 0)
    }
    assert (step.transition.by, step.transition.origin) == ("detector", "detector")


def test_ids_are_the_same_every_time(desk: Desk) -> None:
    assert ticket_id("inc-1") == "tkt-a34a84587bc9d446af0aecb8"
    first, again = (desk.open(outage(), number=7, at=AT) for _ in range(2))
    assert first == again
    assert first.deliveries[0].id == message_id(first.ticket.id, 1, "desk")
    assert message_id("t", 1, "a") != message_id("t", 2, "a") != message_id("t", 2, "b")


def test_direct_evidence_and_certainty_open_confirmed(desk: Desk) -> None:
    assert opened(desk, outage(direct=True)).state is TicketState.CONFIRMED
    assert opened(desk, outage(confidence=0.995)).state is TicketState.CONFIRMED


@pytest.mark.parametrize(
    ("incident", "severity"),
    [
        (outage(), 3),
        (outage(customers=99), 3),
        (outage(customers=100), 2),
        (outage(customers=1000), 1),
        (outage(devices=(0, 1)), 2),  # M0 is important
        (outage(devices=(59,), customers=1), 1),  # M59 is critical
        (outage(devices=()), 3),
    ],
)
def test_severity(desk: Desk, incident: Incident, severity: int) -> None:
    assert opened(desk, incident).severity == severity


def test_severity_thresholds_are_settings() -> None:
    desk = Desk(INVENTORY, settings(severity_1={"customers": 10}, severity_2={}))
    assert opened(desk).severity == 1
    assert opened(desk, outage(customers=9, devices=(59,))).severity == 3


@pytest.mark.parametrize(
    ("incident", "title"),
    [
        (outage(node="V1", customers=1), "Outage at service V1, 1 customer"),
        (outage(IncidentKind.PHASE_LOSS, phases="A", node="F"), "Phase A lost below feeder F, 48 customers"),
        (outage(IncidentKind.PHASE_LOSS, phases="AC", node="F"), "Phases A and C lost below feeder F, 48 customers"),
        (outage(IncidentKind.COMMUNICATIONS_LOSS, node="F"), "No communication below feeder F, 48 customers"),
        (outage(node="gone"), "Outage at gone, 48 customers"),
    ],
)  # fmt: skip
def test_title(desk: Desk, incident: Incident, title: str) -> None:
    assert opened(desk, incident).title == title


def test_a_long_name_is_cut_but_not_the_number(desk: Desk) -> None:
    title = opened(desk, outage(node="x" * 500)).title
    assert len(title) == 160
    assert title.endswith("xxx, 48 customers")


# Following


def test_nothing_new_tells_nobody_anything(desk: Desk) -> None:
    ticket = opened(desk)
    assert followed(desk, ticket, 600) is None
    assert followed(desk, ticket, 600, revision=2) is None


def test_a_step_twice_is_one_step(desk: Desk) -> None:
    ticket = opened(desk)
    for changes in (
        {"customers": 50},
        {"state": IncidentState.RESTORED},
        {"state": IncidentState.CLOSED},
        {"direct": True},
    ):
        step = stepped(desk, ticket, 120, revision=2, **changes)
        assert followed(desk, step.ticket, 600, revision=2, **changes) is None


def test_a_stale_incident_does_nothing(desk: Desk) -> None:
    ticket = stepped(desk, opened(desk), 120, customers=50, revision=5).ticket
    assert followed(desk, ticket, 600, customers=20, revision=4) is None
    assert followed(desk, ticket, 600, state=IncidentState.CANCELLED, revision=5) is None


def test_a_step_twice_is_one_step_even_when_nobody_kept_the_revision(desk: Desk) -> None:
    ticket = stepped(desk, opened(desk), 120, customers=50, revision=5).ticket
    forgetful = msgspec.structs.replace(ticket, incident_revision=0, started_at=None)
    assert followed(desk, forgetful, 600, customers=50, revision=5) is None
    closed = stepped(desk, forgetful, 600, state=IncidentState.CLOSED, revision=6).ticket
    forgetful = msgspec.structs.replace(closed, incident_revision=0, started_at=None)
    assert followed(desk, forgetful, 700, revision=5) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"customers": 50},
        {"node": "F"},
        {"kind": IncidentKind.PHASE_LOSS, "phases": "B"},
        {"started_at": AT - 60 * SECOND},
        {"devices": (0, 1, 2)},  # now an important one is among them: severity
    ],
)
def test_what_a_service_desk_cares_about_is_told(desk: Desk, changes: dict[str, Any]) -> None:
    step = stepped(desk, opened(desk), 120, revision=2, **changes)
    assert step.transition.action == "update"
    assert step.ticket.state is TicketState.PREDICTED
    assert len(step.deliveries) == 2


def test_updates_do_not_chatter_and_none_is_lost(desk: Desk) -> None:
    ticket = stepped(desk, opened(desk), 100, customers=49, revision=2).ticket
    assert followed(desk, ticket, 110, customers=50, revision=3) is None
    assert followed(desk, ticket, 129, customers=51, revision=4) is None
    assert desk.again_at(outage(customers=51, revision=4), ticket) == AT + 130 * SECOND
    late = stepped(desk, ticket, 130, customers=51, revision=4)
    assert late.ticket.customers == 51
    warned_at = AT + (60 + 45 * 45) * SECOND
    assert desk.again_at(outage(customers=51, revision=4), late.ticket) == warned_at
    assert desk.again_at(outage(customers=51, revision=5), late.ticket) == warned_at


def test_a_change_of_state_is_told_at_once(desk: Desk) -> None:
    ticket = stepped(desk, opened(desk), 100, customers=49, revision=2).ticket
    confirmed = stepped(desk, ticket, 101, customers=50, confidence=0.99, revision=3)
    assert confirmed.transition.action == "confirm"
    assert confirmed.ticket.customers == 50
    restored = stepped(desk, confirmed.ticket, 102, state=IncidentState.RESTORED, revision=4)
    assert restored.transition.action == "restore"


def test_restore_close(desk: Desk) -> None:
    restored = stepped(
        desk, opened(desk), 300, state=IncidentState.RESTORED, restored_at=AT + 240 * SECOND, revision=2
    )
    assert (restored.transition.action, restored.ticket.state) == ("restore", TicketState.RESTORED)
    assert restored.transition.reason.startswith("supply is back since 08:04:00, to be verified")
    assert restored.ticket.closed_at is None
    closed = stepped(desk, restored.ticket, 420, state=IncidentState.CLOSED, customers=0, revision=3)
    assert (closed.transition.action, closed.ticket.state) == ("close", TicketState.CLOSED)
    assert closed.ticket.closed_at == AT + 420 * SECOND
    assert closed.ticket.customers == 48  # whom the ticket was about


def test_relapse_reopens(desk: Desk) -> None:
    restored = stepped(desk, opened(desk), 300, state=IncidentState.RESTORED, revision=2).ticket
    again = stepped(desk, restored, 301, revision=3)
    assert (again.transition.action, again.ticket.state) == ("reopen", TicketState.REOPENED)
    closed = stepped(desk, again.ticket, 400, state=IncidentState.CLOSED, revision=4).ticket
    back = stepped(desk, closed, 500, revision=5)
    assert (back.transition.action, back.ticket.closed_at) == ("reopen", None)
    assert stepped(desk, back.ticket, 501, revision=6, direct=True).ticket.state is TicketState.CONFIRMED


@pytest.mark.parametrize(
    ("changes", "action", "state", "reason"),
    [
        ({"state": IncidentState.CANCELLED}, "cancel", TicketState.CANCELLED, "withdrawn: "),
        ({"state": IncidentState.MERGED, "parent": "inc-0"}, "merge", TicketState.MERGED, "part of incident inc-0"),
        ({"state": IncidentState.CLOSED}, "close", TicketState.CLOSED, "supply is back: "),
        ({"kind": IncidentKind.MOMENTARY}, "close", TicketState.CLOSED, "it was momentary: "),
        ({"kind": IncidentKind.PLANNED_OUTAGE}, "cancel", TicketState.CANCELLED, "it is a planned outage: "),
        ({"kind": IncidentKind.COMMUNICATIONS_LOSS}, "cancel", TicketState.CANCELLED, "it is a communications loss: "),
    ],
)  # fmt: skip
def test_ends(desk: Desk, changes: dict[str, Any], action: str, state: TicketState, reason: str) -> None:
    step = stepped(desk, opened(desk), 61, revision=2, **changes)
    assert (step.transition.action, step.ticket.state) == (action, state)
    assert step.transition.reason.startswith(reason)
    assert step.ticket.closed_at == AT + 61 * SECOND
    assert followed(desk, step.ticket, 600, **{**changes, "revision": 3}) is None


def test_a_planned_outage_never_has_a_ticket(desk: Desk) -> None:
    assert desk.due_at(outage(IncidentKind.PLANNED_OUTAGE)) is None
    assert desk.due_at(outage(IncidentKind.PLANNED_OUTAGE, direct=True)) is None


def test_an_outage_that_was_called_planned_and_outlasts_it_is_told_again(desk: Desk) -> None:
    planned = stepped(desk, opened(desk), 61, kind=IncidentKind.PLANNED_OUTAGE, revision=2).ticket
    assert followed(desk, planned, 100, kind=IncidentKind.PLANNED_OUTAGE, revision=3) is None
    again = stepped(desk, planned, 7200, revision=4)
    assert (again.transition.action, again.ticket.state) == ("reopen", TicketState.REOPENED)
    assert again.ticket.closed_at is None
    assert {delivery.revision for delivery in again.deliveries} == {3}


def test_an_ended_ticket_stays_so_while_the_incident_goes_on_ending(desk: Desk) -> None:
    cancelled = stepped(desk, opened(desk), 61, state=IncidentState.CANCELLED, revision=2).ticket
    for state in (IncidentState.RESTORED, IncidentState.CLOSED, IncidentState.MERGED):
        assert followed(desk, cancelled, 600, state=state, revision=3) is None


def test_states_that_people_set_are_kept_by_updates(desk: Desk) -> None:
    for state in (TicketState.DISPATCHED, TicketState.ON_SITE, TicketState.ESTIMATED, TicketState.CONFIRMED):
        ticket = msgspec.structs.replace(opened(desk), state=state)
        assert stepped(desk, ticket, 300, customers=50, direct=True, revision=2).ticket.state is state


def test_without_targets_there_are_tickets_and_no_messages() -> None:
    step = Desk(INVENTORY, settings()).open(outage(), number=1, at=AT)
    assert step.deliveries == ()
