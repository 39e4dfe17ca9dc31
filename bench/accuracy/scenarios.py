"""Random scenarios: what truly happens in a network, apart from what is heard of it. Times are seconds of the play."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.accuracy.networks import Grid
from bench.accuracy.truth import WARM_UP_S, Absence, Scenario, Silence, Spell, Truth
from gateway.core.model import IncidentKind, Int64s
from gateway.core.network import NodeKind

SUSTAINED_S = 300.0
"""Longer than this is no momentary interruption (IEEE 1366, the detector's default)."""
_LATERALS = (NodeKind.FUSE, NodeKind.SECTION, NodeKind.SWITCH, NodeKind.RECLOSER)
_MOST = 0.6  # share of the network's meters that a lateral has at most


def draw(grid: Grid, kind: str, seed: int) -> Scenario:
    """The scenario of a kind and a seed: the same arguments give the same scenario."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    scenario = Scenario(kind=kind, seed=seed)
    _DRAW[kind](_Author(grid, rng, scenario))
    return scenario


class _Author:
    def __init__(self, grid: Grid, rng: np.random.Generator, scenario: Scenario) -> None:
        self.grid = grid
        self.network = grid.inventory.network
        self.rng = rng
        self.scenario = scenario
        nodes = np.arange(len(self.network))
        self.counts = grid.first[nodes + self.network.size] - grid.first[nodes]
        self.start = WARM_UP_S + float(rng.uniform(0, 300))

    # -- words -------------------------------------------------------------------------------------------------------

    def node(self, *kinds: NodeKind, least: int = 1, most: float = 1.0) -> int:
        """A node of one of the kinds with at least so many meters; any transformer if there is none."""
        fits = np.isin(self.network.kind, kinds) & (self.counts >= least)
        fits &= self.counts <= most * len(self.grid.points)
        if not fits.any():
            fits = (self.network.kind == NodeKind.TRANSFORMER) & (self.counts > 0)
        return int(self.rng.choice(np.flatnonzero(fits)))

    def lateral(self) -> int:
        return self.node(*_LATERALS, least=3, most=_MOST)

    def transformer(self) -> int:
        return self.node(NodeKind.TRANSFORMER, least=2)

    def duration(self, low_s: float = 480.0, high_s: float = 3_600.0) -> float:
        return float(np.exp(self.rng.uniform(np.log(low_s), np.log(high_s))))

    def affected(self, node: int, mask: int = 7) -> Int64s:
        keys = self.grid.below(node)
        return keys[self.grid.inventory.phases[keys] & mask > 0]

    def off(self, node: int, start: float, end: float, mask: int = 7) -> None:
        spell = Spell(node=node, mask=mask, start=start, end=end, keys=self.affected(node, mask))
        self.scenario.spells.append(spell)

    def tell(
        self,
        node: int,
        start: float,
        end: float,
        *,
        mask: int = 7,
        latest: float | None = None,
        shared: Int64s | None = None,
    ) -> None:
        kind = IncidentKind.OUTAGE if end - start > SUSTAINED_S else IncidentKind.MOMENTARY
        self.scenario.truths.append(
            Truth(
                kind=IncidentKind.PHASE_LOSS if mask != 7 else kind,
                node=node,
                mask=mask,
                start=start,
                latest=start if latest is None else latest,
                end=end,
                points=self.affected(node, mask),
                shared=np.empty(0, np.int64) if shared is None else shared,
            )
        )

    def outage(self, node: int, start: float | None = None, end: float | None = None, mask: int = 7) -> None:
        start = self.start if start is None else start
        end = start + self.duration() if end is None else end
        self.off(node, start, end, mask)
        self.tell(node, start, end, mask=mask)

    # -- scenarios ---------------------------------------------------------------------------------------------------

    def calm(self) -> None:
        pass

    def service(self) -> None:
        self.outage(self.node(NodeKind.SERVICE))

    def one_transformer(self) -> None:
        self.outage(self.transformer())

    def fuse(self) -> None:
        self.outage(self.lateral())

    def feeder(self) -> None:
        self.outage(self.node(NodeKind.FEEDER))

    def phase(self) -> None:
        node = self.transformer() if self.rng.random() < 0.6 else self.lateral()
        masks = [mask for mask in (1, 2, 4) if len(self.affected(node, mask)) >= 2]
        self.outage(node, mask=int(self.rng.choice(masks or [1])))

    def momentary(self) -> None:
        self.outage(self._large(), end=self.start + self.duration(8.0, 200.0))

    def reclosing(self) -> None:
        node, at = self.lateral(), self.start
        for _ in range(int(self.rng.integers(1, 4))):
            self.off(node, at, at := at + float(self.rng.uniform(0.5, 15)))
            at += float(self.rng.uniform(5, 30))
        end = at + self.duration()
        self.off(node, at, end)
        self.tell(node, self.start, end, latest=at)

    def steps(self) -> None:
        """Restored in two to four steps, one branch after the other."""
        node = self.node(NodeKind.FEEDER, *_LATERALS, least=6, most=_MOST)
        branches = self._branches(node)
        self.rng.shuffle(branches)
        parts = np.array_split(np.array(branches), min(len(branches), int(self.rng.integers(2, 5))))
        end = self.start + self.duration()
        for part in parts:
            for branch in part.tolist():
                self.off(branch, self.start, end)
            last, end = end, end + float(self.rng.uniform(30, 600))
        self.tell(node, self.start, last)

    def nested(self) -> None:
        """Something below stays without supply for longer than any meter's reporting interval and a half, which is
        what tells a fault of its own from a further step of restoration."""
        outer = self.node(NodeKind.FEEDER, *_LATERALS, NodeKind.TRANSFORMER, least=8, most=_MOST)
        below = np.arange(outer + 1, outer + int(self.network.size[outer]))
        small = below[(self.counts[below] >= 1) & (self.counts[below] <= self.counts[outer] / 2)]
        inner = int(self.rng.choice(small))
        first = self.start + self.duration(480.0, 1_800.0)
        last = first + self.duration(1_500.0, 3_600.0)
        self.off(outer, self.start, first)
        self.off(inner, self.start, last)
        self.tell(outer, self.start, first, shared=self.affected(inner))
        self.tell(inner, self.start, last)

    def simultaneous(self) -> None:
        taken: list[int] = []
        for _ in range(int(self.rng.integers(2, 4))):
            for _ in range(20):
                choice = self.rng.random()
                node = (
                    self.node(NodeKind.SERVICE)
                    if choice < 0.3
                    else self.transformer()
                    if choice < 0.7
                    else self.lateral()
                )
                if not any(self.network.is_below(node, o) or self.network.is_below(o, node) for o in taken):
                    taken.append(node)
                    self.outage(node, self.start + float(self.rng.uniform(0, 90)))
                    break

    def concentrator(self) -> None:
        key = int(self.rng.choice(np.unique(self.grid.inventory.via[self.grid.polled])))
        keys = np.flatnonzero(self.grid.inventory.via == key)
        self._silent(keys, concentrator=key)

    def cell(self) -> None:
        cell = int(self.rng.choice(np.unique(self.grid.cell[self.grid.cell >= 0])))
        self._silent(
            np.intersect1d(np.flatnonzero(self.grid.cell == cell), self.grid.points),
            wills=bool(self.rng.random() < 0.5),
            kept=bool(self.rng.random() < 0.5),
        )

    def session(self) -> None:
        session = int(self.rng.choice(np.unique(self.grid.session[self.grid.session >= 0])))
        self._silent(
            np.intersect1d(np.flatnonzero(self.grid.session == session), self.grid.points),
            session=session,
            kept=bool(self.rng.random() < 0.5),
        )

    def outage_and_silence(self) -> None:
        """An outage while meters elsewhere, or some of the same, cannot be heard."""
        (self.concentrator if self.rng.random() < 0.5 else self.cell)()
        self.outage(self._large(), self.start + float(self.rng.uniform(-60, 300)))

    def absence(self) -> None:
        """The gateway is away while an outage begins, or after it has, or before it does."""
        away = self.duration(60.0, 1_200.0)
        when = int(self.rng.integers(3))
        lead = (-float(self.rng.uniform(90, 400)), float(self.rng.uniform(5, away)), away + 30.0)[when]
        at = self.start + 400.0
        self.scenario.absence = Absence(start=at, end=at + away, kept=bool(self.rng.random() < 0.5))
        begins = at + lead
        self.outage(self._large(), begins, max(begins, at + away) + self.duration(600.0, 2_400.0))

    def absence_calm(self) -> None:
        self.scenario.absence = Absence(
            start=self.start,
            end=self.start + self.duration(30.0, 2_400.0),
            kept=bool(self.rng.random() < 0.5),
        )

    def false_gasps(self) -> None:
        """One to five meters below one transformer, or anywhere, say last gasp and live."""
        meters = self.grid.points[~self.grid.polled[self.grid.points]]
        if self.rng.random() < 0.5:
            node = int(self.grid.inventory.transformer()[self.rng.choice(meters)])
            meters = np.intersect1d(self.grid.below(node), meters)
        some = self.rng.choice(meters, min(len(meters), int(self.rng.integers(1, 6))), replace=False)
        self.scenario.false_gasps = [(int(k), self.start + float(self.rng.uniform(0, 600))) for k in some]

    def late_gasps(self) -> None:
        self.scenario.late = True
        self.outage(self._large())

    def clocks(self) -> None:
        """Three in ten meters have clocks that are wrong by minutes to days."""
        wrong = self.grid.points[self.rng.random(len(self.grid.points)) < 0.3]
        error = 10 ** self.rng.uniform(2, 5, len(wrong)) * self.rng.choice([-1.0, 1.0], len(wrong))
        self.scenario.clock_error_s = dict(zip(wrong.tolist(), error.tolist(), strict=True))
        self.outage(self._large())

    def _large(self) -> int:
        choice = self.rng.random()
        return (
            self.transformer()
            if choice < 0.5
            else self.lateral()
            if choice < 0.85
            else self.node(NodeKind.FEEDER)
        )

    def _branches(self, node: int) -> list[int]:
        """The first nodes below that part ways, those with meters."""
        while True:
            children = [c for c in np.flatnonzero(self.network.parent == node).tolist() if self.counts[c]]
            if len(children) != 1:
                return children or [node]
            node = children[0]

    def _silent(
        self,
        keys: Int64s,
        *,
        concentrator: int = -1,
        session: int = -1,
        wills: bool = False,
        kept: bool = False,
    ) -> None:
        self.scenario.silences.append(
            Silence(
                keys=keys,
                start=self.start,
                end=self.start + self.duration(360.0, 3_600.0),
                concentrator=concentrator,
                session=session,
                wills=wills,
                kept=kept,
            )
        )


_DRAW: dict[str, Callable[[_Author], None]] = {
    "calm": _Author.calm,
    "service": _Author.service,
    "transformer": _Author.one_transformer,
    "fuse": _Author.fuse,
    "feeder": _Author.feeder,
    "phase": _Author.phase,
    "momentary": _Author.momentary,
    "reclosing": _Author.reclosing,
    "steps": _Author.steps,
    "nested": _Author.nested,
    "simultaneous": _Author.simultaneous,
    "concentrator": _Author.concentrator,
    "cell": _Author.cell,
    "session": _Author.session,
    "outage_and_silence": _Author.outage_and_silence,
    "absence": _Author.absence,
    "absence_calm": _Author.absence_calm,
    "false_gasps": _Author.false_gasps,
    "late_gasps": _Author.late_gasps,
    "clocks": _Author.clocks,
}
KINDS = tuple(_DRAW)
