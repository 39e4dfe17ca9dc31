"""One transaction per stretch of the stream, and nothing twice."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from gateway.core.clock import HOUR, MINUTE, SECOND
from gateway.core.errors import NotStorableError
from gateway.core.model import (
    GATEWAY,
    Batch,
    Commit,
    DeadLetter,
    Incident,
    IncidentKind,
    IncidentState,
    Quality,
    RejectedValue,
    Signal,
    SignalKind,
)
from gateway.core.ports import TicketStep
from gateway.core.quantities import NAMES
from gateway.core.ticket import Ticket
from gateway.store import Written
from tests.integration.store_world import (
    SPOOL,
    T0,
    PlainDesk,
    outage,
    ready_store,
    rows,
    small_inventory,
    voltages,
)

DESK = PlainDesk()


async def test_readings_arrive_as_they_were_sent(database_url: str) -> None:
    volts = [[230.125, math.nan, -0.5], [math.nan, math.nan, math.inf]]
    batch = Batch.of(
        ("voltage_a", "voltage_b", "current_a"),
        [1, 4],
        [T0, T0 + 1],
        volts,
        received_at=[T0 + 7, T0 + 8],
        quality=[0, int(Quality.NO_VALUE | Quality.PARTIAL)],
    )
    async with ready_store(database_url) as store:
        written = await store.write(Commit(batches=[batch], upto=3), DESK, SPOOL)
        assert written == Written(inserted=2)
        assert await store.position(SPOOL) == 3
    found = await rows(
        database_url,
        """select device_id, extract(epoch from measured_at) * 1000000, extract(epoch from received_at) * 1000000,
                  quality, voltage_a, voltage_b, current_a, energy_import
             from reading join device using (device_key) order by measured_at""",
    )
    assert found == [
        ("M1", T0, T0 + 7, 0, 230.125, None, -0.5, None),
        ("M4", T0 + 1, T0 + 8, 17, None, None, math.inf, None),
    ]


async def test_every_quantity_lands_in_its_own_column(database_url: str) -> None:
    values = np.arange(1.0, len(NAMES) + 1)
    backwards = Batch.of(tuple(reversed(NAMES)), [0], [T0], [values[::-1]])
    async with ready_store(database_url) as store:
        await store.write(Commit(batches=[backwards]), DESK, SPOOL)
    (found,) = await rows(database_url, f"select {', '.join(NAMES)} from reading")
    assert found == tuple(values)


async def test_the_same_commit_twice_changes_nothing(database_url: str) -> None:
    commit = Commit(
        batches=[voltages([0, 1, 2], T0, [230, 231, 232])],
        signals=[
            Signal(kind=SignalKind.LAST_GASP, device=0, received_at=T0 + 3, occurred_at=T0),
            Signal(kind=SignalKind.GATEWAY_UP, device=GATEWAY, received_at=T0),
        ],
        dead_letters=[DeadLetter(received_at=T0, source="s", topic="t", payload=b"\x00\xff", reason="r")],
        events=[outage(at=T0 + 5 * SECOND)],
        at=T0 + 2 * MINUTE,
        upto=9,
    )
    everything = """select (select count(*) from reading), (select count(*) from signal),
        (select count(*) from dead_letter), (select count(*) from incident), (select count(*) from interruption),
        (select count(*) from ticket), (select count(*) from ticket_transition), (select count(*) from delivery)"""
    async with ready_store(database_url) as store:
        first = await store.write(commit, DESK, SPOOL)
        assert first == Written(inserted=3, signals=2, dead_letters=1, incidents=1, tickets_opened=1)
        before = await rows(database_url, everything)
        assert await store.write(commit, DESK, SPOOL) == Written(duplicates=3)
        assert await rows(database_url, everything) == before == [(3, 2, 1, 1, 2, 1, 1, 1)]


async def test_one_value_per_message_becomes_one_row(database_url: str) -> None:
    """Meters that send each quantity in a message of its own: in one commit, over several, and repeated."""
    a = Batch.of(("voltage_a",), [0, 1], [T0, T0], [[230.0], [231.0]])
    b = Batch.of(("voltage_b",), [0, 1], [T0, T0], [[240.0], [241.0]], quality=[2, 0])
    c = Batch.of(("current_a", "voltage_a"), [0, 1], [T0, T0], [[5.0, 99.0], [math.nan, 99.0]])
    async with ready_store(database_url) as store:
        assert await store.write(Commit(batches=[a, b, a]), DESK, SPOOL) == Written(
            inserted=2, merged=2, duplicates=2
        )
        assert await store.write(Commit(batches=[c]), DESK, SPOOL) == Written(merged=1, duplicates=1)
        assert await store.write(Commit(batches=[a, b, c]), DESK, SPOOL) == Written(duplicates=6)
    found = await rows(
        database_url, "select voltage_a, voltage_b, current_a, quality from reading order by device_key"
    )
    assert found == [(230.0, 240.0, 5.0, 2), (231.0, 241.0, None, 0)]


async def test_new_rows_among_old_ones_are_kept(database_url: str) -> None:
    async with ready_store(database_url) as store:
        await store.write(Commit(batches=[voltages([0], T0, [230])]), DESK, SPOOL)
        both = voltages([0, 1, 2], T0, [1, 2, 3])
        assert await store.write(Commit(batches=[both]), DESK, SPOOL) == Written(inserted=2, duplicates=1)
    assert await rows(database_url, "select voltage_a from reading order by device_key") == [
        (230.0,),
        (2.0,),
        (3.0,),
    ]


async def test_odd_dates_are_never_refused(database_url: str) -> None:
    far = [T0 - 400_000 * HOUR, T0 + 400_000 * HOUR]
    batch = Batch.of(("voltage_a",), [0, 0], far, [[1.0], [2.0]])
    async with ready_store(database_url) as store:
        assert (await store.write(Commit(batches=[batch]), DESK, SPOOL)).inserted == 2


@pytest.mark.parametrize("device", [GATEWAY, 6])
async def test_a_reading_of_no_device_stores_nothing(postgres_url: str, device: int) -> None:
    commit = Commit(
        batches=[voltages([0], T0, [1]), voltages([device], T0, [2])],
        signals=[Signal(kind=SignalKind.LAST_GASP, device=0, received_at=T0)],
        upto=5,
    )
    async with ready_store(postgres_url) as store:
        with pytest.raises(NotStorableError, match="inventory"):
            await store.write(commit, DESK, SPOOL)
        assert await store.position(SPOOL) == 0
    assert await rows(
        postgres_url, "select (select count(*) from reading), (select count(*) from signal)"
    ) == [(0, 0)]


async def test_a_fault_late_in_the_transaction_undoes_its_readings(database_url: str) -> None:
    twice = [outage("I1"), outage("I2")]  # the same place cannot lose its supply twice at once
    commit = Commit(batches=[voltages([0], T0, [1])], events=twice, upto=5)
    async with ready_store(database_url) as store:
        with pytest.raises(NotStorableError, match="incident_one_open"):
            await store.write(commit, DESK, SPOOL)
        assert await store.position(SPOOL) == 0
        assert await rows(database_url, "select count(*) from reading") == [(0,)]
        later = Commit(batches=commit.batches, events=[twice[0]], upto=5)
        assert (await store.write(later, DESK, SPOOL)).inserted == 1


async def test_text_from_outside_cannot_fail_the_write(postgres_url: str) -> None:
    bad = "a\0b\ud800c"
    commit = Commit(
        batches=[
            Batch.of(
                ("voltage_a",),
                [0],
                [T0],
                [[math.nan]],
                rejected=(RejectedValue(device=0, measured_at=T0, quantity=bad, raw=bad, reason=bad),),
            )
        ],
        signals=[Signal(kind=SignalKind.TAMPER, device=0, received_at=T0, source=bad, detail=bad)],
        dead_letters=[DeadLetter(received_at=T0, source=bad, topic=bad, payload=b"\0", reason=bad)],
        events=[outage("I\0", summary=bad, evidence={bad: [bad, math.nan, {"deep": bad}]})],
        at=T0 + HOUR,
    )
    async with ready_store(postgres_url) as store:
        written = await store.write(commit, DESK, SPOOL)
        assert written == Written(
            inserted=1, rejected=1, signals=1, dead_letters=1, incidents=1, tickets_opened=1
        )
        again = await store.write(commit, DESK, SPOOL)
        assert again == Written(duplicates=1)
    shown = "a␀b\\ud800c"
    assert await rows(postgres_url, "select detail from signal") == [(shown,)]
    assert await rows(postgres_url, "select summary, evidence from incident") == [
        (shown, {shown: [shown, None, {"deep": shown}]})
    ]


async def test_the_position_never_goes_back(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        for upto in (7, 3):
            await store.write(Commit(upto=upto), DESK, SPOOL)
        assert await store.position(SPOOL) == 7


async def test_a_message_delivered_again_is_one_signal(postgres_url: str) -> None:
    def gasp(received: int, occurred: int | None, detail: str = "") -> Signal:
        return Signal(
            kind=SignalKind.LAST_GASP, device=0, received_at=received, occurred_at=occurred, detail=detail
        )

    async with ready_store(postgres_url) as store:
        for received, occurred, counted in (
            (T0 + 1, T0, 1),
            (T0 + 9, T0, 0),  # the same gasp again
            (T0 + 9, T0 + 2, 1),  # another one
            (T0 + 9, None, 1),  # without a time of its own, reception tells them apart
            (T0 + 9, None, 0),
            (T0 + 10, None, 1),
        ):
            written = await store.write(Commit(signals=[gasp(received, occurred)]), DESK, SPOOL)
            assert written.signals == counted, (received, occurred)


async def test_a_ticket_follows_its_incident(database_url: str) -> None:
    async with ready_store(database_url) as store:
        opened = await store.write(Commit(events=[outage()], at=T0 + 30 * SECOND), DESK, SPOOL)
        assert (opened.incidents, opened.tickets_opened) == (1, 0), "hold-off"
        due = await store.write(Commit(at=T0 + 65 * SECOND), DESK, SPOOL)
        assert due.tickets_opened == 1
        grown = outage(revision=2, devices=(0, 3, 1), at=T0 + 70 * SECOND)
        gone = outage(revision=3, devices=(0, 3, 1), at=T0 + 90 * SECOND, state=IncidentState.CLOSED,
                      ended_at=T0 + 80 * SECOND)  # fmt: skip
        moved = await store.write(Commit(events=[grown, gone], at=T0 + 90 * SECOND), DESK, SPOOL)
        assert (moved.tickets_opened, moved.tickets_closed, moved.incidents) == (0, 1, 0)
        stale = await store.write(Commit(events=[outage(revision=2)], at=T0 + 99 * SECOND), DESK, SPOOL)
        assert stale == Written()
        (ticket,) = await store.reports.tickets()
        (incident,) = await store.reports.incidents()
    assert [t.action for t in ticket.transitions] == ["open", "update", "close"]
    assert [(d.revision, d.state, d.target) for d in ticket.deliveries] == [
        (1, "pending", "desk"),
        (2, "pending", "desk"),
        (3, "pending", "desk"),
    ]
    assert ticket.ticket.customers == 3
    assert incident.incident.state == IncidentState.CLOSED
    assert incident.devices == ("M0", "M1", "M3")
    assert incident.ticket == ticket.ticket.id


async def test_a_momentary_leaves_no_ticket_behind(postgres_url: str) -> None:
    back = outage(
        revision=2, kind=IncidentKind.MOMENTARY, state=IncidentState.CLOSED, ended_at=T0 + 20 * SECOND
    )
    async with ready_store(postgres_url) as store:
        await store.write(Commit(events=[outage()], at=T0 + 10 * SECOND), DESK, SPOOL)
        await store.write(Commit(events=[back], at=T0 + 10 * MINUTE), DESK, SPOOL)
        assert await store.reports.tickets() == []


async def test_an_incident_that_ends_makes_room_for_the_next_in_the_same_commit(postgres_url: str) -> None:
    ended = outage("I1", revision=2, state=IncidentState.MERGED)
    async with ready_store(postgres_url) as store:
        await store.write(Commit(events=[outage("I1")]), DESK, SPOOL)
        await store.write(Commit(events=[outage("I2"), ended]), DESK, SPOOL)
        assert [i.id for i in await store.open_incidents()] == ["I2"]


async def test_a_restored_incident_does_not_stand_in_the_way(postgres_url: str) -> None:
    restored = outage("I1", revision=2, state=IncidentState.RESTORED)
    async with ready_store(postgres_url) as store:
        await store.write(Commit(events=[outage("I1"), restored]), DESK, SPOOL)
        await store.write(Commit(events=[outage("I2", started_at=T0 + HOUR)]), DESK, SPOOL)
        assert [i.id for i in await store.open_incidents()] == ["I1", "I2"]


async def test_open_incidents_come_back_with_local_keys(postgres_url: str) -> None:
    event = outage(devices=(2, 5))
    async with ready_store(postgres_url) as store:
        await store.write(Commit(events=[event]), DESK, SPOOL)
    other = small_inventory(known=["X", "M5"])  # another gateway numbers the devices otherwise
    async with ready_store(postgres_url, other) as store:
        (found,) = await store.open_incidents()
    assert {other.ids[d] for d in found.devices} == {"M2", "M5"}
    assert found.evidence == event.incident.evidence
    assert (found.started_at, found.detected_at, found.revision) == (T0, T0 + 5 * SECOND, 1)


async def test_interruptions_of_live_incidents_come_back_as_they_were_told(postgres_url: str) -> None:
    first = outage("I1", devices=(2, 5))
    again = outage("I1", devices=(5,), revision=2, step=1, started_at=T0 + HOUR, state=IncidentState.RESTORED)
    over = outage("I2", node="T1", devices=(1,), ended_at=T0 + HOUR, state=IncidentState.CLOSED)
    ended = msgspec.structs.replace(first.interruptions[1], ended_at=T0 + MINUTE)
    again = msgspec.structs.replace(again, interruptions=(ended, *again.interruptions))
    async with ready_store(postgres_url) as store:
        assert await store.open_interruptions() == []
        await store.write(Commit(events=[first, again, over]), DESK, SPOOL)
        assert await store.open_interruptions() == [first.interruptions[0], ended, again.interruptions[1]]
    fewer = small_inventory(3, known=["X", "M2"])  # M5 is unknown there, M2 has another number
    async with ready_store(postgres_url, fewer) as store:
        (found,) = await store.open_interruptions()
    assert (fewer.ids[found.device], found.started_at, found.ended_at, found.step) == ("M2", T0, None, 0)


class Patient(PlainDesk):
    """Tells updates a minute apart."""

    def __init__(self) -> None:
        super().__init__(hold_off=0)
        self.asked_at: list[int] = []

    def follow(
        self, incident: Incident, ticket: Ticket, *, at: int, storming: bool = False
    ) -> TicketStep | None:
        self.asked_at.append(at)
        if at < ticket.updated_at + MINUTE:
            return None
        return super().follow(incident, ticket, at=at, storming=storming)

    def again_at(self, incident: Incident, ticket: Ticket) -> int | None:
        return ticket.updated_at + MINUTE if incident.revision > ticket.incident_revision else None


async def test_an_update_that_the_desk_held_back_is_told_when_it_said(postgres_url: str) -> None:
    desk = Patient()
    opened, changed, due = T0 + 10 * SECOND, T0 + 20 * SECOND, T0 + 70 * SECOND
    async with ready_store(postgres_url) as store:
        await store.write(Commit(events=[outage()], at=opened), desk, SPOOL)
        await store.write(Commit(events=[outage(revision=2, at=changed)], at=changed), desk, SPOOL)
        for at in (due - 1, due):
            (ticket,) = await store.reports.tickets()
            assert [t.action for t in ticket.transitions] == ["open"]
            await store.write(Commit(at=at), desk, SPOOL)
        (ticket,) = await store.reports.tickets()
        assert [t.action for t in ticket.transitions] == ["open", "update"]
        await store.write(Commit(at=due + HOUR), desk, SPOOL)
    assert desk.asked_at == [changed, due], "nobody is asked before the time, nor after it was told"
    assert await rows(postgres_url, "select look_again_at from ticket") == [(None,)]
