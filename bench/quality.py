"""Supply quality and meter events in steady supply: readings judged per second, against the plain comparisons alone.

The raw limit is one pass of NumPy over the same columns that does nothing but compare: each voltage with two limits,
each current, each power and the power factor with one, whether any of them is beyond. All are timed in turns in one
process; medians are shown. A round is a minute; every tenth one concludes a window.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
from functools import partial

import numpy as np

from bench.outage import _timed
from gateway.core.clock import DAY, MINUTE, SECOND
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Batch
from gateway.core.network import Network
from gateway.core.ports import Processor
from processors.meterevents.detector import MeterEventDetector
from processors.meterevents.settings import MeterEventSettings
from processors.quality.account import account
from processors.quality.detector import QualityDetector
from processors.quality.settings import QualitySettings

QUANTITIES = (
    "voltage_a", "voltage_b", "voltage_c", "current_a", "current_b", "current_c", "current_n", "active_power",
    "active_power_a", "active_power_b", "active_power_c", "reactive_power", "power_factor", "frequency",
    "energy_import", "energy_export",
)  # fmt: skip
_TYPICAL = (230, 230, 230, 4, 4, 4, 0.2, 2700, 900, 900, 900, 300, 0.98, 50, 1000, 0)
_PER_TRANSFORMER, _TRANSFORMERS = 50, 20
_START = 1_772_352_000 * SECOND


async def run(*, devices: int = 100_000, rows: int = 10_000, rounds: int = 22) -> dict[str, object]:
    """devices: metering points;  rows: per batch;  rounds: minutes with a reading of each.

    Returns, of each detector and of both, readings and values per second, and of both `raw_values_per_second` and their
    `ratio`; `slowest_minute_readings_per_second`, in which windows are concluded; `window_milliseconds`, what the tick
    takes that holds them against what is told; `snapshot_bytes` of each; and `account_readings_per_second` of the
    account of a day.
    """
    inventory = _inventory(devices)
    detectors: dict[str, Processor] = {
        "quality": QualityDetector(inventory, QualitySettings()),
        "meter_events": MeterEventDetector(inventory, MeterEventSettings()),
    }
    for detector in detectors.values():
        detector.advance(_START)
    generator = np.random.default_rng(1)
    raw: list[float] = []
    ours: dict[str, list[float]] = {name: [] for name in detectors}
    ticks: list[float] = []
    for number in range(rounds):
        at = _START + number * MINUTE
        batches = _round(generator, devices, rows, at)
        raw.append(_timed(partial(_compare, batches)))
        for name, detector in detectors.items():
            ours[name].append(_timed(partial(_judge, detector, batches)))
        ticks.append(_timed(partial(detectors["quality"].advance, at + MINUTE)))
        detectors["meter_events"].advance(at + MINUTE)
    both = [sum(parts) for parts in zip(*ours.values(), strict=True)]
    found: dict[str, object] = {"devices": devices, "rows_per_batch": rows}
    for name, times in {**ours, "both": both}.items():
        found[f"{name}_readings_per_second"] = devices / statistics.median(times)
        found[f"{name}_values_per_second"] = devices * len(QUANTITIES) / statistics.median(times)
    found["raw_values_per_second"] = devices * len(QUANTITIES) / statistics.median(raw)
    found["ratio"] = statistics.median(r / o for r, o in zip(raw, both, strict=True))
    found["slowest_minute_readings_per_second"] = devices / max(both)
    found["window_milliseconds"] = max(ticks) * 1e3
    for name, detector in detectors.items():
        found[f"{name}_snapshot_bytes"] = len(detector.snapshot())
    found["account_readings_per_second"] = _account(inventory, min(devices // 100, 1000))
    return found


def _compare(batches: list[Batch]) -> bool:
    return any(
        bool(
            (
                (b.values[:, :3] < 213.9)
                | (b.values[:, :3] > 246.1)
                | (b.values[:, 3:6] < 0.025)
                | (b.values[:, 8:11] > 1e5)
                | (b.values[:, 12:13] < 0.3)
            ).any()
        )
        for b in batches
    )


def _judge(detector: Processor, batches: list[Batch]) -> None:
    for batch in batches:
        detector.observe(batch)


def _account(inventory: Inventory, devices: int) -> float:
    """Readings per second of a day's account, one a minute."""
    parts = _round(np.random.default_rng(2), devices * 1440, devices * 1440, _START)
    batch = parts[0]
    day = Batch.of(
        QUANTITIES,
        np.repeat(np.arange(devices), 1440),
        np.tile(_START + np.arange(1440) * MINUTE, devices),
        batch.values,
    )
    settings = QualitySettings()
    account(day, inventory, (_START, _START + MINUTE), settings)
    return len(day) / _timed(partial(account, day, inventory, (_START, _START + DAY), settings))


def _inventory(devices: int) -> Inventory:
    """Feeders of twenty transformers of fifty meters."""
    transformers = -(-devices // _PER_TRANSFORMER)
    feeders = -(-transformers // _TRANSFORMERS)
    network = Network(
        ["S", *(f"F{i}" for i in range(feeders)), *(f"T{i}" for i in range(transformers))],
        ["", *["S"] * feeders, *(f"F{i // _TRANSFORMERS}" for i in range(transformers))],
        ["substation", *["feeder"] * feeders, *["transformer"] * transformers],
    )
    return Inventory([Device(id=f"M{i}", node=f"T{i // _PER_TRANSFORMER}") for i in range(devices)], network)


def _round(generator: np.random.Generator, devices: int, rows: int, at: int) -> list[Batch]:
    """A reading of every device, in batches as a broker session would bring them."""
    typical = np.array(_TYPICAL)
    spread = np.where(np.arange(len(typical)) == QUANTITIES.index("frequency"), 0.0005, 0.01)
    return [
        Batch.of(
            QUANTITIES,
            keys := np.arange(first, min(first + rows, devices)),
            np.full(len(keys), at),
            typical * (1 + spread * generator.standard_normal((len(keys), len(typical)))),
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
    parser.add_argument("--rounds", type=int, default=22)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(run(devices=given.devices, rows=given.rows, rounds=given.rounds))))


if __name__ == "__main__":
    main()
