"""What the detector of unusual usage counts about itself."""

from __future__ import annotations

from prometheus_client import Counter

SUSPICIONS = Counter(
    "feederline_usage_suspicions_total",
    "What the daily look told of, by what became of it: told, opened, rests (a person found nothing there lately), "
    "unlisted, late (a later day was told of before)",
    ["outcome"],
)
IDLE_INSTRUCTIONS = Counter(
    "feederline_usage_idle_instructions_total",
    "Instructions of people about unusual usage that could not be followed, by what they asked for",
    ["order"],
)
