"""What followed a restoration: nested faults, members that come in their turn, relapses, false gasps, hindsight."""

from __future__ import annotations

import pytest

from gateway.core.clock import MINUTE, SECOND
from gateway.core.inventory import Device, Inventory
from gateway.core.model import IncidentKind, IncidentState, PlannedOutage, Purpose, SignalKind
from processors.outage.planned import Plans
from tests.unit.outage_cases import faults
from tests.unit.outage_life import METERS, NETWORK, SETTINGS, T0, T1, T2, T3, T4, Life

OUTAGE, MOMENTARY = IncidentKind.OUTAGE, IncidentKind.MOMENTARY
LOSS = IncidentKind.COMMUNICATIONS_LOSS
OPEN, CLOSED, CANCELLED = IncidentState.OPEN, IncidentState.CLOSED, IncidentState.CANCELLED
MERGED = IncidentState.MERGED


@pytest.fixture(autouse=True)
def _no_fault() -> object:
    before = faults()
    yield
    assert faults() == before


def behind_concentrators() -> Inventory:
    meters = [Device(id=f"M{i}", node=f"N{i}", interval_s=10, via=f"C{i // 6}") for i in range(METERS)]
    return Inventory(
        [*meters, *(Device(id=f"C{i}", node=f"T{i + 1}", kind="concentrator") for i in range(4))], NETWORK
    )


@pytest.mark.parametrize("concentrators", [False, True])
def test_a_dark_transformer_below_a_restored_fuse_is_one_nested_incident_with_all_its_members(
    concentrators: bool,
) -> None:
    life = Life(behind_concentrators() if concentrators else None)
    life.until(2)
    life.lose([*T1, *T2], gasps=[0, 1, 2, 6, 7, 8])
    life.tick(90)
    life.regain(T1)
    life.tick(120)
    first, rest = life.of(OUTAGE)
    assert (first.node, first.state, first.devices) == ("U1", CLOSED, tuple(T1))
    assert (rest.node, rest.state, rest.parent, rest.devices) == ("T2", OPEN, first.id, tuple(T2))
    assert {spans[0][0] for spans in life.time(rest).values()} == {2}
    assert life.of(LOSS) == []


def test_a_meter_that_gasped_is_nested_only_when_its_own_readings_stay_away() -> None:
    life = Life()
    life.until(2)
    life.lose(T1)
    life.tick(90)
    life.regain([0, 1, 2, 3, 4], told=True)
    life.tick(14)
    assert len(life.of(OUTAGE)) == 1
    life.tick(120)
    first, rest = life.of(OUTAGE)
    assert (rest.node, rest.parent, first.devices) == ("N5", first.id, (0, 1, 2, 3, 4))


def test_meters_without_readings_are_not_expected_to_give_any() -> None:
    """Nothing but gasps and the restore messages of some: the others are restored with them."""
    life = Life()
    life.off = set(range(METERS))
    life.until(1)
    life.say(SignalKind.LAST_GASP, *T1, *T2)
    life.tick(90)
    life.say(SignalKind.POWER_RESTORED, 0, 1, 3, 4, 6, 8, 10)
    life.until(20)
    (incident,) = life.of(OUTAGE)
    assert (incident.node, incident.state, len(incident.devices)) == ("U1", CLOSED, 12)


def test_returns_before_a_relapse_are_undecided_again() -> None:
    life = Life()
    life.until(2)
    life.lose([*T1, *T2], gasps=[0, 1, 2, 6, 7, 8])
    life.tick(12)
    life.regain([*T1, *T2])
    life.tick(6)
    life.lose([*T1, *T2], gasps=[3, 4, 9, 10])
    life.tick(300)
    (incident,) = life.of(OUTAGE)
    assert (incident.state, incident.devices) == (OPEN, (*T1, *T2))
    assert all(spans[-1][1] is None for spans in life.time(incident).values())
    assert incident.detected_at - T0 < 150 * SECOND  # when it was found first
    life.regain([*T1, *T2])
    life.tick(60)
    (incident,) = life.incidents.values()
    assert (incident.kind, incident.state) == (OUTAGE, CLOSED)


def test_a_relapse_after_restoration_holds_the_ticket_off_anew_and_keeps_when_it_was_found() -> None:
    life = Life()
    life.until(2)
    life.lose(T1)
    life.tick(12)
    life.regain(T1)
    life.tick(8)
    (first,) = life.incidents.values()
    life.lose(T1)
    life.tick(20)
    (again,) = life.incidents.values()
    assert again.detected_at == first.detected_at
    assert (again.state, again.held_from is not None) == (OPEN, True)
    assert (first.relapsed_at, again.relapsed_at) == (None, again.held_from)


