"""All populations of a run, two processes at a time, and the figures of them together."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.usage import million
from bench.usage.play import Plan, play
from bench.usage.score import Course, figures
from bench.usage.shapes import Simbench, Simulated, simbench_folder

SEEDS = (101, 102, 103)
"""Of the published tables. Nothing was tuned on them: what was tuned was tuned on seeds below 100."""


def available() -> tuple[str, ...]:
    """Sources whose data is there."""
    return (Simulated.name, Simbench.name) if simbench_folder() else (Simulated.name,)


async def run(
    *,
    plan: Plan | None = None,
    seeds: Sequence[int] = SEEDS,
    shapes: Sequence[str] | None = None,
    jobs: int = 2,
    customers: int = 1_000_000,
) -> dict[str, object]:
    """customers: whose day is judged for its seconds; 0 leaves that out.

    Returns `by_shapes` (figures of `score.figures` by source), `left_out` (sources whose data is not installed) and
    `million`.
    """
    plan = plan or Plan()
    names = tuple(shapes or (Simulated.name, Simbench.name))
    there = [name for name in names if name in available()]
    plans = [(_with(plan, name), seed) for name in there for seed in seeds]
    began = time.monotonic()
    courses = await _play(plans, jobs)
    by_shapes = {
        name: figures([c for (p, _), c in zip(plans, courses, strict=True) if p.shapes == name])
        for name in there
    }
    played_s = time.monotonic() - began
    return {
        "customers": plan.customers,
        "days": plan.days,
        "slots": plan.slots,
        "prevalence": plan.prevalence,
        "seeds": list(seeds),
        "left_out": [name for name in names if name not in there],
        "by_shapes": by_shapes,
        "sentences": [line for course in courses[:1] for line in course.sentences],
        "seconds": played_s,
        "million": million.measure(customers=customers) if customers else {},
    }


def _with(plan: Plan, shapes: str) -> Plan:
    return Plan(
        customers=plan.customers,
        days=plan.days,
        slots=plan.slots,
        shapes=shapes,
        prevalence=plan.prevalence,
        judged_from=plan.judged_from,
    )


async def _play(plans: Sequence[tuple[Plan, int]], jobs: int) -> list[Course]:
    if jobs <= 1:
        return [course for plan, seed in plans if (course := play(plan, seed))]
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # the processes are the parallelism
        os.environ.setdefault(name, "1")
    loop = asyncio.get_running_loop()
    columns = (TextColumn("populations"), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with (
        ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool,
        Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress,
    ):
        task = progress.add_task("", total=len(plans))

        async def one(plan: Plan, seed: int) -> Course | None:
            course = await loop.run_in_executor(pool, play, plan, seed)
            progress.advance(task)
            return course

        courses = await asyncio.gather(*(one(plan, seed) for plan, seed in plans))
    return [course for course in courses if course]
