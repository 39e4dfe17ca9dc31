"""The mqtt section: what it accepts, and that each mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from drivers.mqtt.settings import MqttSettings


def test_defaults_hear_what_our_own_payloads_say() -> None:
    settings = MqttSettings()
    assert [s.topic for s in settings.subscriptions] == [
        "feederline/v1/{device}/telemetry",
        "feederline/v1/{device}/event",
        "feederline/v1/{device}/status",
    ]
    assert {s.qos for s in settings.subscriptions} == {1}
    assert (settings.host, settings.port, settings.tls) == ("127.0.0.1", 1883, False)
    assert settings.session_id == "feederline-field"
    assert settings.probe_topic == "feederline/probe/feederline-field"


def test_url_gives_host_port_and_encryption() -> None:
    settings = MqttSettings(url="mqtts://[::1]", client_id="gw.1")
    assert (settings.host, settings.port, settings.tls, settings.session_id) == ("::1", 8883, True, "gw.1")
    assert MqttSettings(url="mqtt://broker.example:1884/").port == 1884


def test_version_may_be_the_number_that_yaml_reads() -> None:
    assert MqttSettings.model_validate({"version": 5}).version == "5"


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ({"url": "http://broker"}, "mqtt://HOST:PORT"),
        ({"url": "mqtt://"}, "mqtt://HOST:PORT"),
        ({"url": "mqtt://u:p@broker"}, "credentials"),
        ({"url": "mqtt://broker/topic"}, "subscriptions"),
        ({"url": "mqtt://broker:0"}, "port"),
        ({"url": "mqtt://broker:99999"}, "[Pp]ort"),
        ({"version": "3.1"}, "version"),
        ({"name": "a b"}, "name"),
        ({"client_id": "a/b"}, "client_id"),
        ({"subscriptions": []}, "subscriptions"),
        ({"subscriptions": [{"topic": "a"}]}, "{device}"),
        ({"subscriptions": [{"topic": "{device}", "mapping": "sparkle"}]}, "there are: feederline"),
        ({"subscriptions": [{"topic": "{device}", "qos": 3}]}, "qos"),
        ({"subscriptions": [{"topic": "{device}"}, {"topic": "{device}"}]}, "twice"),
        ({"password": {"env": "X"}}, "username"),
        ({"client_cert": __file__, "url": "mqtts://b"}, "both or neither"),
        ({"ca_file": __file__}, "mqtts"),
        ({"password": "secret"}, "password"),
        ({"keep_alive": 3}, "keep_alive"),
        ({"batch_messages": 0}, "batch_messages"),
    ],
)
def test_refuses(section: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        MqttSettings.model_validate(section)


def test_certificates_belong_to_tls(tmp_path: Path) -> None:
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).write_text("x")
    settings = MqttSettings(
        url="mqtts://broker",
        ca_file=tmp_path / "ca.pem",
        client_cert=tmp_path / "cert.pem",
        client_key=tmp_path / "key.pem",
    )
    assert settings.tls
