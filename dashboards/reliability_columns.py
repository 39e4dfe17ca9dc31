"""What the panels of supply reliability say alike: the basis of the indices, and their columns."""

from __future__ import annotations

from dashboards.panels import MINUTES, Column

BASIS = (
    "IEEE 1366 over the metering points of the device list. Sustained is what lasts longer than the threshold in the"
    " table of indices; its minutes belong to the window in which it began, whole, once it has ended."
    " Unknown supply is neither on nor off and has its own share."
)
GOING_ON = "What still goes on joins when it ends, and stands apart until then."
POLLED = "Where interruptions are found by polling, SAIFI is a lower bound, CAIDI an upper bound and MAIFI incomplete."
RELIABILITY: Column = {"unit": "percentunit", "decimals": 4, "custom.width": 105}
PER_CUSTOMER: Column = {"decimals": 4, "custom.width": 95}
LENGTH: Column = {"unit": MINUTES, "decimals": 2, "custom.width": 110}
HOURS: Column = {"unit": "suffix:h", "decimals": 4, "custom.width": 105}
CUSTOMER_MINUTES: Column = {"unit": "locale", "decimals": 0, "custom.width": 130}
UNKNOWN: Column = {"unit": "percentunit", "decimals": 4, "custom.width": 120}
INDICES: dict[str, Column] = {
    "ASAI": RELIABILITY,
    "SAIDI": LENGTH,
    "SAIFI": PER_CUSTOMER,
    "CAIDI": LENGTH,
    "MAIFI": PER_CUSTOMER,
}
