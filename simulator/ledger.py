"""What was delivered for certain, to be compared with what is stored."""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple


class Sent(NamedTuple):
    """One message on its way: a reading where `kind` is empty, a signal otherwise."""

    device: str
    at: int
    kind: str = ""


@dataclass(slots=True)
class Ledger:
    """readings: per MQTT device the times (µs) of acknowledged readings;  signals: acknowledged events;
    polls: per Modbus device how many polls were answered in every block, filled in when the ledger is drawn up.
    """

    readings: dict[str, array[int]] = field(default_factory=dict)
    signals: list[Sent] = field(default_factory=list)
    polls: dict[str, int] = field(default_factory=dict)

    def acknowledged(self, sent: Sent) -> None:
        if sent.kind:
            self.signals.append(sent)
            return
        times = self.readings.get(sent.device)
        if times is None:
            times = self.readings[sent.device] = array("q")
        times.append(sent.at)

    def totals(self) -> dict[str, int]:
        return {
            "readings": sum(len(times) for times in self.readings.values()),
            "signals": len(self.signals),
            "polls": sum(self.polls.values()),
        }

    def write(self, path: Path) -> None:
        """As JSON: `{"mqtt": {device: [at, …]}, "modbus": {device: polls}, "signals": [[device, at, type], …]}`."""
        document: Mapping[str, object] = {
            "mqtt": {device: times.tolist() for device, times in self.readings.items()},
            "modbus": self.polls,
            "signals": self.signals,
        }
        path.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")
