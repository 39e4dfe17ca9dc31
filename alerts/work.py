"""What kind of work a ticket asks for, and so who gets it and which clocks it has."""

from __future__ import annotations

from enum import StrEnum

from gateway.core.model import IncidentKind


class Work(StrEnum):
    REPAIR = "repair"  # customers are without supply, or nobody knows
    QUALITY = "quality"  # they have supply outside its limits
    INSPECTION = "inspection"  # somebody is to look at a meter and its connection; nothing has failed


_OTHER = {IncidentKind.POWER_QUALITY: Work.QUALITY, IncidentKind.USAGE_ANOMALY: Work.INSPECTION}


def work_of(kind: IncidentKind | None) -> Work:
    """That of a ticket whose incident's kind was not read along is a repair."""
    return Work.REPAIR if kind is None else _OTHER.get(kind, Work.REPAIR)


OVER = {
    Work.REPAIR: "supply is back",
    Work.QUALITY: "supply is within its limits",
    Work.INSPECTION: "usage is as expected",
}
AGAIN = {
    Work.REPAIR: "off again",
    Work.QUALITY: "outside its limits again",
    Work.INSPECTION: "unusual again",
}
"""How it is said that what a ticket is about is over, and that it is back."""
