"""What is counted of meter events."""

from __future__ import annotations

from prometheus_client import Counter

EVENTS = Counter("feederline_meter_events_total", "Meter events that began or ended, by kind", ["kind"])
