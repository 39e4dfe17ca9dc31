"""Feederline's own payloads: what the columns hold, and that no payload whatever does harm."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.mqtt.payloads import MAPPINGS, Arrival, Harvest
from drivers.mqtt.payloads.feederline import event, status, telemetry
from gateway.core import codec
from gateway.core.clock import SECOND, parse_time
from gateway.core.model import Batch, Entry, Quality, RejectedValue, Signal, SignalKind
from gateway.core.quantities import NAMES

AT = parse_time("2026-03-01T08:00:00Z")
NOW = AT + 10 * SECOND


def _arrival(*, retained: bool = False, redelivered: bool = False) -> Arrival:
    return Arrival(7, NOW, retained, NOW + 300 * SECOND, redelivered)


def _telemetry(document: object, **how: bool) -> tuple[list[Batch], str]:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    out = Harvest("mqtt:t")
    complaint = telemetry(data, _arrival(**how), out)
    return [entry for entry in out.entries() if isinstance(entry, Batch)], complaint


def _signal(channel: str, data: bytes, **how: bool) -> tuple[Signal | None, str]:
    out = Harvest("mqtt:t")
    complaint = {"event": event, "status": status}[channel](data, _arrival(**how), out)
    signals = [entry for entry in out.entries() if isinstance(entry, Signal)]
    assert len(signals) <= 1
    return (signals[0] if signals else None), complaint


def test_what_is_no_value_is_nan_and_its_raw_form_is_kept() -> None:
    (batch,), complaint = _telemetry(
        {
            "at": AT // 1000,
            "values": {"voltage_a": 230.5, "voltage_b": None, "voltage_c": "n/a\x00", "current_a": [1]},
        }
    )
    assert complaint == ""
    assert batch.values[0, 0] == 230.5
    assert np.isnan(batch.values[0, 1:]).all()
    assert batch.quality.tolist() == [Quality.NO_VALUE]
    assert batch.rejected == tuple(
        RejectedValue(device=7, measured_at=AT, quantity=quantity, raw=raw, reason="no_value")
        for quantity, raw in (("voltage_b", "null"), ("voltage_c", "n/a\\x00"), ("current_a", "[1]"))
    )


@pytest.mark.parametrize(
    ("at", "measured_at", "quality"),
    [
        ("2026-03-01T08:00:00Z", AT, Quality.GOOD),
        ("2026-03-01 16:00:00.5+0800", AT + SECOND // 2, Quality.GOOD),
        (AT // 1000 + 1, AT + 1000, Quality.GOOD),
        (AT / 1000 + 0.25, AT + 250, Quality.GOOD),
        (None, NOW, Quality.TIME_ASSUMED),
        (0, NOW, Quality.CLOCK_SUSPECT),
        (AT // SECOND, NOW, Quality.CLOCK_SUSPECT),  # seconds taken for milliseconds
        (10**40, NOW, Quality.CLOCK_SUSPECT),
        (-(10**40), NOW, Quality.CLOCK_SUSPECT),
        (1e308, NOW, Quality.CLOCK_SUSPECT),
        (-1e308, NOW, Quality.CLOCK_SUSPECT),
        (1e22, NOW, Quality.CLOCK_SUSPECT),
        (NOW // 1000 + 300_000, NOW + 300 * SECOND, Quality.GOOD),
        (NOW // 1000 + 300_001, NOW, Quality.CLOCK_SUSPECT),
        ("1999-12-31T23:59:59Z", NOW, Quality.CLOCK_SUSPECT),
        ("2000-01-01T00:00:00Z", parse_time("2000-01-01T00:00:00Z"), Quality.GOOD),
    ],
)
@pytest.mark.parametrize("shape", ["plain", "samples", "careful"])
def test_time_of_a_reading(shape: str, at: object, measured_at: int, quality: Quality) -> None:
    sample = {"at": at, "values": {"voltage_a": 1}}
    careful = {"at": at, "values": {"voltage_a": 1, "voltage_b": None}}
    document = {"plain": sample, "samples": {"samples": [sample]}, "careful": careful}[shape]
    (batch,), complaint = _telemetry(document)
    assert complaint == ""
    assert batch.measured_at.tolist() == [measured_at]
    assert batch.received_at.tolist() == [NOW]
    assert Quality(int(batch.quality[0])) & ~Quality.NO_VALUE == quality


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"at": "2026-03-01T08:00:00", "values": {"voltage_a": 1}}, "no.* zone|with a zone"),
        ({"at": "noon", "values": {"voltage_a": 1}}, "at: 'noon'"),
        ({"at": True, "values": {"voltage_a": 1}}, "at: true"),
        ({"at": [], "values": {"voltage_a": 1}}, r"at: \[\]"),
        ({"values": {}}, "no values"),
        ({"values": 5}, "no values"),
        ({"samples": []}, "no values"),
        ({"samples": 5}, "samples is not a list"),
        ({"samples": [5, {}]}, "sample 0: not an object; sample 1: no values"),
        (b'{"values": {"voltage_a": 1}', "malformed: not JSON"),
        (b"[" * 100_000, "malformed: nested too deeply|malformed: not JSON"),
        (b'{"values": ' * 50_000, "malformed: nested too deeply|malformed: not JSON"),
        (b'{"values": {"voltage_a": ' + b"9" * 5000 + b"}}", "malformed: not JSON"),
        (b"\x00", "malformed: not JSON"),
        (b"\xfe\xff", "malformed: not UTF-8 at byte 0"),
    ],
)
def test_what_cannot_be_taken_says_why(document: object, complaint: str) -> None:
    batches, said = _telemetry(document)
    assert batches == []
    assert re.search(complaint, said)


def test_known_values_are_taken_from_a_payload_with_unknown_ones() -> None:
    (batch,), complaint = _telemetry(
        {"values": {"volts": 1, "voltage_a": 2}, "samples": [{"at": 1, "values": {"x": 1}}]}
    )
    assert batch.quantities == ("voltage_a",)
    assert complaint == "sample 0: unknown quantity 'volts'; sample 1: unknown quantity 'x'"


def test_good_samples_beside_a_bad_one_are_taken_once() -> None:
    good = {"at": AT // 1000, "values": {"voltage_a": 1}}
    batches, complaint = _telemetry({"samples": [good, {"at": "x", "values": {"voltage_a": 2}}]})
    assert [batch.values.tolist() for batch in batches] == [[[1.0]]]
    assert complaint.startswith("sample 1: at: 'x'")


def test_of_duplicate_keys_the_last_counts() -> None:
    (batch,), _ = _telemetry(b'{"values": {"voltage_a": 1, "voltage_a": 2}}')
    assert batch.values.tolist() == [[2.0]]


def test_a_byte_order_mark_is_no_harm() -> None:
    (batch,), complaint = _telemetry(b'\xef\xbb\xbf{"values": {"voltage_a": 1}}')
    assert (len(batch), complaint) == (1, "")


def test_a_retained_reading_needs_a_time_of_its_own() -> None:
    assert "retained without a time" in _telemetry({"values": {"voltage_a": 1}}, retained=True)[1]
    (batch,), _ = _telemetry({"at": AT // 1000, "values": {"voltage_a": 1}}, retained=True)
    assert batch.measured_at.tolist() == [AT]


def test_event_keeps_all_three_times() -> None:
    signal, complaint = _signal(
        "event",
        b'{"type":"last_gasp","at":"2026-03-01T08:00:00Z","sent_at":1772352005000,"detail":"cap 3.1 V"}',
    )
    assert complaint == ""
    assert signal == Signal(
        kind=SignalKind.LAST_GASP,
        device=7,
        received_at=NOW,
        occurred_at=AT,
        reported_at=AT + 5 * SECOND,
        source="mqtt:t",
        detail="cap 3.1 V",
    )


def test_an_impossible_time_of_an_event_is_told_in_its_detail() -> None:
    signal, _ = _signal("event", b'{"type": "tamper", "at": 0, "detail": {"cover": "open\\u0000"}}')
    assert signal is not None
    assert signal.occurred_at is None
    assert signal.detail == 'clock suspect: at was 1970-01-01T00:00:00Z; {"cover": "open\\u0000"}'
    far, _ = _signal("event", b'{"type": "tamper", "sent_at": 1' + b"0" * 40 + b"}")
    assert far is not None
    assert far.detail == "clock suspect: sent_at was beyond the calendar"


@pytest.mark.parametrize("at", [b"1e308", b"-1e308", b"1e999", b"1" + b"0" * 4000])
@pytest.mark.parametrize("careful", [b"", b', "frequency": null'])
def test_a_time_beyond_all_numbers_is_only_impossible(at: bytes, careful: bytes) -> None:
    (batch,), complaint = _telemetry(b'{"at": ' + at + b', "values": {"voltage_a": 1' + careful + b"}}")
    assert complaint == ""
    assert batch.measured_at.tolist() == [NOW]
    assert batch.quality[0] & Quality.CLOCK_SUSPECT
    signal, complaint = _signal("event", b'{"type": "tamper", "at": ' + at + b"}")
    assert complaint == ""
    assert signal is not None
    assert signal.detail == "clock suspect: at was beyond the calendar"


@pytest.mark.parametrize("kind", ["gateway_down", "gateway_up", "planned", "party", 5, None])
def test_a_device_cannot_speak_for_the_gateway(kind: object) -> None:
    signal, complaint = _signal("event", json.dumps({"type": kind}).encode())
    assert signal is None
    assert "unknown event type" in complaint


def test_an_event_with_something_odd_is_still_heard() -> None:
    signal, complaint = _signal("event", b'{"type": "last_gasp", "at": "noon", "volts": 3}')
    assert signal is not None
    assert signal.occurred_at is None
    assert "at: 'noon'" in complaint
    assert "unknown member 'volts'" in complaint


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"online", SignalKind.CONNECTION_MADE),
        (b"OFFLINE\n", SignalKind.CONNECTION_LOST),
        (b'"offline"', SignalKind.CONNECTION_LOST),
        (b"offline\x00", SignalKind.CONNECTION_LOST),
        (b'{"status": "Online"}', SignalKind.CONNECTION_MADE),
        (b"lost", None),
        (b'{"status": 1}', None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_status(data: bytes, kind: SignalKind | None) -> None:
    signal, complaint = _signal("status", data)
    assert (signal.kind if signal else None) == kind
    assert bool(complaint) == (kind is None)


def test_a_retained_status_says_that_it_is_one() -> None:
    signal, _ = _signal("status", b"offline", retained=True)
    assert signal is not None
    assert signal.detail == "retained"


def test_a_retained_event_needs_a_time_of_its_own() -> None:
    assert _signal("event", b'{"type": "last_gasp"}', retained=True)[0] is None
    assert _signal("event", b'{"type": "last_gasp", "at": 1772352000000}', retained=True)[0] is not None


@pytest.mark.parametrize(
    ("at", "quality"),
    [
        (AT // 1000, Quality.GOOD),
        (None, Quality.TIME_ASSUMED | Quality.REDELIVERED),
        (0, Quality.CLOCK_SUSPECT | Quality.REDELIVERED),
    ],
)
@pytest.mark.parametrize("value", [1, None])
def test_a_reading_delivered_again_is_doubtful_only_without_a_time_of_its_own(
    at: object, quality: Quality, value: object
) -> None:
    sample = {"at": at, "values": {"voltage_a": 2, "voltage_b": value}}
    for document in (sample, {"samples": [sample]}):
        (batch,), complaint = _telemetry(document, redelivered=True)
        assert complaint == ""
        assert Quality(int(batch.quality[0])) & ~Quality.NO_VALUE == quality


@pytest.mark.parametrize(
    ("channel", "data", "how", "detail"),
    [
        ("event", b'{"type": "last_gasp"}', {}, ""),
        ("event", b'{"type": "last_gasp"}', {"redelivered": True}, "redelivered"),
        ("event", b'{"type": "tamper", "detail": "lid"}', {"redelivered": True}, "redelivered: lid"),
        ("event", b'{"type": "last_gasp", "sent_at": 1772352000000}', {"redelivered": True}, "redelivered"),
        ("event", b'{"type": "last_gasp", "at": 1772352000000, "detail": "d"}', {"redelivered": True}, "d"),
        ("status", b"offline", {"redelivered": True}, "redelivered"),
        ("status", b'{"status": "offline", "detail": "d"}', {"retained": True}, "retained; d"),
        ("status", b"offline", {"retained": True, "redelivered": True}, "retained"),
    ],
)
def test_a_signal_tells_how_it_was_delivered(
    channel: str, data: bytes, how: dict[str, bool], detail: str
) -> None:
    signal, complaint = _signal(channel, data, **how)
    assert complaint == ""
    assert signal is not None
    assert signal.detail == detail


@pytest.mark.parametrize("own", ["retained", "Retained; d", " redelivered: d", "redeliveredness"])
def test_a_device_cannot_forge_how_its_signal_was_delivered(own: str) -> None:
    data = json.dumps({"type": "last_gasp", "detail": own}).encode()
    signal, complaint = _signal("event", data)
    assert complaint == ""
    assert signal is not None
    assert signal.detail == f"device: {own}"
    again, _ = _signal("event", data, redelivered=True)
    assert again is not None
    assert again.detail == f"redelivered: device: {own}"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"dead", "status 'dead' is neither online nor offline"),
        (b'"Dead"', "status 'Dead' is neither online nor offline"),
        (b"", "status '' is neither online nor offline"),
        (b'{"status": "dead"}', "status 'dead' is neither online nor offline"),
        (b'{"status": "dead"', "malformed: not JSON"),
    ],
)
def test_a_status_that_is_none_is_told_as_it_was_sent(data: bytes, said: str) -> None:
    assert _signal("status", data)[1].startswith(said)


def test_an_event_delivered_again_with_an_impossible_time_says_both() -> None:
    signal, _ = _signal("event", b'{"type": "last_gasp", "at": 0}', redelivered=True)
    assert signal is not None
    assert signal.detail == "redelivered: clock suspect: at was 1970-01-01T00:00:00Z"


def test_channels_go_by_the_last_level_unless_named() -> None:
    by_topic = MAPPINGS.get("feederline").decoder
    assert [by_topic(f"x/{last}") for last in ("telemetry", "event", "status", "other")] == [
        telemetry,
        event,
        status,
        None,
    ]
    assert MAPPINGS.get("feederline-event").decoder("any/topic") is event


# -- no payload does harm -------------------------------------------------------------------------------------------

_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
_json = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_values = st.dictionaries(
    st.sampled_from(NAMES) | st.text(max_size=5), _scalars | st.floats(0, 500), max_size=5
)
_times = (
    st.none()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.datetimes().map(str)
    | st.just("2026-03-01T08:00:00Z")
)
_samples = st.fixed_dictionaries({"values": _values | _json}, optional={"at": _times | _json})
_documents = (
    _json
    | _samples
    | st.fixed_dictionaries({"samples": st.lists(_samples | _json, max_size=4)}, optional={"x": _json})
    | st.fixed_dictionaries(
        {"type": st.sampled_from([*SignalKind]) | _json},
        optional={"at": _times, "sent_at": _times, "detail": _json},
    )
    | st.fixed_dictionaries(
        {"status": st.sampled_from(["online", "offline"]) | _json}, optional={"at": _times}
    )
)
_payloads = _documents.map(lambda document: json.dumps(document).encode()) | st.binary(max_size=60)


@given(_payloads, st.sampled_from(["telemetry", "event", "status"]), st.booleans(), st.booleans())
def test_every_payload_yields_something_storable(
    payload: bytes, channel: str, retained: bool, redelivered: bool
) -> None:
    """Nothing raises, nothing vanishes, and every entry can be written to the spool and read back."""
    out = Harvest("mqtt:t")
    decoder = MAPPINGS.get("feederline").decoder(f"x/{channel}")
    assert decoder is not None
    complaint = decoder(payload, _arrival(retained=retained, redelivered=redelivered), out)
    if complaint:
        out.dead_letter("x", payload, NOW, complaint)
    entries = out.entries()
    assert entries
    for entry in entries:
        back = codec.decode(codec.encode(entry))
        assert "\x00" not in _texts(back)
        if isinstance(back, Batch):
            assert len(back) > 0
            assert not np.isinf(back.values).any()
            missing = np.isnan(back.values).any(axis=1)
            assert ((back.quality & Quality.NO_VALUE > 0) == missing).all()
            assert len(back.rejected) == np.isnan(back.values).sum()
            assert (back.measured_at >= parse_time("2000-01-01T00:00:00Z")).all()
            assert (back.measured_at <= NOW + 300 * SECOND).all()


def _texts(entry: Entry) -> str:
    if isinstance(entry, Batch):
        return "".join(value.raw + value.quantity for value in entry.rejected)
    return "".join(
        str(getattr(entry, name)) for name in ("detail", "topic", "reason") if hasattr(entry, name)
    )


@given(st.dictionaries(st.sampled_from(NAMES), st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_finite_numbers_arrive_as_they_were_sent(values: dict[str, float]) -> None:
    (batch,), complaint = _telemetry({"at": AT // 1000, "values": values})
    assert complaint == ""
    assert dict(zip(batch.quantities, batch.values[0].tolist(), strict=True)) == values
    assert not any(math.isnan(value) for value in batch.values[0])
