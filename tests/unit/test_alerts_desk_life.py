"""Any sequence of what happens to a ticket: incidents that change, people who act, time that passes."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.desk import Desk
from alerts.formats.template import STORM_NAMES, TICKET_NAMES
from alerts.settings import AlertSettings
from alerts.tickets import RULES, TABLE, Action, ImpossibleActionError, Party
from gateway.core.clock import DAY, MINUTE, SECOND
from gateway.core.errors import InvalidInputError
from gateway.core.model import Incident, IncidentKind, IncidentState
from gateway.core.ports import TicketStep
from gateway.core.ticket import ENDED, Ticket, TicketRequest, TicketState
from tests.alerting import AT, district, outage, target
from tests.alerting import settings as alert_settings

INVENTORY = district()
SETTINGS: AlertSettings = alert_settings(
    target(),
    target(name="boss", severities=[1, 2], about=["ticket", "breach"]),
    target(name="feeder", below=["F"], kinds=["outage"]),
    target(name="real", drills=False),
    target(name="servicenow", format="servicenow"),
    target(
        name="jira",
        format="jira",
        options={"deployment": "cloud", "project": "OPS", "service_desk_id": "1", "request_type_id": "2"},
    ),
    target(name="room", format="chat"),
    target(
        name="other",
        format="template",
        options={
            "body": {name: f"{{{name}}}" for name in TICKET_NAMES},
            "storm_body": {name: f"{{{name}}}" for name in STORM_NAMES},
        },
    ),
    storm={"tickets": 2},
    severity_2={"customers": 100, "minutes": 200},
)
NAMES = ("Li Bright", "Wang Bright")
"""Of people: none of them is told to any target."""
PARTIES = {"detector": Party.DETECTOR, "incident": Party.DETECTOR, "clock": Party.CLOCK}
OFFERED = {action.value for action, rule in RULES.items() if Party.PERSON in rule.parties}
TIMES = ("acknowledged_at", "dispatched_at", "arrived_at", "restored_at", "closed_at", "clocks_from")


@dataclass
class Life:
    """A ticket and its incident, driven as the store does."""

    desk: Desk
    incident: Incident = field(default_factory=outage)
    at: int = AT
    steps: list[TicketStep] = field(default_factory=list)

    def begin(self, drill: str) -> None:
        self.incident = msgspec.structs.replace(self.incident, drill=drill)
        self.steps.append(self.desk.open(self.incident, number=1, at=self.at))

    @property
    def ticket(self) -> Ticket:
        return self.steps[-1].ticket

    def take(self, step: TicketStep | None) -> bool:
        if step is not None:
            self.check(self.steps[-1].ticket, step)
            self.steps.append(step)
        return step is not None

    def wait(self, seconds: int, *, storming: bool) -> None:
        """Time passes; what the desk wanted to be called for happens on the way."""
        self.at += seconds * SECOND
        for _ in range(40):
            due = self.desk.again_at(self.incident, self.ticket)
            if due is None or due > self.at:
                return
            moment = max(due, self.ticket.updated_at)
            followed = self.take(self.desk.follow(self.incident, self.ticket, at=moment, storming=storming))
            while self.take(self.desk.remind(self.incident, self.ticket, at=moment)):
                followed = True
            assert followed, "called for nothing"
        raise AssertionError("the ticket does not come to rest")

    def change(self, incident: Incident, *, storming: bool) -> None:
        relapsed = incident.relapsed_at and self.at
        self.incident = msgspec.structs.replace(
            incident,
            revision=self.incident.revision + 1,
            relapsed_at=relapsed,
            restored_at=self.at if incident.state is IncidentState.RESTORED else None,
            drill=self.incident.drill,
        )
        self.take(self.desk.follow(self.incident, self.ticket, at=self.at, storming=storming))

    def stale(self, back: int) -> None:
        """What was heard before comes again, and says that all is over."""
        revision = max(1, self.ticket.incident_revision - back)
        old = msgspec.structs.replace(self.incident, revision=revision, state=IncidentState.CLOSED)
        assert self.desk.follow(old, self.ticket, at=self.at) is None

    def ask(self, request: TicketRequest) -> None:
        before = self.ticket
        wrong = request.action not in OFFERED or (
            request.action == Action.ESTIMATE and request.restoration_estimated_at is None
        )
        impossible = request.action not in TABLE[before.state]
        refused: Exception | None = None
        try:
            self.take(self.desk.act(self.incident, before, request, at=self.at))
        except (ImpossibleActionError, InvalidInputError) as exc:
            refused = exc
        if isinstance(refused, InvalidInputError):
            assert wrong or request.restoration_estimated_at is not None
        elif isinstance(refused, ImpossibleActionError):
            assert impossible
        else:
            assert not wrong
            assert not impossible

    def check(self, before: Ticket, step: TicketStep) -> None:
        """What holds for every step."""
        after, made = step.ticket, step.transition
        action = Action(made.action)
        party = PARTIES.get(made.origin, Party.PERSON)
        assert TABLE[made.from_state][action] is made.to_state
        assert party in RULES[action].parties
        assert (before.state, after.state) == (made.from_state, made.to_state)
        assert after.revision == made.revision == before.revision + 1
        assert after.updated_at == made.at >= before.updated_at
        assert (after.id, after.number, after.incident, after.opened_at, after.drill) == (
            before.id, before.number, before.incident, before.opened_at, before.drill,
        )  # fmt: skip
        assert after.told[: len(before.told)] == before.told
        assert len(set(after.told)) == len(after.told)
        assert after.incident_revision >= before.incident_revision
        assert (after.closed_at is not None) == (after.state in ENDED)
        assert (after.ended_by != "") == (after.state in ENDED | {TicketState.RESTORED})
        if action is not Action.REOPEN:
            assert after.warned[: len(before.warned)] == before.warned
            assert after.clocks_from == before.clocks_from
        for name in TIMES:
            moment = getattr(after, name)
            assert moment is None or moment <= after.updated_at
        for message in step.deliveries:
            assert message.target in after.told
            assert (message.subject, message.revision) == (after.id, after.revision)
            assert not (after.drill and message.target == "real")
            assert made.origin != f"callback {message.target}"
            assert b"Bright" not in message.body, "people are not named to service systems"


incidents = st.builds(
    outage,
    kind=st.sampled_from(
        [IncidentKind.OUTAGE] * 4
        + [IncidentKind.PHASE_LOSS, IncidentKind.MOMENTARY, IncidentKind.PLANNED_OUTAGE]
    ),
    state=st.sampled_from([IncidentState.OPEN] * 4 + list(IncidentState)),
    customers=st.sampled_from([0, 48, 50, 100, 1000]),
    node=st.sampled_from(["T12", "F", "gone"]),
    direct=st.booleans(),
    parent=st.sampled_from(["", "inc-0"]),
).flatmap(
    lambda incident: st.sampled_from(("", *NAMES)).map(
        lambda name: msgspec.structs.replace(
            incident,
            confirmed_by=name,
            ended_by=name if incident.state in (IncidentState.CANCELLED, IncidentState.MERGED) else "",
        )
    )
)
relapses = incidents.map(lambda incident: msgspec.structs.replace(incident, relapsed_at=1))


def request(action: str, by: str, origin: str, odd: bool) -> TicketRequest:
    estimated = (action == Action.ESTIMATE) != odd
    return TicketRequest(
        action=action,
        by=by,
        origin=origin,
        reason="as said",
        restoration_estimated_at=AT + 100 * DAY if estimated else None,
    )


requests = st.builds(
    request,
    action=st.sampled_from(sorted(OFFERED) * 3 + ["merge", "update", "warn"]),
    by=st.sampled_from(NAMES),
    origin=st.sampled_from(["api", "page", "callback desk", "callback boss"]),
    odd=st.sampled_from([False] * 9 + [True]),
)
works = st.sampled_from([["dispatch", "arrive", "estimate"], ["acknowledge", "dispatch", "restore"]])
happenings = st.lists(
    st.one_of(
        st.integers(0, 40_000).map(lambda seconds: [seconds]),
        st.one_of(incidents, relapses, requests, requests).map(lambda what: [what]),
        works.map(lambda actions: [request(action, NAMES[0], "api", False) for action in actions]),
        st.sampled_from([["stale"], ["staler"]]),
    ),
    max_size=25,
).map(lambda several: [what for some in several for what in some])


def lived(happened: list[int | str | Incident | TicketRequest], drill: str, *, storming: bool) -> Life:
    life = Life(Desk(INVENTORY, SETTINGS))
    life.begin(drill)
    for what in happened:
        match what:
            case int():
                life.wait(what, storming=storming)
            case Incident():
                life.change(what, storming=storming)
            case TicketRequest():
                life.ask(what)
            case _:
                before = life.ticket
                life.stale(0 if what == "stale" else 1)
                assert life.ticket is before
    return life


@settings(max_examples=100, deadline=None)
@given(happened=happenings, drill=st.sampled_from(["", "drill-1"]), storming=st.booleans())
def test_whatever_happens_the_ticket_keeps_to_its_table_and_its_word(
    happened: list[int | str | Incident | TicketRequest], drill: str, storming: bool
) -> None:
    life = lived(happened, drill, storming=storming)
    assert [step.ticket.revision for step in life.steps] == list(range(1, len(life.steps) + 1))
    ids = [delivery.id for step in life.steps for delivery in step.deliveries]
    assert len(ids) == len(set(ids))
    assert life.steps == lived(happened, drill, storming=storming).steps, "the same again"
    others = [msgspec.structs.replace(life.ticket, id=f"t{i}", opened_at=life.at, drill="") for i in range(2)]
    _, summaries = life.desk.weather(None, others, at=life.at)
    assert not any(b"Bright" in summary.body for summary in summaries)


def test_who_confirmed_and_who_called_it_over_is_told_without_a_name() -> None:
    """What the lives above must not miss: reasons of the detector's that say who was asked or believed."""
    sure = msgspec.structs.replace(outage(), confirmed_by=NAMES[0])
    close = request("close", NAMES[1], "api", False)
    life = lived(
        [sure, close, 3600, request("close", "desk", "callback desk", False), 3600], "", storming=False
    )
    reasons = [step.transition.reason for step in life.steps if step.transition.by == "detector"]
    assert [reason.partition(": ")[0] for reason in reasons[1:]] == [
        "confirmed by an operator",
        "closed by an operator, but 48 customers are still without supply",
        "closed by desk, but 48 customers are still without supply",
    ]
    assert {message.target for step in life.steps for message in step.deliveries} == {
        found.name for found in SETTINGS.targets if 3 in found.severities
    }


@settings(max_examples=100, deadline=None)
@given(happened=happenings)
def test_nobody_is_left_without_a_ticket_for_long(
    happened: list[int | str | Incident | TicketRequest],
) -> None:
    """Whatever was said before: with an outage that goes on the ticket lives again within the time that a person's
    word is believed, unless a person cancelled it."""
    life = lived(happened, "", storming=False)
    cancelled = life.ticket.state is TicketState.CANCELLED and life.ticket.ended_by != "detector"
    life.change(outage(), storming=False)
    life.wait(round(SETTINGS.reopen_after_s) + 1, storming=False)
    if cancelled:
        assert life.ticket.state is TicketState.CANCELLED
    else:
        assert life.ticket.state not in ENDED
        assert life.at - AT >= 15 * MINUTE
