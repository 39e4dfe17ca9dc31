"""What the outage detector counts about itself."""

from __future__ import annotations

from prometheus_client import Counter

FAULTS = Counter(
    "feederline_outage_faults_total", "Failures of the outage detector, by what failed", ["what"]
)
UNKNOWN_WINDOWS = Counter(
    "feederline_outage_unknown_windows_total", "Announced outages of nodes that the network does not have"
)
IDLE_INSTRUCTIONS = Counter(
    "feederline_outage_idle_instructions_total",
    "Instructions of people that could no longer be followed, by what they asked for",
    ["order"],
)
