"""What a replay came to, as `feederline replay` prints it: incidents, interruptions, and what was not taken."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from gateway.core.clock import format_time
from gateway.core.errors import FeederlineError
from gateway.core.inventory import Inventory
from gateway.core.model import Incident, IncidentKind, IncidentState, Interruption, SupplyState
from gateway.replay.run import Replay

CSV_COLUMNS = ("event_id", "start", "end", "customers", "kind", "node", "cause", "device")


def outcome(replay: Replay) -> dict[str, Any]:
    """The object that `--json` prints; plain data in a fixed order."""
    inventory = replay.inventory
    suspects = replay.clock_faults | replay.reader.clock_faults
    return {
        "incidents": [_incident(incident, inventory) for incident in incidents(replay)],
        "interruptions": [
            {
                "incident": incident.id,
                "device": inventory.ids[row.device],
                "step": row.step,
                "state": row.state.value,
                "kind": incident.kind.value,
                "started_at": format_time(row.started_at),
                "ended_at": _time(row.ended_at),
                "customers": int(inventory.customers[row.device]),
            }
            for incident, row in interruptions(replay)
        ],
        "ignored": {
            reason: {"count": fault.total, "lines": list(fault.lines)}
            for reason, fault in replay.ignored.items()
        },
        "reordered": len(replay.order.late),
        "unknown_quantities": dict(sorted(replay.reader.unknown_quantities.items())),
        "clock_faults": sorted(inventory.ids[key] for key in suspects),
        "lines": replay.lines,
        "readings": replay.readings,
        "until": _time(replay.at or None),
    }


def incidents(replay: Replay) -> list[Incident]:
    """Every incident as it was in the end, in order of detection."""
    return sorted(replay.incidents.values(), key=lambda incident: (incident.detected_at, incident.id))


def interruptions(replay: Replay) -> list[tuple[Incident, Interruption]]:
    """Every interruption that has a length or goes on, with its incident; by incident, device and step."""
    ids = replay.inventory.ids
    found: dict[str, list[Interruption]] = {}
    for row in replay.interruptions.values():
        if row.ended_at != row.started_at:
            found.setdefault(row.incident, []).append(row)
    return [
        (incident, row)
        for incident in incidents(replay)
        for row in sorted(found.get(incident.id, []), key=lambda row: (ids[row.device], row.step))
    ]


def write_interruptions(replay: Replay, path: Path) -> int:
    """Write what `feederline indices` reads: time without supply, a row for each metering point and step.

    Time of unknown supply is no interruption and is left out. Returns the rows written.

    Raises:
        FeederlineError: the file cannot be written.
    """
    inventory = replay.inventory
    rows = [
        (
            incident.id,
            format_time(row.started_at),
            _time(row.ended_at) or "",
            int(inventory.customers[row.device]),
            "planned" if incident.kind is IncidentKind.PLANNED_OUTAGE else "fault",
            incident.node,
            incident.evidence.get("reference", ""),
            inventory.ids[row.device],
        )
        for incident, row in interruptions(replay)
        if row.state is SupplyState.OFF
        and incident.state is not IncidentState.CANCELLED
        and (row.ended_at or incident.state is not IncidentState.MERGED)  # who absorbed it goes on with it
    ]
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([CSV_COLUMNS, *rows])
    except OSError as exc:
        raise FeederlineError(f"{path}: {exc.strerror}") from exc
    return len(rows)


def _incident(incident: Incident, inventory: Inventory) -> dict[str, Any]:
    ended = incident.ended_at
    if incident.state in (IncidentState.RESTORED, IncidentState.CLOSED):
        ended = incident.restored_at or ended
    return {
        "id": incident.id,
        "kind": incident.kind.value,
        "node": incident.node,
        "phases": incident.phases,
        "state": incident.state.value,
        "started_at": format_time(incident.started_at),
        "detected_at": format_time(incident.detected_at),
        "restored_at": _time(incident.restored_at),
        "ended_at": _time(ended),
        "customers": incident.customers,
        "devices": sorted(inventory.ids[key] for key in incident.devices),
        "parent": incident.parent or None,
        "confidence": round(incident.confidence, 6),
        "direct": incident.direct,
        "summary": incident.summary,
        "evidence": incident.evidence,
    }


def _time(at: int | None) -> str | None:
    return None if at is None else format_time(at)
