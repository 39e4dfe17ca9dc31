"""A whole installation for tests: a simulated district, a service desk, and `feederline run` as its own process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from alerts.webhook import new_secret
from gateway.core.access import Role
from gateway.core.ticket import TicketState
from gateway.demo import processes
from gateway.demo.arrival import arrived
from gateway.demo.processes import District
from gateway.embedded import BrokerAddress, free_port
from gateway.store import Store
from gateway.store.completeness import Completeness, Delivered
from gateway.store.views import TicketView
from simulator.receiver import Receiver
from tests.integration.store_world import settings_for
from tests.signing import make_token
from tests.waiting import until

METERS = 24


@dataclass
class Scene:
    folder: Path
    broker: BrokerAddress
    district: District
    receiver: Receiver
    secret: str
    database: str
    page: str = ""
    gateway: asyncio.subprocess.Process | None = None
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def start_gateway(self) -> None:
        """Start `feederline run`; it need not be ready yet when this returns."""
        port = free_port()
        self.page = f"http://127.0.0.1:{port}"
        processes.write_configuration(
            self.folder,
            database=self.database,
            broker=self.broker,
            receiver=self.receiver.url,
            port=port,
            meters=METERS,
        )
        file = self.folder / "feederline.yaml"
        document = yaml.safe_load(file.read_text())
        for section, keys in self.changes.items():
            document[section] |= keys
        file.write_text(yaml.safe_dump(document))
        with (self.folder / "gateway.log").open("ab") as log:
            self.gateway = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway", "run", "-c", str(file),
                stdout=log, stderr=log, env={**os.environ, processes.SECRET_VARIABLE: self.secret},
            )  # fmt: skip

    async def token(self, role: Role = Role.OPERATOR, *, name: str = "Li Wei") -> str:
        """A token of this installation, as its holder has it."""
        async with Store.open(settings_for(self.database, role=None)) as store:
            await store.migrate()
            return (await make_token(store, role, name=name))[1]

    async def kill_gateway(self) -> None:
        assert self.gateway is not None
        self.gateway.send_signal(signal.SIGKILL)
        await self.gateway.wait()

    async def stop_gateway(self) -> None:
        assert self.gateway is not None
        await processes.stop_gateway(self.gateway, self.folder)

    def log(self) -> str:
        return (self.folder / "gateway.log").read_text(errors="replace")

    async def delivered(self, until_at: int) -> Delivered:
        await self.district.ask("ledger")
        ledger = json.loads((self.folder / "ledger.json").read_text())
        return Delivered(
            mqtt=ledger["mqtt"],
            modbus=ledger["modbus"],
            signals=[tuple(said) for said in ledger["signals"]],
            until=until_at,
        )

    async def settle(self) -> Completeness:
        """End the gateway in good order and hold what was delivered against what is stored."""
        pause = await self.district.ask("pause")
        assert pause["flushed"]
        delivered = await self.delivered(pause["at"] + 200_000)
        async with Store.open(settings_for(self.database, role=None)) as store:
            await arrived(store, delivered)
            await self.stop_gateway()
            return await store.completeness(delivered)


@contextlib.asynccontextmanager
async def scene(
    folder: Path, broker: BrokerAddress, database: str, **changes: dict[str, Any]
) -> AsyncIterator[Scene]:
    secret = new_secret()
    async with Receiver(secret) as receiver, processes.district(folder, broker, METERS, 7) as district:
        there = Scene(folder, broker, district, receiver, secret, database, changes=changes)
        try:
            yield there
        finally:
            if there.gateway is not None and there.gateway.returncode is None:
                there.gateway.kill()
                await there.gateway.wait()


async def open_store(there: Scene, stack: contextlib.AsyncExitStack) -> Store:
    return await stack.enter_async_context(Store.open(settings_for(there.database, role=None)))


async def everyone_is_heard(there: Scene, store: Store) -> None:
    about = there.district.about
    wanted = about["devices"] - len(about["concentrators"])

    async def heard() -> bool:
        return await store.devices_heard() >= int(wanted)

    await until(heard, 40, "every device to be heard")


async def ticket_in(store: Store, *states: TicketState) -> TicketView:
    async def found() -> TicketView | None:
        return next((t for t in await store.reports.tickets() if t.ticket.state in states), None)

    ticket = await until(found, 40, f"a ticket in {states}")
    assert ticket is not None
    return ticket
