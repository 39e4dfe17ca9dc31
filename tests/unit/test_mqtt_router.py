"""Whose message it is, and what becomes of messages that are nobody's."""

from __future__ import annotations

import logging
from functools import partial

import pytest

from drivers.mqtt import MqttDriver, MqttSettings
from drivers.mqtt.payloads import MAPPINGS, Arrival, Harvest, Mapping
from drivers.mqtt.router import Message, Router, device_names, whereabouts
from gateway.core.clock import ManualClock
from gateway.core.errors import InvalidInputError
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Batch, DeadLetter, Entry
from gateway.core.network import Network

NOW = 1_772_352_000_000_000
GOOD = b'{"values": {"voltage_a": 230}}'


def _inventory(*devices: Device) -> Inventory:
    return Inventory(devices, Network(["N1"], [""], ["substation"]))


def _router(inventory: Inventory, *topics: str, mapping: str = "feederline") -> Router:
    return Router(
        device_names(inventory).get,
        [(topic, mapping) for topic in topics or ("v1/{device}/telemetry",)],
        name="t",
        max_payload_bytes=1000,
        max_future_s=300,
        explain=partial(whereabouts, inventory),
    )


def _message(topic: str | bytes, payload: bytes = GOOD) -> Message:
    return Message(topic.encode() if isinstance(topic, str) else topic, payload, 1, 1, False, NOW)


def _letters(entries: list[Entry]) -> list[tuple[str, bytes, str]]:
    return [(e.topic, e.payload, e.reason) for e in entries if isinstance(e, DeadLetter)]


def test_finds_devices_by_address_or_else_by_id() -> None:
    inventory = _inventory(
        Device(id="M1", node="N1"),
        Device(id="M2", node="N1", address="sn-42"),
        Device(id="M3", node="N1", protocol="modbus"),
    )
    assert device_names(inventory) == {"M1": 0, "sn-42": 1}
    messages = [_message(f"v1/{name}/telemetry") for name in ("sn-42", "M1", "M2", "M3")]
    entries = _router(inventory).entries(messages)
    (batch,) = [e for e in entries if isinstance(e, Batch)]
    assert batch.device.tolist() == [1, 0]
    assert batch.source == "mqtt:t"
    assert [topic for topic, _, _ in _letters(entries)] == ["v1/M2/telemetry", "v1/M3/telemetry"]


def test_two_devices_with_one_address_are_refused() -> None:
    inventory = _inventory(Device(id="M1", node="N1"), Device(id="M2", node="N1", address="M1"))
    with pytest.raises(InvalidInputError, match="'M1' and 'M2' share the address"):
        device_names(inventory)


@pytest.mark.parametrize(
    ("address", "sign"), [("a/b", "/"), ("+", "+"), ("a#", "#"), ("a\x00", "NUL"), ("x" * 70_000, "too long")]
)
def test_an_address_that_can_be_no_level_of_a_topic_is_refused(address: str, sign: str) -> None:
    for device in (Device(id="M1", node="N1", address=address), Device(id=address, node="N1")):
        inventory = _inventory(device, Device(id="M2", node="N1", address="b+"))
        with pytest.raises(InvalidInputError) as caught:
            MqttDriver(inventory, MqttSettings(), ManualClock())
        first, second = caught.value.faults
        assert first.startswith(f"device {device.id!r}: ")
        assert sign in first
        assert "\x00" not in first
        assert second == "device 'M2': address 'b+' can never be one level of a topic: it holds +"


def test_a_device_that_uses_its_id_instead_of_its_address_is_told_of() -> None:
    inventory = _inventory(
        Device(id="M1", node="N1", address="meter-0016"), Device(id="M3", node="N1", protocol="modbus")
    )
    assert whereabouts(inventory, "M1") == "device M1 listens under meter-0016"
    assert whereabouts(inventory, "M3") == "device M3 is of protocol modbus"
    assert whereabouts(inventory, "M4") == ""
    ((_, _, why),) = _letters(_router(inventory).entries([_message("v1/M1/telemetry")]))
    assert why == "unknown device 'M1': no MQTT device has this address; device M1 listens under meter-0016"


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("v1/M9/telemetry", GOOD, "unknown device 'M9'"),
        ("v2/M1/telemetry", GOOD, "no subscription"),
        (b"v1/\xff/telemetry", GOOD, "not UTF-8"),
        ("v1/M1/telemetry", b"{" * 1001, "payload of 1001 bytes"),
        ("v1/M1/telemetry", b"", "malformed"),
        ("v1/M1/telemetry", b"\xff", "malformed: not UTF-8"),
    ],
)
def test_what_is_not_understood_is_kept_whole(topic: str | bytes, payload: bytes, reason: str) -> None:
    router = _router(_inventory(Device(id="M1", node="N1")))
    entries = router.entries([_message(topic, payload), _message("v1/M1/telemetry")])
    ((_, kept, why),) = _letters(entries)
    assert kept == payload
    assert reason in why
    assert sum(len(e) for e in entries if isinstance(e, Batch)) == 1


def test_several_templates_are_tried_in_turn() -> None:
    router = _router(_inventory(Device(id="M1", node="N1")), "{device}/+/telemetry", "x/{device}/telemetry")
    entries = router.entries([_message("x/M1/telemetry"), _message("M1/y/telemetry")])
    assert [len(e) for e in entries if isinstance(e, Batch)] == [2]


def test_backlogs_without_times_keep_every_sample() -> None:
    """Five payloads back to back, each longer than the microseconds until the next one."""
    router = _router(_inventory(Device(id="M1", node="N1")))
    times: list[int] = []
    for n in range(5):
        at = "" if n % 2 else '"at": 0, '
        payload = f"""{{"samples": [{", ".join([f'{{{at}"values": {{"energy_import": {n}}}}}'] * 20)}]}}"""
        message = Message(b"v1/M1/telemetry", payload.encode(), 1, 1, False, NOW + n)
        for entry in router.entries([message]):
            assert isinstance(entry, Batch)
            times += entry.measured_at.tolist()
    assert times == list(range(NOW, NOW + 100))


def test_a_mapping_that_fails_stops_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(payload: bytes, arrival: Arrival, out: Harvest) -> str:
        raise RuntimeError("ours")

    monkeypatch.setitem(MAPPINGS._parts, "broken", Mapping(lambda _: broken, ()))
    router = _router(_inventory(Device(id="M1", node="N1")), mapping="broken")
    ((_, kept, why),) = _letters(router.entries([_message("v1/M1/telemetry")]))
    assert kept == GOOD
    assert "the mapping failed" in why
    assert "payload mapping failed" in caplog.text


def test_a_complaint_is_logged_once_and_kept_every_time(caplog: pytest.LogCaptureFixture) -> None:
    router = _router(_inventory(Device(id="M1", node="N1")))
    bad = _message("v1/M1/telemetry", b'{"values": {"voltage_a": 1, "volts": 2}}')
    with caplog.at_level(logging.WARNING):
        entries = [e for _ in range(3) for e in router.entries([bad, bad])]
    assert len(_letters(entries)) == 6
    assert caplog.messages == ["message kept as a dead letter"]
