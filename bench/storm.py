"""A storm of last gasps over a tree of a million metering points: what it costs, and what the detector's state takes.

The tree has substations, feeders, laterals behind fuses, transformers and a service for each meter. The storm takes
whole feeders: the last gasps of all their meters arrive evenly over a minute, in random order, while time passes a
tick a second. The raw limit of taking in a signal is reading its fields into columns.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from gateway.core.clock import SECOND
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Batch, Event, IncidentKind, IncidentState, Int64s, Signal, SignalKind
from gateway.core.network import Network, NodeKind
from processors.outage.detector import OutageDetector
from processors.outage.settings import OutageSettings

_METERS, _TRANSFORMERS, _LATERALS, _FEEDERS = (
    50,
    4,
    10,
    25,
)  # below a transformer, lateral, feeder, substation
_INTERVAL_S = 900
_START = 1_772_352_000 * SECOND
_AFTERWARDS_S = 120
_ROWS = 10_000


async def run(*, devices: int = 1_000_000, gasps: int = 200_000, over_s: int = 60) -> dict[str, object]:
    """devices: metering points;  gasps: last gasps, down to whole feeders;  over_s: seconds they arrive in.

    Memory: `inventory_bytes` (inventory and network), `state_bytes` (the detector, in steady supply),
    `state_after_bytes` (after the storm, without what was concluded), `resident_bytes` (the whole process then).
    CPU seconds: `second_median` and `second_most` (the signals of one second of the storm and its tick),
    `behind` (what is left to do at the last gasp, had each second's work begun with the second), `conclude` (that, and
    the ticks after the last gasp until the last outage was told), `afterwards` (all ticks of two minutes after it).
    `conclude_ticks`: how many ticks until then. `signals_per_second` with `raw_signals_per_second` and
    `ratio`. What was told in the end: `outages`, `members`, of `feeders` and `dark`.
    """
    empty = _resident()
    inventory = _inventory(devices)
    gc.collect()
    listed = _resident()
    detector = OutageDetector(inventory, OutageSettings())
    detector.advance(_START)
    _report_all(detector, devices)
    detector.advance(_START + _INTERVAL_S * SECOND)
    gc.collect()
    steady = _resident()

    feeders, dark = _hit(inventory, gasps)
    at = _START + _INTERVAL_S * SECOND
    seconds = _storm(dark, at, over_s)
    before = _resident()
    taking, spent, told = [], [], _Told()
    for signals in [*seconds, *[[]] * _AFTERWARDS_S]:
        at += SECOND
        began = time.process_time()
        for signal in signals:
            detector.notice(signal)
        taking.append(time.process_time() - began)
        events = detector.advance(at)
        detector.questions()
        spent.append(time.process_time() - began)
        told.take(len(spent), events)
    gc.collect()
    after = _resident()
    taken = sum(map(len, seconds)) / max(1e-9, sum(taking))
    raw = _read_columns(seconds)
    last = max(told.at - over_s, 0)
    behind = 0.0
    for cpu in spent[:over_s]:
        behind = max(0.0, behind - 1.0) + cpu
    return {
        "devices": len(inventory),
        "nodes": len(inventory.network),
        "gasps": len(dark),
        "inventory_bytes": listed - empty,
        "state_bytes": steady - listed,
        "state_after_bytes": after - before + steady - listed,
        "resident_bytes": after,
        "second_median": statistics.median(spent[:over_s]),
        "second_most": max(spent[:over_s]),
        "behind": behind,
        "conclude": behind + sum(spent[over_s : over_s + last]),
        "conclude_ticks": last,
        "afterwards": sum(spent[over_s:]),
        "signals_per_second": taken,
        "raw_signals_per_second": raw,
        "ratio": taken / raw,
        "feeders": feeders,
        "dark": len(dark),
        "outages": len(told.standing),
        "members": sum(told.standing.values()),
    }


class _Told:
    """`standing`: outages that were neither merged nor cancelled -> members; `at`: when any of that changed last."""

    def __init__(self) -> None:
        self.standing: dict[str, int] = {}
        self.at = 0

    def take(self, number: int, events: list[Event]) -> None:
        before = dict(self.standing) if events else self.standing
        for event in events:
            incident = event.incident
            if incident.kind is IncidentKind.OUTAGE and incident.state is IncidentState.OPEN:
                self.standing[incident.id] = len(incident.devices)
            else:
                self.standing.pop(incident.id, None)
        if self.standing != before:
            self.at = number


def _inventory(devices: int) -> Inventory:
    ids, parents, kinds = [], [], []
    above = [""]
    sizes = (_FEEDERS, _LATERALS, _TRANSFORMERS, _METERS)
    count = devices
    counts = [count, *(count := -(-count // size) for size in reversed(sizes))]
    levels = zip(
        ("substation", "feeder", "fuse", "transformer", "service"), reversed(counts), (1, *sizes), strict=True
    )
    for kind, here, per in levels:
        names = [f"{kind}-{i}" for i in range(here)]
        ids += names
        parents += [above[i // per] if kind != "substation" else "" for i in range(here)]
        kinds += [kind] * here
        above = names
    network = Network(ids, parents, kinds)
    listed = [Device(id=f"M{i}", node=above[i], interval_s=_INTERVAL_S) for i in range(devices)]
    return Inventory(listed, network)


def _report_all(detector: OutageDetector, devices: int) -> None:
    """A reading of every device within its interval, then one more."""
    for number in range(2):
        at = _START + (number * _INTERVAL_S + 1) * SECOND // 2
        for first in range(0, devices, _ROWS):
            keys = np.arange(first, min(first + _ROWS, devices))
            volts = np.full((len(keys), 3), 230.0)
            detector.observe(
                Batch.of(
                    ("voltage_a", "voltage_b", "voltage_c"),
                    keys,
                    np.full(len(keys), at),
                    volts,
                    source="mqtt:bench",
                )
            )


def _hit(inventory: Inventory, gasps: int) -> tuple[int, Int64s]:
    """(how many feeders, keys of their meters): every so many-th feeder, none of them the whole of a substation."""
    network = inventory.network
    feeder = network.ancestor_of_kind(NodeKind.FEEDER)[inventory.node]
    feeders = np.unique(feeder)
    many = max(1, gasps // max(1, len(inventory) // len(feeders)))
    some = feeders[:: max(1, len(feeders) // many)][:many]
    return len(some), np.flatnonzero(np.isin(feeder, some))


def _storm(dark: Int64s, at: int, over_s: int) -> list[list[Signal]]:
    """Signals of each second; supply was lost at `at`, and every other meter says so."""
    order = np.random.default_rng(1).permutation(dark)
    seconds = []
    for number, keys in enumerate(np.array_split(order, over_s)):
        received = at + number * SECOND + np.arange(1, len(keys) + 1) * SECOND // (len(keys) + 1)
        seconds.append(
            [
                Signal(
                    kind=SignalKind.LAST_GASP,
                    device=key,
                    received_at=when,
                    occurred_at=at if key % 2 else None,
                    source="mqtt:bench",
                )
                for key, when in zip(keys.tolist(), received.tolist(), strict=True)
            ]
        )
    return seconds


def _read_columns(seconds: list[list[Signal]]) -> float:
    """Signals a second whose fields are read into columns, and nothing more."""
    began = time.process_time()
    for signals in seconds:
        np.array(
            [(s.device, s.received_at, s.occurred_at or 0, s.kind is SignalKind.LAST_GASP) for s in signals]
        )
    return sum(map(len, seconds)) / max(1e-9, time.process_time() - began)


def _resident() -> int:
    """Bytes of this process in memory; where the system does not tell, the most there ever were."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--devices", type=int, default=1_000_000)
    parser.add_argument("--gasps", type=int, default=200_000)
    parser.add_argument("--over", type=int, default=60, help="seconds in which they arrive")
    given = parser.parse_args()
    print(json.dumps(asyncio.run(run(devices=given.devices, gasps=given.gasps, over_s=given.over))))


if __name__ == "__main__":
    main()
