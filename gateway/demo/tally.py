"""What a run of the demo came to, and which of its promises were not kept."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.clock import SECOND
from gateway.demo.inspection import Inspected
from gateway.demo.told import STEPS, Told
from gateway.store.completeness import Completeness
from gateway.store.views import Reliability
from simulator.receiver import Counts


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What the run came to."""

    devices: int
    completeness: Completeness
    reliability: Reliability
    receiver: Counts
    incidents: int
    tickets_opened: int
    tickets_closed: int
    detect_seconds: float | None
    inspected: Inspected
    story: list[Told]
    wrong: list[str]  # what should not have happened in it

    def figures(self) -> dict[str, Any]:
        """The last line of `--json`."""
        return {
            "devices": self.devices,
            "readings": self.completeness.readings - self.inspected.past.rows,
            "signals": self.completeness.signals,
            "incidents": self.incidents,
            "tickets_opened": self.tickets_opened,
            "tickets_closed": self.tickets_closed,
            "webhooks_delivered": self.receiver.received,
            "duplicates": self.completeness.duplicates + self.receiver.duplicated,
            "missing": self.completeness.missing,
            "asai": self.reliability.all.asai,
            "unknown_share": self.reliability.unknown_share,
            "detect_seconds": self.detect_seconds,
            **self.inspected.figures(),
            "story": [told.entry() for told in self.story],
        }

    def summary(self) -> str:
        """For people, in a few lines."""
        figures = self.figures()
        asai = "—" if figures["asai"] is None else f"{figures['asai']:.3%}"
        return (
            f"{figures['readings']} readings and {figures['signals']} signals of {figures['devices']} devices stored; "
            f"{figures['missing']} missing, {figures['duplicates']} twice.\n"
            f"{figures['incidents']} incidents, {figures['tickets_opened']} tickets opened, "
            f"{figures['tickets_closed']} closed, {figures['webhooks_delivered']} webhooks delivered to the desk.\n"
            f"ASAI of these {(self.reliability.window_to - self.reliability.window_from) / SECOND:.0f} s: {asai}."
        )

    def faults(self) -> list[str]:
        """Promises that were not kept; empty when all is well."""
        figures = self.figures()
        faults = [*self.wrong, *self.inspected.faults()]
        if figures["missing"]:
            faults.append(f"{figures['missing']} readings or signals were delivered and are not stored")
        if figures["duplicates"]:
            faults.append(f"{figures['duplicates']} rows, tickets or webhooks were there twice")
        if not figures["tickets_closed"]:
            faults.append("no ticket was opened, delivered and closed in the time given")
        untold = set(STEPS) - {told.step for told in self.story}
        faults += [f"{step.replace('_', ' ')} did not happen" for step in STEPS if step in untold]
        return faults
