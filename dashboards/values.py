"""Words and colours of what SQL says in codes: states, kinds, actions. Colours only support the word beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMapping, ValueMappingResult

from dashboards.words import Words

GOOD, WARNING, BAD, CALM = "green", "orange", "red", "blue"
RESTORED, PLANNED, ENDED = "semi-dark-blue", "purple", "text"


class Value(NamedTuple):
    text: str
    color: str | None = None


VALUES: Mapping[str, Mapping[str, Value]] = {
    "incident_kind": {
        "outage": Value("outage", BAD),
        "phase_loss": Value("lost phase", BAD),
        "momentary": Value("momentary interruption", WARNING),
        "planned_outage": Value("planned outage", PLANNED),
        "communications_loss": Value("communications loss", WARNING),
        "power_quality": Value("power quality", CALM),
        "usage_anomaly": Value("unusual usage", CALM),
    },
    "incident_state": {
        "open": Value("open", BAD),
        "restored": Value("restored, to be verified", RESTORED),
        "closed": Value("ended", ENDED),
        "cancelled": Value("withdrawn", ENDED),
        "merged": Value("merged", ENDED),
    },
    "supply_state": {
        "on": Value("on", GOOD),
        "off": Value("off", BAD),
        "unknown": Value("unknown", WARNING),
    },
    "ticket_state": {
        "predicted": Value("predicted", WARNING),
        "confirmed": Value("confirmed", BAD),
        "dispatched": Value("crew dispatched", CALM),
        "on_site": Value("crew on site", CALM),
        "estimated": Value("restoration estimated", CALM),
        "restored": Value("restored, to be verified", RESTORED),
        "closed": Value("closed", ENDED),
        "merged": Value("merged", ENDED),
        "cancelled": Value("withdrawn", ENDED),
        "reopened": Value("reopened", BAD),
    },
    "clock": {
        "response": Value("response"),
        "arrival": Value("arrival on site"),
        "arrival_limit": Value("arrival on site, regulator's limit"),
        "restoration": Value("restoration"),
    },
    "clock_state": {
        "late": Value("late", BAD),
        "due": Value("due soon", WARNING),
        "running": Value("in time", GOOD),
    },
    "target_state": {
        "met": Value("met", GOOD),
        "at_risk": Value("at risk", WARNING),
        "missed": Value("missed", BAD),
    },
    "target_span": {
        "month": Value("this month"),
        "year": Value("this year"),
        "rolling_year": Value("last 12 months"),
    },
    "interruption_kind": {
        "all": Value("all interruptions"),
        "fault": Value("faults only"),
        "planned": Value("planned only", PLANNED),
    },
    "day_kind": {
        "major": Value("major event day", BAD),
        "ordinary": Value("ordinary day"),
    },
    "day_split": {
        "all": Value("all days"),
        "normal": Value("without major event days"),
        "major": Value("major event days"),
    },
    "window": {
        "Today": Value("Today"),
        "This month so far": Value("This month so far"),
        "Last 12 months": Value("Last 12 months"),
        "Range shown": Value("Range shown"),
    },
    "basis": {
        "lv": Value("customers (low voltage)"),
        "mv": Value("transformers (medium voltage)"),
    },
    "priority": {
        "critical": Value("critical", BAD),
        "public_welfare": Value("public welfare", WARNING),
        "important": Value("important", WARNING),
    },
    "node_kind": {
        "substation": Value("substation"),
        "feeder": Value("feeder"),
        "switch": Value("switch"),
        "recloser": Value("recloser"),
        "fuse": Value("fuse"),
        "section": Value("section"),
        "transformer": Value("transformer"),
        "service": Value("service"),
    },
    "yes_no": {
        "true": Value("yes"),
        "false": Value("no"),
    },
}
"""What a column may say → the word for it. A test holds them against the enums of the code."""


def mappings(words: Words, of: str) -> list[ValueMapping]:
    """Grafana's value mappings of VALUES[of], for a panel or column that shows such values."""
    return [
        ValueMap(
            options={
                value: ValueMappingResult(text=words(word.text), color=word.color, index=index)
                for index, (value, word) in enumerate(VALUES[of].items())
            }
        )
    ]
