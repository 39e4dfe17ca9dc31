"""A replay is a fold over the lines: however they are cut, restarted or skipped through, the outcome is the same."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.clock import SECOND, format_time
from gateway.core.model import SignalKind
from gateway.replay.outcome import outcome
from gateway.replay.run import Replay
from tests.unit.outage_cases import faults
from tests.unit.test_outage_properties import INVENTORY, SETTINGS, T0

_volts = st.sampled_from([230.0, 230.0, 230.0, 0.0, 100.0, 190.0, None])
_device = st.sampled_from([*INVENTORY.ids, "nobody"])
_age = st.none() | st.integers(-20, 600) | st.just(10**8)  # tenths of a second
_source = st.sampled_from(["", "broker", "other"])
_quantity = st.sampled_from(["voltage_a", "voltage_b", "voltage_c", "active_power", "odd"])
_reading = st.fixed_dictionaries(
    {
        "type": st.just("reading"),
        "device": _device,
        "values": st.dictionaries(_quantity, _volts),
        "source": _source,
    }
)  # fmt: skip
_signal = st.fixed_dictionaries(
    {"type": st.sampled_from([kind.value for kind in SignalKind]), "device": _device, "source": _source}
)
_session = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["connection_lost", "connection_made", "gateway_down", "gateway_up"]),
        "source": _source,
    }
)
_planned = st.fixed_dictionaries(
    {
        "type": st.just("planned"),
        "node": st.sampled_from(["F", "T1", "N0", "nowhere"]),
        "reference": st.sampled_from(["W1", "W2"]),
        "from": st.integers(-100, 4000).map(lambda s: format_time(T0 + s * SECOND)),
        "to": st.integers(-100, 8000).map(lambda s: format_time(T0 + s * SECOND)),
        "withdrawn": st.booleans(),
    }
)
_gap = st.sampled_from([0, 0, 0, 1, 3, 7, 10, 10, 25, 50, 300, 700, 6_000])  # tenths of a second
_said = _reading | _reading | _signal | _signal | _session | _planned
_line = st.tuples(_gap, st.sampled_from([0] * 8 + [20, 500]), _age, _said)
_recording = st.lists(_line, min_size=1, max_size=60)


@st.composite
def _restorations(draw: st.DrawFn) -> list[tuple[int, int, int | None, dict[str, Any]]]:
    """An outage of T1 and what may come of it, so that stories have a middle and an end."""
    meters = [f"M{i}" for i in range(5)]
    lines: list[tuple[int, int, int | None, dict[str, Any]]] = []
    reading = {"type": "reading", "values": {"voltage_a": 230.0}, "source": "broker"}
    for kind, share in (("reading", 1.0), ("last_gasp", 0.9), ("power_restored", 0.7), ("reading", 0.9)):
        for meter in meters:
            if draw(st.floats(0, 1)) <= share:
                said = reading if kind == "reading" else {"type": kind, "source": "broker"}
                lines.append((draw(_gap), 0, draw(st.none() | st.integers(0, 20)), {**said, "device": meter}))
    return lines + draw(st.lists(_line, max_size=10))


_any = _recording | _restorations()


def written(recording: list[tuple[int, int, int | None, dict[str, Any]]]) -> list[bytes]:
    """Lines of a file: each some time after the one before, a few standing behind later ones."""
    at, lines = T0, []
    for gap, late, age, said in recording:
        at += gap * SECOND // 10
        received = at - late * SECOND // 10
        own = {} if age is None else {"at": format_time(received - age * SECOND // 10)}
        lines.append(json.dumps({"received_at": format_time(received), **own, **said}).encode())
    return lines


def play(lines: list[bytes], **options: Any) -> dict[str, Any]:
    before = faults()
    replay = Replay(INVENTORY, SETTINGS, **options)
    for raw in lines:
        replay.line(raw)
    replay.finish()
    assert faults() == before
    return outcome(replay)


@settings(max_examples=15, deadline=None)
@given(_any, st.integers(1, 7))
def test_chunks_change_nothing(recording: Any, chunk: int) -> None:
    lines = written(recording)
    assert play(lines, chunk=chunk) == play(lines)


@settings(max_examples=15, deadline=None)
@given(_any, st.sets(st.integers(1, 60), max_size=6))
def test_a_restart_after_any_line_changes_nothing(recording: Any, restarts: set[int]) -> None:
    lines = written(recording)
    assert play(lines, restarts=restarts) == play(lines)


@settings(max_examples=13, deadline=None)
@given(_any)
def test_leaving_out_ticks_of_quiet_stretches_changes_nothing(recording: Any) -> None:
    lines = written(recording)
    assert play(lines) == play(lines, every_second=True)


@settings(max_examples=13, deadline=None)
@given(_any)
def test_everything_said_of_the_outcome_is_consistent(recording: Any) -> None:
    found = play(written(recording))
    known = {incident["id"] for incident in found["incidents"]}
    times = [(incident["detected_at"], incident["id"]) for incident in found["incidents"]]
    assert times == sorted(times)
    for incident in found["incidents"]:
        assert incident["started_at"] <= incident["detected_at"]
        assert (incident["ended_at"] is None) == (incident["state"] == "open")
    for row in found["interruptions"]:
        assert row["incident"] in known
        assert row["ended_at"] is None or row["ended_at"] > row["started_at"]
    taken = found["lines"] - sum(fault["count"] for fault in found["ignored"].values())
    assert 0 <= found["readings"] <= taken
