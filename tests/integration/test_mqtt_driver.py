"""The MQTT driver against real brokers: what is acknowledged is durable, what is not comes again."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from drivers.mqtt import MqttDriver
from gateway.core.clock import SystemClock
from gateway.core.model import GATEWAY, Batch, Entry, Quality, SignalKind
from gateway.embedded import BrokerAddress
from tests.integration.mqtt_parts import (
    HeldSink,
    MutableProxy,
    inventory,
    prompt_broker,
    publisher,
    running,
    send,
    settings,
    voltage,
)
from tests.waiting import until


@pytest.fixture(params=["embedded", "mosquitto"])
def any_broker(request: pytest.FixtureRequest) -> BrokerAddress:
    """The embedded broker, and Mosquitto where it is installed."""
    fixture = "broker" if request.param == "embedded" else "mosquitto"
    address: BrokerAddress = request.getfixturevalue(fixture)
    return address


@pytest.fixture(params=["embedded", "mosquitto"])
def forgetful(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BrokerAddress]:
    """Brokers that soon deliver again what was not acknowledged."""
    if request.param == "mosquitto":
        yield request.getfixturevalue("mosquitto")
        return
    with prompt_broker(tmp_path) as address:
        yield address


@pytest.fixture
def space() -> str:
    return f"t{uuid.uuid4().hex[:10]}"


async def test_readings_signals_and_dead_letters_arrive_in_order(
    any_broker: BrokerAddress, space: str
) -> None:
    sink = HeldSink()
    async with running(settings(any_broker, space), sink) as driver:
        await until(lambda: driver.connected)
        with publisher(any_broker) as device:
            device.publish(f"{space}/M1/telemetry", voltage(230), 1)
            device.publish(f"{space}/M1/event", '{"type": "last_gasp", "at": "2026-03-01T08:00:00Z"}', 1)
            device.publish(f"{space}/M1/telemetry", "{", 1)
            device.publish(f"{space}/M9/telemetry", voltage(1), 1)
            device.publish(f"{space}/M2/telemetry", voltage(231), 1)
            await until(lambda: len(sink.voltages) == 2 and len(sink.dead_letters) == 2)
    assert sink.voltages == [230, 231]
    (gasp,) = sink.signals
    assert (gasp.kind, gasp.device, gasp.source) == (SignalKind.LAST_GASP, 0, f"mqtt:{space}")
    assert gasp.occurred_at is not None
    assert [letter.topic for letter in sink.dead_letters] == [
        f"{space}/M1/telemetry",
        f"{space}/M9/telemetry",
    ]
    assert sink.dead_letters[0].payload == b"{"


@pytest.mark.parametrize("qos", [1, 2])
async def test_what_was_not_durable_is_delivered_again(
    forgetful: BrokerAddress, space: str, qos: int
) -> None:
    section = settings(forgetful, space, qos=qos)
    crashed = HeldSink(held=True)
    async with running(section, crashed) as driver:
        await until(lambda: driver.connected)
        await asyncio.to_thread(
            send, forgetful, f"{space}/M1/telemetry", [voltage(n) for n in range(5)], qos=qos
        )
        await until(lambda: crashed.waiting)
    assert crashed.voltages == []
    sink = HeldSink()
    async with running(section, sink):
        await until(lambda: len(sink.voltages) >= 5, 20)
    assert sorted(set(sink.voltages)) == [0, 1, 2, 3, 4]
    assert sink.qualities == {int(Quality.TIME_ASSUMED | Quality.REDELIVERED)}


async def test_what_was_acknowledged_is_not_delivered_again(any_broker: BrokerAddress, space: str) -> None:
    section = settings(any_broker, space)
    sink = HeldSink()
    async with running(section, sink) as driver:
        await until(lambda: driver.connected)
        await asyncio.to_thread(send, any_broker, f"{space}/M1/telemetry", [voltage(n) for n in range(50)])
        await until(lambda: len(sink.voltages) == 50)
        await driver.stop()
    await asyncio.to_thread(send, any_broker, f"{space}/M1/telemetry", [voltage(99)])
    again = HeldSink()
    async with running(section, again):
        await until(lambda: 99 in again.voltages)
    assert again.voltages == [99]


async def test_the_driver_says_when_it_can_hear(any_broker: BrokerAddress, space: str) -> None:
    """Made before anything of the session, lost once after everything of it, nothing at an orderly end."""
    made, lost = SignalKind.CONNECTION_MADE.value, SignalKind.CONNECTION_LOST.value
    sink = HeldSink()
    async with MutableProxy(any_broker) as proxy:
        section = settings(proxy.address, space)
        async with running(section, sink) as driver:
            await until(lambda: driver.connected and sink.sessions)
            await asyncio.to_thread(send, any_broker, f"{space}/M1/telemetry", [voltage(1)])
            await until(lambda: sink.voltages == [1])
            proxy.refuse = True
            proxy.cut()
            await until(lambda: len(sink.sessions) == 2)
            tried = proxy.connections
            await until(lambda: proxy.connections >= tried + 3)
            await asyncio.to_thread(send, any_broker, f"{space}/M1/telemetry", [voltage(2)])
            proxy.refuse = False
            await until(lambda: 2 in sink.voltages)
            await driver.stop()
    again = ["1"] * (sink.voltages.count(1) - 1)  # where its acknowledgement was lost with the connection
    assert sink.outline == [made, "1", lost, made, *again, "2"]
    assert {(s.device, s.source, s.occurred_at) for s in sink.sessions} == {(GATEWAY, f"mqtt:{space}", None)}
    assert "connection" in sink.sessions[1].detail
    times = [int(t) for e in sink.entries for t in getattr(e, "measured_at", [getattr(e, "received_at", 0)])]
    assert times == sorted(times)


async def test_what_comes_before_the_answer_to_subscribing_is_heard_already(
    mosquitto: BrokerAddress, space: str
) -> None:
    """More than two lots of an earlier session: SUBACK is behind them, and they do not wait for it."""
    section = settings(mosquitto, space, batch_messages=2)
    async with running(section, HeldSink()) as driver:
        await until(lambda: driver.connected)
        await driver.stop()
    await asyncio.to_thread(send, mosquitto, f"{space}/M1/telemetry", [voltage(n) for n in range(15)])
    sink = HeldSink()
    async with running(section, sink) as driver:
        await until(lambda: len(sink.voltages) == 15)
        await driver.stop()
    assert sink.outline == [SignalKind.CONNECTION_MADE.value, *map(str, range(15))]


async def test_stop_puts_what_was_read_and_keeps_the_session(any_broker: BrokerAddress, space: str) -> None:
    section = settings(any_broker, space, batch_messages=10)
    sink = HeldSink(held=True)
    async with running(section, sink) as driver:
        await until(lambda: driver.connected)
        await asyncio.to_thread(send, any_broker, f"{space}/M1/telemetry", [voltage(n) for n in range(30)])
        await until(lambda: sink.waiting)
        stopping = asyncio.create_task(driver.stop())
        await asyncio.sleep(0)
        assert not stopping.done()
        sink.open.set()
        await stopping
        assert not driver.connected
    rest = HeldSink()
    async with running(section, rest):
        await until(lambda: len(set(sink.voltages + rest.voltages)) == 30, 20)
    assert sink.voltages
    assert not set(sink.voltages) & set(rest.voltages)


async def test_a_sink_that_waits_holds_the_broker_back(any_broker: BrokerAddress, space: str) -> None:
    """Nothing is lost, and what is held in memory stays within two lots however much is published."""
    count = 2000
    section = settings(any_broker, space, batch_messages=50)
    sink = HeldSink(held=True)
    async with running(section, sink) as driver:
        await until(lambda: driver.connected)
        sender = asyncio.create_task(
            asyncio.to_thread(send, any_broker, f"{space}/M1/telemetry", [voltage(n) for n in range(count)])
        )
        await until(lambda: sink.waiting)
        await sender
        assert driver.backlog <= 2 * 50
        sink.open.set()
        await until(lambda: len(set(sink.voltages)) == count, 20)
    assert sink.voltages == sorted(sink.voltages)
    assert max(sink.lots) <= 50


async def test_a_pause_longer_than_the_keepalive_loses_nothing(any_broker: BrokerAddress, space: str) -> None:
    section = settings(any_broker, space, batch_messages=5, keepalive_s=1, probe_s=0.5, probe_timeout_s=0.5)
    sink = HeldSink(held=True)
    async with MutableProxy(any_broker) as proxy:
        section = section.model_copy(update={"url": proxy.address.url})
        async with running(section, sink) as driver:
            await until(lambda: driver.connected)
            await asyncio.to_thread(
                send, any_broker, f"{space}/M1/telemetry", [voltage(n) for n in range(100)]
            )
            await until(lambda: driver.backlog >= 10)
            pings = proxy.pings
            await until(lambda: proxy.pings >= pings + 4)  # twice the keepalive, still greeting the broker
            sink.open.set()
            await until(lambda: len(set(sink.voltages)) == 100, 20)
            assert proxy.connections == 1


async def test_a_small_window_at_the_broker_does_not_stall(mosquitto: BrokerAddress, space: str) -> None:
    """Mosquitto lets 20 messages be under way; a lot of 1000 must not be waited for."""
    sink = HeldSink()
    async with running(settings(mosquitto, space, batch_ms=10_000), sink) as driver:
        await until(lambda: driver.connected)
        await asyncio.to_thread(send, mosquitto, f"{space}/M1/telemetry", [voltage(n) for n in range(500)])
        await until(lambda: len(sink.voltages) == 500, 8)


async def test_a_will_message_is_a_lost_connection(any_broker: BrokerAddress, space: str) -> None:
    sink = HeldSink()
    async with running(settings(any_broker, space), sink) as driver:
        await until(lambda: driver.connected)
        with publisher(any_broker, will=(f"{space}/M2/status", "offline")) as device:
            device.publish(f"{space}/M2/status", "online", 1).wait_for_publish(10)
            socket = device.socket()
            assert socket is not None
            device.reconnect_delay_set(60, 60)
            socket.shutdown(2)  # type: ignore[attr-defined]
            await until(lambda: len(sink.signals) == 2)
    assert [s.kind for s in sink.signals] == [SignalKind.CONNECTION_MADE, SignalKind.CONNECTION_LOST]
    assert [s.device for s in sink.signals] == [1, 1]


async def test_a_retained_status_is_told_from_news(any_broker: BrokerAddress, space: str) -> None:
    with publisher(any_broker) as device:
        device.publish(f"{space}/M1/status", "offline", 1, retain=True).wait_for_publish(10)
    sink = HeldSink()
    async with running(settings(any_broker, space), sink):
        await until(lambda: sink.signals)
    assert sink.signals[0].detail == "retained"


async def test_shared_subscriptions_divide_the_work(mosquitto: BrokerAddress, space: str) -> None:
    subscription = [{"topic": f"$share/{space}/{space}/{{device}}/telemetry"}]
    sinks = [HeldSink(), HeldSink()]
    one, two = (settings(mosquitto, f"{space}{n}", subscriptions=subscription) for n in "ab")
    async with running(one, sinks[0]) as first, running(two, sinks[1]) as second:
        await until(lambda: first.connected and second.connected)
        await asyncio.to_thread(send, mosquitto, f"{space}/M1/telemetry", [voltage(n) for n in range(20)])
        await until(lambda: len(sinks[0].voltages) + len(sinks[1].voltages) == 20)
    assert all(sink.voltages for sink in sinks)


async def test_mqtt_5(mosquitto: BrokerAddress, space: str) -> None:
    section = settings(mosquitto, space, version="5", qos=2)
    crashed = HeldSink(held=True)
    async with running(section, crashed) as driver:
        await until(lambda: driver.connected)
        await asyncio.to_thread(send, mosquitto, f"{space}/M1/telemetry", [voltage(1)], qos=2)
        await until(lambda: crashed.waiting)
    sink = HeldSink()
    async with running(section, sink) as driver:
        await until(lambda: 1 in sink.voltages)
        await driver.publish(f"{space}/M2/telemetry", voltage(2).encode())
        await until(lambda: 2 in sink.voltages)
        await driver.stop()


async def test_publishing_to_a_device(any_broker: BrokerAddress, space: str) -> None:
    got: list[bytes] = []
    subscribed = threading.Event()
    async with running(settings(any_broker, space), HeldSink()) as driver:
        await until(lambda: driver.connected)
        with publisher(any_broker) as device:
            device.on_message = lambda _c, _u, message: got.append(bytes(message.payload))
            device.on_subscribe = lambda *_: subscribed.set()
            device.subscribe(f"{space}/M1/command", 1)
            await until(subscribed.is_set)
            await driver.publish(f"{space}/M1/command", b"open", qos=1)
            await driver.publish(f"{space}/M1/command", b"close", qos=0)
            # In whatever order: MQTT keeps it among messages of one quality of service only.
            await until(lambda: sorted(got) == [b"close", b"open"])
        with pytest.raises(ValueError, match="QoS 2"):
            await driver.publish(f"{space}/M1/command", b"open", qos=2)


async def test_a_message_without_time_gets_one_of_its_own(broker: BrokerAddress, space: str) -> None:
    """Two readings of one device in one lot must not share their key."""
    sink = HeldSink()
    async with running(settings(broker, space), sink) as driver:
        await until(lambda: driver.connected)
        await asyncio.to_thread(send, broker, f"{space}/M1/telemetry", [voltage(n) for n in range(200)])
        await until(lambda: len(sink.voltages) == 200)
    times = [int(at) for e in sink.entries for at in getattr(e, "measured_at", [])]
    assert len(set(times)) == 200
    assert sink.qualities == {int(Quality.TIME_ASSUMED)}


async def test_a_sink_that_fails_ends_the_run(forgetful: BrokerAddress, space: str) -> None:
    class Failing(HeldSink):
        async def put(self, entries: Sequence[Entry]) -> None:
            if any(isinstance(entry, Batch) for entry in entries):
                raise OSError("disk gone")
            await super().put(entries)

    driver = MqttDriver(inventory(), settings(forgetful, space), SystemClock())
    sink = Failing()
    task = asyncio.create_task(driver.run(sink))
    await until(lambda: sink.sessions)
    await asyncio.to_thread(send, forgetful, f"{space}/M1/telemetry", [voltage(1)])
    with pytest.raises(OSError, match="disk gone"):
        await asyncio.wait_for(task, 10)
    later = HeldSink()
    async with running(settings(forgetful, space), later):
        await until(lambda: later.voltages == [1], 20)
