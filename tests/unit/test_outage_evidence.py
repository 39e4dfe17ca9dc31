"""What readings and signals of one device are taken to mean, and the judge on its own."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from gateway.core.clock import MINUTE, SECOND, parse_time
from gateway.core.inventory import Device, Inventory
from gateway.core.model import (
    GATEWAY,
    Batch,
    Event,
    Incident,
    IncidentKind,
    IncidentState,
    Signal,
    SignalKind,
    SupplyState,
)
from gateway.core.network import Network
from processors.outage.detector import OutageDetector
from processors.outage.evidence import Evidence
from processors.outage.judge import Points, judge
from processors.outage.likelihood import holds
from processors.outage.settings import OutageSettings
from processors.outage.state import Dark, Flag
from tests.unit.outage_cases import at_fault

T0 = parse_time("2026-03-01T08:00:00Z")
SETTINGS = OutageSettings()
NETWORK = Network(
    ["S", "F", "T", "N0", "N1", "N2", "N3"],
    ["", "S", "F", "T", "T", "T", "T"],
    ["substation", "feeder", "transformer", *["service"] * 4],
)


def inventory(*, interval_s: int = 60, known: tuple[str, ...] = (), skip: str = "") -> Inventory:
    devices = [
        Device(id=f"M{i}", node=f"N{i}", phases="ABC" if i == 3 else "B", interval_s=interval_s)
        for i in range(4)
    ]
    terminal = Device(id="X", node="F", kind="terminal", customers=0, interval_s=interval_s)
    return Inventory([d for d in (*devices, terminal) if d.id != skip], NETWORK, known=known)


def reading(device: int, at: int, *volts: float, received_at: int | None = None, source: str = "b") -> Batch:
    names = ("voltage_a", "voltage_b", "voltage_c")[: len(volts)]
    received = [at if received_at is None else received_at]
    return Batch.of(names, [device], [at], [volts], received_at=received, source=source)


def breaker(device: int, at: int, closed: float) -> Batch:
    return Batch.of(("breaker_closed",), [device], [at], [[closed]])


def signal(
    kind: SignalKind, device: int, at: int, occurred_at: int | None = None, source: str = ""
) -> Signal:
    return Signal(kind=kind, device=device, received_at=at, occurred_at=occurred_at, source=source)


def dark(evidence: Evidence, device: int) -> bool:
    evidence.flush()
    return bool(evidence.is_dark(np.array([device]))[0])


def ticks(detector: OutageDetector, start: int, end: int) -> list[Event]:
    return [event for at in range(start, end + 1, SECOND) for event in detector.advance(at)]


def test_off_below_60_percent_and_on_again_only_above_80() -> None:
    evidence = Evidence(inventory(), SETTINGS)
    states = []
    for step, volts in enumerate((230.0, 150.0, 137.0, 150.0, 183.0, 185.0)):
        evidence.observe(reading(0, T0 + step * MINUTE, volts))
        states.append(dark(evidence, 0))
    assert states == [False, False, True, True, True, False]


def test_a_single_phase_meter_is_judged_by_the_voltage_it_measures_whatever_its_phase() -> None:
    evidence = Evidence(inventory(), SETTINGS)  # M0 hangs on phase B and measures voltage_a
    evidence.observe(reading(0, T0, 1.0))
    assert dark(evidence, 0)


def test_a_lost_phase_of_three_is_dark_on_that_phase_only_until_it_is_back() -> None:
    evidence = Evidence(inventory(), SETTINGS)
    lost = []
    volts = [(230.0, 0.0, 230.0), (3.0, 0.0, 120.0), (230.0, 150.0, 230.0), (230.0, 230.0, 230.0)]
    for step, row in enumerate(volts):
        evidence.observe(reading(3, T0 + step * MINUTE, *row))
        lost.append(int(evidence.lost[3]) if dark(evidence, 3) else 0)
    assert lost == [0b010, 0b111, 0b010, 0]
    assert evidence.onset_at[3] == T0  # interrupted since the first was lost


def test_rows_without_voltage_are_heard_and_prove_nothing_about_supply() -> None:
    evidence = Evidence(inventory(), SETTINGS)
    evidence.observe(Batch.of(("energy_import",), [0], [T0], [[5.0]]))
    assert (evidence.heard_at[0], evidence.on_at[0]) == (T0, 0)


def test_unknown_devices_are_counted_and_ignored() -> None:
    evidence = Evidence(inventory(), SETTINGS)
    evidence.observe(Batch.of(("voltage_a",), [0, 99, -1], [T0] * 3, [[230.0]] * 3))
    evidence.notice(signal(SignalKind.LAST_GASP, 99, T0))
    assert evidence.ignored == 3
    assert evidence.on_at[0] == T0


def test_several_rows_of_one_device_in_a_batch_are_taken_in_order() -> None:
    evidence = Evidence(inventory(), SETTINGS)
    at = [T0, T0 + MINUTE, T0 + 2 * MINUTE]
    evidence.observe(Batch.of(("voltage_a",), [0, 0, 0], at, [[230.0], [0.0], [231.0]]))
    assert not dark(evidence, 0)
    assert (evidence.dark_at[0], evidence.back_at[0]) == (at[1], at[2])


@pytest.mark.parametrize(
    ("occurred", "onset"),
    [(T0 - 40 * SECOND, T0 - 40 * SECOND), (None, T0 - 30 * SECOND), (T0 - 2 * 3600 * SECOND, T0 - 30 * SECOND)],
    ids=["own time", "no time", "impossible time"],
)  # fmt: skip
def test_a_gasp_counts_from_its_own_time_or_from_the_declared_wait(occurred: int | None, onset: int) -> None:
    evidence = Evidence(inventory(), SETTINGS)
    evidence.notice(signal(SignalKind.LAST_GASP, 0, T0, occurred))
    assert dark(evidence, 0)
    assert evidence.onset_at[0] == onset
    assert at_fault(evidence) == ({0} if occurred and occurred < T0 - MINUTE else set())


def test_an_estimated_onset_is_not_before_the_last_sign_of_life() -> None:
    evidence = Evidence(inventory(), SETTINGS)
    evidence.observe(reading(0, T0 - 20 * SECOND, 230.0))
    evidence.notice(signal(SignalKind.LAST_GASP, 0, T0))
    evidence.observe(reading(0, T0 - 10 * SECOND, 230.0, received_at=T0 + SECOND))
    assert dark(evidence, 0)
    assert evidence.onset_at[0] == T0 - 10 * SECOND + 1


@pytest.mark.parametrize("repeat_after", [5 * SECOND, 10 * MINUTE])
def test_a_gasp_older_than_a_sign_of_life_is_nothing_new(repeat_after: int) -> None:
    evidence = Evidence(inventory(), SETTINGS)
    evidence.notice(signal(SignalKind.LAST_GASP, 0, T0 + SECOND, T0))
    evidence.observe(reading(0, T0 + 3 * SECOND, 230.0))
    evidence.notice(signal(SignalKind.LAST_GASP, 0, T0 + repeat_after, T0))
    assert not dark(evidence, 0)


def test_an_exception_0x0b_proves_that_the_concentrator_lives() -> None:
    devices = [
        Device(id="M0", node="N0", protocol="modbus", via="C"),
        Device(id="C", node="T", kind="concentrator", protocol="modbus", customers=0),
    ]
    evidence = Evidence(Inventory(devices, NETWORK), SETTINGS)
    evidence.notice(signal(SignalKind.TARGET_FAILED, 0, T0))
    assert dark(evidence, 0)
    assert evidence.kinds[0] == Dark.TARGET_FAILED
    assert (evidence.heard_at[0], evidence.heard_at[1]) == (0, T0)


def test_one_exception_0x0b_is_no_outage_and_two_in_a_row_are() -> None:
    detector = OutageDetector(inventory(), SETTINGS)
    detector.notice(signal(SignalKind.TARGET_FAILED, 0, T0))
    assert ticks(detector, T0, T0 + 30 * SECOND) == []
    detector.notice(signal(SignalKind.TARGET_FAILED, 0, T0 + 30 * SECOND))
    (event,) = ticks(detector, T0 + 31 * SECOND, T0 + 59 * SECOND)
    assert (event.incident.node, event.incident.started_at) == ("N0", T0)


def test_an_open_breaker_darkens_everything_below_at_once() -> None:
    detector = OutageDetector(inventory(), SETTINGS)
    for at in (T0, T0 + MINUTE):
        detector.observe(breaker(4, at, 1.0))
        for meter in range(4):
            detector.observe(reading(meter, at, 230.0, 230.0, 230.0))
    detector.observe(breaker(4, T0 + 2 * MINUTE, 0.0))
    (event,) = detector.advance(T0 + 2 * MINUTE)
    incident = event.incident
    assert (incident.node, incident.direct, incident.devices) == ("F", True, (0, 1, 2, 3))
    assert "breaker open" in incident.summary


def test_a_switch_that_was_never_closed_is_no_outage_while_meters_below_live() -> None:
    detector = OutageDetector(inventory(), SETTINGS)
    detector.observe(breaker(4, T0, 0.0))
    for second in range(60):
        detector.observe(reading(second % 4, T0 + second * SECOND, 230.0, 230.0, 230.0))
        assert detector.advance(T0 + second * SECOND) == []


@pytest.mark.parametrize("source", ["", "b"])
def test_silence_counts_only_while_it_could_have_been_heard(source: str) -> None:
    detector = OutageDetector(inventory(interval_s=10), SETTINGS)
    down, up = (
        (SignalKind.CONNECTION_LOST, SignalKind.CONNECTION_MADE) if source
        else (SignalKind.GATEWAY_DOWN, SignalKind.GATEWAY_UP)
    )  # fmt: skip
    for device in range(5):
        detector.observe(reading(device, T0, 230.0, 230.0, 230.0))
    detector.notice(signal(down, GATEWAY, T0 + SECOND, source=source))
    assert ticks(detector, T0, T0 + 5 * MINUTE) == []
    detector.notice(signal(up, GATEWAY, T0 + 5 * MINUTE, source=source))
    assert ticks(detector, T0 + 5 * MINUTE, T0 + 5 * MINUTE + 29 * SECOND) == []
    (event,) = ticks(detector, T0 + 5 * MINUTE + 30 * SECOND, T0 + 5 * MINUTE + 31 * SECOND)
    assert event.incident.kind is IncidentKind.COMMUNICATIONS_LOSS
    assert {row.state for row in event.interruptions} == {SupplyState.UNKNOWN}


def test_devices_never_heard_of_are_one_communications_loss() -> None:
    detector = OutageDetector(inventory(interval_s=10), SETTINGS)
    assert ticks(detector, T0, T0 + 29 * SECOND) == []
    (event,) = ticks(detector, T0 + 30 * SECOND, T0 + MINUTE)
    assert event.incident.devices == (0, 1, 2, 3, 4)
    assert event.incident.summary.startswith(
        "5 devices on mqtt never heard so far, expected since 08:00:00; none"
    )


def test_incidents_of_the_database_are_taken_over_and_followed() -> None:
    detector = OutageDetector(inventory(), OutageSettings(verify_s=30, reclose_s=30))
    incident = Incident(
        id="inc-1", kind=IncidentKind.OUTAGE, node="T", phases="ABC", state=IncidentState.OPEN, started_at=T0,
        detected_at=T0 + 10 * SECOND, customers=4, devices=(0, 1, 2, 3), confidence=0.9, summary="", revision=4,
    )  # fmt: skip
    other = Incident(
        id="inc-2", kind=IncidentKind.USAGE_ANOMALY, node="N0", phases="B", state=IncidentState.OPEN, started_at=T0,
        detected_at=T0, customers=1, devices=(0,), confidence=0.9, summary="",
    )  # fmt: skip
    detector.adopt([incident, other])
    assert ticks(detector, T0 + MINUTE, T0 + 2 * MINUTE) == []
    for meter in range(4):
        detector.observe(reading(meter, T0 + 2 * MINUTE, 230.0, 230.0, 230.0))
    events = ticks(detector, T0 + 2 * MINUTE, T0 + 3 * MINUTE)
    assert [(e.incident.id, e.incident.revision, e.incident.state) for e in events] == [
        ("inc-1", 5, "restored"),
        ("inc-1", 6, "closed"),
    ]
    assert {row.ended_at for row in events[0].interruptions} == {T0 + 2 * MINUTE}


def test_a_snapshot_restores_into_a_changed_inventory() -> None:
    first = OutageDetector(inventory(), SETTINGS)
    ticks(first, T0, T0)
    for meter in range(3):
        first.notice(signal(SignalKind.LAST_GASP, meter, T0 + SECOND, T0))
    (event,) = ticks(first, T0 + SECOND, T0 + 12 * SECOND)
    changed = inventory(known=("NEW", "M3", "M2", "M1"), skip="M1")
    second = OutageDetector(changed, SETTINGS)
    second.restore(first.snapshot())
    for name in ("M0", "M2", "M3"):
        key = changed.key(name)
        assert key is not None
        second.observe(reading(key, T0 + MINUTE, 230.0, 230.0, 230.0))
    restored = ticks(second, T0 + MINUTE, T0 + MINUTE)[-1]
    assert restored.incident.id == event.incident.id
    assert restored.incident.state is IncidentState.RESTORED
    assert sorted(changed.ids[d] for d in restored.incident.devices) == ["M0", "M2", "M3"]


@pytest.mark.parametrize("state", [b"", b"something", b"feederline-outage-1\n\xc1"])
def test_bytes_that_are_no_snapshot_are_refused_and_leave_a_fresh_detector(state: bytes) -> None:
    detector = OutageDetector(inventory(), SETTINGS)
    with pytest.raises(ValueError, match="snapshot of the outage detector"):
        detector.restore(state)
    assert detector.advance(T0) == []


def test_time_does_not_go_backwards() -> None:
    detector = OutageDetector(inventory(), SETTINGS)
    detector.advance(T0)
    detector.notice(signal(SignalKind.LAST_GASP, 0, T0, T0))
    assert detector.advance(T0 - MINUTE) == []
    assert detector.at == T0


def points(dark: list[int], living: list[int], count: int = 4) -> Points:
    evident, alive = np.isin(np.arange(count), dark), np.isin(np.arange(count), living)
    phases = np.full(count, 2, np.uint8)
    shown = np.where(alive, T0 + MINUTE, 0)
    return Points(
        node=np.arange(3, 3 + count, dtype=np.int32),
        phases=phases,
        lost=np.where(evident, phases, np.uint8(0)),
        kinds=np.where(evident, Dark.GASP, np.uint8(0)),
        failed=np.zeros(count, np.int32),
        dark_at=np.where(evident, T0, 0),
        area=np.full(count, 2),
        quiet=~(evident | alive),
        silence=np.zeros(count),
        on_at=shown,
        lit_at=shown,
    )


@pytest.mark.parametrize(
    ("dark", "living", "nodes"),
    [
        ([0], [], ["N0"]),
        ([0, 1], [], ["T"]),
        ([0, 1], [3], ["N0", "N1"]),
        ([0, 1, 2, 3], [], ["T"]),
        ([], [1], []),
    ],
)
def test_the_judge_takes_the_lowest_node_that_explains_most(
    dark: list[int], living: list[int], nodes: list[str]
) -> None:
    found = judge(NETWORK, np.array([NETWORK.index("T")]), points(dark, living), SETTINGS)
    assert [NETWORK.ids[c.node] for c in found] == nodes
    assert all(0.5 < c.confidence <= 0.99 for c in found)


def test_much_evidence_outweighs_one_that_seems_to_live() -> None:
    assert holds(29, 18, 1, SETTINGS)
    assert not holds(3, 6, 1, SETTINGS)


@pytest.mark.parametrize(
    "wrong", [{"off_below": 0.9}, {"false_rate": 0.6}, {"collecting": 3}, {"restored_share": 0}]
)
def test_settings_that_cannot_be_meant_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        OutageSettings(**wrong)


def test_steady_readings_leave_every_flag_clear() -> None:
    evidence = Evidence(inventory(), SETTINGS)
    for step in range(5):
        evidence.observe(
            Batch.of(
                ("voltage_a", "voltage_b", "voltage_c"), [0, 1, 2, 3], [T0 + step] * 4, [[230.0] * 3] * 4
            )
        )
    assert (evidence.flags[:4] == 0).all()
    assert evidence.flags[4] == Flag.TERMINAL
