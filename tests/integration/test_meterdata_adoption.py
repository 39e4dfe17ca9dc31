"""After a restart every detector takes over the incidents of its own kinds, and leaves those of others alone."""

from __future__ import annotations

import pytest

from gateway.core.inventory import Inventory
from gateway.core.model import Incident, IncidentKind, IncidentState
from gateway.recovery import Adopting
from processors.drill.detector import DrillDetector
from processors.drill.settings import DrillSettings
from processors.outage.detector import OutageDetector
from processors.outage.settings import OutageSettings
from processors.quality.detector import QualityDetector
from processors.quality.settings import QualitySettings
from processors.usage.detector import UsageDetector
from processors.usage.settings import UsageSettings
from tests.integration.meterdata_world import MONDAY, district

OUTAGES = {
    IncidentKind.OUTAGE,
    IncidentKind.PHASE_LOSS,
    IncidentKind.MOMENTARY,
    IncidentKind.PLANNED_OUTAGE,
    IncidentKind.COMMUNICATIONS_LOSS,
}


def detectors(inventory: Inventory) -> list[tuple[Adopting, set[IncidentKind]]]:
    return [
        (OutageDetector(inventory, OutageSettings()), OUTAGES),
        (DrillDetector(inventory, OutageSettings(), DrillSettings()), set()),
        (QualityDetector(inventory, QualitySettings()), {IncidentKind.POWER_QUALITY}),
        (UsageDetector(inventory, UsageSettings()), {IncidentKind.USAGE_ANOMALY}),
    ]


@pytest.mark.parametrize("place", range(4))
def test_incidents_of_other_kinds_are_left_alone(place: int) -> None:
    inventory = district()
    detector, own = detectors(inventory)[place]
    meter = inventory.key("M0-0")
    assert meter is not None
    incidents = [
        Incident(
            id=kind.value,
            kind=kind,
            node="T0",
            phases="ABC",
            state=IncidentState.OPEN,
            started_at=MONDAY,
            detected_at=MONDAY,
            customers=1,
            devices=(meter,),
            confidence=0.9,
            summary="known to the database",
        )
        for kind in IncidentKind
    ]
    detector.adopt(incidents, [])
    assert {IncidentKind(name) for name in detector.open_ids()} <= own
    told = [event for second in range(3) for event in detector.advance(MONDAY + second * 500_000)]
    assert {event.incident.kind for event in told} <= own, "nobody ends what is another's"
