"""The demo's two child processes: the simulated district and the gateway itself, as anyone would run it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from gateway.core.errors import FeederlineError
from gateway.demo.past import INTERVAL_S
from gateway.embedded import BrokerAddress

SECRET_VARIABLE = "FEEDERLINE_DEMO_SECRET"  # noqa: S105 - the name of a variable
CALLBACK_VARIABLE = "FEEDERLINE_DEMO_CALLBACK_SECRET"
DESK = "service-desk"
ROOM = "chat-room"
INSPECTION = "inspection"
TIME_ZONE = "Asia/Shanghai"  # of the simulated district
_STOP_S = 20.0


class DemoError(FeederlineError):
    """A part of the demo did not do what it must."""


class District:
    """The simulator, led by JSON lines."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._asking = asyncio.Lock()
        self.about: dict[str, Any] = {}

    async def listen(self) -> dict[str, Any]:
        """The next thing it says. Raises DemoError when it has ended or complains."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise DemoError(f"the simulated district ended (exit code {await self._process.wait()})")
        event: dict[str, Any] = json.loads(line)
        if event["event"] == "error":
            raise DemoError(f"the simulated district refused a command: {event['message']}")
        return event

    async def ask(self, do: str, **more: object) -> dict[str, Any]:
        """Give a command and return its answer."""
        assert self._process.stdin is not None
        async with self._asking:
            self._process.stdin.write(json.dumps({"do": do, **more}).encode() + b"\n")
            await self._process.stdin.drain()
            return await self.listen()


@contextlib.asynccontextmanager
async def district(
    folder: Path,
    broker: BrokerAddress,
    meters: int,
    seed: int,
    *,
    terminals: str = "all",
    history_days: int = 0,
) -> AsyncIterator[District]:
    """Start the simulator; it has written network.csv and devices.csv into `folder` when this yields.

    terminals: on the busbars of `all` transformers, or on the `trunk` alone, so that a fuse has to be inferred;
    history_days: of load profiles, in which customers do what honest and dishonest ones do.
    """
    command = (
        sys.executable, "-m", "simulator", "--meters", str(meters), "--seed", str(seed), "--dir", str(folder),
        "--mqtt-host", broker.host, "--mqtt-port", str(broker.port), "--interval", str(interval_s(meters)),
        "--gasp-delay", "3", "--terminals", terminals, "--history-days", str(history_days),
    )  # fmt: skip
    with (folder / "simulator.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=log, limit=1 << 26, process_group=0
        )
    try:
        simulator = District(process)
        try:
            simulator.about = await simulator.listen()
        except DemoError as exc:
            raise DemoError(f"{exc}: {_tail(folder / 'simulator.log')}") from exc
        yield simulator
    finally:
        await _end(process)


@contextlib.asynccontextmanager
async def gateway(folder: Path, secret: str, callback_secret: str) -> AsyncIterator[Process]:
    """Run `feederline run` on the configuration in `folder`."""
    secrets = {SECRET_VARIABLE: secret, CALLBACK_VARIABLE: callback_secret}
    with (folder / "gateway.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "run", "-c", str(folder / "feederline.yaml"),
            stderr=log, stdout=log, env={**os.environ, **secrets}, process_group=0,
        )  # fmt: skip
    try:
        yield process
    finally:
        await _end(process)


async def stop_gateway(process: Process, folder: Path) -> None:
    """Ask it to store what it has read and to end. Raises DemoError when it does not end well."""
    await _end(process)
    if process.returncode != 0:
        raise DemoError(f"the gateway ended with code {process.returncode}: {_tail(folder / 'gateway.log')}")


async def _end(process: Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def interval_s(meters: int) -> int:
    """Reporting interval that keeps a large demo within what one machine simulates: 2 s up to 1,000 meters."""
    return max(2, -(-meters // 500))


def patience_s(meters: int) -> float:
    """A step of the story that takes longer has failed."""
    return max(60.0, 8.0 * interval_s(meters))


class Room(NamedTuple):
    """A chat room, told of the tickets at and below one node."""

    url: str
    node: str


def write_configuration(
    folder: Path,
    *,
    database: str,
    broker: BrokerAddress,
    receiver: str,
    port: int,
    meters: int,
    room: Room | None = None,
    inspection: str = "",
    calls_back: bool = False,
) -> dict[str, float]:
    """Write feederline.yaml; returns the thresholds that the demo shortens, by key.

    inspection: where tickets for inspection go;  calls_back: the service desk may; then the gateway wants
    CALLBACK_VARIABLE in its environment.
    """
    shortened = {
        "outage.collecting_s": 3.0,
        "outage.sustained_s": 5.0,
        "outage.last_gasp_wait_s": 3.0,
        "outage.remainder_s": 15.0,
        "outage.verify_s": 3.0,
        "outage.reclose_s": 3.0,
        "alerts.hold_off_s": 2.0,
        "alerts.update_s": 5.0,
        "meterdata.every_s": 2.0,
        "meterdata.account_every_s": 5.0,
    }
    document: dict[str, Any] = {
        "gateway": {"data_dir": "data", "tick_s": 0.5, "snapshot_s": 5},
        "inventory": {"network": "network.csv", "devices": "devices.csv"},
        "database": {"url": database},
        "modbus": {"timeout_s": 1, "max_backoff_s": 3 * interval_s(meters)},
        "mqtt": [{"name": "district", "url": broker.url, "ask": {"answer_s": 2.0}, "recall": {}}],
        "outage": {},
        "meterdata": {},
        "vee": {"interval_s": INTERVAL_S},
        "alerts": {"targets": _targets(receiver, room, inspection, calls_back=calls_back)},
        "targets": {"time_zone": TIME_ZONE},
        "api": {"port": port},
        "access": {"loopback_role": "viewer"},
    }
    for key, value in shortened.items():
        section, name = key.split(".")
        document[section][name] = value
    (folder / "feederline.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return shortened


def _targets(receiver: str, room: Room | None, inspection: str, *, calls_back: bool) -> list[dict[str, Any]]:
    desk: dict[str, Any] = {"name": DESK, "url": receiver, "secret": {"env": SECRET_VARIABLE}}
    if calls_back:
        desk["callback_secret"] = {"env": CALLBACK_VARIABLE}
    targets = [desk]
    if room is not None:
        chat = {
            "name": ROOM, "url": room.url, "format": "chat", "below": [room.node],
            "options": {"skip": ["ticket.updated"]},
        }  # fmt: skip
        targets.append(chat)
    if inspection:
        targets.append(
            {**desk, "name": INSPECTION, "url": inspection, "kinds": ["usage_anomaly"], "about": ["ticket"]}
        )
    return targets


def _tail(file: Path, lines: int = 3) -> str:
    text = file.read_text(encoding="utf-8", errors="replace").strip()
    return " | ".join(text.splitlines()[-lines:]) or "it said nothing"
