"""The API's own figures."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

REQUESTS = Counter("feederline_api_requests_total", "Requests answered", ["route", "status"])
DURATION = Histogram("feederline_api_request_seconds", "Time to answer a request", ["route"])
