"""What the detector made of a scenario against what was so.

An incident *stands* if it is an outage, phase loss, momentary or planned outage that was neither cancelled nor merged;
its members are the metering points it gives time off to. A true outage is *found* by a standing incident that overlaps
it in time (two minutes' slack) and whose members and the points truly affected have a Jaccard index of at least a half;
each finds at most one. What names a found one as its parent, and whose members were off, is a part of its story and
counts neither way; every other standing incident is *false*: *invented* if less than half of its members were off.
A true outage is *unheard* if nothing said so of any of its points while it lasted: no gasp, exception 0x0B or phase at
zero arrived. Nothing then tells it from points that are merely silent, until a restore message may.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bench.accuracy.hearing import Hearing, micros
from bench.accuracy.play import Play
from bench.accuracy.truth import Truth
from gateway.core.clock import SECOND
from gateway.core.model import Event, Incident, IncidentKind, IncidentState, Interruption, SupplyState

HOLD_OFF_S = 60.0
_SLACK = 120 * SECOND
_ENOUGH = 0.5
_WITHDRAWN = {IncidentState.CANCELLED, IncidentState.MERGED}
_SUPPLY = {
    IncidentKind.OUTAGE,
    IncidentKind.PHASE_LOSS,
    IncidentKind.MOMENTARY,
    IncidentKind.PLANNED_OUTAGE,
}
_TICKETED = {IncidentKind.OUTAGE, IncidentKind.PHASE_LOSS, IncidentKind.MOMENTARY}
_FOREVER = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One true outage. Errors and delays are seconds; None where it was not found."""

    customers: int
    heard: bool
    found: bool = False
    node_exact: bool = False
    kind_right: bool = False
    start_error_s: float | None = None
    delay_s: float | None = None
    member_precision: float | None = None
    member_recall: float | None = None


@dataclass(slots=True, kw_only=True)
class Outcome:
    """One play. `misses` says in words what went wrong."""

    kind: str
    seed: int
    p: float
    network: str
    truths: list[Found] = field(default_factory=list)
    false: int = 0
    invented: int = 0
    silence_called_outage: int = 0  # invented, or ticketed and withdrawn, over meters that could not be heard
    false_tickets: int = 0  # invented, and alive when a ticket's hold-off is over
    superfluous_tickets: int = (
        0  # likewise, but about points that were off: merged or cancelled later, or a fragment
    )
    questions: int = 0
    misses: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Told:
    """One incident over the whole play."""

    last: Incident
    first_at: int
    over_at: int = _FOREVER  # restored, cancelled or merged
    members: set[int] = field(default_factory=set)
    everyone: set[int] = field(default_factory=set)  # who ever was a member

    @property
    def stands(self) -> bool:
        return self.last.kind in _SUPPLY and self.last.state not in _WITHDRAWN

    @property
    def ticketed(self) -> bool:
        hold_off = 0 if self.last.direct else round(HOLD_OFF_S * SECOND)
        return self.last.kind in _TICKETED and self.over_at >= self.first_at + hold_off

    def overlaps(self, truth: Truth) -> bool:
        start, end = micros(truth.start) - _SLACK, micros(truth.end) + _SLACK
        return self.last.started_at <= end and (self.last.ended_at or _FOREVER) >= start


def score(hearing: Hearing, played: Play) -> Outcome:
    scenario, grid = hearing.scenario, hearing.grid
    outcome = Outcome(
        kind=scenario.kind, seed=scenario.seed, p=hearing.p, network=grid.name, questions=played.questions
    )
    told = _told(played.events)
    standing = {i: t for i, t in told.items() if t.stands}
    pairs = _pairs(standing, scenario.truths)
    by_truth = {truth: incident for incident, truth in pairs.items()}
    for number, truth in enumerate(scenario.truths):
        incident = by_truth.get(number)
        found = _found(hearing, truth, told[incident] if incident is not None else None)
        outcome.truths.append(found)
        if not found.found:
            heard = "" if found.heard else ", unheard"
            outcome.misses.append(f"missed {_name(hearing, truth)}, {len(truth.points)} points{heard}")
        elif not (found.node_exact and found.kind_right) and incident is not None:
            outcome.misses.append(f"{_name(hearing, truth)} told as {_words(told[incident])}")
    for i, one in told.items():
        if i in pairs or one.last.kind not in _SUPPLY:
            continue
        _judge_unmatched(outcome, hearing, one, is_part=one.last.parent in pairs)
    return outcome


def _told(events: list[Event]) -> dict[str, _Told]:
    told: dict[str, _Told] = {}
    rows: dict[tuple[str, int, int], Interruption] = {}
    for event in events:
        one = told.setdefault(event.incident.id, _Told(event.incident, event.at))
        one.last = event.incident
        over = event.incident.state is not IncidentState.OPEN
        one.over_at = min(one.over_at, event.at) if over else _FOREVER
        one.everyone.update(event.incident.devices)
        for row in event.interruptions:
            rows[row.incident, row.device, row.step] = row
    for (incident, device, _), row in rows.items():
        if row.state is SupplyState.OFF and row.ended_at != row.started_at:
            told[incident].members.add(device)
    return told


