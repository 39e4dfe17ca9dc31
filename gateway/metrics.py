"""The gateway's own figures for Prometheus; each driver and the dispatcher keep theirs beside their code."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

PIPELINE_ENTRIES = Counter(
    "feederline_pipeline_entries_total", "Entries of the stream written to the database"
)
PIPELINE_ROWS = Counter("feederline_pipeline_rows_total", "Rows of readings written to the database")
PIPELINE_FAULTS = Counter(
    "feederline_pipeline_faults_total", "Entries on which a detector failed", ["processor"]
)
PIPELINE_LAG = Gauge("feederline_pipeline_lag_entries", "Entries in the spool and not yet in the database")
SPOOL_BYTES = Gauge("feederline_spool_bytes", "Bytes of entries held in the spool")
ABSENCES = Counter("feederline_gateway_absences_total", "Times the gateway could not hear the field")
RESTARTS = Counter("feederline_task_restarts_total", "Restarts of a supervised task", ["task"])
