"""What people and service systems ask of tickets, and what the detector makes of it afterwards."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from alerts.desk import Desk, ticket_id
from alerts.tickets import ImpossibleActionError
from gateway.core.clock import DAY, MINUTE, SECOND, format_time
from gateway.core.errors import InvalidInputError
from gateway.core.model import Incident, IncidentState
from gateway.core.ports import TicketStep
from gateway.core.ticket import Ticket, TicketRequest, TicketState
from tests.alerting import AT, district, outage, settings, target

INVENTORY = district()
OPEN = outage()


@pytest.fixture
def desk() -> Desk:
    return Desk(INVENTORY, settings(target(), target(name="other")))


@pytest.fixture
def ticket(desk: Desk) -> Ticket:
    return desk.open(OPEN, number=7, at=AT).ticket


def act(
    desk: Desk, ticket: Ticket, action: str, minutes: float, incident: Incident = OPEN, **said: Any
) -> TicketStep:
    request = TicketRequest(action=action, **{"by": "li", "origin": "api", **said})
    step = desk.act(incident, ticket, request, at=AT + round(minutes * MINUTE))
    assert step.ticket.revision == step.transition.revision == ticket.revision + 1
    assert (step.transition.from_state, step.transition.to_state) == (ticket.state, step.ticket.state)
    assert (step.transition.by, step.transition.origin) == (request.by, request.origin)
    return step


def faults(desk: Desk, ticket: Ticket, action: str, **said: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidInputError) as caught:
        act(desk, ticket, action, 1, **said)
    return caught.value.faults


def test_a_ticket_is_driven_to_its_end(desk: Desk, ticket: Ticket) -> None:
    taken = act(desk, ticket, "acknowledge", 1).ticket
    assert (taken.state, taken.acknowledged_at) == (TicketState.PREDICTED, AT + MINUTE)
    sent = act(desk, taken, "dispatch", 2, crew=" crew 4 ").ticket
    assert (sent.state, sent.dispatched_at, sent.crew) == (TicketState.DISPATCHED, AT + 2 * MINUTE, "crew 4")
    assert sent.acknowledged_at == AT + MINUTE
    there = act(desk, sent, "arrive", 20).ticket
    assert (there.state, there.arrived_at, there.crew) == (TicketState.ON_SITE, AT + 20 * MINUTE, "crew 4")
    told = act(desk, there, "estimate", 25, restoration_estimated_at=AT + 90 * MINUTE, cause="burnt fuse")
    assert told.ticket.restoration_estimated_at == AT + 90 * MINUTE
    assert told.transition.detail == {
        "cause": "burnt fuse",
        "restoration_estimated_at": format_time(AT + 90 * MINUTE),
    }
    back = act(desk, told.ticket, "restore", 60, reason="fuse replaced").ticket
    assert (back.state, back.restored_at, back.ended_by) == (TicketState.RESTORED, AT + 60 * MINUTE, "li")
    done = act(desk, back, "close", 61, cause="tree")
    assert (done.ticket.state, done.ticket.closed_at) == (TicketState.CLOSED, AT + 61 * MINUTE)
    assert (done.ticket.cause, done.ticket.ended_by, done.ticket.crew) == ("tree", "li", "crew 4")
    assert [delivery.target for delivery in done.deliveries] == ["desk", "other"]


def test_who_is_sent_or_there_has_answered(desk: Desk, ticket: Ticket) -> None:
    sent = act(desk, ticket, "dispatch", 2).ticket
    assert sent.acknowledged_at == sent.dispatched_at == AT + 2 * MINUTE
    there = act(desk, ticket, "arrive", 3).ticket
    assert there.acknowledged_at == there.dispatched_at == there.arrived_at == AT + 3 * MINUTE


def test_another_crew_does_not_change_when_the_first_was_sent(desk: Desk, ticket: Ticket) -> None:
    first = act(desk, ticket, "dispatch", 2, crew="4").ticket
    second = act(desk, first, "dispatch", 9, crew="5").ticket
    assert (second.crew, second.dispatched_at) == ("5", first.dispatched_at)


def test_a_word_on_record_moves_nothing_in_any_state(desk: Desk, ticket: Ticket) -> None:
    for state in TicketState:
        there = msgspec.structs.replace(ticket, state=state)
        said = act(desk, there, "comment", 5, reason="caller on line 2")
        assert said.transition.reason == "caller on line 2"
        same = {"updated_at": ticket.updated_at, "revision": ticket.revision}
        assert msgspec.structs.replace(said.ticket, **same) == there


def test_what_is_impossible_is_refused_with_what_is_possible(desk: Desk, ticket: Ticket) -> None:
    with pytest.raises(ImpossibleActionError) as caught:
        act(desk, ticket, "estimate", 1, restoration_estimated_at=AT + DAY)
    assert caught.value.possible == (
        "acknowledge", "dispatch", "arrive", "restore", "close", "cancel", "comment",
    )  # fmt: skip


def test_all_faults_are_told_at_once(desk: Desk, ticket: Ticket) -> None:
    offered = "acknowledge, dispatch, arrive, estimate, restore, close, cancel, reopen, comment"
    assert faults(desk, ticket, "merge", by="") == (
        f"action: 'merge' is not one of {offered}",
        "by: is missing",
    )
    assert faults(desk, ticket, "cancel", crew="4", cause="x", restoration_estimated_at=AT, by="clock") == (
        "by: 'clock' is the gateway itself",
        "reason: is needed to cancel",
        "crew: does not belong to cancel",
        "cause: does not belong to cancel",
        "restoration_estimated_at: does not belong to cancel",
        "restoration_estimated_at: must be after 2026-03-01T08:01:00Z and within 366 days",
    )
    assert faults(desk, ticket, "comment", reason="x" * 4001) == (
        "reason: has 4001 characters; 4000 are allowed",
    )
    assert faults(desk, ticket, "close", by="detector") == ("by: 'detector' is the gateway itself",)


@pytest.mark.parametrize("at", [AT, AT + MINUTE, AT + MINUTE + 367 * DAY, 10**18])
def test_an_estimate_lies_ahead_and_not_too_far(desk: Desk, ticket: Ticket, at: int) -> None:
    assert "must be after" in faults(desk, ticket, "estimate", restoration_estimated_at=at)[0]


def test_an_estimate_is_needed(desk: Desk, ticket: Ticket) -> None:
    assert faults(desk, ticket, "estimate") == ("restoration_estimated_at: is needed to estimate",)


def test_time_does_not_run_backwards_in_a_ticket(desk: Desk, ticket: Ticket) -> None:
    assert act(desk, ticket, "acknowledge", -5).ticket.acknowledged_at == AT


# The detector and what people said


def reopening(desk: Desk, ticket: Ticket, incident: Incident = OPEN) -> tuple[int, str]:
    """Minutes after AT at which the desk opens it again by itself, and the reason."""
    at = desk.again_at(incident, ticket)
    assert at is not None
    assert desk.follow(incident, ticket, at=at - 1) is None
    step = desk.follow(incident, ticket, at=at)
    assert step is not None
    assert (step.transition.action, step.ticket.state) == ("reopen", TicketState.REOPENED)
    return (at - AT) // MINUTE, step.transition.reason


def test_closing_holds_for_a_while_though_customers_are_off(desk: Desk, ticket: Ticket) -> None:
    incident = msgspec.structs.replace(OPEN, evidence={"customers_off": 12})
    closed = act(desk, ticket, "close", 10, by="desk", origin="callback desk").ticket
    assert desk.follow(outage(customers=60, revision=2), closed, at=AT + 20 * MINUTE) is None
    at, reason = reopening(desk, closed, incident)
    assert at == 25
    assert reason.startswith("closed by desk, but 12 customers are still without supply: 31 of 48")


def test_a_contradicted_close_leaves_the_clocks_running(desk: Desk, ticket: Ticket) -> None:
    sent = act(desk, ticket, "dispatch", 5, crew="4").ticket
    closed = act(desk, sent, "close", 10).ticket
    step = desk.follow(OPEN, closed, at=AT + 25 * MINUTE)
    assert step is not None
    assert (step.ticket.clocks_from, step.ticket.dispatched_at) == (AT, AT + 5 * MINUTE)
    assert (step.ticket.closed_at, step.ticket.ended_by) == (None, "")
    assert step.transition.by == "detector"


def test_closing_what_is_over_stays(desk: Desk, ticket: Ticket) -> None:
    closed = act(desk, ticket, "close", 10).ticket
    for state in (IncidentState.RESTORED, IncidentState.CLOSED, IncidentState.CANCELLED):
        over = outage(state=state, revision=2)
        assert desk.follow(over, closed, at=AT + DAY) is None
        assert desk.again_at(over, closed) is None


def test_closing_what_the_detector_holds_for_over_too_is_on_its_word(desk: Desk, ticket: Ticket) -> None:
    restored = outage(state=IncidentState.RESTORED, restored_at=AT + 5 * MINUTE, revision=2)
    back = desk.follow(restored, ticket, at=AT + 6 * MINUTE)
    assert back is not None
    for action in ("close", "cancel"):
        over = act(desk, back.ticket, action, 10, restored, reason="done")
        assert (over.transition.by, over.ticket.ended_by) == ("li", "detector")
        off = desk.follow(outage(revision=3), over.ticket, at=AT + 11 * MINUTE)
        assert off is not None, "what is off after that is off again, and nobody waits"
        assert off.transition.reason.startswith("off again")
        assert off.ticket.clocks_from == AT + 11 * MINUTE


def test_a_crew_that_says_supply_is_back_is_verified(desk: Desk, ticket: Ticket) -> None:
    back = act(desk, ticket, "restore", 10).ticket
    still = desk.follow(outage(customers=60, revision=2), back, at=AT + 20 * MINUTE)
    assert still is not None
    assert (still.transition.action, still.ticket.state) == ("update", TicketState.RESTORED)
    at, reason = reopening(desk, still.ticket, outage(customers=60, revision=2))
    assert at == 25
    assert reason.startswith("restored by an operator, but 60 customers are still without supply")
    restored = outage(state=IncidentState.RESTORED, restored_at=AT + 9 * MINUTE, revision=2)
    seen = desk.follow(restored, back, at=AT + 11 * MINUTE)
    assert seen is not None
    assert (seen.transition.action, seen.ticket.ended_by) == ("update", "detector")
    assert seen.ticket.restored_at == AT + 9 * MINUTE
    assert desk.again_at(restored, seen.ticket) is None
    off = desk.follow(outage(revision=3), seen.ticket, at=AT + 12 * MINUTE)
    assert off is not None
    assert off.transition.reason.startswith("off again")
    closed = desk.follow(outage(state=IncidentState.CLOSED, revision=3), back, at=AT + 14 * MINUTE)
    assert closed is not None
    assert (closed.ticket.state, closed.ticket.ended_by) == (TicketState.CLOSED, "detector")


def test_cancelling_holds_while_the_incident_goes_on(desk: Desk, ticket: Ticket) -> None:
    cancelled = act(desk, ticket, "cancel", 10, reason="meter exchange").ticket
    assert (cancelled.state, cancelled.ended_by) == (TicketState.CANCELLED, "li")
    assert desk.again_at(OPEN, cancelled) is None
    for revision, minutes in ((2, 11), (3, 600)):
        news = outage(customers=500, revision=revision, direct=True)
        assert desk.follow(news, cancelled, at=AT + minutes * MINUTE) is None


def test_a_relapse_opens_what_a_person_ended_at_once(desk: Desk, ticket: Ticket) -> None:
    relapse = msgspec.structs.replace(outage(revision=2), relapsed_at=AT + 11 * MINUTE)
    before = msgspec.structs.replace(relapse, relapsed_at=AT + 9 * MINUTE)
    for action in ("close", "cancel", "restore"):
        sent = act(desk, ticket, "dispatch", 1).ticket
        over = act(desk, sent, action, 10, reason="done").ticket
        assert desk.follow(before, over, at=AT + 12 * MINUTE) is None, action
        step = desk.follow(relapse, over, at=AT + 12 * MINUTE)
        assert step is not None, action
        assert step.transition.reason.startswith("off again")
        assert step.ticket.clocks_from == AT + 12 * MINUTE, "supply had been back: clocks begin anew"
        assert step.ticket.dispatched_at is step.ticket.acknowledged_at is None


def test_what_the_detector_heard_before_does_not_undo_what_people_did(desk: Desk) -> None:
    ticket = desk.open(outage(revision=5), number=7, at=AT).ticket
    for action in ("acknowledge", "dispatch", "close"):
        moved = act(desk, ticket, action, 1, outage(revision=5)).ticket
        for state in IncidentState:
            for revision in (4, 5):
                stale = outage(state=state, customers=3, revision=revision, direct=True)
                assert desk.follow(stale, moved, at=AT + 5 * MINUTE) is None
                assert revision == 5 or desk.again_at(stale, moved) is None


def test_a_person_reopens_what_the_detector_closed(desk: Desk, ticket: Ticket) -> None:
    over = outage(state=IncidentState.CLOSED, revision=2)
    closed = desk.follow(over, ticket, at=AT + 5 * MINUTE)
    assert closed is not None
    again = act(desk, closed.ticket, "reopen", 9, over, reason="number 12 called: still off").ticket
    assert (again.state, again.clocks_from) == (TicketState.REOPENED, AT + 9 * MINUTE)
    assert desk.follow(over, again, at=AT + 20 * MINUTE) is None
    assert act(desk, again, "close", 60, over).ticket.state is TicketState.CLOSED


def test_reopening_a_close_that_came_too_soon_leaves_the_clocks_running(desk: Desk, ticket: Ticket) -> None:
    closed = act(desk, ticket, "close", 10).ticket
    again = act(desk, closed, "reopen", 12, reason="wrong ticket").ticket
    assert again.clocks_from == AT


def test_an_update_held_back_is_not_lost_by_what_people_do(desk: Desk, ticket: Ticket) -> None:
    news = outage(customers=50, revision=2)
    assert desk.follow(news, ticket, at=AT + SECOND) is None
    taken = act(desk, ticket, "acknowledge", 0.2, news).ticket
    at = desk.again_at(news, taken)
    assert at == AT + 12 * SECOND + 30 * SECOND
    step = desk.follow(news, taken, at=at)
    assert step is not None
    assert step.ticket.customers == 50


def test_a_person_confirms_the_incident_and_the_ticket_follows(desk: Desk, ticket: Ticket) -> None:
    sure = msgspec.structs.replace(outage(revision=2), confirmed_by="li")
    step = desk.follow(sure, ticket, at=AT + MINUTE)
    assert step is not None
    assert (step.ticket.state, step.transition.by) == (TicketState.CONFIRMED, "detector")
    assert step.transition.reason.startswith("confirmed by an operator: ")
    assert desk.open(sure, number=1, at=AT).ticket.state is TicketState.CONFIRMED


@pytest.mark.parametrize(
    ("state", "why", "reason"),
    [
        (IncidentState.CANCELLED, "a test of relays", "withdrawn by an operator: a test of relays"),
        (IncidentState.CANCELLED, " ", "withdrawn by an operator"),
        (IncidentState.MERGED, "same cable", "part of incident inc-0 by an operator: same cable"),
    ],
)
def test_a_persons_word_of_the_incident_is_their_step(
    desk: Desk, ticket: Ticket, state: IncidentState, why: str, reason: str
) -> None:
    said = msgspec.structs.replace(
        outage(state=state, revision=2, parent="inc-0"), ended_by="Li Bright", ended_reason=why
    )
    step = desk.follow(said, ticket, at=AT + MINUTE)
    assert step is not None
    made = step.transition
    assert (made.by, made.origin, made.reason) == ("Li Bright", "incident", reason)
    assert (step.ticket.state.value, step.ticket.ended_by) == (state.value, "Li Bright")
    assert step.deliveries
    for message in step.deliveries:
        assert b"Bright" not in message.body
        assert reason.encode() in message.body


# Links


def test_merges_and_splits_carry_links(desk: Desk, ticket: Ticket) -> None:
    merged = desk.follow(
        outage(state=IncidentState.MERGED, parent="inc-0", revision=2), ticket, at=AT + MINUTE
    )
    assert merged is not None
    (link,) = merged.links
    assert (link.ticket, link.other, link.kind) == (ticket.id, ticket_id("inc-0"), "merged_into")
    part = desk.open(outage(id="inc-2"), number=8, at=AT + MINUTE, split_from=ticket)
    (link,) = part.links
    assert (link.ticket, link.other, link.kind) == (part.ticket.id, ticket.id, "split_from")
    assert part.transition.reason.startswith("split from ticket 7: ")


def test_an_exercise_says_so_first(desk: Desk) -> None:
    drill = msgspec.structs.replace(OPEN, drill="drill-1", node="x" * 500)
    opened = desk.open(drill, number=1, at=AT).ticket
    assert opened.drill == "drill-1"
    assert opened.title.startswith("DRILL: Outage at xxx")
    assert len(opened.title) == 160


def test_an_exercise_says_so_nowhere_else(desk: Desk) -> None:
    drill = msgspec.structs.replace(OPEN, drill="drill-1", summary="DRILL: five of six meters")
    opened = desk.open(drill, number=1, at=AT).ticket
    over = msgspec.structs.replace(drill, state=IncidentState.RESTORED, restored_at=AT, revision=2)
    step = desk.follow(over, opened, at=AT + SECOND)
    assert step is not None
    assert step.transition.reason.endswith("to be verified: five of six meters")
