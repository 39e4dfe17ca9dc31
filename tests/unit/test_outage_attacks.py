"""Devices that mislead: slow clocks, clocks an hour behind, meters that keep gasping, a dead bus. One transformer with
twenty meters that report every minute; a ticket is due when an incident is still open a minute after its detection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import pytest

from gateway.core.clock import HOUR, MINUTE, SECOND, parse_time
from gateway.core.inventory import Device, Inventory
from gateway.core.model import (
    Batch,
    Event,
    Incident,
    IncidentKind,
    IncidentState,
    Quality,
    Signal,
    SignalKind,
)
from gateway.core.network import Network
from processors.outage.detector import OutageDetector
from processors.outage.settings import OutageSettings
from processors.outage.state import Flag
from tests.unit.outage_cases import at_fault, faults, latest

T0 = parse_time("2026-03-01T08:00:00Z")
N = 20
NETWORK = Network(
    ["S", "F", "T", *(f"N{i}" for i in range(N))],
    ["", "S", "F", *["T"] * N],
    ["substation", "feeder", "transformer", *["service"] * N],
)
Heard: TypeAlias = Batch | Signal


def inventory(protocol: str = "mqtt", via: str = "") -> Inventory:
    meters = [
        Device(id=f"M{i}", node=f"N{i}", phases="A", protocol=protocol, via=via, interval_s=60)
        for i in range(N)
    ]
    extra = [Device(id=via, node="T", kind="concentrator", protocol=protocol, customers=0)] if via else []
    return Inventory([*meters, *extra], NETWORK)


def reading(device: int, at: int, volts: float = 230.0, *, behind: int | None = 0) -> Batch:
    """`behind`: of the device's own clock, None where it sends no time."""
    quality = Quality.TIME_ASSUMED if behind is None else Quality.GOOD
    return Batch.of(
        ("voltage_a",),
        [device],
        [at - (behind or 0)],
        [[volts]],
        received_at=[at],
        quality=[quality],
        source="b",
    )


def gasp(device: int, at: int, *, behind: int = 0, said: int = 0) -> Signal:
    return Signal(
        kind=SignalKind.LAST_GASP,
        device=device,
        received_at=at,
        occurred_at=(said or at) - behind,
        source="b",
    )


def restore(device: int, at: int, *, behind: int = 0) -> Signal:
    return Signal(
        kind=SignalKind.POWER_RESTORED, device=device, received_at=at, occurred_at=at - behind, source="b"
    )


def reports(
    devices: Iterable[int], start: int, end: int, *, behind: int | None = 0, volts: float = 230.0
) -> list[Heard]:
    """Every minute, the devices one after the other."""
    return [
        reading(d, at, volts, behind=behind)
        for d in devices
        for at in range(T0 + (d + 1) * 3 * SECOND, T0 + HOUR, MINUTE)
        if start <= at < end
    ]


def received(heard: Heard) -> int:
    return heard.received_at if isinstance(heard, Signal) else int(heard.received_at[0])


def play(detector: OutageDetector, entries: Iterable[Heard], end: int) -> list[Event]:
    """One tick a second; a restart from a snapshot every 37 s must change nothing."""
    before, events, at = faults(), detector.advance(T0), T0
    waiting = sorted(entries, key=received)
    while at < end:
        while waiting and received(waiting[0]) <= at + SECOND:
            heard = waiting.pop(0)
            if isinstance(heard, Signal):
                detector.notice(heard)
            else:
                detector.observe(heard)
        at += SECOND
        if (at - T0) // SECOND % 37 == 0:
            detector.restore(detector.snapshot())
        events += detector.advance(at)
    assert faults() == before
    return events


def outages(events: Iterable[Event]) -> list[Incident]:
    return [i for i in latest(events) if i.kind is not IncidentKind.COMMUNICATIONS_LOSS]


def tickets(events: list[Event], end: int) -> set[str]:
    """Incidents that are open at a time when their ticket is due."""
    found: set[str] = set()
    open_: dict[str, int] = {}
    for at in range(T0, end + 1, SECOND):
        found |= {incident for incident, due in open_.items() if due <= at}
        for event in (event for event in events if event.at == at):
            open_.pop(event.incident.id, None)
            if event.incident.kind is IncidentKind.OUTAGE and event.incident.state is IncidentState.OPEN:
                open_[event.incident.id] = (event.incident.held_from or event.incident.detected_at) + MINUTE
    return found


