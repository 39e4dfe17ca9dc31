"""When a session is asked whether it still delivers, and when it is given up."""

from __future__ import annotations

import pytest

from drivers.mqtt.probe import Probe
from drivers.mqtt.settings import MqttSettings
from gateway.core.errors import UnavailableError


def probe(**changes: float) -> Probe:
    settings = MqttSettings.model_validate(
        {"url": "mqtt://b", "probe_s": 30.0, "probe_timeout_s": 10.0, **changes}
    )
    found = Probe(settings)
    found.start(100.0)
    return found


def test_a_new_session_is_probed_at_once_and_then_after_each_silence() -> None:
    p = probe()
    before = p.proven
    assert p.due(100.0)
    assert not p.due(105.0)  # on its way
    p.heard(106.0)
    assert (before, p.proven) == (False, True)
    assert not p.due(135.9)
    assert p.due(136.0)


def test_what_does_not_come_back_in_time_ends_the_session() -> None:
    p = probe()
    assert p.due(100.0)
    assert not p.due(109.9)
    with pytest.raises(UnavailableError, match=r"within 10 s.*probe_s"):
        p.due(110.0)


def test_a_pause_in_reading_is_no_silence() -> None:
    p = probe()
    p.heard(101.0)
    assert p.due(131.0)
    p.start(200.0)
    assert not p.due(229.9)
    assert p.due(230.0)


def test_nothing_is_sent_where_it_is_switched_off() -> None:
    assert not probe(probe_s=0).due(10_000.0)
