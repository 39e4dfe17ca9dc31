"""What people say about incidents, through the whole detector, second by second."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from gateway.core.clock import MINUTE
from gateway.core.inventory import Device
from gateway.core.model import (
    Batch,
    Change,
    Incident,
    IncidentKind,
    IncidentState,
    Instruction,
    Order,
    Signal,
    SignalKind,
)
from processors.outage.detector import OutageDetector
from processors.outage.metrics import IDLE_INSTRUCTIONS
from tests.unit.outage_cases import faults
from tests.unit.outage_life import METERS, SETTINGS, T0, T1, T2, T3, Life, inventory

OUTAGE, PHASE, LOSS = IncidentKind.OUTAGE, IncidentKind.PHASE_LOSS, IncidentKind.COMMUNICATIONS_LOSS
OPEN, RESTORED, CLOSED = IncidentState.OPEN, IncidentState.RESTORED, IncidentState.CLOSED
CANCELLED, MERGED = IncidentState.CANCELLED, IncidentState.MERGED
TERMINAL = METERS


def idle() -> float:
    return sum(
        sample.value
        for metric in IDLE_INSTRUCTIONS.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    )


class Told(Life):
    """A life in which people have a say; a terminal at T1."""

    def __init__(self, *, restart_every: int = 0) -> None:
        self.before = faults()
        terminal = Device(id="X", node="T1", kind="terminal", customers=0, interval_s=10)
        super().__init__(inventory(extra=[terminal]), restart_every=restart_every)
        self.busbar(230.0)
        self.tick(12)

    def busbar(self, volts: float) -> None:
        self.read(TERMINAL, volts=volts)

    def tell(
        self, order: Order, incident: str, *, into: str = "", node: str = "", by: str = "wang", why: str = ""
    ) -> None:
        """It has its effect at the next tick."""
        self.detector.instruct(
            Instruction(
                id=f"ins-{len(self.events)}",
                incident=incident,
                order=order,
                received_at=self.at,
                by=by,
                into=into,
                node=node,
                reason=why,
            )
        )
        self.tick()
        assert faults() == self.before

    def one(self, node: str, kind: IncidentKind = OUTAGE) -> Incident:
        (found,) = [i for i in self.of(kind, OPEN, RESTORED) if i.node == node]
        return found

    def now(self, incident: Incident) -> Incident:
        return self.incidents[incident.id]

    def lost(self, node: str, keys: Iterable[int]) -> Incident:
        self.lose(keys)
        self.tick(8)
        return self.one(node)


def test_what_is_confirmed_is_certain_and_names_nobody_in_its_words() -> None:
    life = Told()
    outage = life.lost("T1", T1)
    assert outage.confidence < 1.0
    life.tell(Order.CONFIRM, outage.id)
    now = life.now(outage)
    assert (now.confirmed_by, now.confidence, now.state) == ("wang", 1.0, OPEN)
    assert "confirmed by an operator" in now.summary
    assert "wang" not in now.summary + str(now.evidence)
    life.regain(T1)
    life.tick(120)
    assert (life.now(outage).state, life.now(outage).confirmed_by) == (CLOSED, "wang")


def test_a_second_confirmation_changes_nothing_and_is_counted() -> None:
    life = Told()
    outage = life.lost("T1", T1)
    life.tell(Order.CONFIRM, outage.id)
    count, revision = idle(), life.now(outage).revision
    life.tell(Order.CONFIRM, outage.id, by="li")
    assert idle() == count + 1
    assert (life.now(outage).revision, life.now(outage).confirmed_by) == (revision, "wang")


@pytest.mark.parametrize("confirmed", [False, True])
def test_what_is_confirmed_does_not_roll_up(confirmed: bool) -> None:
    life = Told()
    outage = life.lost("T1", T1)
    if confirmed:
        life.tell(Order.CONFIRM, outage.id)
    life.lost("T2" if confirmed else "U1", T2)
    assert life.now(outage).state is (OPEN if confirmed else MERGED)
    assert {i.node for i in life.of(OUTAGE, OPEN)} == ({"T1", "T2"} if confirmed else {"U1"})


def test_a_wider_outage_with_a_terminal_leaves_what_is_confirmed_below_it_alone() -> None:
    life = Told()
    outage = life.lost("N3", [3])
    life.tell(Order.CONFIRM, outage.id)
    life.off |= set(T1)
    life.busbar(0.0)
    life.tick(3)
    wide = life.one("T1")
    assert wide.direct
    assert (life.now(outage).state, life.now(outage).devices) == (OPEN, (3,))
    assert wide.devices == (0, 1, 2, 4, 5)


def test_what_is_confirmed_is_not_withdrawn_because_its_meter_goes_on_answering() -> None:
    life = Told()
    life.tick(2)
    life.say(SignalKind.LAST_GASP, 3)
    life.tick(6)
    outage = life.one("N3")
    life.tell(Order.CONFIRM, outage.id)
    life.tick(60)
    assert life.now(outage).state is CLOSED


def test_evidence_below_what_is_confirmed_joins_it() -> None:
    life = Told()
    outage = life.lost("T1", T1)
    life.tell(Order.SPLIT, outage.id, node="N5")
    part = life.one("N5")
    life.regain([5])
    life.tick(60)
    assert (life.now(part).state, life.now(outage).devices) == (CLOSED, tuple(T1[:5]))
    life.lose([5])
    life.tick(8)
    assert [i.id for i in life.of(OUTAGE, OPEN)] == [outage.id]
    assert life.now(outage).devices == tuple(T1)


def test_a_confirmed_loss_of_a_phase_that_grows_goes_on_as_the_outage() -> None:
    life = Told()
    life.off |= set(T1)
    for _ in range(2):
        life.detector.observe(
            Batch.of(
                ("voltage_a", "voltage_b", "voltage_c"),
                list(T1),
                [life.at] * 6,
                [[0.0, 230.0, 230.0]] * 6,
                source="mqtt:b",
            )
        )
        life.tick(6)
    loss = life.one("T1", PHASE)
    life.tell(Order.CONFIRM, loss.id)
    life.read(*T1, volts=0.0)
    life.tick(8)
    assert [i.id for i in life.of(OUTAGE)] == [loss.id]
    assert (life.now(loss).phases, life.now(loss).confirmed_by) == ("ABC", "wang")
    life.regain(T1)
    life.tick(120)
    assert life.now(loss).state is CLOSED


def test_what_is_cancelled_has_no_time_and_does_not_come_again_by_the_same_evidence() -> None:
    life = Told()
    outage = life.lost("T1", T1)
    life.tell(Order.CANCEL, outage.id, why="relays were tested")
    assert (life.now(outage).state, life.time(outage)) == (CANCELLED, {})
    assert (life.now(outage).ended_by, life.now(outage).ended_reason) == ("wang", "relays were tested")
    assert "withdrawn by an operator" in life.now(outage).summary
    life.read(*T1, volts=0.0)
    life.say(SignalKind.TARGET_FAILED, *T1)
    life.tick(30)
    assert life.of(OUTAGE, OPEN) == []


def test_gasps_after_the_word_open_it_again() -> None:
    life = Told()
    outage = life.lost("T1", T1)
    life.tell(Order.CANCEL, outage.id)
    life.tick(20)
    life.say(SignalKind.LAST_GASP, *T1)
    life.tick(8)
    again = life.one("T1")
    assert again.id != outage.id
    assert again.started_at > life.now(outage).ended_at  # type: ignore[operator]


def test_late_gasps_from_before_the_word_do_not() -> None:
    life = Told()
    life.lose(T1, gasps=T1[:4])
    then = life.at
    life.tick(8)
    outage = life.of(OUTAGE, OPEN)[0]
    life.tell(Order.CANCEL, outage.id)
    for key in T1[4:]:
        late = Signal(kind=SignalKind.LAST_GASP, device=key, received_at=life.at, occurred_at=then)
        life.detector.notice(late)
    life.tick(12)
    assert life.of(OUTAGE, OPEN) == []


def test_dark_again_after_supply_is_a_new_outage() -> None:
    life = Told()
    outage = life.lost("T1", T1)
    life.tell(Order.CANCEL, outage.id)
    life.regain(T1)
    life.tick(20)
    life.off |= set(T1)
    life.read(*T1, volts=0.0)
    life.tick(8)
    assert life.one("T1").id != outage.id


@pytest.mark.parametrize("restart_every", [0, 2])
def test_a_terminal_that_stays_as_it_was_does_not_open_what_is_cancelled(restart_every: int) -> None:
    life = Told(restart_every=restart_every)
    life.off |= set(T1)
    life.busbar(0.0)
    life.tick(2)
    outage = life.one("T1")
    life.tell(Order.CANCEL, outage.id)
    for _ in range(4):
        life.busbar(0.0)
        life.tick(5)
    assert life.of(OUTAGE, OPEN) == []
    life.busbar(230.0)
    life.tick(2)
    life.busbar(0.0)
    life.tick(2)
    assert life.one("T1").direct


def test_cancelling_what_is_restored_voids_what_was_told() -> None:
    life = Told()
    outage = life.lost("T1", T1)
    life.regain(T1)
    life.tick(3)
    assert life.now(outage).state is RESTORED
    life.tell(Order.CANCEL, outage.id)
    life.tick(60)
    assert life.time(outage) == {}
    assert life.of(OUTAGE, OPEN, RESTORED, CLOSED) == []


def test_a_cancelled_loss_of_communications_does_not_come_again_until_they_were_heard() -> None:
    life = Told()
    life.off |= set(range(METERS))
    life.tick(60)
    (loss,) = life.of(LOSS, OPEN)
    life.tell(Order.CANCEL, loss.id)
    life.tick(60)
    assert life.of(LOSS, OPEN) == []
    assert life.time(loss) == {}
    life.regain(T1)
    life.off |= set(T1)
    life.tick(120)
    assert {d for i in life.of(LOSS, OPEN) for d in i.devices} == set(T1)


def test_a_confirmed_loss_of_communications_ends_when_it_is_heard() -> None:
    life = Told()
    life.off |= set(range(METERS))
    life.tick(60)
    (loss,) = life.of(LOSS, OPEN)
    life.tell(Order.CONFIRM, loss.id)
    assert (life.now(loss).confirmed_by, life.now(loss).confidence) == ("wang", 1.0)
    assert "confirmed by an operator" in life.now(loss).summary
    life.regain(range(METERS))
    life.tick(60)
    assert life.now(loss).state is CLOSED


def test_a_merged_incident_goes_on_in_the_other_from_its_own_start() -> None:
    life = Told()
    first = life.lost("T1", T1)
    life.tell(Order.CONFIRM, first.id)
    other = life.lost("T3", T3)
    life.tell(Order.MERGE, other.id, into=first.id, why="same cable")
    now = life.now(first)
    assert (life.now(other).ended_by, life.now(other).ended_reason) == ("wang", "same cable")
    assert (now.ended_by, now.ended_reason) == ("", "")
    assert (life.now(other).state, life.now(other).parent) == (MERGED, first.id)
    assert (now.node, now.devices) == ("F1", (*T1, *T3))
    assert life.time(other) == {}
    assert life.time(first) == {
        key: [(round((start - T0) / MINUTE, 2), None)]
        for keys, start in ((T1, first.started_at), (T3, other.started_at))
        for key in keys
    }
    life.regain([*T1, *T3])
    life.tick(120)
    assert life.now(first).state is CLOSED


def test_a_merge_keeps_the_node_that_covers_the_other() -> None:
    life = Told()
    small = life.lost("N3", [3])
    life.tell(Order.CONFIRM, small.id)
    life.off |= set(T1)
    life.busbar(0.0)
    life.tick(3)
    wide = life.one("T1")
    life.tell(Order.MERGE, small.id, into=wide.id)
    assert (life.now(wide).node, life.now(wide).devices) == ("T1", tuple(T1))
    assert life.now(small).state is MERGED


def test_a_part_that_is_split_off_is_an_incident_of_its_own_and_stays_one() -> None:
    life = Told()
    wide = life.lost("U1", [*T1, *T2])
    life.tell(Order.SPLIT, wide.id, node="T2")
    part = life.one("T2")
    assert (part.parent, part.evidence["split_from"], part.confirmed_by) == (wide.id, wide.id, "wang")
    assert (part.devices, life.now(wide).devices) == (tuple(T2), tuple(T1))
    assert part.started_at == wide.started_at
    assert [event.change for event in life.events[-2:]] == [Change.UPDATED, Change.OPENED]
    life.say(SignalKind.LAST_GASP, *T1, *T2)
    life.tick(30)
    assert {i.id for i in life.of(OUTAGE, OPEN)} == {wide.id, part.id}
    spans = life.time(wide) | life.time(part)
    assert sorted(spans) == [*T1, *T2]
    assert all(len(told) == 1 for told in spans.values())
    life.regain(T2)
    life.tick(60)
    assert (life.now(part).state, life.now(wide).state) == (CLOSED, OPEN)


def test_the_id_of_a_part_follows_from_the_instruction() -> None:
    life = Told()
    wide = life.lost("U1", [*T1, *T2])
    life.tell(Order.SPLIT, wide.id, node="N3")
    again = Told()
    assert again.lost("U1", [*T1, *T2]).id == wide.id
    again.tell(Order.SPLIT, wide.id, node="N3")
    assert again.one("N3").id == life.one("N3").id  # of the instruction's id


def test_earlier_steps_move_with_their_members() -> None:
    life = Told()
    wide = life.lost("U1", [*T1, *T2])
    life.regain(T2[:3], told=True)
    life.tick(3)
    life.lose(T2[:3])
    life.tick(10)
    before = life.time(life.now(wide))
    assert len(before[T2[0]]) == 2
    life.tell(Order.SPLIT, wide.id, node="T2")
    after = life.time(wide) | life.time(life.one("T2"))
    assert after == before
    assert set(life.time(wide)) == set(T1)
    life.tell(Order.MERGE, life.one("T2").id, into=wide.id)
    assert life.time(wide) == before
    life.tell(Order.CANCEL, wide.id)
    assert life.time(wide) == {}


def test_those_left_over_of_a_restored_incident_can_be_split_off() -> None:
    life = Told()
    wide = life.lost("U1", [*T1, *T2])
    life.regain([*T1, *T2[1:]], told=True)
    life.tick(2)
    assert life.now(wide).state in (OPEN, RESTORED)
    life.tell(Order.SPLIT, wide.id, node="N6")
    assert (life.one("N6").state, life.one("N6").devices) == (OPEN, (6,))
    life.tick(60)
    assert (life.now(wide).state, life.one("N6").state) == (CLOSED, OPEN)


def test_what_cannot_be_done_changes_nothing_and_is_counted() -> None:
    life = Told()
    outage = life.lost("T1", T1)
    life.plan("PO", "T3", 0, 10)
    life.lose(T3)
    life.tick(10)
    (planned,) = life.of(IncidentKind.PLANNED_OUTAGE, OPEN)
    count, held = idle(), len(life.events)
    life.tell(Order.CONFIRM, planned.id)
    life.tell(Order.CANCEL, planned.id)
    life.tell(Order.CONFIRM, "inc-gone")
    life.tell(Order.MERGE, outage.id, into=planned.id)
    life.tell(Order.MERGE, outage.id, into=outage.id)
    life.tell(Order.MERGE, outage.id, into="inc-gone")
    life.tell(Order.SPLIT, outage.id, node="T2")  # no members there
    life.tell(Order.SPLIT, outage.id, node="T1")  # all of them
    life.tell(Order.SPLIT, outage.id, node="nowhere")
    assert idle() == count + 9
    assert len(life.events) == held
    life.tell(Order.CANCEL, "usage-7")  # another detector's
    assert idle() == count + 9


def test_what_people_said_survives_the_loss_of_the_snapshot_and_exercises_are_left_alone() -> None:
    life = Told()
    wide = life.lost("U1", [*T1, *T2])
    life.tell(Order.SPLIT, wide.id, node="T2")
    mine = [life.now(wide), life.one("T2")]
    drill = Incident(
        id="inc-drill", kind=OUTAGE, node="T4", phases="ABC", state=OPEN, started_at=life.at, detected_at=life.at,
        customers=6, devices=(18,), confidence=1.0, summary="", drill="d",
    )  # fmt: skip
    detector = OutageDetector(life.inventory, SETTINGS)
    detector.advance(life.at)
    detector.adopt([*mine, drill], list(life.rows.values()))
    assert detector.open_ids() == {incident.id for incident in mine}
    detector.republish(detector.open_ids())
    told = {event.incident.id: event.incident for event in detector.advance(life.at + 2_000_000)}
    assert {i.confirmed_by for i in told.values()} == {"wang"}
    assert told[mine[1].id].evidence["split_from"] == wide.id
