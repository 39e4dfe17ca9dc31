"""The detector as a fold: whatever arrives, in whatever pieces, with whatever restarts, it concludes the same."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.core.clock import SECOND, parse_time
from gateway.core.inventory import Device, Inventory
from gateway.core.model import (
    GATEWAY,
    Batch,
    Event,
    IncidentKind,
    IncidentState,
    Instruction,
    Order,
    Quality,
    Signal,
    SignalKind,
)
from gateway.core.network import Network
from processors.outage.detector import OutageDetector
from processors.outage.settings import OutageSettings
from tests.unit.outage_cases import faults

T0 = parse_time("2026-03-01T08:00:00Z")
_METERS = 8
NETWORK = Network(
    ["S", "F", "T1", "T2", *(f"N{i}" for i in range(_METERS))],
    ["", "S", "F", "F", *("T1" if i < 5 else "T2" for i in range(_METERS))],
    ["substation", "feeder", "transformer", "transformer", *["service"] * _METERS],
)
INVENTORY = Inventory(
    [
        *(
            Device(
                id=f"M{i}",
                node=f"N{i}",
                protocol="modbus" if i >= 5 else "mqtt",
                via="C" if i >= 5 else "",
                phases="ABC" if i % 3 == 0 else "B",
                interval_s=5,
            )
            for i in range(_METERS)
        ),
        Device(id="X", node="T1", kind="terminal", customers=0, interval_s=5),
        Device(id="Y", node="F", kind="terminal", customers=0, interval_s=5),
        Device(id="C", node="T2", kind="concentrator", protocol="modbus", customers=0, interval_s=5),
    ],
    NETWORK,
)
SETTINGS = OutageSettings(
    collecting_s=4,
    sustained_s=20,
    verify_s=6,
    remainder_s=8,
    last_gasp_wait_s=3,
    join_s=30,
    verify_sample=2,
    reclose_s=6,
    flapping_s=15,
)
QUANTITIES = ("voltage_a", "voltage_b", "voltage_c", "breaker_closed", "active_power")
Row: TypeAlias = tuple[int, int, float, float, float, float]  # device, age in tenths, volts, breaker
Said: TypeAlias = tuple[SignalKind, int, int | None]


class Word(NamedTuple):
    """What a person says: about which of the incidents that are open, into which, at which of its members' nodes."""

    order: Order
    of: int
    into: int
    node: int


Stream: TypeAlias = list[list[list[Row] | Said | Word]]

_volts = st.sampled_from([230.0, 230.0, 230.0, 0.0, 100.0, 150.0, 200.0, float("nan")])
_row = st.tuples(
    st.integers(-1, len(INVENTORY)), st.integers(-5, 60), _volts, _volts, _volts, st.sampled_from([1.0, 0.0, np.nan])
)  # fmt: skip
_rows = st.lists(_row, min_size=1, max_size=12)
_signal = st.tuples(
    st.sampled_from(list(SignalKind)),
    st.integers(0, len(INVENTORY) - 1),
    st.none() | st.integers(-5, 100) | st.just(10**9),
)
_word = st.builds(
    Word,
    order=st.sampled_from(list(Order)),
    of=st.integers(0, 9),
    into=st.integers(0, 9),
    node=st.integers(0, 9),
)
_second = st.lists(_rows | _signal, max_size=4)
_chaos = st.lists(_second, min_size=5, max_size=45)


class Life(NamedTuple):
    """How one meter behaves. Times in seconds; ages in tenths of one."""

    off: int
    on: int
    every: int  # gasps come so often
    flaps: bool  # they also come while it has supply
    age: int  # of its readings, by its own clock; a multiple of three is no time at all
    gasp_age: int | None
    restores: bool


_life = st.builds(
    Life,
    off=st.integers(0, 30),
    on=st.integers(0, 45),
    every=st.integers(1, 6),
    flaps=st.booleans(),
    age=st.sampled_from([0, 0, 1, 40, 40_000]),
    gasp_age=st.sampled_from([None, 0, 0, 30, 100, 40_000]),
    restores=st.booleans(),
)


def _stream_of(lives: list[Life]) -> Stream:
    stream: Stream = []
    for second in range(50):
        items: list[list[Row] | Said | Word] = []
        for device, life in enumerate(lives):
            dark = life.off <= second < life.on
            if not dark and second % 5 == device % 5:
                items.append([(device, life.age, 230.0, 230.0, 230.0, np.nan)])
            if (dark or life.flaps) and (second - life.off) % life.every == 0:
                items.append((SignalKind.LAST_GASP, device, life.gasp_age))
            if life.restores and second == life.on > life.off:
                items.append((SignalKind.POWER_RESTORED, device, life.gasp_age))
        stream.append(items)
    return stream


_lives = st.lists(_life, min_size=_METERS, max_size=_METERS).map(_stream_of)


def _with_words(stream: Stream, words: list[tuple[int, Word]]) -> Stream:
    said = [list(items) for items in stream]
    for second, word in words:
        said[second % len(said)].append(word)
    return said


_words = st.lists(st.tuples(st.integers(0, 49), _word), max_size=8)
_stream = st.builds(_with_words, _chaos | _lives, _words | st.just([]))


