"""The API's own figures."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

REQUESTS = Counter("feederline_api_requests_total", "Requests answered", ["route", "status"])
DURATION = Histogram("feederline_api_request_seconds", "Time to answer a request", ["route"])
DENIED = Counter("feederline_api_denied_total", "Attempts that were denied", ["reason"])
AUDIT_LOST = Counter(
    "feederline_api_audit_lost_total", "Audit entries dropped while the database was away for too long"
)
