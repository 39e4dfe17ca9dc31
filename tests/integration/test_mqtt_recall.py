"""Recalling a load profile over a real broker: what comes, and when there is nothing more to wait for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

import pytest
from paho.mqtt import client as paho

from drivers.mqtt import MqttDriver
from gateway.core.clock import HOUR, parse_time
from gateway.core.model import Batch
from gateway.embedded import BrokerAddress
from tests.integration.mqtt_parts import HeldSink, publisher, running, send, settings
from tests.waiting import until

FROM = parse_time("2026-03-01T08:00:00Z")
PATIENT = {"answer_s": 30, "quiet_s": 0.3, "longest_s": 60}


@pytest.fixture
def space() -> str:
    return f"recall{uuid.uuid4().hex[:8]}"


def samples(*hours: int) -> str:
    told = [{"at": (FROM + h * HOUR) // 1000, "values": {"energy_import": 100.0 + h}} for h in hours]
    return json.dumps({"samples": told})


@contextlib.contextmanager
def meter(broker: BrokerAddress, space: str, answers: Sequence[str] = ()) -> Iterator[list[bytes]]:
    """M1, which answers every recall with these telemetry payloads; gives the commands it got."""
    commands: list[bytes] = []
    with publisher(broker) as client:

        def on_message(_c: paho.Client, _u: object, message: paho.MQTTMessage) -> None:
            commands.append(bytes(message.payload))
            for answer in answers:
                client.publish(f"{space}/M1/telemetry", answer, 1)

        client.on_message = on_message
        client.subscribe(f"{space}/M1/recall", 1)
        send(broker, f"{space}/nobody", ["."])  # a round trip, by which the subscription stands
        yield commands


@contextlib.asynccontextmanager
async def recalling(
    broker: BrokerAddress, space: str, sink: HeldSink, wanted: Mapping[str, object], **more: object
) -> AsyncIterator[MqttDriver]:
    section = {"topic": f"{space}/{{device}}/recall", **wanted}
    async with running(settings(broker, space, recall=section, **more), sink) as driver:
        await until(lambda: driver.can_recall(0))
        yield driver


def times(sink: HeldSink) -> list[int]:
    return [int(at) for e in sink.entries if isinstance(e, Batch) for at in e.measured_at]


@pytest.mark.parametrize("server", ["broker", "mosquitto"])
async def test_what_was_kept_comes_under_its_own_times(
    request: pytest.FixtureRequest, space: str, server: str
) -> None:
    broker, sink = request.getfixturevalue(server), HeldSink()
    with meter(broker, space, [samples(0, 1, 2), samples(3, 4)]) as commands:
        async with recalling(broker, space, sink, PATIENT) as driver:
            await asyncio.wait_for(driver.recall(0, FROM, FROM + 5 * HOUR, sink), 20)
            assert times(sink) == [FROM + h * HOUR for h in range(5)]
            assert (sink.qualities, sink.signals, sink.dead_letters) == ({0}, [], [])
            (command,) = commands
            told = json.loads(command)
            assert (told["from"], told["till"]) == ("2026-03-01T08:00:00Z", "2026-03-01T13:00:00Z")


async def test_it_is_over_when_it_is_in_the_sink(broker: BrokerAddress, space: str) -> None:
    sink = HeldSink(held=True)
    with meter(broker, space, [samples(0)]):
        async with recalling(broker, space, sink, {**PATIENT, "answer_s": 0.3}) as driver:
            asked = asyncio.create_task(driver.recall(0, FROM, FROM + HOUR, sink))
            await until(lambda: sink.waiting)
            done, _ = await asyncio.wait([asked], timeout=1.0)
            assert not done
            sink.open.set()
            await asyncio.wait_for(asked, 20)
            assert times(sink) == [FROM]


async def test_a_meter_that_says_nothing_or_something_else_is_not_waited_for_long(
    broker: BrokerAddress, space: str
) -> None:
    sink = HeldSink()
    with meter(broker, space, [samples(40)]) as commands:
        async with recalling(
            broker, space, sink, {"answer_s": 0.5, "quiet_s": 30, "longest_s": 60}
        ) as driver:
            await asyncio.wait_for(driver.recall(0, FROM, FROM + HOUR, sink), 10)
            await asyncio.wait_for(driver.recall(0, FROM, FROM + HOUR, sink), 10)
            assert len(commands) == 2
            assert sink.signals == []


async def test_it_does_not_go_on_for_ever(broker: BrokerAddress, space: str) -> None:
    sink = HeldSink()
    with meter(broker, space, [samples(0)]):
        async with recalling(
            broker, space, sink, {"answer_s": 30, "quiet_s": 30, "longest_s": 0.5}
        ) as driver:
            await asyncio.wait_for(driver.recall(0, FROM, FROM + HOUR, sink), 10)
            assert times(sink) == [FROM]


async def test_a_lost_session_ends_it(broker: BrokerAddress, space: str) -> None:
    sink = HeldSink()
    with meter(broker, space) as commands:
        async with recalling(broker, space, sink, {**PATIENT, "quiet_s": 30}) as driver:
            asked = asyncio.create_task(driver.recall(0, FROM, FROM + HOUR, sink))
            await until(lambda: commands)
            await driver.recall(0, FROM, FROM + HOUR, sink)  # one at a time: this one is left alone
            await driver.stop()
            await asyncio.wait_for(asked, 10)
            assert len(commands) == 1
