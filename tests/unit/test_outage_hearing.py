"""What could be heard, when and along which path: absences, lost sessions, redelivery, clocks."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.core.clock import HOUR, MINUTE, SECOND, parse_time
from gateway.core.inventory import Device, Inventory
from gateway.core.model import GATEWAY, Batch, Event, IncidentKind, Quality, Signal, SignalKind
from gateway.core.network import Network
from processors.outage.detector import OutageDetector
from processors.outage.evidence import Evidence
from processors.outage.paths import endpoint
from processors.outage.settings import OutageSettings
from tests.unit.outage_cases import at_fault

T0 = parse_time("2026-03-01T08:00:00Z")
SETTINGS = OutageSettings()
NETWORK = Network(
    ["S", "T", "N0", "N1", "N2", "N3"], ["", "S", *["T"] * 4], ["substation", "transformer", *["service"] * 4]
)
BROKER = "mqtt:main"


def meters(protocol: str = "mqtt", *, address: str = "", via: str = "") -> Inventory:
    devices = [
        Device(id=f"M{i}", node=f"N{i}", protocol=protocol, interval_s=10, address=address.format(i), via=via)
        for i in range(4)
    ]
    concentrator = Device(
        id="C", node="T", kind="concentrator", protocol=protocol, customers=0, interval_s=10
    )
    return Inventory([*devices, concentrator] if via else devices, NETWORK)


def alive(at: int, source: str = BROKER, *devices: int) -> Batch:
    keys = devices or (0, 1, 2, 3)
    return Batch.of(("voltage_a",), keys, [at] * len(keys), [[230.0]] * len(keys), source=source)


def say(
    kind: SignalKind, device: int, at: int, own: int | None = None, *, detail: str = "", source: str = BROKER
) -> Signal:
    return Signal(
        kind=kind, device=device, received_at=at, occurred_at=own, source=source, detail=detail
    )  # fmt: skip


def ticks(detector: OutageDetector, start: int, end: int) -> list[Event]:
    return [event for at in range(start, end + 1, SECOND) for event in detector.advance(at)]


def dark(evidence: Evidence, device: int) -> bool:
    evidence.flush()
    return bool(evidence.is_dark(np.array([device]))[0])


@pytest.mark.parametrize("via", ["", "C"])
@pytest.mark.parametrize("ever_heard", [True, False])
def test_nobody_becomes_silent_while_the_broker_session_is_lost(via: str, ever_heard: bool) -> None:
    detector = OutageDetector(meters(via=via), SETTINGS)
    detector.notice(say(SignalKind.CONNECTION_MADE, GATEWAY, T0))
    if ever_heard:
        detector.observe(alive(T0))
    detector.notice(say(SignalKind.CONNECTION_LOST, GATEWAY, T0 + 20 * SECOND))
    assert ticks(detector, T0, T0 + 10 * MINUTE) == []
    back = T0 + 10 * MINUTE
    detector.notice(say(SignalKind.CONNECTION_MADE, GATEWAY, back))
    assert ticks(detector, back, back + 29 * SECOND) == []
    (event,) = ticks(detector, back + 30 * SECOND, back + MINUTE)
    assert event.incident.kind is IncidentKind.COMMUNICATIONS_LOSS
    assert set(event.incident.devices) == {0, 1, 2, 3}


def test_a_gateway_that_returns_while_the_broker_is_away_does_not_take_its_silence_for_the_meters() -> None:
    detector = OutageDetector(meters(), SETTINGS)
    detector.observe(alive(T0))
    detector.notice(say(SignalKind.CONNECTION_LOST, GATEWAY, T0 + SECOND))
    detector.notice(say(SignalKind.GATEWAY_DOWN, GATEWAY, T0 + MINUTE, source=""))
    detector.notice(say(SignalKind.GATEWAY_UP, GATEWAY, T0 + MINUTE, source=""))
    assert ticks(detector, T0, T0 + 5 * MINUTE) == []


def test_meters_silent_just_before_their_session_is_lost_make_no_loss_of_all() -> None:
    detector = OutageDetector(meters(), SETTINGS)
    detector.observe(alive(T0))
    assert ticks(detector, T0, T0 + 24 * SECOND) == []
    detector.notice(say(SignalKind.LAST_GASP, 0, T0 + 25 * SECOND, T0 + 20 * SECOND))
    assert ticks(detector, T0 + 25 * SECOND, T0 + 31 * SECOND) == []  # silent, and the area still collects
    detector.notice(say(SignalKind.CONNECTION_LOST, GATEWAY, T0 + 32 * SECOND))
    events = ticks(detector, T0 + 32 * SECOND, T0 + 5 * MINUTE)
    assert {event.incident.kind for event in events} == {IncidentKind.OUTAGE}


@pytest.mark.parametrize("source", ["", BROKER])
def test_a_gasp_that_waited_through_a_long_absence_keeps_its_own_time(source: str) -> None:
    evidence = Evidence(meters(), SETTINGS)
    went, came = T0, T0 + 8 * HOUR
    down, up = (
        (SignalKind.CONNECTION_LOST, SignalKind.CONNECTION_MADE) if source
        else (SignalKind.GATEWAY_DOWN, SignalKind.GATEWAY_UP)
    )  # fmt: skip
    evidence.notice(say(down, GATEWAY, came if not source else went, went, source=source))
    evidence.notice(say(up, GATEWAY, came, came, source=source))
    evidence.notice(say(SignalKind.LAST_GASP, 0, came + SECOND, went + HOUR))
    evidence.notice(say(SignalKind.LAST_GASP, 1, came + SECOND, went - HOUR))
    evidence.notice(say(SignalKind.LAST_GASP, 2, came + HOUR, went + HOUR))
    evidence.flush()
    assert evidence.onset_at[0] == went + HOUR
    assert at_fault(evidence) == {1, 2}  # before anyone was away; too late to have waited


def test_an_outage_that_came_and_went_while_the_gateway_was_away_is_not_current() -> None:
    detector = OutageDetector(meters(), SETTINGS)
    detector.observe(alive(T0))
    ticks(detector, T0, T0 + SECOND)
    came = T0 + 8 * HOUR
    detector.notice(say(SignalKind.GATEWAY_DOWN, GATEWAY, came, T0 + SECOND, source=""))
    detector.notice(say(SignalKind.GATEWAY_UP, GATEWAY, came, came, source=""))
    for meter in range(4):
        detector.notice(say(SignalKind.LAST_GASP, meter, came + SECOND, T0 + HOUR))
    detector.observe(alive(came + 2 * SECOND))
    assert [e for e in ticks(detector, came, came + 25 * SECOND) if e.incident.restored_at is None] == []


def test_a_second_absence_soon_after_does_not_forget_the_first() -> None:
    evidence = Evidence(meters(), SETTINGS)
    for start, end in ((T0, T0 + 8 * HOUR), (T0 + 8 * HOUR + MINUTE, T0 + 8 * HOUR + 2 * MINUTE)):
        evidence.notice(say(SignalKind.GATEWAY_DOWN, GATEWAY, end, start, source=""))
        evidence.notice(say(SignalKind.GATEWAY_UP, GATEWAY, end, end, source=""))
    evidence.notice(say(SignalKind.LAST_GASP, 0, T0 + 8 * HOUR + 3 * MINUTE, T0 + HOUR))
    evidence.flush()
    assert evidence.onset_at[0] == T0 + HOUR


@pytest.mark.parametrize("kind", [SignalKind.LAST_GASP, SignalKind.POWER_RESTORED])
def test_what_was_delivered_again_without_a_time_is_heard_and_proves_nothing(kind: SignalKind) -> None:
    evidence = Evidence(meters(), SETTINGS)
    evidence.observe(alive(T0))
    evidence.notice(say(kind, 0, T0 + MINUTE, detail="redelivered: a note"))
    assert not dark(evidence, 0)
    assert (evidence.on_at[0], evidence.heard_at[0]) == (T0, T0 + MINUTE)


def test_a_reading_delivered_again_without_a_time_is_heard_and_proves_nothing() -> None:
    evidence = Evidence(meters(), SETTINGS)
    again = int(Quality.TIME_ASSUMED | Quality.REDELIVERED)
    evidence.observe(alive(T0))
    evidence.observe(
        Batch.of(
            ("voltage_a",), [0, 1], [T0 + MINUTE] * 2, [[0.0], [0.0]], quality=[again, int(Quality.TIME_ASSUMED)]
        )
    )  # fmt: skip
    assert (dark(evidence, 0), dark(evidence, 1)) == (False, True)
    assert evidence.heard_at[0] == T0 + MINUTE


@pytest.mark.parametrize(
    "kind", [SignalKind.LAST_GASP, SignalKind.POWER_RESTORED, SignalKind.CONNECTION_LOST]
)
def test_what_the_broker_kept_is_no_news(kind: SignalKind) -> None:
    evidence = Evidence(meters(), SETTINGS)
    evidence.observe(alive(T0))
    due = int(evidence.due_at[0])
    evidence.notice(say(kind, 0, T0 + MINUTE, T0 + MINUTE, detail="retained"))
    assert not dark(evidence, 0)
    assert (evidence.on_at[0], evidence.heard_at[0], evidence.due_at[0]) == (T0, T0, due)


def test_a_clock_fault_is_forgotten_when_the_clock_is_right_again() -> None:
    evidence = Evidence(meters(), SETTINGS)
    evidence.notice(say(SignalKind.POWER_RESTORED, 0, T0, T0 - 2 * HOUR))
    assert at_fault(evidence) == {0}
    evidence.notice(say(SignalKind.POWER_RESTORED, 0, T0 + MINUTE, T0 + MINUTE))
    assert at_fault(evidence) == set()


def test_the_path_of_a_modbus_device_is_its_endpoint_whatever_batch_brings_it() -> None:
    detector = OutageDetector(meters("modbus", address="10.0.0.{}/1"), SETTINGS)
    detector.observe(alive(T0, "modbus"))
    for second in range(10, 60, 10):
        detector.observe(alive(T0 + second * SECOND, "modbus", 0, 1, 2))
    events = ticks(detector, T0, T0 + MINUTE)
    assert [event.incident.evidence["path"] for event in events] == ["source:modbus:10.0.0.3:502"]
    assert "endpoint 10.0.0.3:502" in events[0].incident.summary


def test_meters_behind_a_concentrator_are_its_path_by_modbus_too() -> None:
    evidence = Evidence(meters("modbus", address="10.0.0.9/{}", via="C"), SETTINGS)
    evidence.observe(alive(T0, "modbus"))
    assert {int(p) for p in evidence.path} == {evidence.paths["via:C"]}


@pytest.mark.parametrize(
    ("address", "place"),
    [("h/1", "h:502"), ("h:1502/1", "h:1502"), ("[fe80::1]/2", "[fe80::1]:502"), ("[::1]:7/2", "[::1]:7")],
)
def test_an_endpoint_is_named_as_the_driver_names_it(address: str, place: str) -> None:
    assert endpoint(address) == place


def test_the_will_of_a_concentrator_makes_those_behind_it_due_sooner() -> None:
    evidence = Evidence(meters(via="C"), SETTINGS)
    evidence.observe(alive(T0, BROKER, 0, 1, 2, 3, 4))
    evidence.notice(say(SignalKind.CONNECTION_LOST, 4, T0 + SECOND))
    evidence.flush()
    assert (evidence.due_at == T0 + 11 * SECOND).all()
    evidence.observe(alive(T0 + 2 * SECOND, BROKER, 0))
    assert evidence.due_at[0] == T0 + 32 * SECOND
