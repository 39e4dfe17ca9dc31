"""One day of quarter-hours of a million customers judged: seconds, and what it takes in memory.

Ten thousand customers with the baselines of five weeks stand there a hundred times, in areas of their own; what they
use that day is theirs times a chance of its own. Baselines, day and balance are all in memory, as the gateway holds
one chunk of them. The raw limit is one pass of NumPy that sums the same day.
"""

from __future__ import annotations

import datetime as dt
import resource
import time
from dataclasses import fields, replace
from typing import NamedTuple

import numpy as np

from bench.usage.play import FIRST, ZONE, inventory_of
from bench.usage.population import Population
from bench.usage.shapes import Simulated
from bench.usage.thefts import Meters
from gateway.core.meterdata import IntervalStatus
from gateway.core.model import Int32s
from processors.usage.baseline import BaselineRows, Baselines
from processors.usage.day import CustomerFacts, UsageDay, bounds_of, hours_of, number_of
from processors.usage.judge import judge
from processors.usage.score import combine
from processors.usage.settings import UsageSettings

_SEED = 4_711
_WARM = 35


class Timing(NamedTuple):
    judged_s: float
    raw_s: float


def measure(
    *, customers: int = 1_000_000, distinct: int = 10_000, at_once: int = 100_000
) -> dict[str, float | int]:
    """distinct: customers with a course of their own;  at_once: judged in one call.

    Returns `seconds` (judgement and score, wall), `seconds_raw`, `ratio`, `customers_per_second`,
    `peak_megabytes` of the whole process with the data it makes up, `megabytes_of_baselines` of all customers.
    """
    distinct, at_once = min(distinct, customers), min(at_once, customers)
    settings = UsageSettings()
    population = Population(distinct, _WARM + 1, _SEED, Simulated(96))
    meters = Meters(population, seed=_SEED)
    inventory = inventory_of(population.people, meters.rated_kva)
    keys = np.arange(distinct, dtype=np.int32)
    facts = CustomerFacts.of(inventory, keys)
    baselines = Baselines(keys)
    for day in range(_WARM):
        judge(_day(meters, day, keys), baselines, facts, settings)
    last = _day(meters, _WARM, keys)
    times = -(-at_once // distinct)
    judged = [
        _chunk(baselines.rows(), last, facts, settings, times=times, number=number)
        for number in range(-(-customers // at_once))
    ]
    seconds, raw = sum(t.judged_s for t in judged), sum(t.raw_s for t in judged)
    return {
        "customers": customers,
        "intervals": customers * 96,
        "seconds": seconds,
        "customers_per_second": customers / seconds,
        "seconds_raw": raw,
        "ratio": raw / seconds,
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "megabytes_of_baselines": baselines.rows().state.nbytes / distinct * customers / 1e6,
    }


def _chunk(
    rows: BaselineRows,
    last: UsageDay,
    facts: CustomerFacts,
    settings: UsageSettings,
    *,
    times: int,
    number: int,
) -> Timing:
    n = len(last) * times
    devices = np.arange(number * n, (number + 1) * n, dtype=np.int32)
    every = np.tile(np.arange(len(last)), times)
    chance = np.random.default_rng([_SEED, number]).lognormal(-0.005, 0.1, n).astype(np.float32)
    day = replace(
        last,
        devices=devices,
        import_kwh=last.import_kwh[every] * chance[:, None],
        status=last.status[every],
        export_kwh=None if last.export_kwh is None else last.export_kwh[every],
        voltage_seen=None if last.voltage_seen is None else last.voltage_seen[every],
    )
    of_chunk = replace(facts, **{f.name: getattr(facts, f.name)[every] for f in fields(facts)})
    apart = (np.arange(n) // len(last)) * (int(facts.transformer.max()) + 1)
    of_chunk = replace(of_chunk, transformer=(of_chunk.transformer + apart).astype(np.int32))
    baselines = Baselines.of_rows(
        BaselineRows(
            device=devices, number=rows.number[every], state=rows.state[every], version=rows.version
        ),
        devices,
    )
    began = time.perf_counter()
    day.import_kwh.sum(axis=1)
    between = time.perf_counter()
    combine(judge(day, baselines, of_chunk, settings), None, settings)
    return Timing(time.perf_counter() - between, between - began)


def _day(meters: Meters, day: int, keys: Int32s) -> UsageDay:
    read = meters.read(day)
    date = FIRST + dt.timedelta(days=day)
    start, end = bounds_of(date, ZONE)
    return UsageDay(
        devices=keys,
        start=start,
        end=end,
        number=number_of(date),
        interval_s=900,
        hour=hours_of(start, end, 900, ZONE),
        import_kwh=read.imported.astype(np.float32),
        status=np.full(read.imported.shape, IntervalStatus.VALID, np.uint8),
        export_kwh=read.exported.astype(np.float32),
        voltage_seen=np.ones(len(keys), np.float32),
    )
