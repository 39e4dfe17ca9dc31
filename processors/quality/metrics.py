"""What the detector of supply quality counts about itself."""

from __future__ import annotations

from prometheus_client import Counter

FAULTS = Counter("feederline_quality_faults_total", "Windows whose supply quality could not be judged")
INCIDENTS = Counter(
    "feederline_quality_incidents_total", "Incidents of supply quality, by what was told of them", ["change"]
)
