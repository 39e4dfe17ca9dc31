"""Whole stories: recorded streams through the detector, held against what an operator should have been told."""

from __future__ import annotations

import json

import pytest

from gateway.core.clock import SECOND
from gateway.core.model import Batch, Change, Event, IncidentState, Signal
from processors.outage.detector import OutageDetector
from tests.unit.outage_cases import (
    Case,
    Heard,
    faults,
    interruptions,
    latest,
    load,
    names,
    outline,
    received_at,
    run,
)


def detector(case: Case) -> OutageDetector:
    return OutageDetector(case.inventory, case.settings)


@pytest.mark.parametrize("name", names())
def test_case(name: str) -> None:
    case = load(name)
    before = faults()
    events = list(run(detector(case), case.entries, case.until))
    assert faults() == before
    assert json.loads(json.dumps(outline(events, case.inventory))) == case.expected


@pytest.mark.parametrize("name", names())
def test_batches_between_two_ticks_may_be_cut_anyhow(name: str) -> None:
    case = load(name)
    one_by_one = list(run(detector(case), case.entries, case.until))
    assert list(run(detector(case), joined(case.entries), case.until)) == one_by_one


@pytest.mark.parametrize("name", names())
def test_a_snapshot_at_any_time_changes_nothing(name: str) -> None:
    case = load(name)
    whole = list(run(detector(case), case.entries, case.until))
    first, last = received_at(case.entries[0]), case.until
    for cut in range(first, last, max(SECOND, (last - first) // 6 // SECOND * SECOND)):
        assert events_with_restart(case, cut) == whole


@pytest.mark.parametrize("name", names())
def test_updates_are_at_least_a_second_apart_and_rows_are_consistent(name: str) -> None:
    case = load(name)
    events = list(run(detector(case), case.entries, case.until))
    last: dict[str, Event] = {}
    for event in events:
        before = last.get(event.incident.id)
        if before and event.change is Change.UPDATED and before.change is Change.UPDATED:
            assert event.at - before.at >= SECOND
        last[event.incident.id] = event
    for row in interruptions(events):
        assert row.ended_at is None or row.ended_at > row.started_at
    for incident in latest(events):
        assert incident.started_at <= incident.detected_at
        if incident.state is IncidentState.CLOSED:
            open_ = [r for r in interruptions(events) if r.incident == incident.id and r.ended_at is None]
            assert open_ == []


def joined(entries: list[Heard]) -> list[Heard]:
    """Runs of readings of the same quantities and second as one batch."""
    found: list[Heard] = []
    for heard in entries:
        last = found[-1] if found else None
        if (
            isinstance(heard, Batch)
            and isinstance(last, Batch)
            and last.quantities == heard.quantities
            and -received_at(last) // SECOND == -received_at(heard) // SECOND  # the same tick comes next
            and last.source == heard.source
        ):
            found[-1] = Batch.of(
                last.quantities,
                [*last.device, *heard.device],
                [*last.measured_at, *heard.measured_at],
                [*last.values, *heard.values],
                received_at=[*last.received_at, *heard.received_at],
                source=last.source,
            )
        else:
            found.append(heard)
    return found


def events_with_restart(case: Case, cut: int) -> list[Event]:
    """The same stream, with the detector thrown away and restored from its snapshot at `cut`."""
    before, after = detector(case), detector(case)
    events: list[Event] = []
    now = before
    tick = received_at(case.entries[0]) // SECOND * SECOND

    def feed(heard: Heard) -> None:
        if isinstance(heard, Signal):
            now.notice(heard)
        else:
            now.observe(heard)

    waiting = list(case.entries)
    while tick <= case.until:
        while waiting and received_at(waiting[0]) <= tick:
            if now is before and received_at(waiting[0]) > cut:
                after.restore(before.snapshot())
                now = after
            feed(waiting.pop(0))
        events += now.advance(tick)
        tick += SECOND
    return events


def test_words_are_in_the_past_once_supply_is_back() -> None:
    case = load("direct_terminal")
    events = list(run(detector(case), case.entries, case.until))
    told = {event.incident.state: event.incident.summary for event in events}  # the last words in each state
    assert "reports a dead busbar;" in told[IncidentState.OPEN]
    assert "reported a dead busbar until 08:10:02;" in told[IncidentState.RESTORED]
    assert "all have supply again, 5 of them by a reading so far;" in told[IncidentState.RESTORED]
    assert "all have supply again, 5 shown by a reading;" in told[IncidentState.CLOSED]
