"""What is sent to recall a load profile, what counts as having come of it, and which settings are refused."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from drivers.mqtt import MqttDriver
from drivers.mqtt.commands import Command, Numbers, RecallSettings, stretch
from drivers.mqtt.recalling import Recalls
from drivers.mqtt.settings import MqttSettings
from gateway.core.clock import HOUR, SECOND, ManualClock, parse_time
from gateway.core.errors import InvalidInputError
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Batch
from gateway.core.network import Network

FROM = parse_time("2026-03-01T08:00:00Z")
TILL = FROM + 6 * HOUR
NOW = FROM + 24 * HOUR


def inventory(*devices: Device) -> Inventory:
    return Inventory(devices, Network(["N1"], [""], ["substation"]))


def meter(name: str, **attributes: str) -> Device:
    return Device(id=name, node="N1", attributes=attributes)


def recalls(there: Inventory, settings: RecallSettings | None = None) -> Recalls:
    names = {name: key for key, name in enumerate(there.ids)}
    return Recalls(there, names, settings or RecallSettings(), Numbers())


def readings(device: int, *times: int, received_at: int = NOW + SECOND) -> Batch:
    n = len(times)
    return Batch.of(("energy_import",), [device] * n, list(times), [[1.0]] * n, received_at=[received_at] * n)


def test_the_usual_command_carries_the_times_in_iso() -> None:
    _, topic, payload = recalls(inventory(meter("M1"))).open(0, FROM, TILL, NOW)
    assert topic == "feederline/v1/M1/recall"
    assert json.loads(payload) == {
        "id": NOW // 1000,
        "from": "2026-03-01T08:00:00Z",
        "till": "2026-03-01T14:00:00Z",
    }


def test_times_may_be_seconds_or_milliseconds() -> None:
    settings = RecallSettings(
        payload='{"m": "{device}", "s": [{from_s}, {till_s}], "ms": [{from_ms}, {till_ms}]}'
    )
    _, payload = Command({'M"1': 0}, settings).write(0, NOW, stretch(FROM, TILL))
    assert json.loads(payload) == {
        "m": 'M"1',
        "s": [FROM // SECOND, TILL // SECOND],
        "ms": [FROM // 1000, TILL // 1000],
    }


def test_parts_of_seconds_are_not_lost() -> None:
    words = stretch(FROM + 1, TILL + 1)
    assert (words["from_s"], words["till_s"]) == (str(FROM // SECOND), str(TILL // SECOND + 1))


def test_only_what_was_asked_for_counts() -> None:
    there = recalls(inventory(meter("M1"), meter("M2")))
    recall, _, _ = there.open(0, FROM, TILL, NOW)
    there.heed([readings(1, FROM), readings(0, FROM - 1, TILL, TILL + HOUR)])
    there.heed([readings(0, FROM, received_at=NOW)])  # it was on its way already
    assert (recall.rows, recall.came.is_set()) == (0, False)
    there.heed([readings(0, FROM, FROM + HOUR, TILL - 1)])
    assert (recall.rows, recall.came.is_set()) == (3, True)
    there.close(0)
    there.heed([readings(0, FROM)])
    assert recall.rows == 3


def test_a_device_may_keep_no_load_profile() -> None:
    there = recalls(
        inventory(
            meter("M1", load_profile="no"),
            meter("M2", load_profile="yes"),
            meter("M3"),
            Device(id="C1", node="N1", kind="concentrator"),
            meter("M\x07"),
        )
    )
    assert [there.reaches(key) for key in range(6)] == [False, True, True, False, False, False]


def test_what_is_said_of_a_load_profile_must_be_yes_or_no() -> None:
    there = inventory(meter("M1", load_profile="35 days"), meter("M2", load_profile="ja"))
    with pytest.raises(InvalidInputError) as found:
        MqttDriver(there, MqttSettings(), ManualClock(NOW))
    assert [fault.partition(":")[0] for fault in found.value.faults] == ["device 'M1'", "device 'M2'"]
    assert "neither yes nor no" in found.value.faults[0]


def test_without_the_command_or_a_session_nobody_is_recalled() -> None:
    there = inventory(meter("M1"))
    assert not Recalls(there, {"M1": 0}, None, Numbers()).reaches(0)
    driver = MqttDriver(there, MqttSettings.model_validate({"recall": {}}), ManualClock(NOW))
    assert not driver.can_recall(0)


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ({"topic": "feederline/recall"}, "{device}"),
        ({"topic": "feederline/+/{device}"}, "wildcards"),
        ({"topic": "$SYS/{device}"}, "below"),
        ({"payload": '{"from": "{from}"'}, "JSON"),
        ({"payload": "{since}"}, "{since}.*{from_ms}"),
        ({"quiet_s": 0}, "quiet_s"),
        ({"qos": 2}, "qos"),
        ({"until": 1}, "until"),
    ],
)
def test_refuses(section: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        MqttSettings.model_validate({"recall": section})