def _pairs(standing: dict[str, _Told], truths: list[Truth]) -> dict[str, int]:
    """incident -> number of the truth it finds, best matches first."""
    parts: dict[str, set[int]] = {}
    for one in standing.values():
        parts.setdefault(one.last.parent, set()).update(one.members)
    likeness = []
    for i, one in standing.items():
        for number, truth in enumerate(truths):
            if one.overlaps(truth):
                whole = one.members | parts.get(i, set())
                found = max(_jaccard(one.members, truth), _jaccard(whole, truth))
                if found >= _ENOUGH:
                    likeness.append((found, i, number))
    pairs: dict[str, int] = {}
    for _, i, number in sorted(likeness, key=lambda found: (-found[0], found[1])):
        if i not in pairs and number not in pairs.values():
            pairs[i] = number
    return pairs


def _jaccard(members: set[int], truth: Truth) -> float:
    shared = set(truth.shared.tolist())
    points, mine = set(truth.points.tolist()) - shared, members - shared
    return len(points & mine) / max(1, len(points | mine))


def _found(hearing: Hearing, truth: Truth, one: _Told | None) -> Found:
    inventory = hearing.grid.inventory
    customers = int(inventory.customers[truth.points].sum())
    heard = bool(hearing.told & set(truth.points.tolist()))
    if one is None:
        return Found(customers=customers, heard=heard)
    started = one.last.started_at
    late, early = started - micros(truth.latest), micros(truth.start) - started
    away = hearing.scenario.absence
    from_ = max(truth.start, away.end) if away and away.start <= truth.start < away.end else truth.start
    shared = set(truth.shared.tolist())
    points, mine = set(truth.points.tolist()), one.members
    kind = one.last.kind
    return Found(
        customers=customers,
        heard=heard,
        found=True,
        node_exact=_same_node(hearing, truth, one.last.node),
        kind_right=kind is truth.kind and (truth.mask == 7 or one.last.phases == "ABC"[truth.mask // 2]),
        start_error_s=max(0, late, early) / SECOND,
        delay_s=(one.first_at - micros(from_)) / SECOND,
        member_precision=len(mine & points) / len(mine) if mine else 0.0,
        member_recall=len(mine & (points - shared)) / len(points - shared) if points - shared else 1.0,
    )


def _same_node(hearing: Hearing, truth: Truth, node: str) -> bool:
    """The very node, or one with the same meters below: nothing can tell these apart."""
    network, grid = hearing.grid.inventory.network, hearing.grid
    if node not in network:
        return False
    phases = grid.inventory.phases
    told, true = grid.below(network.index(node)), truth.points
    if truth.mask != 7:
        told = told[phases[told] & truth.mask > 0]
    return bool(np.array_equal(np.sort(told), np.sort(true)))


def _judge_unmatched(outcome: Outcome, hearing: Hearing, one: _Told, *, is_part: bool) -> None:
    scenario = hearing.scenario
    off = {k for truth in scenario.truths if one.overlaps(truth) for k in truth.points.tolist()}
    members = one.members if one.stands else one.everyone
    invented = len(members & off) < _ENOUGH * max(1, len(members))
    if one.stands and not (is_part and not invented):
        outcome.false += 1
        outcome.invented += invented
        outcome.misses.append(f"{'invented' if invented else 'beside the truth'}: {_words(one)}")
    if one.ticketed and not (one.stands and is_part and not invented):
        outcome.false_tickets += invented
        outcome.superfluous_tickets += not invented
        if not one.stands:
            outcome.misses.append(f"withdrawn after its ticket: {_words(one)}")
    if invented and (one.stands or one.ticketed) and _unheard(hearing, one, members):
        outcome.silence_called_outage += 1


def _unheard(hearing: Hearing, one: _Told, members: set[int]) -> bool:
    scenario = hearing.scenario
    if scenario.absence and one.first_at >= micros(scenario.absence.start):
        return True
    quiet = {k for s in scenario.silences if one.first_at >= micros(s.start) for k in s.keys.tolist()}
    return len(members & quiet) >= _ENOUGH * max(1, len(members))


def _name(hearing: Hearing, truth: Truth) -> str:
    phases = "" if truth.mask == 7 else f" phase {'ABC'[truth.mask // 2]}"
    return f"{truth.kind} of {hearing.grid.inventory.network.ids[truth.node]}{phases}"


def _words(one: _Told) -> str:
    last, started = one.last, (one.last.started_at - micros(0)) / SECOND
    seen = (one.first_at - micros(0)) / SECOND
    return (
        f"{last.kind} at {last.node} ({last.phases}, {last.state}), {len(one.members)} members of "
        f"{len(one.everyone)} ever, started {started:.0f} s, told {seen:.0f} s"
    )
