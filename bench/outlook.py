"""The load outlook over customers of the simulator's classes, against yesterday and the same day of last week.

Four weeks of each season are foretold day by day, each from what was known before it.
"""

from __future__ import annotations

import datetime as dt
import time
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from bench.usage.play import FIRST
from bench.usage.population import Population
from bench.usage.shapes import source
from gateway.core.clock import DAY
from processors.outlook.days import LoadDays, lay
from processors.outlook.evaluate import evaluate
from processors.outlook.forecast import foretell
from processors.outlook.settings import OutlookSettings

CUSTOMERS, SLOTS, SEED = 3_000, 96, 1
FORETOLD = 28
SEASONS = {"winter": 0, "spring": 90, "summer": 180, "autumn": 270}


def play(first: int, days: int) -> LoadDays:
    """Transformers with about 40 customers each, and the feeder that they all hang on."""
    shapes = source("simulator", SLOTS)
    assert shapes is not None
    population = Population(CUSTOMERS, 365, SEED, shapes)
    area = np.asarray(population.people.area)
    kw = np.zeros((int(area.max()) + 2, days * SLOTS))
    for day in range(days):
        use = population.use(first + day)
        part = np.zeros((len(kw), SLOTS))
        np.add.at(part, area, (use.drawn - use.fed) * SLOTS / 24)
        part[-1] = part[:-1].sum(axis=0)
        kw[:, day * SLOTS : (day + 1) * SLOTS] = part
    begins = FIRST + dt.timedelta(days=first)
    start = (begins - dt.date(1970, 1, 1)).days * DAY + np.arange(days * SLOTS) * (DAY // SLOTS)
    node = np.arange(len(kw), dtype=np.int32)
    return lay(node, kw, start, DAY // SLOTS, first=begins, days=days, zone=ZoneInfo("UTC"))


async def run() -> dict[str, object]:
    settings = OutlookSettings()
    result: dict[str, object] = {}
    for season, first in SEASONS.items():
        history = play(first, 7 * settings.weeks + FORETOLD)
        result[season] = msgspec.to_builtins(evaluate(history, settings=settings, days=FORETOLD))
    began = time.perf_counter()
    foretell(history, 0, settings)
    result["seconds_of_10000_nodes"] = (time.perf_counter() - began) * 10_000 / len(history.node)
    return result
