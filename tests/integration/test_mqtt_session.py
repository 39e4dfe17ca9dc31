"""Brokers that are away, refuse, fall silent or must be trusted first."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from drivers.mqtt import MqttDriver
from gateway.core.clock import SystemClock
from gateway.core.errors import InvalidInputError, UnavailableError
from gateway.core.model import GATEWAY, Signal, SignalKind
from gateway.embedded import BrokerAddress, _await_listener, embedded_broker, free_port
from tests.integration.mqtt_parts import (
    HeldSink,
    MutableProxy,
    inventory,
    prompt_broker,
    running,
    send,
    settings,
    voltage,
)
from tests.waiting import until


@pytest.fixture
def space() -> str:
    return f"t{uuid.uuid4().hex[:10]}"


def _errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [str(getattr(record, "error", "")) for record in caplog.records if hasattr(record, "error")]


async def test_a_silent_session_is_recycled(mosquitto: BrokerAddress, space: str) -> None:
    """Reconnected, subscribed, and nothing comes: found by the probe, mended by a new session, nothing lost."""
    sink = HeldSink()
    async with MutableProxy(mosquitto) as proxy:
        proxy.mute_next = 2
        section = settings(proxy.address, space, probe_s=0.2, probe_timeout_s=0.3)
        async with running(section, sink) as driver:
            await until(lambda: driver.connected)
            await asyncio.to_thread(send, mosquitto, f"{space}/M1/telemetry", [voltage(n) for n in range(3)])
            await until(lambda: len(set(sink.voltages)) == 3)
        assert proxy.connections == 3


async def test_a_session_that_falls_silent_later_is_recycled(mosquitto: BrokerAddress, space: str) -> None:
    sink = HeldSink()
    async with MutableProxy(mosquitto) as proxy:
        section = settings(proxy.address, space, probe_s=0.2, probe_timeout_s=0.3)
        async with running(section, sink) as driver:
            await until(lambda: driver.connected)
            await asyncio.to_thread(send, mosquitto, f"{space}/M1/telemetry", [voltage(1)])
            await until(lambda: sink.voltages == [1])
            proxy.mute()
            await asyncio.to_thread(send, mosquitto, f"{space}/M1/telemetry", [voltage(2)])
            await until(lambda: 2 in sink.voltages)
            assert proxy.connections == 2
    assert sink.outline == ["connection_made", "1", "connection_lost", "connection_made", "2"]


async def test_a_quiet_but_sound_session_is_left_alone(broker: BrokerAddress, space: str) -> None:
    async with MutableProxy(broker) as proxy:
        section = settings(proxy.address, space, probe_s=0.05, probe_timeout_s=0.4)
        async with running(section, HeldSink()) as driver:
            await until(lambda: driver.connected)
            before = proxy.publishes
            await until(lambda: proxy.publishes >= before + 8)  # that many probes went out and came back
            assert proxy.connections == 1


async def test_a_cut_connection_is_made_again(broker: BrokerAddress, space: str) -> None:
    sink = HeldSink()
    async with MutableProxy(broker) as proxy, running(settings(proxy.address, space), sink) as driver:
        await until(lambda: driver.connected)
        proxy.cut()
        await until(lambda: not driver.connected)
        with pytest.raises(UnavailableError):
            await driver.publish(f"{space}/M1/command", b"open")
        await asyncio.to_thread(send, broker, f"{space}/M1/telemetry", [voltage(5)])
        await until(lambda: sink.voltages == [5])


async def test_a_broker_that_is_not_there_is_named_once_and_found_later(
    space: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    sink = HeldSink()
    with caplog.at_level(logging.DEBUG, "drivers.mqtt"):
        async with running(settings(BrokerAddress("127.0.0.1", port, 0), space), sink) as driver:
            await until(lambda: len(_errors(caplog)) >= 3)
            loud = [r for r in caplog.records if r.levelno >= logging.WARNING]
            assert len(loud) == 1
            assert f"no MQTT broker answers at 127.0.0.1:{port}" in _errors(caplog)[0]
            with embedded_broker(tmp_path, port=port) as late:
                await until(lambda: driver.connected)
                await asyncio.to_thread(send, late, f"{space}/M1/telemetry", [voltage(5)])
                await until(lambda: sink.voltages == [5])


async def test_stop_while_there_is_no_broker(space: str, caplog: pytest.LogCaptureFixture) -> None:
    section = settings(BrokerAddress("127.0.0.1", free_port(), 0), space, retry_max_s=3600)
    driver = MqttDriver(inventory(), section, SystemClock())
    sink = HeldSink()
    task = asyncio.create_task(driver.run(sink))
    await until(lambda: _errors(caplog))  # it has been tried, and is waited for
    await asyncio.wait_for(driver.stop(), 10)
    await asyncio.wait_for(task, 10)
    (deaf,) = sink.entries  # told once, so that silence from the start means nothing
    assert isinstance(deaf, Signal)
    assert (deaf.kind, deaf.device) == (SignalKind.CONNECTION_LOST, GATEWAY)


async def test_a_server_that_says_nothing_is_given_up(space: str, caplog: pytest.LogCaptureFixture) -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    section = settings(BrokerAddress("127.0.0.1", port, 0), space, connect_timeout_s=0.2)
    async with server, running(section, HeldSink()):
        await until(lambda: _errors(caplog))
    assert "said nothing for 0.2 s" in _errors(caplog)[0]


async def test_a_server_that_is_no_broker_is_survived(space: str, caplog: pytest.LogCaptureFixture) -> None:
    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(web, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    section = settings(BrokerAddress("127.0.0.1", port, 0), space)
    async with server, running(section, HeldSink()):
        await until(lambda: _errors(caplog))
    assert "connection to the MQTT broker was lost" in _errors(caplog)[0]


# -- a broker that checks who comes -------------------------------------------------------------------------------


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[BrokerAddress, Path]]:
    """Mosquitto with TLS, client certificates, passwords and access rules; the directory of its files."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None or shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto is not installed")
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, and no certificates can be made")
    _make_certificates(tmp_path)
    _call(["mosquitto_passwd", "-b", "-c", str(tmp_path / "passwords"), "gateway", "right"])
    (tmp_path / "rules").write_text(
        "user gateway\ntopic readwrite ok/#\ntopic readwrite feederline/probe/#\n"
    )
    port = free_port()
    (tmp_path / "guarded.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\nuser root\n"
        f"password_file {tmp_path}/passwords\nacl_file {tmp_path}/rules\n"
        f"cafile {tmp_path}/ca.pem\ncertfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.key\n"
        "require_certificate true\n"
    )
    log = tmp_path / "guarded.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "-c", str(tmp_path / "guarded.conf")], stdout=output, stderr=output
        )
    try:
        _await_listener(process, port, log)
        yield BrokerAddress("localhost", port, process.pid), tmp_path
    finally:
        process.terminate()
        process.wait(10)


