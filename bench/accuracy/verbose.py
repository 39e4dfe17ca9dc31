"""One scenario told in full: what was so, what was heard, what was concluded."""

from __future__ import annotations

from bench.accuracy.hearing import START, Hearing
from bench.accuracy.networks import Grid, load
from bench.accuracy.play import detector, play
from bench.accuracy.scenarios import draw
from bench.accuracy.score import score
from bench.accuracy.truth import Scenario
from gateway.core.clock import SECOND
from gateway.core.model import GATEWAY, Event, Question, Signal, SignalKind


def tell(network: str, kind: str, seed: int, p: float, *, answering: bool) -> None:
    """Print it. Times are seconds of the play; unanswered polls only of meters that something happens to."""
    grid = load(network)
    scenario = draw(grid, kind, seed)
    _tell_truth(grid, scenario, p)
    affected = {key for spell in scenario.spells for key in spell.keys.tolist()}
    affected |= {key for key, _ in scenario.false_gasps}

    def heed(what: Question | Signal | Event) -> None:
        if isinstance(what, Event):
            print(_event(what))
        elif isinstance(what, Question):
            print(
                f"{_s(what.asked_at)}    asks {_who(grid, what.device)} to {what.purpose} {what.incident[:8]}"
            )
        elif what.kind is not SignalKind.NO_ANSWER or what.device in affected:
            own = "" if what.occurred_at is None else f" (of {_s(what.occurred_at).strip()})"
            print(f"{_s(what.received_at)}    {what.kind} {_who(grid, what.device)}{own} {what.source}")

    hearing = Hearing(grid, scenario, p)
    outcome = score(hearing, play(hearing, detector(grid.inventory), answering=answering, heed=heed))
    for miss in outcome.misses:
        print(f"  → {miss}")
    print(f"  → {outcome}")


def _tell_truth(grid: Grid, scenario: Scenario, p: float) -> None:
    nodes, ids = grid.inventory.network.ids, grid.inventory.ids
    print(f"{grid.name}, {scenario.kind}, seed {scenario.seed}, p {p:g}: {scenario.length:.0f} s")
    for spell in scenario.spells:
        phases = "".join(letter for i, letter in enumerate("ABC") if spell.mask >> i & 1)
        print(
            f"  off: {nodes[spell.node]} {phases}, {len(spell.keys)} meters, {spell.start:.1f} … {spell.end:.1f}"
        )
    for silence in scenario.silences:
        meters = " ".join(ids[key] for key in silence.keys[:5].tolist())
        print(
            f"  silent: {len(silence.keys)} meters ({meters} …), {silence.start:.1f} … {silence.end:.1f}, "
            f"session {silence.session}, concentrator {silence.concentrator}, kept {silence.kept}"
        )
    if scenario.absence:
        print(f"  gateway away: {scenario.absence}")
    for key, at in scenario.false_gasps:
        print(f"  false gasp: {_who(grid, key)}, {at:.1f}")


def _event(event: Event) -> str:
    incident = event.incident
    return (
        f"{_s(event.at)} {event.change:9} {incident.kind} {incident.id[:8]} at {incident.node} {incident.phases}, "
        f"started {_s(incident.started_at).strip()}, {len(incident.devices)} devices, "
        f"parent {incident.parent[:8] or '-'}, confidence {incident.confidence:.2f}: {incident.summary}"
    )


def _who(grid: Grid, key: int) -> str:
    inventory = grid.inventory
    if key == GATEWAY:
        return "gateway"
    how = f"{inventory.phase_letters(key)}, {int(grid.interval_s[key])} s"
    return f"{inventory.ids[key]}@{inventory.network.ids[int(inventory.node[key])]} ({how})"


def _s(at: int) -> str:
    return f"{(at - START) / SECOND:8.1f}"
