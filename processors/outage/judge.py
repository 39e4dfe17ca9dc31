"""Which nodes, and which phases there, explain the evidence: a pure function of the network's arrays and the evidence
of metering points.

A candidate is a node d and a set of phases S that was lost there. A point below d connected to phases c says, with k
the phases it is known dark on and l those it was shown alive on after the onset:

    l ∩ S ≠ ∅             vetoes (d, S)
    c ⊆ S, k = c          one more that reported      } weighed together over all points below d, with the
    c ⊆ S, nothing known  one more that did not       } delivery rate integrated out (likelihood.py)
    c ⊄ S, c ∩ S ⊆ k ⊆ S  measured no voltage on what it has of S
    else                  nothing

and the score of (d, S) is their log-likelihood ratio against "nothing happened", less `min_score`, and less
`phase_score` where one phase is lost while others remain, four times that where two are. The best set of incidents
is found from the leaves up: best(d) = max(max_S own(d, S), Σ best(children) + Σ best(points at d)), a point alone
earning ln(p/ε) less `min_score`. Of nodes that explain the same the most-downstream one is taken, and a point before
its node: one gasp of twenty meters hung on a transformer is one meter.

The onset at d is the lower median of its dark points' times, by area: of the areas' medians above them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.core.clock import SECOND
from gateway.core.model import Bools, Float64s, Int32s, Int64s
from gateway.core.network import Network
from processors.outage.likelihood import lower_medians, measured, reported, single, unsure
from processors.outage.settings import OutageSettings
from processors.outage.state import ALL, Dark, UInt8s

_SETS = (ALL, 1, 2, 4, 3, 5, 6)  # of phases, all first
_TIE = 1e-6
_CHANCE = 3  # fewer meters answered for with one exception 0x0B each are chance


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Metering points sorted by node, each column of length m. Only what is known of the time in question counts."""

    node: Int32s
    phases: UInt8s  # connected to
    lost: UInt8s  # known dark on, 0 for no dark evidence
    kinds: UInt8s
    failed: Int32s  # exceptions 0x0B in a row
    dark_at: Int64s
    area: Int64s  # node whose points share an onset
    quiet: Bools  # no dark evidence though there might be: it counts against
    silence: Float64s  # log-likelihood of the point's silence, 0 where it is not silent
    on_at: Int64s  # last shown alive on some phase, 0 where that does not matter
    lit_at: Int64s  # last shown alive on each phase that is not lost


