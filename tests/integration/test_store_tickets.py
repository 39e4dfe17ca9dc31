"""Tickets in the stream's transaction: what is kept of them, their clocks, links, storms and exercises."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from gateway.core.clock import HOUR, MINUTE, SECOND
from gateway.core.model import Commit, Incident, IncidentState
from gateway.core.ports import TicketStep
from gateway.core.ticket import Storm, Ticket, TicketRequest
from gateway.store import Store
from tests.integration.store_world import SPOOL, T0, PlainDesk, outage, ready_store, rows

OPENED = T0 + 10 * SECOND


def desk(**options: int) -> PlainDesk:
    return PlainDesk(0, **options)


async def actions(store: Store, incident: str = "I1") -> list[str]:
    [view] = [view for view in await store.reports.tickets() if view.ticket.incident == incident]
    return [made.action for made in view.transitions]


class Thorough(PlainDesk):
    """Fills every field of a ticket, and keeps the tickets that it is shown."""

    def __init__(self) -> None:
        super().__init__(0)
        self.seen: list[Ticket] = []

    def open(
        self,
        incident: Incident,
        *,
        number: int,
        at: int,
        split_from: Ticket | None = None,
        storming: bool = False,
    ) -> TicketStep:
        step = super().open(incident, number=number, at=at, split_from=split_from, storming=storming)
        full = msgspec.structs.replace(
            step.ticket,
            kind=incident.kind,
            area="rural",
            clocks_from=at + 1,
            acknowledged_at=at + 2,
            dispatched_at=at + 3,
            arrived_at=at + 4,
            restored_at=at + 5,
            restoration_estimated_at=at + 6,
            crew="crew\0 7",
            cause="a tree",
            ended_by="somebody",
            told=("desk", "chat"),
            warned=("response", "response!"),
        )
        made = msgspec.structs.replace(
            step.transition, origin="clock", detail={"crew": "7", "odd": float("nan")}
        )
        self.full = msgspec.structs.replace(full, crew="crew␀ 7")
        return TicketStep(ticket=full, transition=made, deliveries=step.deliveries)

    def follow(
        self, incident: Incident, ticket: Ticket, *, at: int, storming: bool = False
    ) -> TicketStep | None:
        self.seen.append(ticket)
        return super().follow(incident, ticket, at=at, storming=storming)


async def test_every_field_of_ticket_transition_and_incident_is_kept(database_url: str) -> None:
    thorough = Thorough()
    first = outage(
        confirmed_by="li", ended_by="wu", ended_reason="no\0", held_from=T0 + 7, relapsed_at=T0 + 8, at=OPENED
    )
    async with ready_store(database_url) as store:
        await store.write(Commit(events=[first], at=OPENED), thorough, SPOOL)
        [open_now] = await store.open_incidents()
        assert (open_now.confirmed_by, open_now.held_from, open_now.drill) == ("li", T0 + 7, "")
        assert open_now.relapsed_at == T0 + 8
        assert (open_now.ended_by, open_now.ended_reason) == ("wu", "no␀")
        await store.write(Commit(events=[outage(revision=2, at=OPENED)], at=OPENED), thorough, SPOOL)
        [view] = await store.reports.tickets()
    assert thorough.seen == [thorough.full]
    first_step, second_step = view.transitions
    assert (first_step.origin, first_step.detail) == ("clock", {"crew": "7", "odd": None})
    assert (second_step.action, view.ticket.crew) == ("update", "crew␀ 7")


async def test_clocks_run_from_the_opening_and_are_reminded_of_once(database_url: str) -> None:
    clocked = desk(remind_after=MINUTE)
    async with ready_store(database_url) as store:
        await store.write(Commit(events=[outage()], at=OPENED), clocked, SPOOL)
        await store.write(Commit(at=OPENED + MINUTE - 1), clocked, SPOOL)
        assert await actions(store) == ["open"]
        await store.write(Commit(at=OPENED + MINUTE), clocked, SPOOL)
        await store.write(Commit(at=OPENED + HOUR), clocked, SPOOL)
        assert await actions(store) == ["open", "escalate"]
    assert await rows(database_url, "select look_again_at from ticket") == [(None,)]


async def test_other_limits_hold_for_tickets_that_live_already(database_url: str) -> None:
    """As after a start with another configuration, or with tickets from before there were clocks."""
    before, now = desk(), desk(remind_after=MINUTE)
    later = OPENED + HOUR
    async with ready_store(database_url) as store:
        three = [outage(f"I{i}", node=f"T{i}", devices=(i,), at=OPENED) for i in range(3)]
        await store.write(Commit(events=three, at=OPENED), before, SPOOL)
        over = outage("I2", node="T2", devices=(2,), revision=2, state=IncidentState.CLOSED, ended_at=later)
        await store.write(Commit(events=[over], at=later), before, SPOOL)
        await store.write(Commit(at=later), now, SPOOL)
        assert await actions(store, "I0") == ["open"], "nobody asked yet"
        await store.review_tickets(at=later + SECOND)
        assert await rows(
            database_url, "select ticket_id from ticket where look_again_at is not null order by 1"
        ) == [("tkt-I0",), ("tkt-I1",)]
        await store.write(Commit(at=later), now, SPOOL)
        assert await actions(store, "I0") == ["open"], "the stream has not come so far"
        await store.write(Commit(at=later + SECOND), now, SPOOL)
        assert [await actions(store, f"I{i}") for i in range(3)] == [
            ["open", "escalate"],
            ["open", "escalate"],
            ["open", "close"],
        ]
    assert await rows(database_url, "select count(*) from ticket where look_again_at is not null") == [(0,)]


async def test_what_a_person_ended_is_looked_at_again_too_while_its_incident_lives(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        await store.write(Commit(events=[outage(at=OPENED)], at=OPENED), desk(), SPOOL)
        close = TicketRequest(action="close", by="li", origin="api")
        await store.acts.act("tkt-I1", close, desk(), at=OPENED + SECOND)
        await store.review_tickets(at=OPENED + MINUTE)
        await store.review_tickets(at=OPENED + HOUR)
    assert await rows(
        postgres_url, "select state, extract(epoch from look_again_at)::bigint * 1000000 from ticket"
    ) == [("closed", OPENED + MINUTE)]


async def test_so_many_tickets_are_looked_at_in_one_tick(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.tickets._LOOKED_AT", 2)
    now = desk(remind_after=MINUTE)
    async with ready_store(postgres_url) as store:
        await store.write(many(5), desk(), SPOOL)
        await store.review_tickets(at=OPENED + HOUR)
        left = []
        for tick in range(3):
            await store.write(Commit(at=OPENED + HOUR + tick), now, SPOOL)
            left += await rows(postgres_url, "select count(*) from ticket where look_again_at is not null")
    assert left == [(3,), (1,), (0,)]


async def test_a_clock_that_ran_out_while_nobody_looked_is_told_with_the_next_change(
    database_url: str,
) -> None:
    clocked = desk(remind_after=MINUTE)
    late = OPENED + HOUR
    async with ready_store(database_url) as store:
        await store.write(Commit(events=[outage()], at=OPENED), clocked, SPOOL)
        await store.write(Commit(events=[outage(revision=2, at=late)], at=late), clocked, SPOOL)
        assert await actions(store) == ["open", "update", "escalate"]


async def test_a_desk_whose_clocks_never_rest_does_not_stop_the_stream(postgres_url: str) -> None:
    class Restless(PlainDesk):
        def remind(self, incident: Incident, ticket: Ticket, *, at: int) -> TicketStep | None:
            return super().remind(incident, msgspec.structs.replace(ticket, warned=()), at=at)

        def again_at(self, incident: Incident, ticket: Ticket) -> int | None:
            return ticket.opened_at

    async with ready_store(postgres_url) as store:
        written = await store.write(Commit(events=[outage()], at=OPENED), Restless(0), SPOOL)
        assert written.tickets_opened == 1
        assert set(await actions(store)) == {"open", "escalate"}


async def test_tickets_are_linked_when_their_incidents_merge_whichever_comes_first(database_url: str) -> None:
    """One part had its ticket before the whole had one, one after."""
    patient = desk()
    part, other = outage("P1", node="T1", devices=(1,)), outage("P2", node="T2", devices=(2,))
    async with ready_store(database_url) as store:
        await store.write(Commit(events=[part, other], at=OPENED), patient, SPOOL)
        merged = outage("P1", node="T1", devices=(1,), revision=2, state=IncidentState.MERGED, parent="W")
        whole = outage("W", node="F", devices=(1, 4), at=OPENED + 1)
        await store.write(Commit(events=[merged, whole], at=OPENED + 1), patient, SPOOL)
        merged = outage("P2", node="T2", devices=(2,), revision=2, state=IncidentState.MERGED, parent="W")
        await store.write(Commit(events=[merged], at=OPENED + 2), patient, SPOOL)
        stray = outage("P2", node="T2", devices=(2,), revision=3, state=IncidentState.MERGED, parent="gone")
        await store.write(Commit(events=[stray], at=OPENED + 3), patient, SPOOL)
    assert await rows(database_url, "select ticket_id, other_id, kind from ticket_link order by 1") == [
        ("tkt-P1", "tkt-W", "merged_into"),
        ("tkt-P2", "tkt-W", "merged_into"),
    ]


async def test_a_ticket_of_what_was_split_off_is_linked_to_the_whole(database_url: str) -> None:
    async with ready_store(database_url) as store:
        await store.write(Commit(events=[outage()], at=OPENED), desk(), SPOOL)
        part = outage("I2", node="T1", devices=(1,), evidence={"split_from": "I1"}, parent="I1")
        unknown = outage("I3", node="T2", devices=(2,), evidence={"split_from": "nobody"})
        nested = outage("I4", node="S", devices=(5,), parent="I1", evidence={"split_from": 7})
        await store.write(Commit(events=[part, unknown, nested], at=OPENED + 1), desk(), SPOOL)
    assert await rows(database_url, "select ticket_id, other_id, kind from ticket_link") == [
        ("tkt-I2", "tkt-I1", "split_from")
    ]


async def test_what_the_desk_does_not_choose_waits_and_is_asked_for_again(database_url: str) -> None:
    class Choosy(PlainDesk):
        def choose(self, due: Sequence[Incident], standing: Sequence[Ticket]) -> list[Incident]:
            shown.append(([i.id for i in due], [t.incident for t in standing]))
            return [incident for incident in due if not standing][:1]

    shown: list[tuple[list[str], list[str]]] = []
    choosy = Choosy(0)
    async with ready_store(database_url) as store:
        both = [outage(), outage("I2", node="T1", devices=(1,))]
        assert (await store.write(Commit(events=both, at=OPENED), choosy, SPOOL)).tickets_opened == 1
        for wait in range(1, 21):  # it is not read at every tick
            written = await store.write(Commit(at=OPENED + wait * SECOND), choosy, SPOOL)
            assert written.tickets_opened == 0
        ended = OPENED + 21 * SECOND
        over = outage(revision=2, state=IncidentState.CLOSED, ended_at=ended, at=ended)
        written = await store.write(Commit(events=[over], at=ended), choosy, SPOOL)
        assert (written.tickets_opened, written.tickets_closed) == (0, 1)
        written = await store.write(Commit(at=ended + 9 * SECOND), choosy, SPOOL)
        assert written.tickets_opened == 1
    assert shown == [(["I1", "I2"], []), (["I2"], ["I1"]), (["I2"], ["I1"]), (["I2"], [])]


def many(count: int) -> Commit:
    events = [outage(f"S{i}", node=f"T{i}", devices=(0,)) for i in range(count)]
    return Commit(events=events, at=OPENED)


async def deliveries(url: str) -> list[tuple[object, ...]]:
    return await rows(
        url,
        "select subject, ticket_id, convert_from(body, 'UTF8')::text from delivery"
        " where ticket_id is null order by created_at, revision",
    )


async def test_a_storm_begins_with_the_tickets_that_make_it_and_ends_with_them(database_url: str) -> None:
    stormy = desk(storm_of=3)
    async with ready_store(database_url) as store:
        await store.write(many(3), stormy, SPOOL)
        assert await deliveries(database_url) == [(f"storm-{OPENED}", None, "3")]
        news = outage("S0", node="T0", devices=(0,), revision=2, at=OPENED + 1)
        await store.write(Commit(events=[news], at=OPENED + 1), stormy, SPOOL)
        told = await rows(database_url, "select revision from delivery where ticket_id = 'tkt-S0'")
        assert told == [(1,)], "a storm keeps mere updates from targets"
        over = outage(
            "S0", node="T0", devices=(0,), revision=3, state=IncidentState.CLOSED, ended_at=OPENED + 2
        )
        await store.write(Commit(events=[over], at=OPENED + 2), stormy, SPOOL)
    storms = await rows(
        database_url, "select summaries, extract(epoch from ended_at - began_at)::float from storm"
    )
    assert storms == [(1, 2e-6)]
    told = await rows(database_url, "select revision from delivery where ticket_id = 'tkt-S0' order by 1")
    assert told == [(1,), (3,)]


async def test_within_a_burst_the_storm_is_noticed_before_all_of_it_is_told(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        await store.write(many(50), desk(storm_of=10), SPOOL)
    assert await deliveries(postgres_url) == [(f"storm-{OPENED}", None, "50")]
    assert await rows(postgres_url, "select count(*) from delivery where ticket_id is not null") == [(20,)]


async def test_in_a_storm_the_desk_sees_what_ended_since_the_last_summary(database_url: str) -> None:
    class Watching(PlainDesk):
        def weather(
            self, storm: Storm | None, standing: Sequence[Ticket], *, at: int
        ) -> tuple[Storm | None, tuple[()]]:
            seen.append(sorted((t.incident, t.state.value) for t in standing))
            return storm or Storm(id="storm", began_at=at), ()

    seen: list[list[tuple[str, str]]] = []
    watching = Watching(0)
    async with ready_store(database_url) as store:
        await store.write(many(2), watching, SPOOL)
        over = outage(
            "S0",
            node="T0",
            devices=(0,),
            revision=2,
            state=IncidentState.CLOSED,
            ended_at=OPENED,
            at=OPENED + 1,
        )
        await store.write(Commit(events=[over], at=OPENED + 1), watching, SPOOL)
    assert seen[-1] == [("S0", "closed"), ("S1", "confirmed")]


async def test_idle_ticks_ask_the_desk_nothing(postgres_url: str) -> None:
    class Silent(PlainDesk):
        def choose(self, due: Sequence[Incident], standing: Sequence[Ticket]) -> list[Incident]:
            raise AssertionError("nothing is due")

        def weather(
            self, storm: Storm | None, standing: Sequence[Ticket], *, at: int
        ) -> tuple[None, tuple[()]]:
            raise AssertionError("no ticket came")

    async with ready_store(postgres_url) as store:
        await store.write(many(3), desk(), SPOOL)
        await store.write(Commit(at=OPENED + HOUR), Silent(0), SPOOL)


async def test_an_exercise_stands_beside_the_real_thing_and_counts_nowhere(database_url: str) -> None:
    """The same node, at the same time; even what tells of interruptions by mistake makes none."""
    stormy = desk(storm_of=2)
    exercise = outage("D1", drill="drill-1", at=OPENED)
    async with ready_store(database_url) as store:
        await store.write(Commit(events=[exercise], at=OPENED), stormy, SPOOL)
        assert await store.open_interruptions() == []
        assert (await store.reports.supply_now()).off == 0
        await store.write(Commit(events=[outage(at=OPENED)], at=OPENED + 1), stormy, SPOOL)
        found = {incident.id: incident.drill for incident in await store.open_incidents()}
        assert found == {"D1": "drill-1", "I1": ""}
        assert {part.incident for part in await store.open_interruptions()} == {"I1"}
        assert (await store.reports.supply_now()).off == 2
    assert await rows(database_url, "select ticket_id, drill from ticket order by 1") == [
        ("tkt-D1", "drill-1"),
        ("tkt-I1", ""),
    ]
    assert await rows(database_url, "select count(*) from storm") == [(0,)], (
        "one real ticket is no storm of two"
    )
    assert await rows(database_url, "select distinct incident_id from interruption") == [("I1",)]
