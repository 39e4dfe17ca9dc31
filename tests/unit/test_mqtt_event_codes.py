"""What meters tell of themselves, by name or by code, and the signals that it becomes."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from drivers.mqtt.payloads import Arrival, Harvest
from drivers.mqtt.payloads.codes import CODES, check_code, meaning
from drivers.mqtt.payloads.feederline import event
from drivers.mqtt.settings import MqttSettings
from gateway.core.clock import SECOND, parse_time
from gateway.core.model import MeterEventKind, Signal, SignalKind

AT = parse_time("2026-03-01T08:00:00Z")
NOW = AT + 10 * SECOND


def said(
    document: Mapping[str, object],
    *,
    retained: bool = False,
    redelivered: bool = False,
    codes: Mapping[str, str] | None = None,
) -> tuple[Signal | None, str]:
    out = Harvest("mqtt:t")
    arrival = Arrival(7, NOW, retained, NOW + 300 * SECOND, redelivered, codes or {})
    complaint = event(json.dumps(document).encode(), arrival, out)
    signals = [entry for entry in out.entries() if isinstance(entry, Signal)]
    assert len(signals) <= 1
    return (signals[0] if signals else None), complaint


@pytest.mark.parametrize("kind", MeterEventKind)
def test_every_meter_event_has_a_name_of_its_own(kind: MeterEventKind) -> None:
    signal, complaint = said({"type": kind.value, "at": AT // 1000})
    assert complaint == ""
    assert signal is not None
    assert (signal.kind, signal.detail, signal.occurred_at) == (SignalKind.METER_EVENT, kind.value, AT)


@pytest.mark.parametrize(
    ("more", "detail"),
    [
        ({}, "under_voltage"),
        ({"ended": False}, "under_voltage"),
        ({"ended": True}, "under_voltage end"),
        ({"phase": "b"}, "under_voltage B"),
        ({"ended": True, "phase": "C"}, "under_voltage end C"),
        ({"detail": "170 V"}, "under_voltage; 170 V"),
        ({"detail": "retained by us"}, "under_voltage; device: retained by us"),
    ],
)
def test_ends_and_phases_stand_behind_the_name(more: dict[str, object], detail: str) -> None:
    signal, complaint = said({"type": "under_voltage", "at": AT // 1000, **more})
    assert complaint == ""
    assert signal is not None
    assert signal.detail == detail


def test_what_was_kept_or_came_before_is_marked_behind_the_name() -> None:
    signal, _ = said({"type": "cover_open", "at": AT // 1000}, retained=True)
    assert signal is not None
    assert signal.detail == "cover_open; retained"
    signal, _ = said({"type": "cover_open"}, redelivered=True)
    assert signal is not None
    assert signal.detail == "cover_open; redelivered"
    assert said({"type": "cover_open"}, retained=True) == (
        None,
        "retained without a time of its own: how old it is cannot be known",
    )


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"ended": "yes"}, "neither true nor false"),
        ({"phase": "AB"}, "none of A, B and C"),
        ({"phase": 1}, "none of A, B and C"),
        ({"volts": 170}, "unknown member"),
    ],
)
def test_what_is_not_understood_is_told_and_the_event_kept(more: dict[str, object], complaint: str) -> None:
    signal, told = said({"type": "under_voltage", **more})
    assert complaint in told
    assert signal is not None
    assert signal.detail == "under_voltage"


@pytest.mark.parametrize(
    ("code", "kind", "detail"),
    [
        ("3.26.0.85", SignalKind.LAST_GASP, "code 3.26.0.85"),
        ("3.26.136.216", SignalKind.POWER_RESTORED, "code 3.26.136.216"),
        ("3.33.1.257", SignalKind.TAMPER, "code 3.33.1.257"),
        ("3.12.29.212", SignalKind.METER_EVENT, "cover_open"),
        ("3.26.131.223", SignalKind.METER_EVENT, "under_voltage A"),
    ],
)
def test_the_usual_codes(code: str, kind: SignalKind, detail: str) -> None:
    signal, complaint = said({"type": code})
    assert complaint == ""
    assert signal is not None
    assert (signal.kind, signal.detail) == (kind, detail)


def test_a_detector_that_was_disabled_is_no_outage() -> None:
    assert said({"type": "3.26.136.66"}) == (None, "")


def test_a_head_end_may_say_otherwise_and_more() -> None:
    codes = {"3.26.0.85": "ignored", "0xA1": "magnetic_field", "0xA2": "magnetic_field end"}
    assert said({"type": "3.26.0.85"}, codes=codes) == (None, "")
    for code, detail in (("0xA1", "magnetic_field"), ("0xA2", "magnetic_field end")):
        signal, _ = said({"type": code}, codes=codes)
        assert signal is not None
        assert (signal.kind, signal.detail) == (SignalKind.METER_EVENT, detail)
    assert said({"type": "0xA3"}, codes=codes) == (None, "unknown event type '0xA3'")


def test_every_usual_code_means_something() -> None:
    assert [fault for code, event in CODES.items() if (fault := check_code(code, event))] == []


@pytest.mark.parametrize("named", ["gateway_down", "meter_event", "GATEWAY_UP", "cover_open  end", "", "end"])
def test_nobody_speaks_for_the_gateway(named: str) -> None:
    assert meaning(named, {}) is None


@pytest.mark.parametrize(
    ("codes", "named"),
    [
        ({"3.26.0.85": "power_out"}, "unknown event 'power_out'.*last_gasp"),
        ({"3.26.085": "last_gasp"}, "no code of IEC 61968-9"),
        ({"cover_open": "last_gasp"}, "meaning of its own"),
        ({"0x1": "gateway_down"}, "unknown event"),
        ({"0x1": "cover_open end D"}, "unknown event"),
        ({"": "tamper"}, "no code"),
    ],
)
def test_refuses(codes: dict[str, str], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        MqttSettings.model_validate({"event_codes": codes})