NOWHERE = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node that explains dark points. `alone`: only what hangs on the node itself, not what is below it."""

    node: int
    score: float  # above `min_score`
    phases: int = ALL
    onset: int = 0  # when supply was lost, as its dark points have it
    alone: bool = False

    @property
    def confidence(self) -> float:
        return round(min(0.99, 1.0 / (1.0 + math.exp(-min(self.score, 50.0)))), 3)


def judge(
    network: Network,
    areas: Int64s,
    points: Points,
    settings: OutageSettings,
    passed: Int64s = NOWHERE,
    *,
    lenient: bool = False,
    keep: float = 0.0,
) -> list[Candidate]:
    """The nodes at or below `areas` that explain the dark points best, in the network's order.

    areas: node indices, ascending, none below another. Points outside them are not allowed. passed: nodes that a fault
    current passed, so that the fault is at or below them. `lenient`: there is one area, and a point shown alive weighs
    against a node by `false_life_rate` instead of vetoing it. keep: how much better than `areas` themselves what is
    below them has to be.
    """
    dark = np.flatnonzero(points.lost)
    if not len(dark):
        return []
    tree = _Tree(network, areas, points, dark, settings)
    own = np.full((len(tree.nodes), len(_SETS)), -np.inf)
    for column, phases in enumerate(_SETS[: 1 if (points.lost[dark] == ALL).all() else None]):
        own[:, column] = _own(tree, points, dark, phases, settings, lenient=lenient)
    own[tree.row[areas]] += keep
    chosen, best, score = _choose(
        tree, own, _passed(tree, passed, single(settings)), _apart(tree, points, dark, settings)
    )
    sets = np.where(chosen, np.array(_SETS, np.uint8)[best], np.uint8(0))
    found = [
        Candidate(int(tree.nodes[i]), float(score[i]), int(sets[i]), int(tree.onset[i]))
        for i in np.flatnonzero(chosen).tolist()
    ]
    found += _alone(tree, points, dark, tree.inherited(sets), settings)
    return sorted(found, key=lambda c: (c.node, c.alone))


class _Tree:
    """The nodes that have dark points below them: nobody else can be at fault.

    nodes int64[n], ascending;  end int64[n]: where each subtree ends;  parent int32[n] in terms of rows, −1 at the
    areas;  first, last int64[n]: the slice of points at and below each;  dark_first, dark_last: the slice of `dark`;
    of_dark: the row of each dark point's node;  onset int64[n];  alive_after int64[n]: from when on life contradicts a
    loss there.
    """

    def __init__(
        self, network: Network, areas: Int64s, points: Points, dark: Int64s, settings: OutageSettings
    ) -> None:
        marked = np.zeros(len(network), np.bool_)
        marked[areas] = True
        at = points.node[dark]
        front: npt.NDArray[np.integer] = at
        while len(front):
            front = front[~marked[front]]
            marked[front] = True
            front = network.parent[front]
        self.nodes = np.flatnonzero(marked)
        self.row = np.full(len(network) + 1, -1, np.int32)
        self.row[self.nodes] = np.arange(len(self.nodes), dtype=np.int32)
        self.parent: Int32s = self.row[network.parent[self.nodes]]
        self.parent[self.row[areas]] = -1
        self.end = self.nodes + network.size[self.nodes]
        self.first, self.last = (
            np.searchsorted(points.node, self.nodes),
            np.searchsorted(points.node, self.end),
        )
        self.dark_first, self.dark_last = np.searchsorted(at, self.nodes), np.searchsorted(at, self.end)
        self.of_dark = self.row[at]
        level = network.level[self.nodes]
        order = np.argsort(level, kind="stable")
        self.levels = np.split(order, np.flatnonzero(np.diff(level[order])) + 1)
        self.onset = self._onsets(points.area[dark], points.dark_at[dark], self.end)
        self.alive_after = self.onset + round(settings.clock_tolerance_s * SECOND)

    def inherited(self, masks: UInt8s) -> UInt8s:
        """The masks of every node and of all above it together."""
        found = masks.copy()
        for rows in self.levels:
            inner = rows[self.parent[rows] >= 0]
            found[inner] |= found[self.parent[inner]]
        return found

    def _onsets(self, area: Int64s, dark_at: Int64s, end: Int64s) -> Int64s:
        areas, group = np.unique(area, return_inverse=True)
        middle = lower_medians(group, dark_at, len(areas))
        low, high = np.searchsorted(areas, self.nodes), np.searchsorted(areas, end)
        above = high > low  # at an area or above some
        within = np.maximum(np.searchsorted(areas, self.nodes, "right") - 1, 0)
        found = middle[within]
        rows = np.flatnonzero(above)
        count = (high - low)[rows]
        start = np.cumsum(count) - count
        member = np.arange(int(count.sum())) - np.repeat(start - low[rows], count)
        found[rows] = lower_medians(np.repeat(np.arange(len(rows)), count), middle[member], len(rows))
        return found

    def below(self, per_point: Bools | Float64s) -> Float64s:
        """Sum over the points at and below each node."""
        total = np.concatenate([[0.0], np.cumsum(per_point, dtype=np.float64)])
        found: Float64s = total[self.last] - total[self.first]
        return found

    def dark_below(self, per_dark: Bools | Float64s) -> Float64s:
        total = np.concatenate([[0.0], np.cumsum(per_dark, dtype=np.float64)])
        found: Float64s = total[self.dark_last] - total[self.dark_first]
        return found

    def highest(self, per_point: Int64s) -> Int64s:
        """The highest of `per_point` at and below each node."""
        padded = np.append(per_point, 0)
        found = np.zeros(len(self.nodes), np.int64)
        for rows in self.levels:
            some = rows[self.last[rows] > self.first[rows]]
            if len(some):
                pairs = np.stack([self.first[some], self.last[some]], axis=1).ravel()
                found[some] = np.maximum.reduceat(padded, pairs)[::2]
        return found


def _own(
    tree: _Tree, points: Points, dark: Int64s, phases: int, settings: OutageSettings, *, lenient: bool
) -> Float64s:
    """Score of every node of the tree for one set of phases, −inf where it explains nothing or is vetoed."""
    s = np.uint8(phases)
    connected, lost, kinds = points.phases[dark], points.lost[dark], points.kinds[dark]
    mine = connected & s
    fits = (mine > 0) & (mine & ~lost == 0) & (lost & ~s == 0)
    strong = kinds & Dark.STRONG > 0
    whole = connected & ~s == 0
    inside = points.phases & ~s == 0
    x = tree.dark_below(fits & whole & strong)
    living = _living(points, phases)
    quiet = points.quiet & inside
    if lenient:
        quiet &= living <= tree.alive_after[0]
    q = tree.below(quiet)
    extra = np.where(fits & ~whole & strong, measured(settings), 0.0)
    extra += np.where(fits, unsure(kinds, points.failed[dark], settings), 0.0)
    own = reported(x, q, settings) + tree.dark_below(extra)
    if points.silence.any():
        own += tree.below(np.where(inside, points.silence, 0.0))
    own -= settings.min_score + (settings.phase_score * phases.bit_count() ** 2 if phases != ALL else 0.0)
    if lenient:
        own += tree.below(living > tree.alive_after[0]) * math.log(settings.false_life_rate)
    else:
        own[tree.highest(living) > tree.alive_after] = -np.inf
    own[tree.dark_below(fits) == 0] = -np.inf
    chance = _by_chance(points, dark)
    own[(tree.dark_below(fits & ~chance) == 0) & (tree.dark_below(fits & chance) < _CHANCE)] = -np.inf
    return own


def _living(points: Points, phases: int) -> Int64s:
    """When each point was last shown alive on one of `phases`, 0 for never. Of a point on several phases only voltage
    tells which of them live."""
    if phases == ALL:
        return points.on_at
    mine = points.phases & ~points.lost & np.uint8(phases) > 0
    one = points.phases & (points.phases - np.uint8(1)) == 0
    return np.where(mine, np.where(one, points.on_at, points.lit_at), 0)


def _choose(tree: _Tree, own: Float64s, passed: Float64s, apart: Float64s) -> tuple[Bools, Int64s, Float64s]:
    """(which nodes are chosen, the best set of phases of each as a column of `own`, its score).

    passed: what the fault currents that passed at or above each node weigh for a fault at or below; however many
    faults are found there, it is had once. apart: score of the points on each node itself, each as an incident alone.
    """
    best = np.argmax(own, axis=1)
    score = own[np.arange(len(own)), best] + passed
    value, branches, below = np.zeros(len(own)), np.zeros(len(own)), apart.copy()
    for rows in reversed(tree.levels):
        below[rows] -= passed[rows] * np.maximum(branches[rows] - 1, 0)
        value[rows] = np.maximum(np.maximum(score[rows], below[rows]), 0.0)
        inner = rows[tree.parent[rows] >= 0]
        above = tree.parent[inner]
        np.add.at(below, above, value[inner])
        np.add.at(branches, above, (value[inner] > 0).astype(np.float64))
    chosen = (score > below + _TIE) & (score > 0)
    covered = tree.inherited(chosen.astype(np.uint8))
    above_is = tree.parent >= 0
    chosen[above_is] &= covered[tree.parent[above_is]] == 0
    return chosen, best, score


def _passed(tree: _Tree, nodes: Int64s, weight: float) -> Float64s:
    """What fault currents at and above each node weigh: float64 per node of the tree."""
    found = np.zeros(len(tree.nodes))
    at = tree.row[nodes]
    np.add.at(found, at[at >= 0], weight)
    for rows in tree.levels:
        inner = rows[tree.parent[rows] >= 0]
        found[inner] += found[tree.parent[inner]]
    return found


def _apart(tree: _Tree, points: Points, dark: Int64s, settings: OutageSettings) -> Float64s:
    """Score of the dark points on each node, each as an incident of its own; 0 where a node holds no other point."""
    each = np.maximum(_weights(points, dark, settings) - settings.min_score, 0.0)
    found: Float64s = np.bincount(tree.of_dark, each, len(tree.nodes)).astype(np.float64)
    found[tree.last - tree.first == 1] = 0.0
    return found


def _weights(points: Points, keys: Int64s, settings: OutageSettings) -> Float64s:
    """What each of these dark points says alone."""
    kinds, part = points.kinds[keys], points.lost[keys] != points.phases[keys]
    strong = np.where(part, measured(settings) - settings.phase_score, single(settings))
    found: Float64s = np.where(kinds & Dark.STRONG, strong, 0.0)
    return found + unsure(kinds, points.failed[keys], settings)


def _by_chance(points: Points, keys: Int64s) -> Bools:
    """Which of these nothing but one exception 0x0B tells of. They come by chance, one here and one there: fewer than
    `_CHANCE` of them conclude nothing, whatever is silent beside them."""
    found: Bools = (points.kinds[keys] == Dark.TARGET_FAILED) & (points.failed[keys] < 2)
    return found


def _alone(
    tree: _Tree, points: Points, dark: Int64s, explained: UInt8s, settings: OutageSettings
) -> list[Candidate]:
    """Something else on the node of a dark point, or below it, may live and veto the node; the point is still dark.

    explained: mask of phases that a chosen node at or above each node of the tree explains.
    """
    rest = points.lost[dark] & ~explained[tree.of_dark] > 0
    keys, of = dark[rest], tree.of_dark[rest]
    if not len(keys):
        return []
    lost = points.lost[keys]
    score = np.bincount(of, _weights(points, keys, settings), len(tree.nodes)) - settings.min_score
    chance = np.bincount(of, _by_chance(points, keys), len(tree.nodes))
    score[(chance == np.bincount(of, minlength=len(tree.nodes))) & (chance < _CHANCE)] = -np.inf
    phases = np.zeros(len(tree.nodes), np.uint8)
    np.bitwise_or.at(phases, of, lost)
    return [
        Candidate(int(tree.nodes[i]), float(score[i]), int(phases[i]), int(tree.onset[i]), alone=True)
        for i in np.flatnonzero(score > 0).tolist()
    ]
