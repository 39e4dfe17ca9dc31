"""The report's words in English and Simplified Chinese: the English text in the code is the key of zh.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias

import yaml

Language: TypeAlias = Literal["en", "zh"]

TERMS: Mapping[str, str] = {
    "all": "All", "fault": "Fault", "planned": "Planned", "normal": "Other days", "major": "Major event days",
    "met": "met", "at_risk": "at risk", "missed": "missed",
    "repair": "Repair", "quality": "Supply quality", "inspection": "Inspection",
    "response": "Acknowledge", "arrival": "Arrive", "arrival_limit": "Arrive (regulator)", "restoration": "Restore",
    "urban": "Urban", "rural": "Rural", "remote": "Remote",
    "outage": "Outage", "phase_loss": "Phase loss", "momentary": "Momentary", "planned_outage": "Planned outage",
    "communications_loss": "Communications loss", "power_quality": "Power quality", "usage_anomaly": "Unusual usage",
    "open": "Open", "restored": "Restored", "closed": "Closed", "cancelled": "Cancelled (false)", "merged": "Merged",
    "predicted": "Predicted", "confirmed": "Confirmed", "dispatched": "Dispatched", "on_site": "On site",
    "estimated": "Restoration estimated", "reopened": "Reopened",
    "critical": "Critical", "public_welfare": "Public welfare", "important": "Important",
    "modbus": "asked (Modbus)", "mqtt": "report by themselves (MQTT)",
    "lv": "Low voltage", "mv": "Medium voltage",
    "interruptions": "Customer interruptions", "minutes": "Customer minutes",
    "open_customers": "Still off, customers", "open_minutes": "Still off, min so far",
    "customer_hours": "Customer hours", "customer_hours_F": "Customer hours, faults",
    "customer_hours_S": "Customer hours, planned",
    "SAIDI_min": "SAIDI, min", "CAIDI_min": "CAIDI, min",
    "SAIDI-1_h": "SAIDI-1, h", "SAIDI-F_h": "SAIDI-F, h", "SAIDI-S_h": "SAIDI-S, h",
    "saidi": "SAIDI", "asai": "ASAI", "rolling_year": "Rolling year",
    "detector": "the detector",
}  # fmt: skip
"""What names of the model read like."""


class Words:
    """`words("Fault")` in its language; `words("{n} more", n=3)` fills in. KeyError for a text that zh.yaml lacks."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._known = chinese() if language == "zh" else {}

    def __call__(self, text: str, **given: object) -> str:
        said = self._known[text] if self.language == "zh" else text
        return said.format(**given) if given else said

    def term(self, name: str) -> str:
        """That of TERMS, or the name itself: people give areas and causes names of their own."""
        return self(TERMS[name]) if name in TERMS else name

    def join(self, sentences: list[str]) -> str:
        return ("" if self.language == "zh" else " ").join(sentences)


@cache
def chinese() -> Mapping[str, str]:
    text = files("gateway.report").joinpath("zh.yaml").read_text(encoding="utf-8")
    found: Mapping[str, str] = yaml.safe_load(text)
    return found
