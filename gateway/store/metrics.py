"""What the store tells Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

ROWS = Counter("feederline_store_rows_total", "Rows of readings by what became of them", ["outcome"])
WRITE_SECONDS = Histogram(
    "feederline_store_write_seconds",
    "Time of one transaction",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
FAULTS = Counter("feederline_store_faults_total", "Transactions that failed, by kind of error", ["error"])
