"""Restarts and other cuts of the same stream change nothing: neither what is told nor what is asked."""

from __future__ import annotations

from itertools import pairwise
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.model import IncidentKind, IncidentState, Instruction, Order, Question, SignalKind
from tests.unit.outage_cases import faults
from tests.unit.outage_life import LIVE, METERS, SETTINGS, T0, T1, T2, T3, T4, Life, inventory

ASKING = SETTINGS.model_copy(update={"ask_below": 1.0, "ask_per_minute": 6})
GROUPS = [[*T1], [*T2], [*T1, *T2], [*T3], [*T1, *T2, *T3], [*T4], [0], [3, 4, 5]]
NODES = ["U1", "T1", "F1", "N3", "nowhere"]
Act: TypeAlias = tuple[str, int, int]

_group, _number = st.integers(0, len(GROUPS) - 1), st.integers(0, 9)
_act: st.SearchStrategy[Act] = st.tuples(
    st.sampled_from(
        [
            "lose",
            "lose",
            "hush",
            "regain",
            "told",
            "zero",
            "plan",
            "withdraw",
            "doubt",
            "wait",
            "wait",
            "instruct",
        ]
    ),
    _group,
    _number,
)
_said: st.SearchStrategy[Act] = st.tuples(st.sampled_from(list(Order)), _group, _number)
_acts = st.lists(_act, min_size=2, max_size=14) | st.lists(_act | _said, min_size=4, max_size=10)
_answers = st.sampled_from(["none", "truth", "failed"])


def instruct(life: Life, order: Order, which: int, number: int) -> None:
    """A person's word about one of what is open, or about one that is not any more."""
    known = list(life.incidents)
    going = [name for name in known if life.incidents[name].state in LIVE] or known
    if not going:
        return
    incident = life.incidents[going[which % len(going)]]
    member = incident.devices[number % len(incident.devices)]
    life.detector.instruct(
        Instruction(
            id=f"ins-{life.at}",
            incident=incident.id,
            order=order,
            received_at=life.at,
            by="somebody",
            into=going[(which + 1 + number % 2) % len(going)],
            node=f"T{1 + member // 6}" if number % 3 else f"N{member}",
        )
    )


def live(acts: list[Act], answers: str, *, restart_every: int = 0, chunk: int = METERS) -> Life:
    life = Life(
        inventory(lambda key: {"cell": str(key // 12)}), ASKING, restart_every=restart_every, chunk=chunk
    )
    dark: set[int] = set()  # without supply; the others that are off only say nothing

    def answer(question: Question) -> SignalKind | None:
        if answers == "none":
            return None
        well = answers == "truth" and question.device not in life.off
        return SignalKind.PING_OK if well else SignalKind.PING_FAILED

    life.answer = answer
    life.tick(12)
    for act, group, number in acts:
        keys = GROUPS[group]
        match act:
            case "lose":
                dark |= set(keys)
                life.lose(keys, gasps=keys[number % 3 :])
            case "hush":
                life.off |= set(keys)
            case "regain" | "told":
                life.regain(keys, told=act == "told")
                dark -= set(keys)
            case "zero":
                life.read(*(key for key in keys if key in dark), volts=0.0)
            case "plan" | "withdraw":
                minute = round((life.at - T0) / 60e6)
                node = NODES[number % len(NODES)]
                life.plan(
                    f"PO-{group}", node, minute - 1, minute + 1 + number // 4, withdrawn=act == "withdraw"
                )
            case Order():
                life.tick(6)  # there is something to talk about
                instruct(life, act, group, number)
            case "doubt":
                life.say(SignalKind.PING_FAILED, *keys)
            case _:
                life.tick(6 * number)
        life.tick(2)
    life.regain(range(METERS))
    life.tick(330)
    return life


@settings(max_examples=8, deadline=None)
@given(_acts, _answers, st.integers(2, 9), st.integers(1, 7))
def test_restarts_and_cuts_change_neither_events_nor_questions(
    acts: list[Act], answers: str, restart_every: int, chunk: int
) -> None:
    before = faults()
    whole = live(acts, answers)
    for other in (live(acts, answers, restart_every=restart_every), live(acts, answers, chunk=chunk)):
        assert other.events == whole.events
        assert other.questions == whole.questions
    assert faults() == before


@settings(max_examples=15, deadline=None)
@given(_acts, _answers)
def test_every_life_ends_and_no_time_is_told_twice(acts: list[Act], answers: str) -> None:
    before = faults()
    life = live(acts, answers)
    assert [i for i in life.incidents.values() if i.state in LIVE] == []
    assert [row for row in life.rows.values() if row.ended_at is None] == []
    assert all(row.ended_at is None or row.ended_at >= row.started_at for row in life.rows.values())
    spans: dict[int, list[tuple[int, int]]] = {}
    for row in life.rows.values():
        if row.ended_at is not None and row.ended_at > row.started_at:
            spans.setdefault(row.device, []).append((row.started_at, row.ended_at))
    for device, told in spans.items():
        told.sort()
        overlaps = [(a, b) for a, b in pairwise(told) if a[1] > b[0]]
        assert overlaps == [], device
    for incident in life.incidents.values():
        planned = incident.kind is IncidentKind.PLANNED_OUTAGE
        assert ("reference" in incident.evidence) == planned
        assert incident.state is not IncidentState.OPEN
    assert faults() == before