def test_a_relapse_after_a_long_loss_is_told_though_it_holds_no_ticket_off() -> None:
    life = Life()
    life.until(2)
    life.lose(T1)
    life.tick(90)
    life.regain(T1)
    life.tick(8)
    (first,) = life.incidents.values()
    assert (first.state, first.relapsed_at) == (IncidentState.RESTORED, None)
    lost_at = life.at
    life.lose(T1)
    life.restart()
    life.tick(20)
    (again,) = life.incidents.values()
    assert (again.state, again.held_from) == (OPEN, None)
    assert again.relapsed_at is not None
    assert again.relapsed_at > lost_at
    life.restart()
    life.tick(20)
    assert life.incidents[again.id].relapsed_at == again.relapsed_at


def test_one_false_gasp_is_withdrawn_when_the_meter_goes_on_reporting() -> None:
    life = Life()
    life.until(2)
    life.say(SignalKind.LAST_GASP, 9)
    life.tick(7)
    assert [i.state for i in life.of(OUTAGE)] == [OPEN]
    assert [(q.device, q.purpose) for q in life.questions[:1]] == [(9, Purpose.CONFIRM)]
    life.tick(4)  # its next reading comes when it should
    (incident,) = life.incidents.values()
    assert incident.state is CANCELLED
    assert "kept answering" in incident.summary
    assert life.time(incident) == {}


@pytest.mark.parametrize("how", ["two", "restore", "missed"])
def test_what_more_than_a_gasp_tells_of_is_momentary(how: str) -> None:
    life = Life()
    life.until(2)
    life.lose([0], gasps=[0])
    if how == "two":
        life.lose([1, 2, 3, 4, 5], gasps=[1])
    life.tick(30 if how == "missed" else 8)
    life.regain(list(life.off), told=how == "restore")
    life.tick(60)
    assert {(i.kind, i.state) for i in life.incidents.values()} == {(MOMENTARY, CLOSED)}


def test_a_first_step_of_restoration_is_no_contradiction() -> None:
    slow = [Device(id=f"M{i}", node=f"N{i}", interval_s=10 if i % 2 else 60) for i in range(METERS)]
    life = Life(Inventory(slow, NETWORK))
    life.until(2)
    life.lose([*T1, *T2, *T3], gasps=[7, 9, 11, 13, 15, 17])
    life.tick(80)
    (incident,) = life.of(OUTAGE, OPEN)
    life.regain([0, 2, 4])  # they reported just before, and 80 s after are hardly late
    life.tick(15)
    assert life.incidents[incident.id].state is OPEN


def test_restore_messages_out_of_a_silence_tell_of_an_outage_after_the_fact() -> None:
    life = Life(behind_concentrators())
    life.until(2)
    life.off |= set(T1)
    life.tick(120)
    (loss,) = life.of(LOSS)
    life.regain([0, 1, 2, 3], told=True)
    life.regain([4, 5])
    life.tick(60)
    (incident,) = life.of(OUTAGE)
    assert (incident.node, incident.state, incident.devices) == ("T1", CLOSED, tuple(T1))
    assert (life.incidents[loss.id].state, life.incidents[loss.id].parent) == (MERGED, incident.id)
    assert life.time(incident) == {key: [(2, 4)] for key in T1}
    assert "4 of 6 meters below transformer T1 told by restore messages" in incident.summary


def test_one_reading_of_those_that_were_silent_tells_of_nothing() -> None:
    life = Life(behind_concentrators())
    life.until(2)
    life.off |= set(T1)
    life.tick(120)
    life.regain(T1)
    life.tick(60)
    assert life.of(OUTAGE) == []


@pytest.mark.parametrize("restart_every", [0, 1, 7])
def test_restarts_change_nothing_of_it(restart_every: int) -> None:
    life = Life(behind_concentrators(), restart_every=restart_every)
    life.until(2)
    life.lose([*T1, *T2], gasps=[0, 1, 6, 7, 8])
    life.off |= set(T4)
    life.tick(60)
    life.regain(T1)
    life.tick(60)
    life.regain(T4, told=True)
    life.tick(90)
    told = sorted((i.kind, i.node, i.state, i.started_at, i.detected_at) for i in life.incidents.values())
    assert [(kind, node) for kind, node, *_ in told] == [
        (LOSS, "T4"),
        (OUTAGE, "T2"),
        (OUTAGE, "T4"),
        (OUTAGE, "U1"),
    ] or [(kind, node) for kind, node, *_ in told] == [
        (LOSS, "T4"),
        (MOMENTARY, "U1"),
        (OUTAGE, "T2"),
        (OUTAGE, "T4"),
    ]


def test_thousands_of_windows_are_sorted_once() -> None:
    plans = Plans(NETWORK, SETTINGS)
    for i in range(5000):
        window = PlannedOutage(
            reference=f"PO-{i}",
            node="U1",
            starts_at=T0 + i * MINUTE,
            ends_at=T0 + (i + 1) * MINUTE,
            received_at=T0,
        )
        plans.put(window)
    assert plans._sorted is None
    found = plans.window_of("T1", T0 + 90 * MINUTE + SECOND)
    assert found is not None
    assert found.reference == "PO-91"  # of those that hold, early ones too, the one that lasts longest
