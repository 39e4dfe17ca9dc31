"""What the book tells of itself."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

INTERVALS = Counter(
    "feederline_meterdata_intervals_total",
    "Intervals put, by what became of them: inserted, replaced, kept, too_late",
    ["outcome"],
)
ESTIMATED = Counter(
    "feederline_meterdata_estimated_total", "Intervals of closed days without a measured value"
)
LATE = Counter("feederline_meterdata_late_total", "Stretches reckoned anew for readings that came late")
GAPS_OPEN = Gauge(
    "feederline_meterdata_gaps_open", "Gaps that are not filled, within recall_back_days and up to 100000"
)
GAPS_FILLED = Counter("feederline_meterdata_gaps_filled_total", "Gaps that were filled later")
RECALLS = Counter(
    "feederline_meterdata_recalls_total",
    "Gaps asked for again, by how it ended: asked, late, failed",
    ["outcome"],
)
RECALLING = Gauge("feederline_meterdata_recalls_under_way", "Gaps being asked for now")
LAG = Gauge(
    "feederline_meterdata_lag_seconds", "How far the intervals are behind the stream, by step", ["step"]
)
SUSPICIONS = Counter("feederline_meterdata_suspicions_total", "What the daily look told the stream of")
FAULTS = Counter(
    "feederline_meterdata_faults_total",
    "Devices and steps left out because something failed on them, by stage",
    ["stage"],
)
SECONDS = Histogram(
    "feederline_meterdata_stage_seconds",
    "How long one run of a stage took",
    ["stage"],
    buckets=(0.1, 1, 10, 60, 300, 900, 3600),
)
