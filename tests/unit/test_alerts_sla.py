"""The clocks of a ticket, what they warn of, and when."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from alerts.desk import Desk
from alerts.sla import clocks
from gateway.core.clock import DAY, HOUR, MINUTE, format_time
from gateway.core.model import Incident, IncidentState
from gateway.core.ports import TicketStep
from gateway.core.ticket import Ticket, TicketRequest, TicketState
from tests.alerting import AT, NO_CLOCKS, district, outage, settings, target

SETTINGS = settings(target())
OPEN = outage()
PLAIN = Ticket(
    id="t",
    incident="i",
    state=TicketState.PREDICTED,
    severity=3,
    node="T12",
    title="",
    customers=1,
    opened_at=AT,
    updated_at=AT,
    area="urban",
    clocks_from=AT,
)


def running(**changes: Any) -> dict[str, tuple[float, float | None]]:
    """Minutes after AT when each clock is due and when it stopped."""
    found = clocks(msgspec.structs.replace(PLAIN, **changes), SETTINGS.sla)
    return {
        clock.name: (
            (clock.due_at - AT) / MINUTE,
            None if clock.stopped_at is None else (clock.stopped_at - AT) / MINUTE,
        )
        for clock in found
    }


def test_clocks_by_area_and_severity() -> None:
    assert running() == {
        "response": (120, None),
        "arrival": (45, None),
        "arrival_limit": (60, None),
        "restoration": (120, None),
    }
    assert running(area="remote", severity=1) == {
        "response": (60, None),
        "arrival": (120, None),
        "arrival_limit": (240, None),
        "restoration": (480, None),
    }
    assert running(area="") == running(), "where nothing says, the default area"


@pytest.mark.parametrize(
    ("changes", "stopped"),
    [
        ({"acknowledged_at": 1}, {"response": 1}),
        ({"dispatched_at": 2}, {"response": 2}),
        ({"acknowledged_at": 1, "dispatched_at": 2}, {"response": 1}),
        ({"arrived_at": 3}, {"response": 3, "arrival": 3, "arrival_limit": 3}),
        ({"restored_at": 4}, dict.fromkeys(("response", "arrival", "arrival_limit", "restoration"), 4)),
        ({"closed_at": 5}, dict.fromkeys(("response", "arrival", "arrival_limit", "restoration"), 5)),
        (
            {"acknowledged_at": 1, "restored_at": 4, "closed_at": 5},
            {"response": 1, "arrival": 4, "arrival_limit": 4, "restoration": 4},
        ),
    ],
)
def test_what_stops_a_clock(changes: dict[str, int], stopped: dict[str, int]) -> None:
    found = running(**{name: AT + minutes * MINUTE for name, minutes in changes.items()})
    assert {name: stop for name, (_, stop) in found.items() if stop is not None} == stopped


def test_clocks_run_from_the_reopening() -> None:
    assert running(clocks_from=AT + HOUR)["arrival"] == (105, None)
    assert running(clocks_from=None, opened_at=AT + MINUTE)["arrival"] == (46, None)


def test_a_clock_without_a_limit_is_none() -> None:
    sla = settings(sla={**NO_CLOCKS, "arrival": {**NO_CLOCKS["arrival"], "urban": [5, None, 7]}}).sla
    found = {
        severity: clocks(msgspec.structs.replace(PLAIN, severity=severity), sla) for severity in (1, 2, 3)
    }
    assert [[clock.name for clock in found[severity]] for severity in (1, 2, 3)] == [
        ["arrival"],
        [],
        ["arrival"],
    ]
    assert found[3][0].due_at == AT + 7 * MINUTE


# Reminding


def rest(desk: Desk, ticket: Ticket, at: int, incident: Incident = OPEN) -> list[TicketStep]:
    """The steps that clocks ask for at `at`, until they ask for none."""
    made: list[TicketStep] = []
    while (step := desk.remind(incident, ticket, at=at)) is not None:
        assert len(made) < 10
        made.append(step)
        ticket = step.ticket
    return made


def life(desk: Desk, ticket: Ticket, incident: Incident = OPEN) -> list[tuple[float, str, str]]:
    """(minutes after AT, action, clock) of everything that time alone brings."""
    told = []
    while (at := desk.again_at(incident, ticket)) is not None:
        assert rest(desk, ticket, at - 1) == []
        steps = rest(desk, ticket, at)
        if not steps:
            step = desk.follow(incident, ticket, at=at)
            assert step is not None
            steps = [step]
        for step in steps:
            moved = step.transition
            assert moved.by == moved.origin == "clock" or moved.action == "update"
            told.append(((moved.at - AT) / MINUTE, moved.action, moved.detail.get("clock", "")))
        ticket = steps[-1].ticket
    return told


def test_every_clock_warns_and_escalates_once() -> None:
    desk = Desk(district(), settings(target(), severity_2={"customers": 100}))
    assert life(desk, desk.open(OPEN, number=1, at=AT).ticket) == [
        (33.75, "warn", "arrival"),
        (45, "escalate", "arrival"),
        (45, "warn", "arrival_limit"),
        (60, "escalate", "arrival_limit"),
        (90, "warn", "response"),
        (90, "warn", "restoration"),
        (120, "escalate", "response"),
        (120, "escalate", "restoration"),
    ]


def test_what_was_reached_is_not_reminded_of() -> None:
    desk = Desk(district(), settings(target(), severity_2={"customers": 100}))
    ticket = desk.open(OPEN, number=1, at=AT).ticket
    for action in ("dispatch", "arrive"):
        ticket = desk.act(OPEN, ticket, TicketRequest(action=action, by="li", origin="api"), at=AT).ticket
    assert life(desk, ticket) == [(90, "warn", "restoration"), (120, "escalate", "restoration")]


def test_the_words_and_the_detail() -> None:
    desk = Desk(district(), SETTINGS)
    ticket = desk.open(OPEN, number=1, at=AT).ticket
    (warned,) = rest(desk, ticket, AT + 34 * MINUTE)
    assert warned.transition.reason == "arrival: 45 min (severity 3, urban) run out at 08:45:00"
    assert warned.transition.detail == {"clock": "arrival", "due_at": format_time(AT + 45 * MINUTE)}
    assert warned.ticket.warned == ("arrival",)
    late, limit = rest(desk, warned.ticket, AT + 46 * MINUTE)
    assert limit.transition.reason == "arrival limit: 60 min (severity 3, urban) run out at 09:00:00"
    assert late.transition.reason == "arrival: 45 min (severity 3, urban) ran out at 08:45:00"
    assert limit.ticket.warned == ("arrival", "arrival!", "arrival_limit")


def test_after_a_long_absence_clocks_that_ran_out_are_escalated_only() -> None:
    desk = Desk(district(), SETTINGS)
    steps = rest(desk, desk.open(OPEN, number=1, at=AT).ticket, AT + DAY)
    assert {step.transition.action for step in steps} == {"escalate"}
    assert [step.transition.detail["clock"] for step in steps] == [
        "arrival",
        "arrival_limit",
        "response",
        "restoration",
    ]


def test_no_clock_runs_once_supply_is_back_or_the_ticket_ended() -> None:
    desk = Desk(district(), SETTINGS)
    ticket = desk.open(OPEN, number=1, at=AT).ticket
    for state in (IncidentState.RESTORED, IncidentState.CLOSED, IncidentState.CANCELLED):
        over = outage(state=state, revision=2, restored_at=AT + MINUTE)
        step = desk.follow(over, ticket, at=AT + 2 * MINUTE)
        assert step is not None
        assert rest(desk, step.ticket, AT + DAY, over) == []
        assert desk.again_at(over, step.ticket) is None
    restored = desk.follow(
        outage(state=IncidentState.RESTORED, revision=2, restored_at=AT + MINUTE), ticket, at=AT + HOUR
    )
    assert restored is not None
    assert restored.ticket.restored_at == AT + MINUTE, "when supply was back, not when we heard of it"


def test_a_relapse_begins_anew() -> None:
    desk = Desk(district(), SETTINGS)
    ticket = rest(desk, desk.open(OPEN, number=1, at=AT).ticket, AT + DAY)[-1].ticket
    over = desk.follow(outage(state=IncidentState.CLOSED, revision=2), ticket, at=AT + DAY)
    assert over is not None
    back = desk.follow(outage(revision=3), over.ticket, at=AT + DAY + HOUR)
    assert back is not None
    assert back.ticket.warned == ()
    assert back.ticket.clocks_from == AT + DAY + HOUR
    (warned,) = rest(desk, back.ticket, AT + DAY + HOUR + 34 * MINUTE)
    assert warned.transition.detail["clock"] == "arrival"
