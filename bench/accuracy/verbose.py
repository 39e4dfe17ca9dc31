"""One scenario told in full: what was so, what was heard, what was concluded."""

from __future__ import annotations

from bench.accuracy.hearing import START, Hearing
from bench.accuracy.networks import load
from bench.accuracy.play import detector, play
from bench.accuracy.scenarios import draw
from bench.accuracy.score import score
from gateway.core.clock import SECOND
from gateway.core.model import GATEWAY, Event, Question, Signal


def tell(network: str, kind: str, seed: int, p: float, *, answering: bool) -> None:
    """Print it. Times are seconds of the play."""
    grid = load(network)
    scenario = draw(grid, kind, seed)
    nodes, ids = grid.inventory.network.ids, grid.inventory.ids
    print(f"{network}, {kind}, seed {seed}, p {p:g}: {scenario.length:.0f} s")
    for spell in scenario.spells:
        print(
            f"  off: {nodes[spell.node]} phases {spell.mask:03b}, {len(spell.keys)} meters, "
            f"{spell.start:.1f} … {spell.end:.1f}"
        )
    for silence in scenario.silences:
        print(f"  silent: {len(silence.keys)} meters, {silence.start:.1f} … {silence.end:.1f}, {silence}")
    if scenario.absence:
        print(f"  gateway away: {scenario.absence}")
    for key, at in scenario.false_gasps:
        print(f"  false gasp: {ids[key]} at {nodes[grid.inventory.node[key]]}, {at:.1f}")

    def heed(what: Question | Signal | Event) -> None:
        if isinstance(what, Event):
            incident = what.incident
            started = (incident.started_at - START) / SECOND
            print(
                f"{(what.at - START) / SECOND:8.1f} {what.change:9} {incident.kind} {incident.id[:8]} at {incident.node} "
                f"{incident.phases} started {started:.1f} devices {len(incident.devices)} "
                f"parent {incident.parent[:8] or '-'} confidence {incident.confidence:.2f}: {incident.summary}"
            )
        elif isinstance(what, Question):
            print(f"{(what.asked_at - START) / SECOND:8.1f}    asks {ids[what.device]} to {what.purpose}")
        else:
            who = (
                "gateway"
                if what.device == GATEWAY
                else f"{ids[what.device]}@{nodes[grid.inventory.node[what.device]]}"
            )
            own = "" if what.occurred_at is None else f" (of {(what.occurred_at - START) / SECOND:.1f})"
            print(f"{(what.received_at - START) / SECOND:8.1f}    {what.kind} {who}{own} {what.source}")

    hearing = Hearing(grid, scenario, p)
    outcome = score(hearing, play(hearing, detector(grid.inventory), answering=answering, heed=heed))
    for miss in outcome.misses:
        print(f"  → {miss}")
    print(f"  → {len(outcome.misses)} misses; {outcome}")