def _call(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _make_certificates(directory: Path) -> None:
    """ca.pem, and server and client certificates with their keys, signed by it."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    ca = ["-keyout", f"{directory}/ca.key", "-out", f"{directory}/ca.pem"]
    _call(["openssl", "req", "-x509", *curve, *ca, "-days", "2", "-subj", "/CN=test authority"])
    (directory / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name in ("server", "client"):
        request = ["-keyout", f"{directory}/{name}.key", "-out", f"{directory}/{name}.csr"]
        _call(["openssl", "req", *curve, *request, "-subj", f"/CN={name}"])
        signed = ["-CA", f"{directory}/ca.pem", "-CAkey", f"{directory}/ca.key", "-CAcreateserial"]
        files = ["-in", f"{directory}/{name}.csr", "-out", f"{directory}/{name}.pem"]
        extra = ["-extfile", f"{directory}/names", "-days", "2"]
        _call(["openssl", "x509", "-req", *files, *signed, *extra])


def _secure(directory: Path, password: str = "right") -> dict[str, object]:
    (directory / "password").write_text(password + "\n")
    return {
        "username": "gateway",
        "password": {"file": str(directory / "password")},
        "ca_file": str(directory / "ca.pem"),
        "client_cert": str(directory / "client.pem"),
        "client_key": str(directory / "client.key"),
        "subscriptions": [{"topic": "ok/{device}/telemetry"}],
    }


def _url(address: BrokerAddress) -> dict[str, object]:
    return {"url": f"mqtts://{address.host}:{address.port}"}


@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_tls_certificate_and_password(
    guarded: tuple[BrokerAddress, Path], space: str, version: str
) -> None:
    address, directory = guarded
    section = settings(address, space, **_secure(directory), **_url(address), version=version)
    sink = HeldSink()
    async with running(section, sink) as driver:
        await until(lambda: driver.connected)
        for number in range(300):  # more than one TLS record, and than the broker's window
            await driver.publish("ok/M1/telemetry", voltage(number).encode(), qos=number % 2)
        await until(lambda: len(sink.voltages) == 300)
        await driver.stop()
    assert sorted(sink.voltages) == list(range(300))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password": "wrong"}, "check username, password"),
        ({"ca_file": None}, "is not trusted.*check ca_file"),
    ],
)
async def test_a_refusal_says_what_to_do(
    guarded: tuple[BrokerAddress, Path],
    space: str,
    changes: dict[str, object],
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    address, directory = guarded
    changes = dict(changes)
    secure = _secure(directory, str(changes.pop("password", "right")))
    section = settings(address, space, **{**secure, **_url(address), **changes})
    async with running(section, HeldSink()) as driver:
        await until(lambda: _errors(caplog))
        assert not driver.connected
    (record,) = [r for r in caplog.records if hasattr(r, "error")][:1]
    assert record.levelno == logging.ERROR
    assert re.search(said, _errors(caplog)[0])


async def test_a_refused_subscription_is_an_error(
    space: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    user = {
        "user": "gw",
        "password": "pw",
        "permissions": {"publish": ">", "subscribe": {"deny": ["secret.>"]}},
    }
    topics = ("ok/{device}", "secret/{device}")
    with prompt_broker(tmp_path, server_name="b", authorization={"users": [user]}) as address:
        (tmp_path / "password").write_text("pw")
        section = settings(
            address,
            space,
            username="gw",
            password={"file": str(tmp_path / "password")},
            subscriptions=[{"topic": topic} for topic in topics],
        )
        sink = HeldSink()
        async with running(section, sink) as driver:
            await until(lambda: _errors(caplog))
            assert not driver.connected
    refusal = "the MQTT broker refuses subscriptions to secret/+; allow them for gw"
    (deaf,) = sink.entries
    assert isinstance(deaf, Signal)
    assert (deaf.kind, deaf.device, deaf.detail) == (SignalKind.CONNECTION_LOST, GATEWAY, refusal)
    assert _errors(caplog)[0] == refusal


async def test_a_subscription_without_deliveries_is_found_out(
    guarded: tuple[BrokerAddress, Path], space: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Mosquitto grants what its access rules then withhold; only the probe notices."""
    address, directory = guarded
    (directory / "rules").write_text("user gateway\ntopic readwrite ok/#\n")
    log = directory / "guarded.log"
    await until(
        lambda: " running" in log.read_text(), what="the broker to hear signals; it listens before that"
    )
    os.kill(address.pid, signal.SIGHUP)
    await until(lambda: "Reloading config" in log.read_text())
    section = settings(address, space, **_secure(directory), **_url(address), probe_timeout_s=1.0)
    async with running(section, HeldSink()):
        await until(lambda: any("allow it or set probe_s to 0" in error for error in _errors(caplog)))


async def test_missing_secrets_and_broken_certificates_end_the_run(
    space: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = BrokerAddress("127.0.0.1", 1, 0)
    monkeypatch.delenv("FEEDERLINE_NO_SUCH", raising=False)
    section = settings(nobody, space, username="u", password={"env": "FEEDERLINE_NO_SUCH"})
    with pytest.raises(InvalidInputError, match="FEEDERLINE_NO_SUCH"):
        await MqttDriver(inventory(), section, SystemClock()).run(HeldSink())
    (tmp_path / "ca.pem").write_text("not a certificate")
    section = settings(nobody, space, url="mqtts://127.0.0.1:1", ca_file=str(tmp_path / "ca.pem"))
    with pytest.raises(InvalidInputError, match="ca_file"):
        await MqttDriver(inventory(), section, SystemClock()).run(HeldSink())


async def test_two_gateways_with_one_client_id_are_told(
    mosquitto: BrokerAddress, space: str, caplog: pytest.LogCaptureFixture
) -> None:
    section = settings(mosquitto, space)
    async with running(section, HeldSink()) as first:
        await until(lambda: first.connected)
        async with running(section, HeldSink()):
            await until(lambda: any("another client uses the client id" in e for e in _errors(caplog)))
