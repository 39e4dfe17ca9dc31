"""Golden cases of the outage detector: a directory each, in the formats of `feederline replay`.

network.csv, devices.csv, stream.jsonl and expected.json; settings.json where a case needs its own. Time is driven by
hand: one tick at each second of reception, up to `until` of expected.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from gateway.core.clock import SECOND, format_time, parse_time
from gateway.core.inventory import Inventory
from gateway.core.model import Batch, Event, Incident, Interruption, PlannedOutage, Signal
from gateway.csvfiles import load_devices, load_network
from gateway.replay.batches import batches
from gateway.replay.lines import Reader, Refused
from processors.outage.detector import OutageDetector
from processors.outage.evidence import Evidence
from processors.outage.metrics import FAULTS
from processors.outage.settings import OutageSettings
from processors.outage.state import Flag

ROOT = Path(__file__).parents[1] / "cases" / "outage"
Heard: TypeAlias = Batch | Signal


@dataclass(frozen=True, slots=True)
class Case:
    inventory: Inventory
    settings: OutageSettings
    entries: list[Heard]
    until: int
    expected: dict[str, list[dict[str, object]]]


def faults() -> float:
    """Failures that the detector caught and counted so far; no test means to cause one unless it says so."""
    samples = (sample for metric in FAULTS.collect() for sample in metric.samples)
    return sum(sample.value for sample in samples if sample.name.endswith("_total"))


def names() -> list[str]:
    return sorted(path.name for path in ROOT.iterdir() if path.is_dir())


def load(name: str) -> Case:
    folder = ROOT / name
    inventory = load_devices(folder / "devices.csv", load_network(folder / "network.csv"))
    reader = Reader(inventory)
    expected = json.loads((folder / "expected.json").read_text())
    own = folder / "settings.json"
    settings = OutageSettings(**json.loads(own.read_text())) if own.exists() else OutageSettings()
    entries = [entry(line, reader) for line in (folder / "stream.jsonl").read_bytes().splitlines()]
    return Case(inventory, settings, entries, parse_time(expected.pop("until")), expected)


def entry(line: bytes, reader: Reader) -> Heard:
    found = reader.read(line)
    assert not isinstance(found, Refused), (line, found)
    received, what = found
    assert not isinstance(what, PlannedOutage)
    return what if isinstance(what, Signal) else next(batches([what], [received]))


def at_fault(evidence: Evidence, flag: np.uint8 = Flag.CLOCK) -> set[int]:
    """Keys of the devices whose own time is not believed, or that have another flag."""
    evidence.flush()
    return set(np.flatnonzero(evidence.flags & flag).tolist())


def received_at(heard: Heard) -> int:
    return heard.received_at if isinstance(heard, Signal) else int(heard.received_at[0])


def run(detector: OutageDetector, entries: Sequence[Heard], until: int) -> Iterator[Event]:
    """Feed in order with a tick at each whole second."""
    if not entries:
        return
    tick = received_at(entries[0]) // SECOND * SECOND
    for heard in entries:
        while tick < received_at(heard):
            yield from detector.advance(tick)
            tick += SECOND
        if isinstance(heard, Signal):
            detector.notice(heard)
        else:
            detector.observe(heard)
    while tick <= until:
        yield from detector.advance(tick)
        tick += SECOND


def latest(events: Iterable[Event]) -> list[Incident]:
    """Every incident as it is in the end, in order of opening."""
    found: dict[str, Incident] = {}
    for event in events:
        before = found.get(event.incident.id)
        assert event.incident.revision == (before.revision + 1 if before else 1)
        found[event.incident.id] = event.incident
    return list(found.values())


def interruptions(events: Iterable[Event]) -> list[Interruption]:
    """Every interruption as it is in the end; void ones left out."""
    found: dict[tuple[str, int, int], Interruption] = {}
    for event in events:
        for row in event.interruptions:
            found[row.incident, row.device, row.step] = row
    return [row for row in found.values() if row.ended_at != row.started_at]


def outline(events: Sequence[Event], inventory: Inventory) -> dict[str, list[dict[str, object]]]:
    """The end of the story as expected.json writes it."""
    incidents = latest(events)
    order = {incident.id: i for i, incident in enumerate(incidents)}
    return {
        "incidents": [
            {
                "kind": str(i.kind),
                "node": i.node,
                "phases": i.phases,
                "state": str(i.state),
                "started_at": format_time(i.started_at),
                "detected_at": format_time(i.detected_at),
                "restored_at": format_time(i.restored_at) if i.restored_at else None,
                "devices": sorted(inventory.ids[d] for d in i.devices),
                "direct": i.direct,
                "parent": order.get(i.parent),
                "summary": i.summary,
            }
            for i in incidents
        ],
        "interruptions": [
            {
                "incident": order[row.incident],
                "device": inventory.ids[row.device],
                "step": row.step,
                "state": str(row.state),
                "start": format_time(row.started_at),
                "end": format_time(row.ended_at) if row.ended_at else None,
            }
            for row in sorted(
                interruptions(events), key=lambda row: (order[row.incident], row.device, row.step)
            )
        ],
    }
