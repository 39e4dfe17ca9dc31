"""What the sending of messages is measured by. `target` is a configured name, so there are few."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

TRIES = Counter(
    "feederline_alerts_tries_total", "Tries to deliver a message, by how they ended", ["target", "outcome"]
)
TRY_SECONDS = Histogram(
    "feederline_alerts_try_seconds",
    "Time that one try took",
    ["target"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
DELAY_SECONDS = Histogram(
    "feederline_alerts_delay_seconds",
    "From the making of a message to its acceptance by the target",
    ["target"],
    buckets=(0.1, 0.3, 1, 3, 10, 30, 120, 600, 3600, 86_400),
)
LATE = Gauge(
    "feederline_alerts_late_deliveries", "Messages undelivered for longer than the alarm", ["target"]
)
LATE_TARGETS = Counter(
    "feederline_alerts_late_alarms_total",
    "Alarms raised because a target does not get its messages",
    ["target"],
)
DISABLED = Gauge(
    "feederline_alerts_target_disabled",
    "1 since the target answered 410 Gone, until it is enabled",
    ["target"],
)
LEFT_ALONE = Gauge(
    "feederline_alerts_target_left_alone",
    "1 while the target fails and is tried with single messages only",
    ["target"],
)
OUTBOX_FAULTS = Counter("feederline_alerts_outbox_unavailable_total", "Times that the outbox did not answer")
