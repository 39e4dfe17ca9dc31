"""Momentary interruptions, reclosing sequences, steps of restoration, and what is left over at every level."""

from __future__ import annotations

import pytest

from gateway.core.clock import SECOND
from gateway.core.model import IncidentKind, IncidentState, Signal, SignalKind
from processors.outage.settings import OutageSettings
from tests.unit.outage_cases import faults
from tests.unit.outage_life import SETTINGS, T1, T2, T3, T4, Life

OUTAGE, MOMENTARY = IncidentKind.OUTAGE, IncidentKind.MOMENTARY
OPEN, RESTORED, CLOSED = IncidentState.OPEN, IncidentState.RESTORED, IncidentState.CLOSED


@pytest.fixture(autouse=True)
def _no_fault() -> object:
    before = faults()
    yield
    assert faults() == before


def off_for(seconds: int, settings: OutageSettings = SETTINGS) -> Life:
    life = Life(settings=settings)
    life.until(2)
    life.lose(T1)
    life.tick(seconds)
    life.regain(T1)
    life.tick(60)
    return life


@pytest.mark.parametrize(
    ("seconds", "comparator", "kind"),
    [
        (59, ">", MOMENTARY),
        (60, ">", MOMENTARY),
        (61, ">", OUTAGE),
        (59, ">=", MOMENTARY),
        (60, ">=", OUTAGE),
    ],
)
def test_what_is_sustained_is_configuration_to_the_second(
    seconds: int, comparator: str, kind: IncidentKind
) -> None:
    life = off_for(seconds, SETTINGS.model_copy(update={"sustained_comparator": comparator}))
    assert [(i.kind, i.state) for i in life.incidents.values()] == [(kind, CLOSED)]


def test_kind_is_told_as_momentary_at_the_end_only() -> None:
    life = off_for(20)
    kinds = [(e.incident.state, e.incident.kind) for e in life.events]
    assert (RESTORED, OUTAGE) in kinds
    assert kinds[-1] == (CLOSED, MOMENTARY)


def sequence(life: Life, *, told: bool) -> None:
    """Off 10 s, on 8 s, off 10 s, on."""
    life.until(2)
    for _ in range(2):
        life.lose(T1)
        life.tick(10)
        life.regain(T1, told=told)
        life.tick(8)


@pytest.mark.parametrize("told", [True, False])
def test_a_reclosing_sequence_is_one_momentary_incident_with_steps(told: bool) -> None:
    life = Life()
    sequence(life, told=told)
    life.tick(60)
    (incident,) = life.incidents.values()
    assert (incident.kind, incident.state) == (MOMENTARY, CLOSED)
    assert life.time(incident) == {key: [(2, 2.17), (2.3, 2.47)] for key in T1}


def test_parts_of_a_sequence_shorter_than_the_collecting_window_are_steps_too() -> None:
    life = Life()
    life.until(2)
    life.lose(T1)
    life.tick(8)
    life.regain(T1, told=True)
    life.tick(4)
    life.lose(T1)
    life.tick(2)
    life.regain(T1, told=True)
    life.tick(60)
    (incident,) = life.incidents.values()
    assert (incident.kind, incident.state) == (MOMENTARY, CLOSED)
    assert {len(spans) for spans in life.time(incident).values()} == {2}


def test_a_lockout_after_a_sequence_makes_it_an_outage() -> None:
    life = Life()
    sequence(life, told=True)
    life.lose(T1)
    life.tick(100)
    (incident,) = life.incidents.values()
    assert (incident.kind, incident.state) == (OUTAGE, OPEN)
    life.regain(T1)
    life.tick(60)
    (incident,) = life.incidents.values()
    assert (incident.kind, incident.state) == (OUTAGE, CLOSED)
    assert {len(spans) for spans in life.time(incident).values()} == {3}


def test_long_after_the_last_return_it_is_another_incident() -> None:
    life = off_for(20)
    life.lose(T1)
    life.tick(20)
    assert [i.state for i in life.incidents.values()] == [CLOSED, OPEN]


def test_a_gasp_and_a_restore_message_within_the_collecting_window_are_counted() -> None:
    life = Life()
    life.until(2)
    life.lose(T1)
    life.tick(2)
    life.regain(T1, told=True)
    life.tick(60)
    (incident,) = life.incidents.values()
    assert (incident.kind, incident.state, incident.devices) == (MOMENTARY, CLOSED, tuple(T1))
    assert life.time(incident) == {key: [(2, 2.03)] for key in T1}


def test_part_of_a_fuse_comes_back_by_switching_and_the_rest_stays_off() -> None:
    life = Life()
    life.until(2)
    life.lose([*T1, *T2])
    life.tick(20)
    assert [i.node for i in life.incidents.values()] == ["U1"]
    life.regain(T2)
    life.tick(10)
    (incident,) = life.of(OUTAGE, OPEN)
    assert "6 of 12 have supply again" in incident.summary
    life.tick(40)
    rest = life.of(OUTAGE, OPEN)
    assert [(i.node, i.parent, i.devices) for i in rest] == [("T1", incident.id, tuple(T1))]
    assert {spans[0][0] for spans in life.time(rest[0]).values()} == {2}
    life.regain([0, 1, 2, 3])
    life.tick(50)
    left = life.of(OUTAGE, OPEN)
    assert sorted(i.node for i in left) == ["N4", "N5"]
    assert {i.parent for i in left} == {rest[0].id}
    life.regain([4, 5])
    life.tick(60)
    assert life.of(OUTAGE, OPEN, RESTORED) == []
    off = {key: spans for i in life.incidents.values() for key, spans in life.time(i).items()}
    assert {key: len(spans) for key, spans in off.items()} == dict.fromkeys([*T1, *T2], 1)


def test_other_feeders_are_named() -> None:
    life = Life()
    life.until(2)
    life.lose(T3)
    life.tick(10)
    assert "no other feeder affected" in life.of(OUTAGE)[0].summary
    life.lose(T4)
    life.tick(12)
    other = next(i for i in life.of(OUTAGE) if set(i.devices) & set(T4))
    assert "feeder F1 affected too" in other.summary
    assert other.evidence["other_feeders"] == 1


def test_devices_with_wrong_clocks_are_listed() -> None:
    life = Life()
    life.until(2)
    assert life.detector.clock_faults() == []
    life.off.add(7)
    life.detector.notice(gasp(life, 7))
    life.tick(5)
    assert life.detector.clock_faults() == ["M7"]


def gasp(life: Life, device: int) -> Signal:
    return Signal(
        kind=SignalKind.LAST_GASP, device=device, received_at=life.at, occurred_at=life.at - 86_400 * SECOND
    )


def test_what_silence_made_larger_stands_while_nothing_new_is_told() -> None:
    """Gasps of one transformer, then silence of the feeder's others beside living neighbours: told once, not every
    second anew."""
    life = Life()
    life.until(5)
    life.lose(T1)
    life.off |= {*T2, *T3}
    life.tick(60)
    assert [i.node for i in life.of(OUTAGE, OPEN)] == ["F1"]
    assert len(life.of(OUTAGE)) <= 2