# -- clocks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("behind_s", [0, 30, 60, 600])
def test_a_transformer_whose_meters_have_slow_clocks_and_date_no_readings(behind_s: int) -> None:
    off, on, end = T0 + 5 * MINUTE, T0 + 12 * MINUTE, T0 + 17 * MINUTE
    behind = behind_s * SECOND
    entries: list[Heard] = [
        *reports(range(N), T0, off, behind=None),
        *(gasp(d, off + d * SECOND // 4, behind=behind) for d in range(N)),
        *(restore(d, on + d * SECOND // 4, behind=behind) for d in range(N)),
        *reports(range(N), on + 10 * SECOND, end, behind=None),
    ]
    events = play(OutageDetector(inventory(), OutageSettings()), entries, end)
    (outage,) = outages(events)
    assert (outage.node, len(outage.devices), outage.state) == ("T", N, IncidentState.CLOSED)
    assert off - min(behind, MINUTE) <= outage.started_at <= off + SECOND  # not before the last reading
    assert outage.restored_at is not None
    assert on - behind <= outage.restored_at <= on + 5 * SECOND


def test_slow_clocks_do_not_make_restored_meters_look_as_if_they_had_missed_no_report() -> None:
    off, on, end, behind = T0 + 5 * MINUTE, T0 + 12 * MINUTE, T0 + 17 * MINUTE, 10 * MINUTE
    entries: list[Heard] = [
        *reports(range(N), T0, off, behind=behind),
        *(gasp(d, off, behind=behind) for d in range(6, 14)),
        *reports(range(N), on, end, behind=behind),
    ]
    events = play(OutageDetector(inventory(), OutageSettings()), entries, end)
    assert [(i.node, i.state) for i in outages(events)] == [("T", IncidentState.CLOSED)]


def test_a_repeated_gasp_of_a_slow_clock_is_still_the_same_gasp() -> None:
    off, on, end = T0 + 5 * MINUTE, T0 + 8 * MINUTE, T0 + 14 * MINUTE
    entries: list[Heard] = [
        *reports(range(N), T0, off, behind=None),
        *(gasp(d, off, behind=10 * MINUTE) for d in range(N)),
        *reports(range(N), on, end, behind=None),
        *(gasp(d, T0 + 10 * MINUTE, behind=10 * MINUTE, said=off) for d in range(N)),
    ]
    events = play(OutageDetector(inventory(), OutageSettings()), entries, end)
    assert [(i.node, i.state) for i in outages(events)] == [("T", IncidentState.CLOSED)]
    assert max(row.step for event in events for row in event.interruptions) == 0


def test_readings_of_a_clock_one_hour_behind_contradict_its_false_gasp() -> None:
    off, end = T0 + 5 * MINUTE, T0 + 20 * MINUTE
    entries: list[Heard] = [
        *reports(range(1, N), T0, end),
        *reports([0], T0, end, behind=HOUR),
        gasp(0, off + 10 * SECOND, behind=HOUR),
    ]
    detector = OutageDetector(inventory(), OutageSettings())
    events = play(detector, entries, end)
    assert not tickets(events, end)
    assert [i.state for i in outages(events)] == [IncidentState.CLOSED]
    assert outages(events)[0].evidence["clock_faults"] == ["M0"]
    assert at_fault(detector.evidence) == {0}


@pytest.mark.parametrize("life", ["answered poll", "ping"])
def test_a_gasp_of_a_slow_clock_after_a_sign_of_life_that_has_no_clock(life: str) -> None:
    polled = life == "answered poll"
    detector = OutageDetector(inventory("modbus" if polled else "mqtt"), OutageSettings())
    ping = Signal(kind=SignalKind.PING_OK, device=0, received_at=T0 + MINUTE)
    entries = [reading(0, T0 + MINUTE) if polled else ping, gasp(0, T0 + 80 * SECOND, behind=5 * MINUTE)]
    play(detector, entries, T0 + 81 * SECOND)
    assert at_fault(detector.evidence) == {0}
    assert at_fault(detector.evidence, Flag.SPELL) == {0}
    assert detector.evidence.onset_at[0] == T0 + MINUTE + 1  # no earlier than it was shown alive


def test_a_clock_that_was_set_right_is_believed_again() -> None:
    detector = OutageDetector(inventory(), OutageSettings())
    entries = [gasp(0, T0 + SECOND, behind=HOUR), *reports([0], T0, T0 + 2 * MINUTE, behind=HOUR)]
    play(detector, entries, T0 + 2 * MINUTE)
    assert at_fault(detector.evidence) == {0}
    detector.observe(reading(0, T0 + 3 * MINUTE))
    assert at_fault(detector.evidence) == set()


# -- flapping ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every_s", [10, 30, 45, 70])
def test_a_meter_that_keeps_gasping_while_it_reports_gets_no_ticket(every_s: int) -> None:
    end = T0 + 25 * MINUTE
    gasps = range(T0 + 2 * MINUTE, end - 8 * MINUTE, every_s * SECOND)
    entries: list[Heard] = [*reports(range(N), T0, end), *(gasp(0, at) for at in gasps)]
    detector = OutageDetector(inventory(), OutageSettings())
    events = play(detector, entries, end)
    assert not tickets(events, end)
    assert all(i.state is not IncidentState.OPEN for i in outages(events))
    assert at_fault(detector.evidence, Flag.FLAPPING) == {0}


def flapper(end: int) -> list[Heard]:
    return [
        *reports(range(N), T0, end),
        *(gasp(0, at) for at in range(T0 + 2 * MINUTE, T0 + 5 * MINUTE, 10 * SECOND)),
    ]


def test_a_flapping_meter_is_named_in_the_outage_of_its_transformer() -> None:
    off, end = T0 + 8 * MINUTE, T0 + 10 * MINUTE
    entries = [*flapper(off), *(gasp(d, off + d * SECOND // 4) for d in range(N))]
    events = play(OutageDetector(inventory(), OutageSettings()), entries, end)
    outage = outages(events)[-1]
    assert (outage.node, outage.state, outage.evidence["flapping"]) == ("T", IncidentState.OPEN, ["M0"])


def test_a_meter_that_was_steady_long_enough_is_believed_again() -> None:
    off, end = T0 + 18 * MINUTE, T0 + 21 * MINUTE
    entries = [h for h in flapper(off) if isinstance(h, Signal) or h.device[0] or received(h) < off]
    rest = [*reports(range(1, N), off, end), gasp(0, off)]
    detector = OutageDetector(inventory(), OutageSettings())
    events = play(detector, [*entries, *rest], end)
    assert at_fault(detector.evidence, Flag.FLAPPING) == set()
    assert outages(events)[-1].node == "N0"
    assert tickets(events, end) == {outages(events)[-1].id}


def test_a_transformer_that_flaps_as_a_whole_is_still_an_outage() -> None:
    """A recloser that gives up: every meter was contradicted twice before supply is lost for good."""
    end = T0 + 14 * MINUTE
    shots = [T0 + 3 * MINUTE, T0 + 5 * MINUTE, T0 + 7 * MINUTE]
    entries: list[Heard] = reports(range(N), T0, shots[-1])
    entries += [gasp(d, at + d * SECOND // 4) for at in shots for d in range(N)]
    events = play(OutageDetector(inventory(), OutageSettings()), entries, end)
    assert outages(events)[-1].node == "T"
    assert outages(events)[-1].id in tickets(events, end)


def test_a_short_loss_that_comes_back_counts_its_hold_off_anew() -> None:
    first, back, again, end = (T0 + s * SECOND for s in (300, 345, 365, 480))
    entries: list[Heard] = [
        *reports(range(N), T0, first),
        *(gasp(d, first) for d in range(N)),
        *(reading(d, back) for d in range(N)),
        *(gasp(d, again) for d in range(N)),
    ]
    events = play(OutageDetector(inventory(), OutageSettings()), entries, end)
    (outage,) = outages(events)
    assert outage.detected_at < again  # as first told
    assert outage.held_from is not None
    assert outage.held_from >= again
    (opened,) = tickets(events, end)
    assert opened == outage.id
    assert not tickets(events, outage.held_from + MINUTE - SECOND)


# -- a shared last hop -------------------------------------------------------------------------------------------------


def failed(device: int, at: int) -> Signal:
    return Signal(kind=SignalKind.TARGET_FAILED, device=device, received_at=at, source="modbus:10.0.0.1:502")


def test_a_dead_bus_behind_a_living_concentrator_is_no_sure_outage() -> None:
    start, end = T0 + 3 * MINUTE, T0 + 6 * MINUTE
    dead = [failed(d, start + poll * 20 * SECOND + d) for poll in range(3) for d in range(N)]
    detector = OutageDetector(inventory("modbus", "C"), OutageSettings())
    events = play(detector, [*reports(range(N), T0, start), *dead], end)
    (outage,) = outages(events)
    assert (outage.node, outage.state, outage.confidence) == ("T", IncidentState.OPEN, 0.8)
    assert "the concentrator answers; its bus may be at fault" in outage.summary
    assert outage.id in tickets(events, end)
    detector.observe(reading(0, end, volts=0.0))
    (later,) = (event.incident for event in detector.advance(end + SECOND))
    assert later.confidence == 0.99
    assert "bus" not in later.summary
