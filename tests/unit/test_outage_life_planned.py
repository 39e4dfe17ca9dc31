"""Announced outages: what is planned, what is not, and what becomes of it when announcements change."""

from __future__ import annotations

import pytest

from gateway.core.clock import MINUTE
from gateway.core.inventory import Device
from gateway.core.model import Batch, Change, IncidentKind, IncidentState, SignalKind
from processors.outage.detector import OutageDetector
from tests.unit.outage_cases import faults
from tests.unit.outage_life import T0, T1, T2, T3, Life, inventory

PLANNED, OUTAGE = IncidentKind.PLANNED_OUTAGE, IncidentKind.OUTAGE
OPEN, CLOSED = IncidentState.OPEN, IncidentState.CLOSED
BOTH = [*T1, *T2]


@pytest.fixture(autouse=True)
def _no_fault() -> object:
    before = faults()
    yield
    assert faults() == before


def announced(*, gasps: range | list[int] = BOTH) -> Life:
    """Everything below the fuse is switched off as announced for 08:05 to 08:15."""
    life = Life()
    life.plan("PO-17", "U1", 5, 15)
    life.until(5)
    life.lose(BOTH, gasps=gasps)
    life.tick(10)
    return life


def test_what_was_announced_is_a_planned_outage_at_its_node() -> None:
    life = announced()
    (incident,) = life.incidents.values()
    assert (incident.kind, incident.node, incident.state, incident.started_at) == (
        PLANNED,
        "U1",
        OPEN,
        T0 + 5 * MINUTE,
    )
    assert incident.summary.startswith(
        "planned outage PO-17 at fuse U1: 12 of 12 meters off as announced 08:05-08:15; "
    )
    assert incident.evidence["reference"] == "PO-17"
    life.until(14)
    life.regain(BOTH)
    life.until(20)
    (incident,) = life.incidents.values()
    assert (incident.kind, incident.state) == (PLANNED, CLOSED)
    assert life.time(incident) == {key: [(5, 14)] for key in BOTH}
    assert set(life.kinds.values()) == {PLANNED}


def test_few_reports_are_enough_where_an_outage_is_expected() -> None:
    life = announced(gasps=[0, 7])
    life.tick(30)
    (incident,) = life.incidents.values()
    assert (incident.kind, incident.node, incident.devices) == (PLANNED, "U1", tuple(BOTH))


def test_one_exception_0x0b_alone_is_explained_by_the_window() -> None:
    life = Life()
    life.plan("PO-17", "U1", 5, 15)
    life.until(5)
    life.off.add(3)
    life.say(SignalKind.TARGET_FAILED, 3)
    life.tick(20)
    assert [(i.kind, i.node) for i in life.incidents.values()] == [(PLANNED, "N3")]


def test_only_what_was_switched_off_is_planned_and_the_rest_lives() -> None:
    life = Life()
    life.plan("PO-17", "U1", 5, 15)
    life.until(5)
    life.lose(T1)
    life.tick(30)
    (incident,) = life.incidents.values()
    assert (incident.kind, incident.node, incident.devices) == (PLANNED, "T1", tuple(T1))


def test_crews_that_switch_early_are_within_the_window_and_the_words_say_so() -> None:
    life = Life()
    life.plan("PO-17", "U1", 5, 15)
    life.until(4.5)
    life.lose(BOTH)
    life.tick(10)
    (incident,) = life.incidents.values()
    assert incident.kind is PLANNED
    assert "switched off 30 s before the announced time" in incident.summary


def test_long_before_or_after_the_window_it_is_an_outage() -> None:
    life = Life()
    life.plan("PO-17", "U1", 5, 15)
    life.until(3.5)
    life.lose(T1)
    life.tick(10)
    assert [i.kind for i in life.incidents.values()] == [OUTAGE]
    life.regain(T1)
    life.until(16)
    life.lose(T2)
    life.tick(10)
    assert {i.node: i.kind for i in life.incidents.values()}["T2"] is OUTAGE


def test_what_spreads_beyond_the_node_is_an_outage_of_its_own() -> None:
    life = Life()
    life.plan("PO-17", "U1", 5, 15)
    life.until(5)
    life.lose([*BOTH, *T3])
    life.tick(12)
    assert {i.node: i.kind for i in life.incidents.values()} == {"U1": PLANNED, "T3": OUTAGE}
    (fault,) = life.of(OUTAGE)
    assert fault.devices == tuple(T3)


