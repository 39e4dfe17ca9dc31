"""Exercises: played by themselves, concluded by the outage detector's own code, and apart from all that is real."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from gateway.core.clock import MINUTE, SECOND
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Drill, Event, Incident, IncidentKind, IncidentState, Instruction, Order
from gateway.core.network import Network
from processors.drill.detector import DrillDetector
from processors.drill.exercise import Exercise
from processors.drill.scope import Scope
from processors.drill.script import GASPS_WITHIN, Script
from processors.drill.settings import DrillSettings
from tests.unit.outage_life import SETTINGS, T0, T1, inventory

LENGTH = 3 * MINUTE
DRILL = Drill(
    id="drill-1",
    node="T1",
    starts_at=T0 + 5 * SECOND,
    ends_at=T0 + 5 * SECOND + LENGTH,
    received_at=T0,
    by="Li",
)
END = DRILL.ends_at + 10 * MINUTE


def detector(devices: Inventory | None = None) -> DrillDetector:
    return DrillDetector(devices or inventory(), SETTINGS, DrillSettings())


def play(
    it: DrillDetector, until: int = END, *, start: int = T0, step: int = SECOND, restart_every: int = 0
) -> list[Event]:
    events: list[Event] = []
    for i, at in enumerate(range(start, until + 1, step)):
        if restart_every and i % restart_every == 0:
            it.restore(it.snapshot())
        events += it.advance(at)
        assert it.questions() == []
    return events


def states(events: Sequence[Event]) -> dict[str, Incident]:
    return {event.incident.id: event.incident for event in events}


def test_an_exercise_runs_from_detection_to_its_end() -> None:
    it = detector()
    it.exercise(DRILL)
    events = play(it)
    (last,) = states(events).values()
    first = events[0].incident
    assert (first.kind, first.node, first.state) == (IncidentKind.OUTAGE, "T1", IncidentState.OPEN)
    assert DRILL.starts_at < first.detected_at <= DRILL.starts_at + GASPS_WITHIN
    assert first.started_at == DRILL.starts_at
    assert last.state is IncidentState.CLOSED
    assert DRILL.ends_at < (last.restored_at or 0) < DRILL.ends_at + MINUTE
    assert last.devices == tuple(T1)
    for event in events:
        assert event.interruptions == ()
        assert event.incident.drill == "drill-1"
        assert event.incident.id.startswith("drill-1:")
        assert event.incident.summary.startswith("DRILL: ")
    assert it.running is None
    assert it.open_ids() == frozenset()


@pytest.mark.parametrize("node", ["U1", "F1", "N3"])
def test_the_place_is_found_wherever_it_lies(node: str) -> None:
    it = detector()
    it.exercise(structs.replace(DRILL, node=node))
    events = play(it)
    first = next(event.incident for event in events if event.incident.state is IncidentState.OPEN)
    (last,) = states(events).values()
    assert last.node == first.node == node
    assert last.state is IncidentState.CLOSED


def test_where_there_is_no_feeder_above_all_below_the_root_take_part() -> None:
    it = detector()
    it.exercise(structs.replace(DRILL, node="S"))
    found = states(play(it))
    assert sorted(key for i in found.values() for key in i.devices) == list(range(24))
    assert {i.state for i in found.values()} == {IncidentState.CLOSED}


@pytest.mark.parametrize(("most", "around"), [(24, 18), (17, 12), (11, 6), (5, 6)])
def test_of_a_large_feeder_only_what_is_near_takes_part(
    most: int, around: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The feeder has 18 devices, a section 12, the transformer 6: those are in it however many they may be."""
    monkeypatch.setattr("processors.drill.scope.MOST_DEVICES", most)
    assert len(Scope(inventory(), "T1").keys) == around
    it = detector()
    it.exercise(DRILL)
    (incident,) = states(play(it)).values()
    assert (incident.node, incident.state) == ("T1", IncidentState.CLOSED)
    assert incident.devices == tuple(T1)


