"""The whole way: a detector's question at a tick, the field's answer in the stream and in the database."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import psycopg
import yaml

from gateway.app import run_gateway
from gateway.compose import load
from gateway.core.clock import SECOND, SystemClock
from gateway.core.model import (
    Batch,
    Drill,
    Event,
    Instruction,
    PlannedOutage,
    Purpose,
    Question,
    Signal,
    SignalKind,
)
from gateway.embedded import BrokerAddress, free_port
from simulator.faults import Farewell
from simulator.mqtt_link import Broker
from simulator.options import Options
from simulator.simulation import Simulation
from tests.waiting import until

MUTE = Farewell(delivery_rate=0.0, gasp_delay_s=0.0, repeat_rate=0.0, restore_delay_s=0.1)


class Curious:
    """A detector that wants certain devices asked at every fifth tick, and keeps what it hears of them."""

    name = "curious"

    def __init__(self, devices: list[int]) -> None:
        self.devices = devices
        self.heard: list[tuple[int, SignalKind]] = []
        self.rows: set[int] = set()
        self._at = 0
        self._asked_at = 0

    def observe(self, batch: Batch) -> None:
        self.rows |= set(batch.device.tolist()) & set(self.devices)

    def notice(self, signal: Signal) -> None:
        if signal.device in self.devices:
            self.heard.append((signal.device, signal.kind))

    def plan(self, planned: PlannedOutage) -> None:
        raise NotImplementedError

    def instruct(self, instruction: Instruction) -> None:
        raise NotImplementedError

    def exercise(self, drill: Drill) -> None:
        raise NotImplementedError

    def advance(self, at: int) -> list[Event]:
        self._at = at
        return []

    def questions(self) -> list[Question]:
        if self._at - self._asked_at < SECOND:
            return []
        self._asked_at = self._at
        return [
            Question(device=device, incident="i", purpose=Purpose.CONFIRM, asked_at=self._at)
            for device in self.devices
        ]

    def reset(self) -> None:
        self.__init__(self.devices)  # type: ignore[misc]

    def snapshot(self) -> bytes:
        return b""

    def restore(self, state: bytes) -> None:
        del state


async def test_a_question_goes_out_and_its_answer_is_stored(
    tmp_path: Path, own_broker: BrokerAddress, postgres_url: str
) -> None:
    options = Options(
        meters=40,
        directory=tmp_path,
        seed=3,
        broker=Broker(host=own_broker.host, port=own_broker.port),
        interval_s=3600,
        farewell=MUTE,
    )
    document = {
        "gateway": {"data_dir": "data", "tick_s": 0.2},
        "inventory": {"network": "network.csv", "devices": "devices.csv"},
        "database": {"url": postgres_url},
        "modbus": {"timeout_s": 0.5},
        "mqtt": [{"url": own_broker.url, "ask": {"answer_s": 0.5}}],
        "asking": {"per_second": 50},
        "api": {"port": free_port()},
    }
    async with Simulation(options) as sim:
        await sim.start()
        (tmp_path / "feederline.yaml").write_text(yaml.safe_dump(document))
        clock = SystemClock()
        parts = load(tmp_path / "feederline.yaml", clock=clock)
        inventory = parts.inventory

        def meters(protocol: str) -> list[int]:
            return [k for k in inventory.of_protocol(protocol) if inventory.device(k).kind == "meter"]

        lit, polled = meters("mqtt")[0], meters("modbus")[0]
        dark = next(k for k in meters("mqtt") if inventory.device(k).node != inventory.device(lit).node)
        await sim.fault(inventory.device(dark).node)
        curious = Curious([lit, dark, polled])
        stop = asyncio.Event()
        parts = dataclasses.replace(parts, processors=[curious])
        running = asyncio.create_task(run_gateway(parts, clock=clock, stop=stop))
        try:
            await until(
                lambda: (
                    running.done()
                    or (
                        polled in curious.rows
                        and {(lit, SignalKind.PING_OK), (dark, SignalKind.PING_FAILED)} <= set(curious.heard)
                    )
                ),
                30,
                "every answer to come back in the stream",
            )
        finally:
            stop.set()
            await asyncio.wait_for(running, 30)
        assert (dark, SignalKind.PING_OK) not in curious.heard
        assert (lit, SignalKind.PING_FAILED) not in curious.heard
    async with await psycopg.AsyncConnection.connect(postgres_url) as connection:
        found = await connection.execute(
            "select device_id, s.kind from feederline.signal s join feederline.device using (device_key)"
            " where s.kind in ('ping_ok', 'ping_failed')"
        )
        said = set(await found.fetchall())
    assert said == {(inventory.ids[lit], "ping_ok"), (inventory.ids[dark], "ping_failed")}
