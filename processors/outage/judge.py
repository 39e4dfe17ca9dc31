"""Which nodes explain the evidence: a pure function of the network's arrays and the evidence of metering points.

For a candidate node d over the metering points below it, the score is the log-likelihood ratio of "d lost supply"
against "nothing did":

    Σ weight(point),  weight = Σ ln(p/ε) per kind of dark evidence,
                      ln((1−p)/(1−ε)) + silence where none arrived.

A point shown alive after the onset vetoes every node above it. Each incident has to earn `min_score`, so that one
fault at a transformer is preferred to many at its services when, and only when, the evidence carries it; of nodes
that explain the same the most-downstream one is taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.core.model import Bools, Float64s, Int32s, Int64s
from gateway.core.network import Network
from processors.outage.settings import OutageSettings

_GASP_OR_ZERO = 1 | 2
_TARGET_FAILED = 4
_ADOPTED = 16
_DOUBTED = 32


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Metering points with their evidence, sorted by node: node int32[m] …, each of length m."""

    node: Int32s
    dark: Bools  # has evidence of its own
    kinds: npt.NDArray[np.uint8]
    failed: Int32s  # exceptions 0x0B in a row
    silence: Float64s  # log-likelihood of the point's silence, 0 where it is not silent
    living: Bools  # shown to have supply after the onset


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node that explains dark points. `alone`: only what hangs on the node itself, not what is below it."""

    node: int
    score: float  # above `min_score`
    alone: bool = False

    @property
    def confidence(self) -> float:
        return round(min(0.99, 1.0 / (1.0 + math.exp(-min(self.score, 50.0)))), 3)


def silence_weights(settings: OutageSettings) -> tuple[float, float]:
    """(no dark evidence arrived, the point is silent although its path lives): log-likelihoods."""
    p, eps = settings.delivery_rate, settings.false_rate
    return math.log((1 - p) / (1 - eps)), math.log(1.0 / settings.silent_rate)


def weights(points: Points, settings: OutageSettings) -> Float64s:
    """Log-likelihood ratio of every point, float64[m]; 0 for one shown alive."""
    strong = math.log(settings.delivery_rate / settings.false_rate)
    poll = math.log(1.0 / settings.target_failed_rate)
    quiet, _ = silence_weights(settings)
    kinds = points.kinds
    dark = np.where(kinds & (_GASP_OR_ZERO | _ADOPTED), strong, 0.0)
    dark += np.where(kinds & _TARGET_FAILED, poll * np.clip(points.failed, 1, 3), 0.0)
    dark += np.where(kinds & _DOUBTED, math.log(1.0 / settings.silent_rate), 0.0)
    found: Float64s = np.where(points.dark, dark, np.where(points.living, 0.0, quiet + points.silence))
    return found


def holds(evident: int, quiet: int, living: int, settings: OutageSettings) -> bool:
    """Whether one fault above still explains more than separate ones at each evident point would.

    `living` are points that never missed a report though they should have been dark; here they weigh against the
    node instead of vetoing it, because after a conclusion the first life heard is most often restoration.
    """
    cost = quiet * -silence_weights(settings)[0] + living * -math.log(settings.false_life_rate)
    return (evident - 1) * settings.min_score >= cost


def judge(network: Network, areas: Int64s, points: Points, settings: OutageSettings) -> list[Candidate]:
    """The nodes at or below `areas` that explain the dark points best, in the network's order.

    areas: node indices, ascending, none below another. Points outside them are not allowed.
    """
    sizes = network.size[areas].astype(np.int64)
    offset = np.cumsum(sizes) - sizes
    count = int(sizes.sum())
    area = np.repeat(np.arange(len(areas)), sizes)
    nodes = areas[area] + np.arange(count) - offset[area]
    parent = network.parent[nodes] - areas[area] + offset[area]
    parent[offset] = -1
    level = network.level[nodes]

    of_point = np.searchsorted(nodes, points.node)
    weight = weights(points, settings)
    last = np.arange(count) + network.size[nodes]

    def below(per_point: Float64s) -> Float64s:
        total = np.concatenate([[0.0], np.cumsum(np.bincount(of_point, per_point, count))])
        sums: Float64s = total[last] - total[:-1]
        return sums

    own = below(weight) - settings.min_score
    own[below(points.living.astype(np.float64)) > 0.5] = -np.inf
    own[below(points.dark.astype(np.float64)) < 0.5] = -np.inf

    best = np.zeros(count)
    children = np.zeros(count)
    by_level = [np.flatnonzero(level == depth) for depth in range(int(level.min()), int(level.max()) + 1)]
    for here in reversed(by_level):
        best[here] = np.maximum(np.maximum(own[here], children[here]), 0.0)
        inner = here[parent[here] >= 0]
        np.add.at(children, parent[inner], best[inner])
    chosen = (own > children + 1e-9) & (own > 0)
    covered = np.zeros(count, np.bool_)
    for here in by_level:
        inner = here[parent[here] >= 0]
        covered[inner] = covered[parent[inner]] | chosen[parent[inner]]
    chosen &= ~covered
    found = [Candidate(int(nodes[i]), float(own[i])) for i in np.flatnonzero(chosen)]

    # Something else on the node of a dark point, or below it, may live and veto the node; the point is still dark.
    inner_point = points.dark & ~(covered | chosen)[of_point]
    alone = np.bincount(of_point[inner_point], weight[inner_point], count) - settings.min_score
    found += [Candidate(int(nodes[i]), float(alone[i]), alone=True) for i in np.flatnonzero(alone > 0)]
    return sorted(found, key=lambda c: c.node)
