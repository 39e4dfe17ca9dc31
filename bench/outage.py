"""Outage detection in steady supply: readings judged per second, and what a tick costs, as columns grow.

The raw limit of `observe` is one pass of NumPy over the same values (the lowest voltage of every row against a
threshold): less work than anything that judges them can do. Both are timed in turns in one process; medians are shown.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from gateway.core.clock import SECOND
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Batch
from gateway.core.network import Network
from processors.outage.detector import OutageDetector
from processors.outage.settings import OutageSettings

QUANTITIES = (
    "voltage_a", "voltage_b", "voltage_c", "current_a", "current_b", "current_c", "current_n", "active_power",
    "active_power_a", "active_power_b", "active_power_c", "reactive_power", "power_factor", "frequency",
    "energy_import", "energy_export",
)  # fmt: skip
_PER_TRANSFORMER = 50
_INTERVAL_S = 60
_START = 1_772_352_000 * SECOND


async def run(*, devices: int = 100_000, rows: int = 10_000, rounds: int = 15) -> dict[str, object]:
    """devices: metering points;  rows: per batch;  rounds: passes over all of them.

    Returns `readings_per_second`, `values_per_second` and `raw_values_per_second` with their `ratio`,
    `cpu_seconds_per_million_values`, `tick_microseconds` (nothing to conclude), `snapshot_milliseconds` and
    `snapshot_bytes`.
    """
    detector = OutageDetector(_inventory(devices), OutageSettings())
    detector.advance(_START)
    generator = np.random.default_rng(1)
    raw, ours, ticks = [], [], []
    for number in range(1, rounds + 1):
        at = _START + number * _INTERVAL_S * SECOND
        batches = _round(generator, devices, rows, at)
        raw.append(_timed(partial(_scan, batches)))
        ours.append(_timed(partial(_judge, detector, batches)))
        ticks.append(_timed(partial(detector.advance, at)))
    taken = _timed(detector.snapshot)
    values = devices * len(QUANTITIES)
    return {
        "devices": devices,
        "rows_per_batch": rows,
        "readings_per_second": devices / statistics.median(ours),
        "values_per_second": values / statistics.median(ours),
        "raw_values_per_second": values / statistics.median(raw),
        "cpu_seconds_per_million_values": statistics.median(ours) / values * 1e6,
        "ratio": statistics.median(r / o for r, o in zip(raw, ours, strict=True)),
        "tick_microseconds": statistics.median(ticks) * 1e6,
        "snapshot_milliseconds": taken * 1e3,
        "snapshot_bytes": len(detector.snapshot()),
    }


def _scan(batches: list[Batch]) -> bool:
    return any(bool((batch.values[:, :3].min(axis=1) < 138.0).any()) for batch in batches)


def _judge(detector: OutageDetector, batches: list[Batch]) -> None:
    for batch in batches:
        detector.observe(batch)


def _timed(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _inventory(devices: int) -> Inventory:
    transformers = [f"T{i}" for i in range(-(-devices // _PER_TRANSFORMER))]
    network = Network(
        ["S", *transformers],
        ["", *["S"] * len(transformers)],
        ["substation", *["transformer"] * len(transformers)],
    )
    listed = [
        Device(id=f"M{i}", node=transformers[i // _PER_TRANSFORMER], interval_s=_INTERVAL_S)
        for i in range(devices)
    ]
    return Inventory(listed, network)


def _round(generator: np.random.Generator, devices: int, rows: int, at: int) -> list[Batch]:
    """A reading of every device, in batches as a broker session would bring them."""
    return [
        Batch.of(
            QUANTITIES,
            keys := np.arange(first, min(first + rows, devices)),
            np.full(len(keys), at),
            generator.normal(230.0, 2.0, (len(keys), len(QUANTITIES))),
            source="mqtt:bench",
        )
        for first in range(0, devices, rows)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(run(devices=given.devices, rows=given.rows, rounds=given.rounds))))


if __name__ == "__main__":
    main()