def test_what_outlasts_its_window_is_an_outage_from_its_end_on() -> None:
    life = announced()
    life.until(14)
    life.regain(T2)
    life.until(15.2)
    assert life.of(OUTAGE) == []
    life.until(16.5)
    (planned,), (fault,) = life.of(PLANNED), life.of(OUTAGE)
    assert (planned.state, planned.ended_at) == (CLOSED, T0 + 15 * MINUTE)
    assert "6 of them stayed off after its end" in planned.summary
    assert (fault.node, fault.started_at, fault.parent) == ("T1", T0 + 15 * MINUTE, planned.id)
    assert life.time(planned) == {key: [(5, 15 if key in T1 else 14)] for key in BOTH}
    life.until(20)
    life.regain(T1)
    life.until(22)
    (fault,) = life.of(OUTAGE)
    assert fault.state is CLOSED
    assert life.time(fault) == {key: [(15, 20)] for key in T1}
    assert life.kinds[fault.id, 0, 0] is OUTAGE


def test_all_of_it_outlasting_the_window_is_an_outage_at_the_same_node() -> None:
    life = announced(gasps=[0, 1, 7, 8])
    life.until(17)
    (planned,), (fault,) = life.of(PLANNED), life.of(OUTAGE)
    assert (planned.state, fault.state, fault.node) == (CLOSED, OPEN, "U1")
    assert fault.devices == tuple(BOTH)
    assert len(life.incidents) == 2


def test_members_back_within_the_grace_are_no_fault() -> None:
    life = announced()
    life.until(15.3)
    life.regain(BOTH)
    life.until(18)
    (incident,) = life.incidents.values()
    assert (incident.kind, incident.state) == (PLANNED, CLOSED)


def test_who_was_known_dark_stays_so_after_the_end_though_the_whole_path_is_silent() -> None:
    life = announced()
    life.until(14)
    life.regain(T2)
    life.off |= set(range(24))
    life.until(17)
    (planned,) = life.of(PLANNED)
    (rest,) = life.of(OUTAGE)
    assert planned.state is CLOSED
    assert (rest.node, rest.state, rest.parent, rest.devices) == ("T1", OPEN, planned.id, tuple(T1))
    assert {spans[0] for spans in life.time(rest).values()} == {(15, None)}


def test_silence_of_a_whole_path_after_the_end_is_no_fault_where_nobody_was_known_dark() -> None:
    life = Life()
    life.plan("PO-17", "U1", 5, 15)
    life.until(5)
    life.lose(BOTH, gasps=T1)
    life.until(14)
    life.regain(T1)
    life.off |= set(range(24))
    life.until(17)
    assert life.of(OUTAGE) == []
    (planned,) = life.of(PLANNED)
    assert planned.state is CLOSED
    unknown = {
        device for incident in life.of(IncidentKind.COMMUNICATIONS_LOSS) for device in incident.devices
    }
    assert set(T2) <= unknown
    later = [row for row in life.rows.values() if row.device in T2 and row.incident != planned.id]
    assert min(row.started_at for row in later) >= T0 + 15 * MINUTE


def test_one_window_after_another_is_still_planned() -> None:
    life = announced()
    life.plan("PO-18", "F1", 15, 25)
    life.until(17)
    (incident,) = life.incidents.values()
    assert (incident.kind, incident.state, incident.evidence["reference"]) == (PLANNED, OPEN, "PO-18")


def test_an_announcement_that_comes_late_turns_the_outage() -> None:
    life = Life()
    life.until(5)
    life.lose(BOTH)
    life.tick(10)
    before = {i.id: i for i in life.of(OUTAGE, OPEN)}
    assert before
    life.plan("PO-17", "U1", 4, 15)
    life.tick()
    after = life.of(PLANNED, OPEN)
    assert {i.id for i in after} == set(before)
    assert set(life.kinds.values()) == {PLANNED}
    life.until(14)
    life.regain(BOTH)
    life.until(17)
    assert {(i.kind, i.state) for i in life.incidents.values()} == {(PLANNED, CLOSED)}


@pytest.mark.parametrize("how", ["withdrawn", "shortened"])
def test_a_window_taken_back_makes_an_outage_of_it_at_once(how: str) -> None:
    life = announced()
    (planned,) = life.of(PLANNED)
    life.plan("PO-17", "U1", 5, 15, withdrawn=True) if how == "withdrawn" else life.plan("PO-17", "U1", 3, 4)
    life.tick()
    (incident,) = life.incidents.values()
    assert (incident.id, incident.kind, incident.state) == (planned.id, OUTAGE, OPEN)
    assert "reference" not in incident.evidence
    assert set(life.kinds.values()) == {OUTAGE}
    life.regain(BOTH)
    life.tick(60)
    assert [i.state for i in life.incidents.values()] == [CLOSED]


def test_a_window_made_longer_is_longer() -> None:
    life = announced()
    life.until(14)
    life.plan("PO-17", "U1", 5, 20)
    life.until(18)
    (incident,) = life.incidents.values()
    assert (incident.kind, incident.state) == (PLANNED, OPEN)
    assert "08:05-08:20" in incident.summary


def test_the_same_announcement_again_changes_nothing() -> None:
    life = announced()
    revision = next(iter(life.incidents.values())).revision
    life.plan("PO-17", "U1", 5, 15)
    life.tick(3)
    assert next(iter(life.incidents.values())).revision == revision


