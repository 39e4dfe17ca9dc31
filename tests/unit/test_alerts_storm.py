"""Very many tickets at once: which come first, and what targets hear of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from alerts.desk import Desk
from alerts.formats import FORMATS, Format, Message, StormNotice
from alerts.telling import message_id
from gateway.core.clock import MINUTE, SECOND
from gateway.core.model import Incident, IncidentKind
from gateway.core.ticket import Delivery, Storm, Ticket, TicketState
from tests.alerting import AT, district, outage, settings, target

INVENTORY = district()
FEW = {"storm": {"tickets": 4, "window_s": 600, "summary_s": 300}}


class Ear:
    """A format that keeps the summaries it is given."""

    def __init__(self) -> None:
        self.heard: list[StormNotice] = []

    def storm(self, notice: StormNotice) -> Message:
        self.heard.append(notice)
        return Message(body=b"{}")


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    ear = Ear()
    form = Format(ticket=lambda notice: Message(body=b"{}"), storm=ear.storm)
    monkeypatch.setitem(FORMATS._parts, "standard", form)
    return ear


def tickets(count: int, at: int = AT, first: int = 0, **changes: Any) -> list[Ticket]:
    """`count` of them, opened a second apart and told to the target desk."""
    return [
        Ticket(
            id=f"t{i}",
            number=i,
            incident=f"i{i}",
            node="T12",
            title=f"ticket {i}",
            opened_at=at + i * SECOND,
            updated_at=at + i * SECOND,
            **{
                "state": TicketState.PREDICTED,
                "severity": 3,
                "customers": 10,
                "told": ("desk",),
                "kind": IncidentKind.OUTAGE,
                **changes,
            },
        )
        for i in range(first, first + count)
    ]


def seen(
    desk: Desk, storm: Storm | None, standing: list[Ticket], minutes: float
) -> tuple[Storm | None, tuple[Delivery, ...]]:
    return desk.weather(storm, standing, at=AT + round(minutes * MINUTE))


# The storm's life


def test_a_storm_begins_is_told_of_again_and_ends(ear: Ear) -> None:
    desk = Desk(INVENTORY, settings(target(), **FEW))
    assert seen(desk, None, tickets(3), 1) == (None, ())
    storm, messages = seen(desk, None, tickets(4), 1)
    assert storm is not None
    assert (storm.began_at, storm.told_at, storm.summaries, storm.ended_at) == (
        AT + MINUTE, AT + MINUTE, 1, None,
    )  # fmt: skip
    (message,) = messages
    assert (message.subject, message.ticket, message.revision, message.target) == (storm.id, None, 1, "desk")
    assert message.id == message_id(storm.id, 1, "desk")
    assert storm.id.startswith("storm-")
    assert seen(desk, None, tickets(4), 1) == (storm, messages), "the same every time"
    assert seen(desk, storm, tickets(5), 5.9) == (storm, ())
    later, messages = seen(desk, storm, tickets(5), 6)
    assert later == msgspec.structs.replace(storm, summaries=2, told_at=AT + 6 * MINUTE)
    assert [m.revision for m in messages] == [2]
    goes_on, messages = seen(desk, later, tickets(2, AT + 6 * MINUTE), 10)
    assert (goes_on, messages) == (later, ()), "half of it is still a storm"
    over, messages = seen(desk, later, tickets(9), 12)
    assert over is not None
    assert (over.ended_at, over.summaries) == (AT + 12 * MINUTE, 3)
    assert [m.revision for m in messages] == [3]
    assert ear.heard[-1].storm == over


def test_the_next_storm_is_another_one() -> None:
    desk = Desk(INVENTORY, settings(target(), **FEW))
    first, _ = seen(desk, None, tickets(4), 1)
    second, _ = seen(desk, None, tickets(4), 2)
    assert first is not None
    assert second is not None
    assert first.id != second.id
    assert seen(desk, msgspec.structs.replace(first, ended_at=AT), tickets(4), 2)[0] == second


def test_exercises_are_no_storm(ear: Ear) -> None:
    desk = Desk(INVENTORY, settings(target(), **FEW))
    drills = tickets(9, drill="drill-1")
    assert seen(desk, None, drills, 1) == (None, ())
    seen(desk, None, drills + tickets(4, first=20), 1)
    assert {ticket.drill for ticket in ear.heard[0].tickets} == {""}


def test_a_summary_ranks_counts_and_leaves_out_what_ended(ear: Ear) -> None:
    desk = Desk(INVENTORY, settings(target(), **FEW))
    storm, _ = seen(desk, None, tickets(4), 1)
    before = tickets(2)
    urgent = tickets(1, first=2, severity=1)
    large = tickets(1, AT + 3 * MINUTE, first=3, customers=500)
    gone = tickets(1, first=4, state=TicketState.CLOSED, closed_at=AT + 4 * MINUTE)
    at_once = tickets(1, AT + 3 * MINUTE, first=5, state=TicketState.CANCELLED, closed_at=AT + 4 * MINUTE)
    long_gone = tickets(1, first=6, state=TicketState.CLOSED, closed_at=AT)
    seen(desk, storm, [*before, *urgent, *large, *gone, *at_once, *long_gone], 6)
    notice = ear.heard[-1]
    assert [ticket.number for ticket in notice.tickets] == [2, 3, 0, 1]
    assert (notice.opened, notice.ended) == (2, 2)


def test_who_gets_summaries(ear: Ear) -> None:
    desk = Desk(
        INVENTORY,
        settings(
            target(),
            target(name="plain", about=["ticket"]),
            target(name="elsewhere", below=["T13"]),
            target(name="chat", about=["storm"], severities=[1]),
            target(name="lines", about=["storm"], kinds=["communications_loss"]),
            **FEW,
        ),
    )
    standing = tickets(3) + tickets(1, first=3, severity=1)
    storm, messages = seen(desk, None, standing, 1)
    assert [m.target for m in messages] == ["desk", "chat"]
    assert [len(notice.tickets) for notice in ear.heard] == [4, 1]
    over, messages = seen(desk, storm, standing, 30)
    assert over is not None
    assert over.ended_at is not None
    assert [m.target for m in messages] == ["desk", "elsewhere", "chat", "lines"], (
        "that it is over concerns all"
    )


# Which come first


def test_ranked_by_severity_then_priority_then_customers() -> None:
    desk = Desk(INVENTORY, settings(target(), severity_1={"customers": 1000}, severity_2={"customers": 100}))
    due = [
        outage(id="small", devices=(1, 2), customers=10),
        outage(id="large", devices=(1, 2), customers=90),
        outage(id="later", devices=(1, 2), customers=90),
        outage(id="important", devices=(0, 1), customers=4),
        outage(id="critical", devices=(59,), customers=1),
        outage(id="more", devices=(1, 2), customers=200),
        outage(id="most", devices=(1, 2), customers=2000),
    ]
    due[2] = msgspec.structs.replace(due[2], detected_at=AT + SECOND)
    ranked = ["most", "more", "critical", "important", "large", "later", "small"]
    assert [incident.id for incident in desk.choose(due, [])] == ranked
    assert [incident.id for incident in desk.choose(due[::-1], [])] == ranked


def silence(**changes: Any) -> Incident:
    return outage(IncidentKind.COMMUNICATIONS_LOSS, id="silent", **changes)


@pytest.mark.parametrize(
    ("incident", "standing", "waits"),
    [
        (silence(), {}, True),
        (silence(node="V1"), {}, True),
        (silence(node="V1"), {"node": "S"}, True),
        (silence(node="F"), {}, False),  # above it
        (silence(node="T13"), {}, False),  # beside it
        (silence(), {"state": TicketState.RESTORED}, False),
        (silence(), {"state": TicketState.CLOSED}, False),
        (silence(), {"state": TicketState.ON_SITE}, True),
        (silence(), {"kind": IncidentKind.COMMUNICATIONS_LOSS}, False),
        (silence(), {"kind": IncidentKind.PHASE_LOSS}, False),
        (silence(), {"kind": None}, False),  # who knows
        (silence(), {"drill": "drill-1"}, False),  # an exercise explains nothing real
        (outage(node="V1"), {}, False),
        (outage(node="V1", parent="i0"), {}, False),  # a fault of its own, or what a person split off
        (outage(IncidentKind.PHASE_LOSS, node="V1"), {}, False),
    ],
)
def test_only_silence_below_an_outage_that_goes_on_waits(
    incident: Incident, standing: dict[str, Any], waits: bool
) -> None:
    ticket = msgspec.structs.replace(tickets(1)[0], **standing)
    desk = Desk(INVENTORY, settings(target(), kinds=["outage", "phase_loss", "communications_loss"]))
    assert desk.choose([incident], [ticket]) == ([] if waits else [incident])
