"""Which targets hear of which step, and as what."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from alerts.desk import Desk
from alerts.formats import FORMATS, Format, Message, Notice
from alerts.targets import TargetSettings
from gateway.core.clock import MINUTE, SECOND
from gateway.core.model import Incident, IncidentKind, IncidentState
from gateway.core.ports import TicketStep
from gateway.core.ticket import Ticket, TicketRequest
from tests.alerting import AT, district, outage, settings, target

INVENTORY = district()


class Ear:
    """A format that keeps what it is given; a message only where `deaf` does not hold."""

    def __init__(self) -> None:
        self.heard: list[Notice] = []
        self.deaf = False

    def ticket(self, notice: Notice) -> Message | None:
        self.heard.append(notice)
        return None if self.deaf else Message(body=b"{}")


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    ear = Ear()
    monkeypatch.setitem(FORMATS._parts, "standard", Format(ticket=ear.ticket, check=lambda options: []))
    return ear


def desk_for(*targets: TargetSettings, **changes: object) -> Desk:
    return Desk(INVENTORY, settings(*targets, **changes))


def opened(desk: Desk, incident: Incident | None = None) -> TicketStep:
    return desk.open(incident or outage(), number=7, at=AT)


def names(step: TicketStep | None) -> list[str]:
    assert step is not None
    return [delivery.target for delivery in step.deliveries]


def grown(desk: Desk, ticket: Ticket, revision: int = 2, **changes: Any) -> TicketStep:
    step = desk.follow(
        outage(**{"customers": 500, "revision": revision, **changes}), ticket, at=AT + revision * MINUTE
    )
    assert step is not None
    return step


def asked(
    desk: Desk, ticket: Ticket, action: str, origin: str = "api", reason: str = "as said"
) -> TicketStep:
    request = TicketRequest(action=action, by="li", origin=origin, reason=reason)
    return desk.act(outage(), ticket, request, at=AT + MINUTE)


@pytest.mark.parametrize(
    ("filters", "hears"),
    [
        ({}, True),
        ({"severities": [1, 2]}, False),
        ({"severities": [3]}, True),
        ({"kinds": ["phase_loss"]}, False),
        ({"kinds": ["outage"]}, True),
        ({"areas": ["rural", "remote"]}, False),
        ({"areas": ["urban"]}, True),
        ({"below": ["T13"]}, False),
        ({"below": ["V1"]}, False),
        ({"below": ["T13", "F"]}, True),
        ({"below": ["T12"]}, True),
        ({"about": ["breach"]}, False),
    ],
)
def test_filters(filters: dict[str, Any], hears: bool) -> None:
    step = opened(desk_for(target(**filters)))
    assert names(step) == (["desk"] if hears else [])
    assert step.ticket.told == (("desk",) if hears else ())


def test_a_place_that_is_gone_is_below_itself_only() -> None:
    desk = desk_for(target(below=["S"]), target(name="other", below=["gone"]))
    assert names(opened(desk, outage(node="gone"))) == ["other"]


def test_who_was_told_hears_of_it_to_its_end_whatever_the_filters_say(ear: Ear) -> None:
    desk = desk_for(target(severities=[3]))
    more = grown(desk, opened(desk).ticket)
    assert more.ticket.severity == 2
    assert names(more) == ["desk"]
    ended = desk.follow(outage(state=IncidentState.CLOSED, revision=3), more.ticket, at=AT + 5 * MINUTE)
    assert names(ended) == ["desk"]
    assert [notice.first for notice in ear.heard] == [True, False, False]


def test_whose_filter_begins_to_match_hears_of_it_as_new(ear: Ear) -> None:
    desk = desk_for(target(), target(name="boss", severities=[1, 2]))
    first = opened(desk)
    assert names(first) == ["desk"]
    more = grown(desk, first.ticket)
    assert names(more) == ["desk", "boss"]
    assert more.ticket.told == ("desk", "boss")
    assert [(notice.first, notice.transition.action) for notice in ear.heard] == [
        (True, "open"),
        (False, "update"),
        (True, "update"),
    ]


def test_nobody_is_told_of_a_ticket_as_new_when_it_has_ended() -> None:
    desk = desk_for(target(), target(name="boss", severities=[1, 2]))
    ended = desk.follow(
        outage(state=IncidentState.CLOSED, customers=500, revision=2), opened(desk).ticket, at=AT + MINUTE
    )
    assert ended is not None
    assert ended.ticket.severity == 2
    assert names(ended) == ["desk"]
    said = asked(desk, ended.ticket, "comment", reason="it was a tree")
    assert names(said) == ["desk"]


def test_about_warnings_and_breaches() -> None:
    desk = desk_for(
        target(about=["ticket"]),
        target(name="shift", about=["warning"]),
        target(name="boss", about=["breach"]),
    )
    ticket = opened(desk).ticket
    warn = desk.remind(outage(), ticket, at=AT + 34 * MINUTE)
    assert (names(warn), warn and warn.transition.action) == (["shift"], "warn")
    assert warn is not None
    late = desk.remind(outage(), warn.ticket, at=AT + 45 * MINUTE)
    assert (names(late), late and late.transition.action) == (["boss"], "escalate")
    assert late is not None
    assert late.ticket.told == ("desk", "shift", "boss")
    assert names(asked(desk, late.ticket, "dispatch")) == ["desk"]
    closed = asked(desk, late.ticket, "close")
    assert names(closed) == ["desk", "shift", "boss"], "who knows of it hears that it ended"
    assert names(asked(desk, closed.ticket, "reopen", reason="wrong")) == ["desk", "shift", "boss"]


def test_a_service_system_is_not_told_what_it_asked_for() -> None:
    desk = desk_for(target(), target(name="other"))
    ticket = opened(desk).ticket
    assert names(asked(desk, ticket, "close", origin="callback desk")) == ["other"]
    assert names(asked(desk, ticket, "close", origin="callback des")) == ["desk", "other"]
    assert names(asked(desk, ticket, "close")) == ["desk", "other"]


def test_who_calls_back_knows_of_the_ticket(ear: Ear) -> None:
    desk = desk_for(target(severities=[1]))
    ticket = opened(desk).ticket
    assert ticket.told == ()
    taken = asked(desk, ticket, "acknowledge", origin="callback desk")
    assert taken.ticket.told == ("desk",)
    assert asked(desk, ticket, "acknowledge", origin="callback nobody").ticket.told == ()
    assert names(asked(desk, taken.ticket, "dispatch")) == ["desk"]
    assert [notice.first for notice in ear.heard] == [False]


def test_who_got_no_message_was_not_told(ear: Ear) -> None:
    desk = desk_for(target())
    ear.deaf = True
    step = opened(desk)
    assert (step.deliveries, step.ticket.told) == ((), ())
    ear.deaf = False
    assert grown(desk, step.ticket).ticket.told == ("desk",)
    assert [notice.first for notice in ear.heard] == [True, True]


def test_exercises_are_for_those_who_take_part() -> None:
    desk = desk_for(target(), target(name="real", drills=False))
    drill = msgspec.structs.replace(outage(), drill="drill-1")
    step = opened(desk, drill)
    assert names(step) == ["desk"]
    known = msgspec.structs.replace(step.ticket, told=("desk", "real"))
    assert names(asked(desk, known, "close")) == ["desk"]


def test_in_a_storm_mere_updates_are_for_those_who_take_no_summaries(ear: Ear) -> None:
    desk = desk_for(target(), target(name="plain", about=["ticket"]), target(name="boss", severities=[1, 2]))
    ticket = opened(desk).ticket

    def step(revision: int, **changes: Any) -> TicketStep | None:
        news = outage(revision=revision, **changes)
        return desk.follow(news, ticket, at=AT + revision * MINUTE, storming=True)

    assert names(step(2, customers=50)) == ["plain"]
    assert names(step(2, customers=500)) == ["plain", "boss"], "new to the one, and so no mere update"
    assert names(step(2, direct=True)) == ["desk", "plain"]
    assert names(step(2, state=IncidentState.RESTORED)) == ["desk", "plain"]
    assert names(desk.open(outage(id="inc-2"), number=8, at=AT, storming=True)) == ["desk", "plain"]


def test_notices_carry_clocks_links_and_options(ear: Ear) -> None:
    desk = desk_for(target(options={"queue": "north"}))
    first = opened(desk)
    desk.open(outage(id="inc-2"), number=8, at=AT, split_from=first.ticket)
    desk.follow(outage(state=IncidentState.MERGED, parent="inc-2", revision=2), first.ticket, at=AT + SECOND)
    one, part, merged = ear.heard
    assert [clock.name for clock in one.clocks] == ["response", "arrival", "arrival_limit", "restoration"]
    assert one.options == {"queue": "north"}
    assert (one.merged_into, one.split_from) == (None, None)
    assert part.split_from == first.ticket.id
    assert merged.merged_into == part.ticket.id
    assert all(clock.stopped_at == AT + SECOND for clock in merged.clocks)


def test_a_kind_that_gets_no_ticket_any_more_still_ends_it() -> None:
    desk = desk_for(target(kinds=["outage"]))
    step = desk.follow(outage(IncidentKind.PLANNED_OUTAGE, revision=2), opened(desk).ticket, at=AT + SECOND)
    assert names(step) == ["desk"]