def test_it_is_deterministic_and_not_every_gasp_arrives() -> None:
    script = Script(DRILL, Scope(inventory(), "F1"), delivery_rate=0.8)
    again = Script(DRILL, Scope(inventory(), "F1"), delivery_rate=0.8)
    until = DRILL.ends_at - 1
    gasps = script.signals(0, until)
    assert gasps == again.signals(0, until)
    assert len(gasps) == 14  # of 18
    assert all(s.received_at <= DRILL.starts_at + GASPS_WITHIN for s in gasps)
    assert len({s.received_at for s in gasps}) > 10
    other = Script(structs.replace(DRILL, id="drill-2"), Scope(inventory(), "F1"), delivery_rate=0.8)
    assert {s.device for s in other.signals(0, until)} != {s.device for s in gasps}


def test_devices_elsewhere_keep_their_own_keys() -> None:
    """The feeder's devices have other keys in the exercise than in the whole."""
    whole = inventory(
        extra=[Device(id="X", node="F2"), Device(id="Y", node="T1", kind="terminal", customers=0)]
    )
    scope = Scope(whole, "T4")
    assert [whole.ids[key] for key in scope.keys] == [*(f"M{i}" for i in range(18, 24)), "X"]
    it = DrillDetector(whole, SETTINGS, DrillSettings())
    it.exercise(structs.replace(DRILL, node="T4"))
    (incident,) = states(play(it)).values()
    assert incident.devices == tuple(range(18, 24))


@settings(max_examples=15, deadline=None)
@given(restart_every=st.integers(1, 40), node=st.sampled_from(["T1", "F1"]))
def test_restarts_change_nothing(restart_every: int, node: str) -> None:
    drill = structs.replace(DRILL, node=node)
    whole, parts = detector(), detector()
    whole.exercise(drill)
    parts.exercise(drill)
    assert play(parts, restart_every=restart_every) == play(whole)


def test_a_gateway_that_was_away_plays_what_it_missed() -> None:
    it = detector()
    it.exercise(DRILL)
    before = play(it, T0 + 10 * SECOND)
    after = play(it, start=T0 + 2 * MINUTE)
    (last,) = states(before + after).values()
    assert last.state is IncidentState.CLOSED
    assert last.restored_at is not None
    assert last.restored_at > DRILL.ends_at


def test_an_exercise_is_ended_early_by_its_own_id() -> None:
    it = detector()
    it.exercise(DRILL)
    before = play(it, T0 + 80 * SECOND)
    it.exercise(structs.replace(DRILL, ends_at=T0 + 60 * SECOND))
    after = play(it, T0 + 4 * MINUTE, start=T0 + 81 * SECOND, restart_every=7)
    (last,) = states(before + after).values()
    assert last.state is IncidentState.CLOSED
    assert T0 + 80 * SECOND < (last.restored_at or 0) < T0 + 130 * SECOND


def test_an_early_end_of_an_exercise_that_is_forgotten_begins_none() -> None:
    it, middle = detector(), DRILL.starts_at + 2 * MINUTE
    it.exercise(DRILL)
    told = states(play(it, middle))
    it.reset()
    it.adopt(list(told.values()))
    it.advance(middle + SECOND)
    it.exercise(structs.replace(DRILL, ends_at=middle + SECOND))
    assert play(it, start=middle + 2 * SECOND) == []
    assert it.running is None


def test_idle_it_holds_next_to_nothing_and_takes_nothing_of_unknown_nodes() -> None:
    it = detector()
    assert len(it.snapshot()) < 200
    it.exercise(structs.replace(DRILL, node="elsewhere"))
    assert play(it, T0 + MINUTE) == []
    assert it.running is None
    it.exercise(DRILL)
    play(it)
    assert len(it.snapshot()) < 200


def test_a_further_exercise_takes_the_place_of_the_one_before() -> None:
    it = detector()
    it.exercise(DRILL)
    events = play(it, T0 + MINUTE)
    it.exercise(structs.replace(DRILL, id="drill-2", starts_at=T0 + MINUTE, ends_at=T0 + 4 * MINUTE))
    events += play(it, start=T0 + MINUTE + SECOND)
    first, second = states(events).values()
    assert (first.drill, first.state) == ("drill-1", IncidentState.CANCELLED)
    assert "broken off" in first.summary
    assert (second.drill, second.state) == ("drill-2", IncidentState.CLOSED)


