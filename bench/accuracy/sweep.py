"""Many scenarios at many delivery rates, on several processes, and what they come to."""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeAlias

import numpy as np

from bench.accuracy.hearing import Hearing
from bench.accuracy.networks import available, load
from bench.accuracy.play import detector, play
from bench.accuracy.scenarios import KINDS, draw
from bench.accuracy.score import Found, Outcome, score
from gateway.core.errors import InvalidInputError

RATES = (0.2, 0.3, 0.6, 0.8, 0.95)
_TOLD = 4  # misses of one play that are listed
Figures: TypeAlias = dict[str, float | int | None]
_Task: TypeAlias = tuple[str, str, int, float, bool]


async def run(
    *,
    scenarios: int = 100,
    rates: Sequence[float] = RATES,
    networks: Sequence[str] = (),
    kinds: Sequence[str] = KINDS,
    seed: int | None = None,
    jobs: int = 2,
    answering: bool = True,
) -> dict[str, object]:
    """Play `scenarios` at each rate in each network (all that can be loaded), the kinds by turns.

    Returns `by_rate`, `by_kind` (of all rates together), `by_kind_and_rate`, `by_network`: figures by name; `misses`;
    `scenarios`, `plays`, `answering` and `seconds`. Raises InvalidInputError for unknown kinds or networks.
    """
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise InvalidInputError([f"unknown kind {kind!r}; there are: {', '.join(KINDS)}" for kind in unknown])
    names = networks or available()
    for name in names:
        load(name)
    turns = [(kinds[i % len(kinds)], i // len(kinds)) for i in range(scenarios)]
    if seed is not None:
        turns = [(kind, seed) for kind in kinds]
    tasks = [(name, kind, s, p, answering) for kind, s in turns for name in names for p in rates]
    began = time.perf_counter()
    if jobs > 1:
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("fork")) as pool:
            outcomes = list(pool.map(play_one, tasks, chunksize=4))
    else:
        outcomes = [play_one(task) for task in tasks]
    return {
        "by_rate": _by(outcomes, lambda o: f"{o.p:g}"),
        "by_kind": _by(outcomes, lambda o: o.kind),
        "by_network": _by(outcomes, lambda o: o.network),
        "by_kind_and_rate": _by(outcomes, lambda o: f"{o.kind} {o.p:g}"),
        "misses": [line for outcome in outcomes for line in _misses(outcome)],
        "scenarios": len(turns) * len(names),
        "plays": len(outcomes),
        "answering": answering,
        "seconds": time.perf_counter() - began,
    }


def play_one(task: _Task) -> Outcome:
    """(network, kind, seed, p, answering)"""
    name, kind, seed, p, answering = task
    logging.getLogger("processors").setLevel(logging.CRITICAL)
    grid = load(name)
    hearing = Hearing(grid, draw(grid, kind, seed), p)
    return score(hearing, play(hearing, detector(grid.inventory), answering=answering))


def _misses(outcome: Outcome) -> list[str]:
    where = f"{outcome.network} {outcome.kind} seed {outcome.seed} p {outcome.p:g}"
    rest = len(outcome.misses) - _TOLD
    lines = outcome.misses[:_TOLD] + ([f"and {rest} more"] if rest > 0 else [])
    return [f"{where}: {line}" for line in lines]


def _by(outcomes: list[Outcome], of: Callable[[Outcome], str]) -> dict[str, Figures]:
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(of(outcome), []).append(outcome)
    return {name: figures(group) for name, group in groups.items()}


def figures(outcomes: Sequence[Outcome]) -> Figures:
    """Counts and shares over some plays; None where there is nothing to take a share of."""
    truths = [truth for outcome in outcomes for truth in outcome.truths]
    found = [truth for truth in truths if truth.found]
    heard = [truth for truth in truths if truth.heard]
    false = sum(outcome.false for outcome in outcomes)
    return {
        "plays": len(outcomes),
        "outages": len(truths),
        "unheard": len(truths) - len(heard),
        "found": len(found),
        "false": false,
        "invented": sum(outcome.invented for outcome in outcomes),
        "recall": _share(len(found), len(truths)),
        "recall_heard": _share(sum(truth.found for truth in heard), len(heard)),
        "recall_customers": _share(_customers(found), _customers(truths)),
        "precision": _share(len(found), len(found) + false),
        "node_exact": _share(sum(truth.node_exact for truth in found), len(found)),
        "kind_right": _share(sum(truth.kind_right for truth in found), len(found)),
        "start_error_s": _quantile([t.start_error_s for t in found], 0.5),
        "start_error_s_p95": _quantile([t.start_error_s for t in found], 0.95),
        "delay_s": _quantile([t.delay_s for t in found], 0.5),
        "delay_s_p95": _quantile([t.delay_s for t in found], 0.95),
        "member_precision": _mean([t.member_precision for t in found]),
        "member_recall": _mean([t.member_recall for t in found]),
        "silence_called_outage": sum(outcome.silence_called_outage for outcome in outcomes),
        "false_tickets": sum(outcome.false_tickets for outcome in outcomes),
        "superfluous_tickets": sum(outcome.superfluous_tickets for outcome in outcomes),
        "questions": sum(outcome.questions for outcome in outcomes),
    }


def _customers(truths: Sequence[Found]) -> int:
    return sum(truth.customers for truth in truths)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(values: list[float | None]) -> float | None:
    some = [value for value in values if value is not None]
    return float(np.mean(some)) if some else None


def _quantile(values: list[float | None], share: float) -> float | None:
    some = [value for value in values if value is not None]
    return float(np.quantile(some, share)) if some else None
