"""Asking over a real broker: what a device answers with, and when its silence says nothing."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping

import pytest
from paho.mqtt import client as paho

from drivers.mqtt import MqttDriver
from drivers.mqtt.session import Session
from gateway.core.model import SignalKind
from gateway.embedded import BrokerAddress
from tests.integration.mqtt_parts import HeldSink, publisher, running, send, settings, voltage
from tests.waiting import until

PATIENT = {"answer_s": 30}
HASTY = {"answer_s": 0.3}


@pytest.fixture
def space() -> str:
    return f"ask{uuid.uuid4().hex[:8]}"


@contextlib.contextmanager
def device(broker: BrokerAddress, space: str, *answers: tuple[str, str]) -> Iterator[list[bytes]]:
    """M1 with its own session: it answers a command with `answers`, (channel, payload); gives the commands it got."""
    commands: list[bytes] = []
    with publisher(broker) as client:

        def on_message(_c: paho.Client, _u: object, message: paho.MQTTMessage) -> None:
            commands.append(bytes(message.payload))
            for channel, payload in answers:
                client.publish(f"{space}/M1/{channel}", payload, 1)

        client.on_message = on_message
        client.subscribe(f"{space}/M1/ask", 1)
        send(broker, f"{space}/nobody", ["."])  # a round trip, by which the subscription stands
        yield commands


@contextlib.asynccontextmanager
async def asking(
    broker: BrokerAddress, space: str, sink: HeldSink, ask: Mapping[str, object], **more: object
) -> AsyncIterator[MqttDriver]:
    section = settings(broker, space, ask={"topic": f"{space}/{{device}}/ask", **ask}, **more)
    async with running(section, sink) as driver:
        await until(lambda: driver.can_ask(0))
        yield driver


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("server", ["broker", "mosquitto"])
async def test_a_reading_is_as_good_an_answer_as_any(
    request: pytest.FixtureRequest, server: str, qos: int, space: str
) -> None:
    broker, sink = request.getfixturevalue(server), HeldSink()
    with device(broker, space, ("telemetry", voltage(229))) as commands:
        async with asking(broker, space, sink, {**PATIENT, "qos": qos, "payload": "status"}) as driver:
            await asyncio.wait_for(driver.ask(0, sink), 10)
            assert sink.voltages == [229]
            assert (sink.signals, commands) == ([], [b"status"])
            assert driver.heard_at(0) > driver.heard_at(1) == 0


async def test_answers_may_come_on_a_topic_of_their_own(broker: BrokerAddress, space: str) -> None:
    sink = HeldSink()
    with device(broker, space, ("rpc", '{"result": "whatever"}')):
        async with asking(
            broker, space, sink, {**PATIENT, "answer_topic": f"{space}/{{device}}/rpc"}
        ) as driver:
            await asyncio.wait_for(driver.ask(0, sink), 10)
            assert [s.kind for s in sink.signals] == [SignalKind.PING_OK]
            assert sink.dead_letters == []


async def test_silence_is_told_with_how_long_it_was(broker: BrokerAddress, space: str) -> None:
    sink = HeldSink()
    with device(broker, space) as commands:
        async with asking(broker, space, sink, HASTY) as driver:
            await driver.ask(0, sink)
            await driver.ask(0, sink)
            assert len(commands) == 2
            assert [(s.kind, s.device, s.source) for s in sink.signals] == [
                (SignalKind.PING_FAILED, 0, f"mqtt:{space}")
            ] * 2
            assert "0.3 s" in sink.signals[0].detail


def time_up(driver: MqttDriver, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when `answer_s` has passed and only what was received by then is waited for."""
    up, heard_out = asyncio.Event(), driver._heard_out

    async def noted(session: Session) -> bool:
        up.set()
        return await heard_out(session)

    monkeypatch.setattr(driver, "_heard_out", noted)
    return up


async def test_an_answer_that_waits_for_our_own_disk_is_an_answer(
    broker: BrokerAddress, space: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = HeldSink(held=True)
    with device(broker, space, ("event", '{"type": "ping_ok"}')) as commands:
        async with asking(broker, space, sink, HASTY) as driver:
            up = time_up(driver, monkeypatch)
            question = asyncio.create_task(driver.ask(0, sink))
            await until(lambda: commands and sink.waiting)
            await asyncio.wait_for(up.wait(), 10)
            assert not question.done()
            sink.open.set()
            await asyncio.wait_for(question, 10)
            assert [s.kind for s in sink.signals] == [SignalKind.PING_OK]


async def test_while_reading_is_paused_silence_says_nothing(
    broker: BrokerAddress, space: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = HeldSink(held=True)
    with device(broker, space) as commands:
        async with asking(broker, space, sink, HASTY, batch_messages=2, batch_ms=1) as driver:
            await asyncio.to_thread(send, broker, f"{space}/M2/telemetry", [voltage(n) for n in range(20)])
            await until(lambda: driver._session is not None and driver._session.paused)
            up = time_up(driver, monkeypatch)
            question = asyncio.create_task(driver.ask(0, sink))
            await until(lambda: commands)
            await asyncio.wait_for(up.wait(), 10)
            sink.open.set()
            await asyncio.wait_for(question, 10)
            await until(lambda: len(sink.voltages) == 20)
            assert sink.signals == []


async def test_a_question_that_is_cancelled_leaves_the_way_free(broker: BrokerAddress, space: str) -> None:
    sink = HeldSink()
    with device(broker, space) as commands:
        async with asking(broker, space, sink, PATIENT) as driver:
            first = asyncio.create_task(driver.ask(0, sink))
            await until(lambda: len(commands) == 1)
            await driver.ask(0, sink)  # one at a time: this one is left alone
            first.cancel()
            await asyncio.wait([first])
            second = asyncio.create_task(driver.ask(0, sink))
            await until(lambda: len(commands) == 2)
            second.cancel()
            await asyncio.wait([second])
            assert sink.signals == []
