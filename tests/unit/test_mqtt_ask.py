"""What is sent to ask a device, what counts as its answer, and which settings of it are refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.mqtt.asking import Asking
from drivers.mqtt.commands import AskSettings
from drivers.mqtt.payloads import MAPPINGS, Arrival, Harvest
from drivers.mqtt.settings import MqttSettings
from gateway.core.model import Batch, Quality, Signal, SignalKind

NOW = 1_772_352_000_000_000


def asking(*names: str, **section: object) -> Asking:
    settings = AskSettings.model_validate(section)
    return Asking({name: key for key, name in enumerate(names)}, settings, len(names))


def signal(kind: SignalKind, *, device: int = 0, at: int = NOW + 1, detail: str = "") -> Signal:
    return Signal(kind=kind, device=device, received_at=at, detail=detail)


def reading(*devices: int, at: int = NOW + 1, quality: Quality = Quality.GOOD) -> Batch:
    times = [at] * len(devices)
    volts = [[230.0]] * len(devices)
    return Batch.of(("voltage_a",), devices, times, volts, quality=[int(quality)] * len(devices))


def test_the_usual_command_names_the_device_and_carries_a_number() -> None:
    topic, payload = asking("M1", "M2").command(1, NOW)
    assert topic == "feederline/v1/M2/ask"
    assert json.loads(payload) == {"id": NOW // 1000}


def test_numbers_rise_even_where_the_clock_does_not() -> None:
    there = asking("M1")
    numbers = [json.loads(there.command(0, at)[1])["id"] for at in (NOW, NOW, NOW - 5_000_000)]
    assert numbers == [NOW // 1000, NOW // 1000 + 1, NOW // 1000 + 2]


@given(name=st.text(min_size=1, max_size=20))
def test_whatever_a_device_is_called_its_command_is_sound(name: str) -> None:
    there = asking(name, payload='{"src": "{device}", "id": "{id}"}')
    if not there.reaches(0):
        return
    topic, payload = there.command(0, NOW)
    assert topic == f"feederline/v1/{name}/ask"
    assert json.loads(payload) == {"src": name, "id": str(NOW // 1000)}


@pytest.mark.parametrize("name", ["\x07", "M\n1", "\ud800", "\uffff"])
def test_a_name_that_would_end_the_session_is_not_asked(name: str) -> None:
    assert not asking(name).reaches(0)


def test_a_name_cannot_lead_below_the_brokers_own_topics() -> None:
    there = asking("$SYS", "M1", topic="{device}/ask")
    assert (there.reaches(0), there.reaches(1), there.reaches(2)) == (False, True, False)


def test_without_a_command_nobody_is_reached() -> None:
    assert not Asking({"M1": 0}, None, 1).reaches(0)


@pytest.mark.parametrize(
    "entry",
    [reading(1, 0), *(signal(k) for k in SignalKind if k is not SignalKind.CONNECTION_LOST)],
    ids=lambda entry: "reading" if isinstance(entry, Batch) else entry.kind.value,
)
def test_anything_new_from_the_device_is_an_answer(entry: Batch | Signal) -> None:
    there = asking("M1", "M2")
    answered = there.open(0, NOW)
    there.heed([entry])
    assert answered.is_set()
    assert there.heard_at[0] == NOW + 1


@pytest.mark.parametrize(
    "entry",
    [
        reading(1),
        reading(0, at=NOW),
        reading(0, quality=Quality.REDELIVERED),
        signal(SignalKind.PING_OK, device=1),
        signal(SignalKind.PING_OK, at=NOW),
        signal(SignalKind.PING_OK, detail="redelivered"),
        signal(SignalKind.CONNECTION_MADE, detail="retained"),
        signal(SignalKind.CONNECTION_LOST),  # its will: the broker speaks
        signal(SignalKind.GATEWAY_UP, device=-1),
    ],
)
def test_what_is_from_before_or_from_others_is_none(entry: Batch | Signal) -> None:
    there = asking("M1", "M2")
    answered = there.open(0, NOW)
    there.heed([entry])
    assert not answered.is_set()


def test_an_answer_topic_is_heard_besides_the_subscriptions() -> None:
    settings = MqttSettings.model_validate({"ask": {"answer_topic": "dev/{device}/rpc"}})
    assert [(s.topic, s.mapping) for s in settings.heard[-2:]] == [
        ("feederline/v1/{device}/status", "feederline"),
        ("dev/{device}/rpc", "feederline-answer"),
    ]
    assert MqttSettings.model_validate({"ask": {}}).heard == MqttSettings().subscriptions


@pytest.mark.parametrize("payload", [b"", b"{", b'{"result": 1}', b"\xff\x00"])
def test_whatever_comes_on_the_answer_topic_is_a_sign_of_life(payload: bytes) -> None:
    decode = MAPPINGS.get("feederline-answer").decoder("dev/M1/rpc")
    assert decode is not None
    out = Harvest("mqtt:t")
    assert decode(payload, Arrival(3, NOW, False, NOW), out) == ""
    (said,) = out.entries()
    assert isinstance(said, Signal)
    assert (said.kind, said.device, said.received_at) == (SignalKind.PING_OK, 3, NOW)
    assert decode(payload, Arrival(3, NOW, True, NOW), out) != ""
    assert out.entries() == []


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ({"topic": "feederline/ask"}, "{device}"),
        ({"topic": "feederline/+/{device}"}, "wildcards"),
        ({"topic": "feederline/{device}/#"}, "wildcards"),
        ({"topic": "$share/g/{device}"}, "below"),
        ({"topic": "$SYS/{device}"}, "below"),
        ({"payload": '{"id": {id}'}, "JSON"),
        ({"payload": "[{id}"}, "JSON"),
        ({"payload": "ask {meter}"}, "{meter}"),
        ({"payload": "x" * 5000}, "4096"),
        ({"answer_topic": "answers"}, "{device}"),
        ({"answer_s": 0}, "answer_s"),
        ({"qos": 2}, "qos"),
        ({"retain": True}, "retain"),
    ],
)
def test_refuses(section: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        MqttSettings.model_validate({"ask": section})


@pytest.mark.parametrize(
    "payload", ["", "status_update", "{id}", "{device} {id}", '[{"id": {id}}]', '"{device}"']
)
def test_accepts_what_devices_understand(payload: str) -> None:
    assert AskSettings(payload=payload).payload == payload


def test_the_answer_topic_cannot_be_a_subscription_too() -> None:
    with pytest.raises(ValidationError, match="twice"):
        MqttSettings.model_validate({"ask": {"answer_topic": "feederline/v1/{device}/event"}})
