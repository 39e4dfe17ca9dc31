"""What silence may say: nothing where a whole path is silent, and nothing of a time before a report was due."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from gateway.core.clock import SECOND, parse_time
from gateway.core.inventory import Device, Inventory
from gateway.core.model import (
    GATEWAY,
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
from tests.unit.outage_cases import latest

T0 = parse_time("2026-03-01T08:00:00Z")
N = 12
NETWORK = Network(
    ["S", "F", "T1", "T2"], ["", "S", "F", "F"], ["substation", "feeder", "transformer", "transformer"]
)


def inventory(
    protocol: str = "mqtt", via: Sequence[str] = ("", ""), cells: Sequence[str] = ("cell-1", "cell-2")
) -> Inventory:
    meters = [
        Device(
            id=f"M{t}-{i}", node=f"T{t}", protocol=protocol, interval_s=60, via=via[t - 1],
            attributes={} if protocol == "modbus" else {"cell": cells[t - 1]},
        )
        for t in (1, 2)
        for i in range(N)
    ]  # fmt: skip
    boxes = [
        Device(id=name, node=f"T{i}", kind="concentrator", protocol=protocol, customers=0)
        for i, name in enumerate(via, 1)
        if name
    ]
    return Inventory(
        [*meters, *boxes, Device(id="B", node="T2", kind="terminal", protocol=protocol, customers=0)], NETWORK
    )


def reading(device: int, at: int) -> Batch:
    return Batch.of(("voltage_a",), [device], [at], [[230.0]], received_at=[at], source="b")


def says(kind: SignalKind, device: int, at: int, detail: str = "", *, own: bool = True) -> Signal:
    return Signal(
        kind=kind, device=device, received_at=at, occurred_at=at if own else None, source="b", detail=detail
    )


def reports(devices: Sequence[int], start: int, end: int) -> Iterator[Batch]:
    for at in range(start, end, 60 * SECOND):
        yield from (reading(device, at + device * SECOND // 10) for device in devices)


def play(detector: OutageDetector, entries: Sequence[Batch | Signal], until: int) -> list[Incident]:
    """The last word on each incident with meters after a tick a second."""
    waiting = sorted(
        entries, key=lambda e: int(e.received_at[0]) if isinstance(e, Batch) else e.received_at, reverse=True
    )
    events: list[Event] = []
    for now in range(T0, until + SECOND, SECOND):
        while waiting:
            entry = waiting[-1]
            if (int(entry.received_at[0]) if isinstance(entry, Batch) else entry.received_at) > now:
                break
            waiting.pop()
            detector.observe(entry) if isinstance(entry, Batch) else detector.notice(entry)
        events += detector.advance(now)
    return [incident for incident in latest(events) if min(incident.devices) < 2 * N]


def test_a_silent_cell_and_one_gasp_are_one_meter_and_a_lost_path() -> None:
    cut = T0 + 300 * SECOND
    entries: list[Batch | Signal] = [
        *reports(range(N), T0, cut),
        *reports(range(N, 2 * N), T0, T0 + 1200 * SECOND),
        says(SignalKind.LAST_GASP, 3, cut + 20 * SECOND),
    ]
    told = play(OutageDetector(inventory(), OutageSettings()), entries, T0 + 1200 * SECOND)
    outage, silence = sorted(told, key=lambda incident: incident.detected_at)
    assert (outage.kind, outage.node, outage.devices) == (IncidentKind.OUTAGE, "T1", (3,))
    assert outage.summary.startswith("1 meter at transformer T1 reported loss of supply at")
    assert (silence.kind, len(silence.devices)) == (IncidentKind.COMMUNICATIONS_LOSS, N - 1)


def test_who_was_never_heard_joins_no_lost_path_where_that_is_not_expected() -> None:
    cut = T0 + 300 * SECOND
    entries = [*reports(range(1, N), T0, cut), *reports(range(N, 2 * N), T0, T0 + 600 * SECOND)]
    detector = OutageDetector(inventory(), OutageSettings(expect_unheard=False))
    (lost,) = play(detector, entries, T0 + 600 * SECOND)
    assert (lost.evidence["path"], lost.devices) == ("cell:cell-1", tuple(range(1, N)))


def test_a_lost_path_is_told_at_the_nearest_hop_that_all_the_silent_share() -> None:
    entries = [*reports(range(N), T0, T0 + 300 * SECOND), *reports(range(N, 2 * N), T0, T0 + 600 * SECOND)]
    box = inventory(via=("C1", ""), cells=("cell-1", "cell-2"))
    (lost,) = play(OutageDetector(box, OutageSettings()), entries, T0 + 600 * SECOND)
    assert lost.evidence["path"] == "via:C1"
    assert lost.devices[:N] == tuple(range(N))


def test_a_gasp_grows_into_its_transformer_when_the_others_missed_their_reports() -> None:
    cut = T0 + 300 * SECOND
    entries: list[Batch | Signal] = [
        *reports(range(N), T0, cut),
        *reports(range(N, 2 * N), T0, T0 + 700 * SECOND),
        says(SignalKind.LAST_GASP, 3, cut - 5 * SECOND),
    ]
    told = play(OutageDetector(inventory(cells=("c", "c")), OutageSettings()), entries, T0 + 700 * SECOND)
    (outage,) = [incident for incident in told if incident.state is IncidentState.OPEN]
    assert (outage.kind, outage.node, len(outage.devices)) == (IncidentKind.OUTAGE, "T1", N)
    (part,) = [incident for incident in told if incident.state is IncidentState.MERGED]
    assert part.parent == outage.id
    assert part.devices == (3,)


def test_reports_missed_before_a_gasp_say_nothing_of_it() -> None:
    """A transformer is silent from 300 s on although its cell lives; one gasp comes at 420 s."""
    entries: list[Batch | Signal] = [
        *reports(range(N), T0, T0 + 300 * SECOND),
        *reports(range(N, 2 * N), T0, T0 + 900 * SECOND),
        says(SignalKind.LAST_GASP, 3, T0 + 420 * SECOND),
    ]
    told = play(OutageDetector(inventory(cells=("c", "c")), OutageSettings()), entries, T0 + 900 * SECOND)
    assert [i.devices for i in told if i.kind is IncidentKind.OUTAGE] == [(3,)]


def test_an_exception_just_before_the_concentrator_went_silent_is_no_outage_on_its_return() -> None:
    entries: list[Batch | Signal] = [
        *reports(range(2 * N), T0, T0 + 300 * SECOND),
        says(SignalKind.TARGET_FAILED, 3, T0 + 301 * SECOND, own=False),
        *reports(range(N, 2 * N), T0 + 300 * SECOND, T0 + 1800 * SECOND),
        *reports(range(N), T0 + 1020 * SECOND, T0 + 1800 * SECOND),
        says(SignalKind.TARGET_FAILED, 3, T0 + 1019 * SECOND, own=False),
    ]
    entries += [
        says(SignalKind.NO_ANSWER, device, T0 + (360 + 60 * n) * SECOND, own=False)
        for n in range(10)
        for device in range(N)
    ]
    told = play(
        OutageDetector(inventory("modbus", ("C1", "C2")), OutageSettings()), entries, T0 + 1800 * SECOND
    )
    assert {incident.kind for incident in told} == {IncidentKind.COMMUNICATIONS_LOSS}


@pytest.mark.parametrize(
    ("missed", "told_back", "kind", "state"),
    [
        (2, False, IncidentKind.OUTAGE, IncidentState.CANCELLED),  # its last hop explains that as well
        (2, True, IncidentKind.MOMENTARY, IncidentState.CLOSED),  # it says that supply had been lost
        (9, False, IncidentKind.OUTAGE, IncidentState.CLOSED),  # sustained
    ],
)
def test_exceptions_about_one_meter_that_soon_answers_again_are_withdrawn(
    missed: int, told_back: bool, kind: IncidentKind, state: IncidentState
) -> None:
    lost, back = T0 + 300 * SECOND, T0 + (300 + 60 * missed) * SECOND
    others = [device for device in range(2 * N) if device != 3]
    entries: list[Batch | Signal] = [
        *reports(others, T0, T0 + 1800 * SECOND),
        *reports([3], T0, lost),
        *(says(SignalKind.TARGET_FAILED, 3, lost + 60 * n * SECOND, own=False) for n in range(missed)),
        *reports([3], back, T0 + 1800 * SECOND),
    ]
    if told_back:
        entries.append(says(SignalKind.POWER_RESTORED, 3, back - 5 * SECOND))
    (incident,) = play(
        OutageDetector(inventory("modbus", ("C1", "C2")), OutageSettings()), entries, T0 + 1800 * SECOND
    )
    assert (incident.kind, incident.state, incident.devices) == (kind, state, (3,))


def test_a_terminal_that_answers_on_its_battery_has_no_supply_for_that() -> None:
    detector, terminal = OutageDetector(inventory(), OutageSettings()), 2 * N
    play(detector, [says(SignalKind.PING_OK, terminal, T0)], T0)
    assert detector.evidence.on_at[terminal] == 0
    assert detector.evidence.heard_at[terminal] == T0


@pytest.mark.parametrize(("kind", "silent"), [(SignalKind.PING_FAILED, False), (SignalKind.NO_ANSWER, True)])
def test_questions_without_an_answer_are_no_missed_polls(kind: SignalKind, silent: bool) -> None:
    detector = OutageDetector(inventory(), OutageSettings())
    asked = [says(kind, 0, T0 + n * SECOND, own=False) for n in range(1, 4)]
    play(detector, [reading(0, T0), *asked], T0 + 10 * SECOND)
    assert bool(detector.evidence.flags[0] & Flag.SILENT) is silent


def test_an_answer_delivered_again_without_a_time_of_its_own_shows_no_supply() -> None:
    detector = OutageDetector(inventory(), OutageSettings())
    again = says(SignalKind.PING_OK, 0, T0 + 60 * SECOND, "redelivered by the broker", own=False)
    play(detector, [reading(0, T0), again], T0 + 60 * SECOND)
    assert detector.evidence.on_at[0] == T0
    assert detector.evidence.heard_at[0] == T0 + 60 * SECOND


@pytest.mark.parametrize(("later", "waited"), [(2, True), (60, False)])
def test_a_reading_without_a_time_just_after_an_absence_may_have_waited(later: int, waited: bool) -> None:
    detector = OutageDetector(inventory(), OutageSettings())
    away, back = T0 + 100 * SECOND, T0 + 500 * SECOND
    for kind, at, since in (
        (SignalKind.GATEWAY_DOWN, back, away),
        (SignalKind.GATEWAY_UP, back, back),
    ):
        detector.notice(Signal(kind=kind, device=GATEWAY, received_at=at, occurred_at=since))
    at = back + later * SECOND
    untimed = [Quality.TIME_ASSUMED]
    detector.observe(
        Batch.of(("voltage_a",), [0], [at], [[230.0]], received_at=[at], quality=untimed, source="b")
    )
    assert detector.evidence.on_at[0] == (away if waited else at)
    assert detector.evidence.heard_at[0] == at
