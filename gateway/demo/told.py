"""The steps of the story as `--json` tells them."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.clock import format_time

STEPS = (
    "fuse_outage", "acknowledged", "communications_loss", "dispatched", "on_site", "estimated",
    "partial_restoration", "restored", "closed", "communications_restored",
)  # fmt: skip
"""What has to happen, by the names in the `story` of `--json`."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One step: when it was seen, at which node, of which incident, in the words of the incident or of who did it."""

    step: str
    at: int
    node: str
    incident: str
    ticket: int | None
    customers: int  # off, or unknown where communications are lost
    seconds: float  # since the fault
    summary: str

    def entry(self) -> dict[str, Any]:
        return {**msgspec.structs.asdict(self), "at": format_time(self.at), "seconds": round(self.seconds, 1)}
