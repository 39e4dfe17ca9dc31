"""What the demo says of the theft and the vacancy, and which promises about them are held."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.core.model import Incident, IncidentKind, IncidentState
from gateway.demo.inspection import Inspected, reasons
from gateway.demo.past import Past, days_of

PAST = Past(rows=100, until=1, heard=("M1", "M2"), thief="M1", vacant="M2")


def incident(**evidence: Any) -> Incident:
    return Incident(
        id="inc-1",
        kind=IncidentKind.USAGE_ANOMALY,
        node="T01-01",
        phases="ABC",
        state=IncidentState.OPEN,
        started_at=0,
        detected_at=1,
        customers=1,
        devices=(0,),
        confidence=0.93456,
        summary="in short",
        evidence=evidence,
    )


def test_a_found_theft_with_a_ticket_is_told_with_its_reasons() -> None:
    found = Inspected(past=PAST, theft=incident(reasons=[{"words": "one"}, {"words": "two"}]), ticket=2)
    figures = found.figures()
    assert figures["theft"] == {
        "device": "M1",
        "score": 0.935,
        "reasons": ["one", "two"],
        "incident": "inc-1",
        "ticket": 2,
    }
    assert (figures["vacancy_left_alone"], figures["accused"]) == (True, [])
    assert found.faults() == []
    assert msgspec.json.decode(msgspec.json.encode(figures)) == figures


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (Inspected(past=PAST, awaited=True), "theft at M1 was not found"),
        (Inspected(past=PAST, theft=incident(), awaited=True), "no inspection was asked for at M1"),
        (Inspected(past=PAST, theft=incident(), ticket=1, accused=("M2",)), "M2 is accused"),
    ],
)
def test_promises_that_were_not_kept_are_told(found: Inspected, fault: str) -> None:
    (told,) = found.faults()
    assert fault in told


def test_a_vacancy_that_is_accused_was_not_left_alone() -> None:
    assert Inspected(past=PAST, accused=("M2",)).figures()["vacancy_left_alone"] is False


def test_who_ends_the_demo_early_is_promised_no_theft() -> None:
    assert Inspected(past=PAST).faults() == []


def test_without_a_past_nothing_is_promised() -> None:
    nothing = Inspected(past=Past(rows=0, until=0, heard=("M1",)), awaited=True)
    assert nothing.faults() == []
    assert (nothing.figures()["theft"], nothing.figures()["vacancy_left_alone"]) == (None, None)
    assert (days_of(1000), days_of(1001)) == (35, 0)


def test_reasons_fall_back_to_the_summary() -> None:
    assert reasons(incident()) == ["in short"]
    assert reasons(incident(reasons=["plain", "", "words"])) == ["plain", "words"]