def entries(at: int, item: list[Row] | Said, chunk: int) -> list[Batch | Signal]:
    if isinstance(item, tuple):
        kind, device, age = item
        session = kind in (SignalKind.CONNECTION_LOST, SignalKind.CONNECTION_MADE) and device >= _METERS
        gateway = session or kind in (SignalKind.GATEWAY_DOWN, SignalKind.GATEWAY_UP)
        own = None if age is None else at - age * SECOND // 10
        key, source = (GATEWAY if gateway else device), ("broker" if session else "")
        return [Signal(kind=kind, device=key, received_at=at, occurred_at=own, source=source)]
    return [
        Batch.of(
            QUANTITIES,
            [row[0] for row in part],
            [at - row[1] * SECOND // 10 for row in part],
            [[*row[2:], 400.0] for row in part],
            received_at=[at] * len(part),
            quality=[Quality.TIME_ASSUMED if row[1] % 3 == 0 else Quality.GOOD for row in part],
            source="broker",
        )
        for part in (item[i : i + chunk] for i in range(0, len(item), chunk))
    ]


def instruct(detector: OutageDetector, events: list[Event], word: Word, name: str, at: int) -> None:
    """About what is open; where nothing is, about what was."""
    told = {event.incident.id: event.incident for event in events}
    incidents = [told[i] for i in told if i in detector.open_ids()] or list(told.values())
    if not incidents:
        return
    incident = incidents[word.of % len(incidents)]
    place = int(INVENTORY.node[incident.devices[word.node // 2 % len(incident.devices)]])
    detector.instruct(
        Instruction(
            id=name,
            incident=incident.id,
            order=word.order,
            received_at=at,
            by="somebody",
            into=incidents[word.into % len(incidents)].id,
            node=NETWORK.ids[int(NETWORK.parent[place]) if word.node % 2 else place],
        )
    )


def play(stream: Stream, *, chunk: int, restart_every: int = 0) -> list[Event]:
    detector, before = OutageDetector(INVENTORY, SETTINGS), faults()
    events = detector.advance(T0)
    for second, items in enumerate([*stream, *([[]] * 40)]):
        at = T0 + second * SECOND + SECOND // 2
        for number, item in enumerate(items):
            if isinstance(item, Word):
                instruct(detector, events, item, f"ins-{second}-{number}", at)
                continue
            for heard in entries(at, item, chunk):
                if isinstance(heard, Signal):
                    detector.notice(heard)
                else:
                    detector.observe(heard)
        if restart_every and second % restart_every == 0:
            state = detector.snapshot()
            detector = OutageDetector(INVENTORY, SETTINGS)
            detector.restore(state)
        events += detector.advance(T0 + (second + 1) * SECOND)
    assert faults() == before
    return events


@settings(max_examples=20, deadline=None)
@given(_stream, st.integers(1, 5), st.integers(1, 9))
def test_pieces_and_restarts_change_nothing(stream: Stream, chunk: int, restart_every: int) -> None:
    whole = play(stream, chunk=100)
    assert play(stream, chunk=chunk) == whole
    assert play(stream, chunk=100, restart_every=restart_every) == whole


_LIT = (0, 0, 230.0, 230.0, 230.0, 1.0)
_METERS_LOST_A_AND_TERMINAL_C: Stream = [
    *([[]] * 4),
    [
        [
            (0, 0, 0.0, 230.0, 230.0, 1.0),
            *[_LIT] * 8,
            (3, 0, 0.0, 230.0, 230.0, 1.0),
            (8, 0, 230.0, 230.0, 0.0, 1.0),
        ]
    ],
]  # once the two took the same meters from each other again and again, under one incident's id


@settings(max_examples=30, deadline=None)
@given(_stream)
@example(_METERS_LOST_A_AND_TERMINAL_C)
def test_every_incident_tells_a_possible_story(
    stream: Stream,
) -> None:
    revisions: dict[str, int] = {}
    over: set[str] = set()
    open_: dict[str, str] = {}  # incident -> node, as of the last tick
    at = 0
    rows: dict[tuple[str, int, int], tuple[int, int | None]] = {}
    for event in play(stream, chunk=100):
        incident = event.incident
        if event.at > at:
            assert len(set(open_.values())) == len(open_)
            at = event.at
        open_.pop(incident.id, None)
        if incident.kind is IncidentKind.OUTAGE and incident.state is IncidentState.OPEN:
            open_[incident.id] = incident.node
        assert incident.revision == revisions.get(incident.id, 0) + 1
        assert incident.id not in over
        revisions[incident.id] = incident.revision
        if incident.state in (IncidentState.CLOSED, IncidentState.CANCELLED, IncidentState.MERGED):
            over.add(incident.id)
            assert incident.ended_at is not None
        assert len(set(incident.devices)) == len(incident.devices)
        assert incident.started_at <= incident.detected_at <= event.at
        assert incident.ended_at is None or incident.ended_at >= incident.started_at
        for row in event.interruptions:
            assert row.ended_at is None or row.ended_at >= row.started_at
            rows[row.incident, row.device, row.step] = (row.started_at, row.ended_at)
    assert len(set(open_.values())) == len(open_)
    for (incident_id, _, _), (_, end) in rows.items():
        assert incident_id not in over or end is not None
