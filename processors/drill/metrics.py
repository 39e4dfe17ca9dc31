"""What became of exercises."""

from __future__ import annotations

from prometheus_client import Counter

DRILLS = Counter(
    "feederline_drill_drills_total",
    "Exercises by what became of them: begun, over, broken_off (another one took its place, it found no end, or its "
    "memory was lost), unknown_node, forgotten (told to end when nothing was known of it)",
    ["outcome"],
)