def test_one_that_finds_no_end_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Exercise, "endless", property(lambda self: self.last > DRILL.ends_at + 2 * SECOND))
    it = detector()
    it.exercise(DRILL)
    events = play(it)
    revisions = [event.incident.revision for event in events]
    assert revisions == sorted(revisions)
    assert events[-1].incident.state is IncidentState.CANCELLED
    assert it.running is None


def test_what_people_say_of_an_exercise_is_obeyed() -> None:
    it = detector()
    it.exercise(DRILL)
    events = play(it, T0 + 50 * SECOND)
    name = events[-1].incident.id
    word = Instruction(id="i1", incident=name, order=Order.CONFIRM, received_at=T0 + 50 * SECOND, by="Li Wei")
    it.instruct(structs.replace(word, incident="out-real"))
    it.instruct(word)
    confirmed = states(play(it, T0 + 60 * SECOND, start=T0 + 51 * SECOND))[name]
    assert confirmed.confirmed_by == "Li Wei"
    it.instruct(structs.replace(word, id="i2", order=Order.CANCEL))
    events = play(it, start=T0 + 61 * SECOND)
    assert states(events)[name].state is IncidentState.CANCELLED
    assert it.running is None


def test_an_incident_whose_exercise_is_forgotten_is_withdrawn() -> None:
    it = detector()
    it.exercise(DRILL)
    known = play(it, T0 + MINUTE)[-1].incident
    lost = detector()
    real = structs.replace(known, id="out-1", drill="")
    lost.adopt([known, real])
    assert lost.open_ids() == {known.id}
    lost.restore(lost.snapshot())
    (event,) = lost.advance(T0 + 2 * MINUTE)
    assert event.incident.id == known.id
    assert event.incident.state is IncidentState.CANCELLED
    assert event.incident.revision == known.revision + 1
    assert lost.open_ids() == frozenset()


def test_an_incident_of_the_running_exercise_is_gone_on_with() -> None:
    it = detector()
    it.exercise(DRILL)
    known = play(it, T0 + MINUTE)[-1].incident
    later = detector()
    later.exercise(DRILL)
    later.advance(T0 + 6 * SECOND)
    later.adopt([known])
    assert later.open_ids() == {known.id}
    events = play(later, start=T0 + MINUTE + SECOND)
    assert {event.incident.id for event in events} == {known.id}
    assert events[-1].incident.state is IncidentState.CLOSED


def test_an_exercise_survives_another_inventory() -> None:
    it = detector()
    it.exercise(DRILL)
    before = play(it, T0 + MINUTE)
    more = detector(inventory(extra=[Device(id="new", node="N7"), Device(id="far", node="T4")]))
    more.restore(it.snapshot())
    (last,) = states(before + play(more, start=T0 + MINUTE + SECOND)).values()
    assert last.state is IncidentState.CLOSED
    nowhere = DrillDetector(Inventory([], Network(["Z"], [""], ["substation"])), SETTINGS, DrillSettings())
    nowhere.restore(it.snapshot())
    (event,) = nowhere.advance(T0 + 2 * MINUTE)
    assert event.incident.state is IncidentState.CANCELLED


def test_beginning_and_end_are_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "processors.drill.detector")
    it = detector()
    it.exercise(DRILL)
    play(it)
    found = [record for record in caplog.records if record.name == "processors.drill.detector"]
    assert [record.message for record in found] == ["exercise begins", "exercise is over"]
    assert {(vars(record)["drill"], vars(record)["node"]) for record in found} == {(DRILL.id, DRILL.node)}


def test_bytes_of_something_else_are_refused() -> None:
    it = detector()
    for state in (b"", b"feederline-outage-6\n", it.snapshot()[:-1]):
        with pytest.raises(ValueError, match="drill detector"):
            it.restore(state)
