"""Validation of meter data: how wrong estimates are by length of gap, what faults of registers add, and its speed.

Register readings of a quarter-hour each, of the simulator's customers (or simbench's, see bench/usage/shapes.py), go
through `processors.vee.validate` as the gateway's book would hand them over: four weeks first, whose intervals are the
history, then ten days with gaps or faults. The raw limit is one `np.diff` over the same readings.

    feederline bench vee
    python -m bench.vee --meters 2000 --seed 5 --markdown
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from bench.usage.shapes import source
from bench.vee.faults import FAULTS, fault
from bench.vee.gaps import LENGTHS, gaps
from bench.vee.table import markdown, show
from bench.vee.world import BEFORE, DAYS, World, readings, validated, world_of
from gateway.core.meterdata import Intervals

__all__ = ["LENGTHS", "SEED", "markdown", "run", "show"]

SEED = 20_260  # of the published tables; nothing was tuned on it


async def run(
    *, meters: int = 1_000, seed: int = SEED, shapes: str = "simulator", rounds: int = 5
) -> dict[str, object]:
    """Returns `gaps` by length, `faults` by kind and `throughput`."""
    given = source(shapes, 96)
    if given is None:
        raise ModuleNotFoundError("simbench is not installed: pip install -e '.[bench]'")
    world = world_of(meters, seed, given)
    history = validated(world, readings(world.register[:, : BEFORE * 96 + 1], 0), 0, BEFORE * 96)
    return {
        "meters": meters,
        "seed": seed,
        "shapes": given.name,
        "gaps": gaps(world, history, seed),
        "faults": {kind: fault(world, history, kind, seed) for kind in FAULTS},
        "throughput": throughput(world, history, rounds),
    }


def throughput(world: World, history: Intervals, rounds: int) -> dict[str, float | int]:
    """Ten days of readings validated, and the plain difference of the same readings, in turns; CPU seconds."""
    first, last = BEFORE * 96, (BEFORE + DAYS) * 96
    registers = readings(world.register[:, first : last + 1], first)
    ours, raw = [], []
    for _ in range(rounds):
        raw.append(_timed(partial(np.diff, registers.value)))
        ours.append(_timed(partial(validated, world, registers, first, last, history=history)))
    return {
        "readings": len(registers),
        "readings_per_second": len(registers) / statistics.median(ours),
        "raw_readings_per_second": len(registers) / statistics.median(raw),
        "ratio": statistics.median(r / o for r, o in zip(raw, ours, strict=True)),
    }


def _timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
