"""Lost phases, roll-up and fault currents through the whole detector, second by second."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from gateway.core.clock import MINUTE, SECOND, parse_time
from gateway.core.inventory import Device, Inventory
from gateway.core.model import (
    GATEWAY,
    Batch,
    Event,
    Incident,
    IncidentKind,
    IncidentState,
    Signal,
    SignalKind,
    SupplyState,
)
from gateway.core.network import Network
from processors.outage.detector import OutageDetector
from processors.outage.settings import OutageSettings
from tests.unit.outage_cases import faults, interruptions, latest

T0 = parse_time("2026-03-01T08:00:00Z")
N = 9  # meters of a transformer
TRANSFORMERS = ("T1", "T2", "T3")
NETWORK = Network(
    ["S", "F", "U", *TRANSFORMERS, *(f"{t}-{i}" for t in TRANSFORMERS for i in range(N))],
    ["", "S", "F", "U", "U", "F", *(t for t in TRANSFORMERS for _ in range(N))],
    ["substation", "feeder", "fuse", *["transformer"] * 3, *["service"] * (3 * N)],
)
TERMINAL, SENSOR = 3 * N, 3 * N + 1


def world(*phases: str, others: Sequence[Device] = ()) -> Inventory:
    """`phases` of the meters in turn; the terminal hangs on T1, the sensor on U; `others` come last."""
    meters = [
        Device(id=f"M{t[1]}{i}", node=f"{t}-{i}", phases=phases[i % len(phases)], interval_s=60)
        for t in TRANSFORMERS
        for i in range(N)
    ]
    terminal = Device(id="X", node="T1", kind="terminal", customers=0, interval_s=60)
    sensor = Device(id="I", node="U", kind="sensor", customers=0, interval_s=60)
    return Inventory([*meters, terminal, sensor, *others], NETWORK)


class Play:
    """One tick a second; everyone is heard to be well in the first, and nothing fails."""

    def __init__(self, *phases: str, others: Sequence[Device] = ()) -> None:
        self.detector = OutageDetector(world(*phases, others=others), OutageSettings())
        self.at = T0
        self.events: list[Event] = []
        self.before = faults()
        self.volts(range(3 * N + 1), 230.0, 230.0, 230.0)
        self.tick()

    def volts(self, keys: range | list[int], *volts: float) -> None:
        names = ("voltage_a", "voltage_b", "voltage_c")[: len(volts)]
        rows = len(keys)
        self.detector.observe(Batch.of(names, list(keys), [self.at] * rows, [volts] * rows, source="mqtt:b"))

    def say(self, kind: SignalKind, keys: range | list[int], *, timed: bool = True) -> None:
        for key in keys:
            own = self.at - 200_000 if timed else None
            self.detector.notice(
                Signal(kind=kind, device=key, received_at=self.at, occurred_at=own, source="mqtt:b")
            )

    def tick(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            self.at += SECOND
            self.events += self.detector.advance(self.at)
        assert faults() == self.before

    def open(self) -> list[Incident]:
        return [i for i in latest(self.events) if i.state is IncidentState.OPEN]

    def told(self) -> list[tuple[str, str, str]]:
        return [(i.kind, i.node, i.phases) for i in self.open()]


def test_a_terminal_with_one_dead_phase_is_direct_evidence_of_its_loss_below() -> None:
    play = Play("A", "B", "C")
    play.volts([TERMINAL], 230.0, 0.0, 230.0)
    play.tick()
    assert play.told() == [("phase_loss", "T1", "B")]
    (loss,) = play.open()
    assert loss.direct
    assert loss.devices == (1, 4, 7)
    play.volts([TERMINAL], 0.0, 0.0, 0.0)
    play.tick()
    assert play.told() == [("outage", "T1", "ABC")]
    (outage,) = play.open()
    assert outage.devices == tuple(range(N))
    rows = {row.device: row.started_at for row in interruptions(play.events)}
    assert {rows[1], rows[4], rows[7]} == {
        loss.started_at
    }  # interrupted once, since the first phase was lost
    assert rows[0] > loss.started_at


def test_losses_of_two_phases_told_in_the_same_second_are_two_incidents() -> None:
    play = Play("A", "C", others=[Device(id="Y", node="T1", kind="terminal", customers=0, interval_s=60)])
    other = SENSOR + 1
    play.volts([other], 230.0, 230.0, 230.0)
    play.tick()
    play.volts([TERMINAL], 0.0, 230.0, 230.0)
    play.volts([other], 230.0, 230.0, 0.0)
    play.tick()
    assert play.told() == [("phase_loss", "T1", "A"), ("phase_loss", "T1", "C")]
    assert {event.incident.revision for event in play.events} == {1}
    play.tick(10)
    play.volts([TERMINAL], 230.0, 230.0, 230.0)
    play.volts(range(0, N, 2), 230.0)
    play.tick()
    assert play.told() == [("phase_loss", "T1", "C")]
    restored = OutageDetector(play.detector.inventory, OutageSettings())
    restored.restore(play.detector.snapshot())
    assert restored.book.at_node == play.detector.book.at_node
    assert list(restored.book.at_node) == ["T1"]


def test_a_terminal_takes_no_meters_from_the_loss_of_another_phase() -> None:
    play = Play("ABC")
    play.volts(range(N), 0.0, 230.0, 230.0)
    play.tick(12)
    assert play.told() == [("phase_loss", "T1", "A")]
    play.volts([TERMINAL], 230.0, 230.0, 0.0)
    play.tick(90)
    assert play.told() == [("phase_loss", "T1", "A")]
    assert len(latest(play.events)) == 1


def test_the_second_loss_of_a_phase_at_a_node_explains_what_it_loses() -> None:
    play = Play("A", "C", others=[Device(id="Y", node="T1", kind="terminal", customers=0, interval_s=60)])
    play.volts([SENSOR + 1], 230.0, 230.0, 230.0)
    play.tick()
    play.volts([TERMINAL], 0.0, 230.0, 230.0)
    play.volts([SENSOR + 1], 230.0, 230.0, 0.0)
    play.tick()
    book, node = play.detector.book, NETWORK.index("T1")
    for bit in (0b001, 0b100):
        assert book.mask(book.covering(node, bit)) == bit
    assert book.covering(node, 0b101) == -1


@pytest.mark.parametrize("wait", [7, 10, 11])
def test_a_loss_of_one_phase_and_a_terminals_of_another_stay_two(wait: int) -> None:
    play = Play("A", "C")
    play.volts(range(0, N, 2), 0.0)
    play.tick(wait)
    play.volts([TERMINAL], 230.0, 230.0, 0.0)
    play.tick(15)
    assert sorted(play.told()) == [("phase_loss", "T1", "A"), ("phase_loss", "T1", "C")]
    assert {event.incident.revision for event in play.events} == {1}


def test_a_terminals_loss_of_a_phase_draws_in_nobody_who_lost_another_one() -> None:
    play = Play("A", "ABC")
    play.volts(range(1, N, 2), 0.0, 230.0, 230.0)
    play.tick(5)
    play.volts([TERMINAL], 230.0, 230.0, 0.0)
    play.tick(15)
    assert [i.phases for i in latest(play.events)] == ["A"]


def test_words_count_reports_of_the_phase_that_was_lost_only() -> None:
    play = Play("A", "ABC")
    play.say(SignalKind.LAST_GASP, [1, 3])
    play.volts([TERMINAL], 230.0, 230.0, 0.0)
    play.tick()
    (loss,) = play.open()
    assert loss.evidence["reported"] == 2
    play.tick(5)
    play.volts([5, 7], 0.0, 230.0, 230.0)
    play.tick(2)
    assert play.open()[0].evidence["reported"] == 2


def test_a_customer_who_lost_one_of_three_phases_is_interrupted_until_it_is_back() -> None:
    play = Play("ABC")
    lost = play.at
    play.volts(range(N), 0.0, 230.0, 229.0)
    play.tick(12)
    assert play.told() == [("phase_loss", "T1", "A")]
    play.at += 5 * MINUTE
    back = play.at
    play.volts(range(N), 231.0, 230.0, 229.0)
    play.tick()
    rows = [row for row in interruptions(play.events) if row.state is SupplyState.OFF]
    assert [(row.device, row.started_at, row.ended_at) for row in rows] == [(k, lost, back) for k in range(N)]


def test_a_ping_of_a_three_phase_meter_says_nothing_against_the_loss_of_one_phase() -> None:
    play = Play("A", "ABC", "ABC")
    play.say(SignalKind.LAST_GASP, [0, 3, 6])
    play.tick(5)
    play.say(SignalKind.PING_OK, [1, 2])
    play.tick(8)
    assert play.told() == [("phase_loss", "T1", "A")]
    play.volts([1, 2, 4, 5, 7, 8], 230.0, 230.0, 230.0)
    play.tick(12)
    assert play.told() == [("outage", f"T1-{i}", "ABC") for i in (0, 3, 6)]  # all they are connected to


def test_one_dead_phase_that_a_meter_never_measured_before_does_not_make_the_others_dead() -> None:
    play = Play("ABC")
    play.volts([0], 230.0, float("nan"), float("nan"))
    play.detector.observe(Batch.of(("voltage_b",), [0], [play.at + 1], [[0.0]], source="mqtt:b"))
    play.tick()
    assert int(play.detector.evidence.lost[0]) == 0b010


def test_transformers_that_were_told_one_by_one_become_the_fuse_above_them() -> None:
    play = Play("A", "B", "C")
    play.say(SignalKind.LAST_GASP, range(6))
    play.tick(15)
    assert play.told() == [("outage", "T1", "ABC")]
    play.say(SignalKind.LAST_GASP, range(N, N + 6))
    play.tick(15)
    assert play.told() == [("outage", "U", "ABC")]
    merged = [i for i in latest(play.events) if i.state is IncidentState.MERGED]
    assert {i.node for i in merged} <= {"T1", "T2"}
    assert {i.parent for i in merged} == {play.open()[0].id}
    rows = [row for row in interruptions(play.events) if row.ended_at is None]
    assert len(rows) == len({row.device for row in rows}) == 2 * N


def test_a_feeder_whose_branch_lives_is_taken_back_and_split() -> None:
    play = Play("A", "B", "C")
    play.say(SignalKind.LAST_GASP, [*range(7), *range(N, N + 7), *range(2 * N, 2 * N + 2)])
    play.tick(12)
    assert play.told() == [("outage", "F", "ABC")]
    play.volts(range(2 * N + 2, 3 * N), 230.0)
    play.tick(5)
    assert play.told() == [("outage", "F", "ABC")]  # it may be restoration
    play.tick(7)
    assert {node for _, node, _ in play.told()} == {"U", "T3-0", "T3-1"}
    assert next(i for i in latest(play.events) if i.node == "F").state is IncidentState.CANCELLED


@pytest.mark.parametrize("set_", [0.0, 1.0])
def test_a_fault_current_is_named_and_makes_the_incident_surer(set_: float) -> None:
    play = Play("A", "B", "C")
    play.detector.observe(Batch.of(("fault_indicator",), [SENSOR], [play.at], [[set_]], source="mqtt:b"))
    play.tick(15)
    assert play.open() == []  # alone it says nothing about supply
    play.say(SignalKind.LAST_GASP, [0])
    play.tick(12)
    (outage,) = play.open()
    assert outage.node == "T1-0"
    assert outage.evidence.get("fault_indicators") == (["I"] if set_ else None)
    assert outage.confidence == (0.99 if set_ else 0.834)
    assert ("fault current passed I" in outage.summary) is bool(set_)


def test_gasps_without_a_time_take_that_of_those_that_have_one() -> None:
    play = Play("A", "B", "C")
    play.tick(50)
    lost = play.at - 200_000
    play.say(SignalKind.LAST_GASP, [0, 1], timed=True)
    play.say(SignalKind.LAST_GASP, range(2, 7), timed=False)
    play.tick(12)
    (outage,) = play.open()
    assert outage.started_at == lost
    assert {row.started_at for row in interruptions(play.events)} == {lost}


def test_many_silent_meters_and_no_dark_evidence_are_never_an_outage() -> None:
    play = Play("A", "B", "C")
    play.tick(300)
    assert {kind for kind, _, _ in play.told()} == {IncidentKind.COMMUNICATIONS_LOSS}


def test_who_cannot_be_heard_counts_neither_for_nor_against_a_fuse() -> None:
    play = Play("A", "B", "C")
    play.say(SignalKind.LAST_GASP, [0, 1])
    play.detector.notice(
        Signal(kind=SignalKind.CONNECTION_LOST, device=GATEWAY, received_at=play.at, source="mqtt:b")
    )
    play.tick(200)
    assert {node for _, node, _ in play.told()} <= {"T1", "T1-0", "T1-1"}
    assert {kind for kind, _, _ in play.told()} == {IncidentKind.OUTAGE}


def test_a_snapshot_keeps_phases_and_fault_currents() -> None:
    play = Play("ABC")
    play.detector.observe(Batch.of(("fault_indicator",), [SENSOR], [play.at], [[1.0]], source="mqtt:b"))
    play.volts(range(4), 0.0, 230.0, 230.0)
    play.tick(3)
    other = OutageDetector(world("ABC"), OutageSettings())
    other.restore(play.detector.snapshot())
    assert other.evidence.faulted == play.detector.evidence.faulted == {SENSOR: T0 + SECOND}
    assert np.array_equal(other.evidence.lost, play.detector.evidence.lost)
    play.detector = other
    play.tick(12)
    assert play.told() == [("phase_loss", "T1", "A")]


@pytest.mark.parametrize("dark", [1, 2, 3])
def test_feeders_that_are_dark_as_a_whole_become_their_substation(dark: int) -> None:
    feeders = ("F1", "F2", "F3")
    network = Network(
        ["S", *feeders, *(f"T{f}{i}" for f in feeders for i in range(2))],
        ["", *["S"] * 3, *(f for f in feeders for _ in range(2))],
        ["substation", *["feeder"] * 3, *["transformer"] * 6],
    )
    meters = [
        Device(id=f"M{f}{i}{k}", node=f"T{f}{i}", phases="ABC"[k % 3])
        for f in feeders
        for i in range(2)
        for k in range(8)
    ]
    play = Play("A")
    play.detector = OutageDetector(Inventory(meters, network), OutageSettings())
    play.events = []
    play.volts(range(48), 230.0)
    play.tick()
    for second in range(8):
        play.say(SignalKind.LAST_GASP, [key for key in range(16 * dark) if key % 12 == second])
        play.tick()
    play.tick(10)
    assert [node for _, node, _ in play.told()] == {1: ["F1"], 2: ["F1", "F2"], 3: ["S"]}[dark]
