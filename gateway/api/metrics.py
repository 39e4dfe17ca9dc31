"""The API's own figures."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("feederline_api_requests_total", "Requests answered", ["route", "status"])
DURATION = Histogram("feederline_api_request_seconds", "Time to answer a request", ["route"])
DENIED = Counter("feederline_api_denied_total", "Attempts that were denied", ["reason"])
AUDIT_LOST = Counter("feederline_api_audit_lost_total", "Audit entries that were dropped")
STREAMS = Gauge("feederline_api_streams", "Streams of live changes that are open now")
EVENTS_DROPPED = Counter(
    "feederline_api_events_dropped_total", "Changes not told to streams that were read too slowly"
)
CALLBACKS = Counter(
    "feederline_api_callbacks_total", "Calls of service systems, by what became of them", ["outcome"]
)