def test_an_unknown_node_is_kept_aside_and_not_fatal() -> None:
    life = Life()
    life.plan("PO-1", "nowhere", 5, 15)
    life.tick(3)
    assert len(life.detector.book.plans.unknown) == 1
    assert not life.detector.book.plans.windows


def test_old_windows_are_forgotten() -> None:
    life = Life()
    life.plan("PO-1", "U1", 1, 2)
    life.detector.advance(T0 + 3 * MINUTE)
    assert len(life.detector.book.plans.windows) == 1
    life.detector.advance(T0 + 3 * 24 * 60 * MINUTE)
    assert not life.detector.book.plans.windows


def test_supply_that_comes_and_goes_within_the_window_is_one_planned_outage() -> None:
    life = announced()
    life.until(8)
    life.regain(BOTH)
    life.tick(8)
    life.lose(BOTH)
    life.until(14)
    life.regain(BOTH)
    life.until(18)
    (incident,) = life.incidents.values()
    assert (incident.kind, incident.state) == (PLANNED, CLOSED)
    assert [len(spans) for spans in life.time(incident).values()] == [2] * 12


def test_a_fault_after_the_end_is_a_fault() -> None:
    life = announced()
    life.until(14)
    life.regain(T2)
    life.until(15.1)
    life.lose(T2)
    life.until(17)
    assert {i.node for i in life.of(OUTAGE)} <= {"T1", "T2", "U1"}
    fault = {key: spans for i in life.of(OUTAGE) for key, spans in life.time(i).items()}
    assert fault[0] == [(15, None)]
    assert fault[6] == [(15.1, None)]


def test_meters_shown_alive_inside_the_window_leave_the_planned_outage() -> None:
    life = Life()
    life.plan("PO-17", "U1", 5, 15)
    life.until(5)
    life.say(SignalKind.LAST_GASP, 0, 1, 2, 3, 6)
    life.off |= {*T1, 6}
    life.tick(30)
    off = {key for i in life.of(PLANNED, OPEN) for key in i.devices}
    assert off == {*T1, 6}


def test_an_outage_that_was_taken_for_larger_is_as_large_as_announced() -> None:
    life = Life()
    life.until(5)
    life.lose([*T1])
    life.off |= {*T2, *T3}
    life.tick(40)
    life.plan("PO-17", "T1", 4, 15)
    life.tick(2)
    (incident,) = life.of(PLANNED, OPEN)
    assert incident.node == "T1"
    assert incident.devices == tuple(T1)


def test_changes_tell_what_happened() -> None:
    life = announced()
    life.until(14)
    life.regain(BOTH)
    life.until(18)
    changes = [event.change for event in life.events]
    assert changes[0] is Change.OPENED
    assert [c for c in changes if c is not Change.UPDATED] == [Change.OPENED, Change.RESTORED, Change.CLOSED]


def with_terminal() -> Life:
    life = Life(inventory(extra=[Device(id="X", node="U1", kind="terminal", customers=0, interval_s=10)]))
    life.plan("PO-17", "F1", 5, 15)
    life.until(5)
    switch(life, closed=1.0)
    return life


def switch(life: Life, *, closed: float) -> None:
    key = life.inventory.key("X")
    assert key is not None
    life.detector.observe(Batch.of(("breaker_closed",), [key], [life.at], [[closed]], source="mqtt:b"))


def test_a_breaker_that_opens_within_the_window_is_a_planned_outage_at_once() -> None:
    life = with_terminal()
    life.tick(3)
    life.off |= set(BOTH)
    switch(life, closed=0.0)
    life.tick()
    (incident,) = life.of(PLANNED)
    assert life.of(OUTAGE) == []
    assert (incident.kind, incident.node, incident.direct, incident.devices) == (
        PLANNED,
        "U1",
        True,
        tuple(BOTH),
    )
    assert "terminal X reported its breaker open" in incident.summary


def test_after_a_loss_of_snapshots_an_announced_outage_goes_on_as_such() -> None:
    life = announced()
    (incident,) = life.incidents.values()
    life.detector = OutageDetector(life.inventory, life.settings)
    life.plan("PO-17", "U1", 5, 15)
    life.detector.adopt([incident], list(life.rows.values()))
    life.tick(5)
    (incident,) = life.incidents.values()
    assert (incident.kind, incident.state) == (PLANNED, OPEN)
    life.until(14)
    life.regain(T2)
    life.until(15.1)
    life.say(SignalKind.LAST_GASP, *T1)  # they repeat it: nothing else of them is known any more
    life.until(17)
    (planned,), (fault,) = life.of(PLANNED), life.of(OUTAGE)
    assert (planned.state, fault.node, fault.parent) == (CLOSED, "T1", planned.id)
    assert fault.started_at == T0 + 15 * MINUTE
