"""An operations centre for tests: incidents with tickets in a real database, and the API over them on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec

from alerts.desk import Desk
from alerts.settings import AlertSettings
from gateway.api.app import create_app
from gateway.api.serving import bind, serve, url_of
from gateway.api.settings import AccessSettings, ApiSettings
from gateway.core.access import Role
from gateway.core.clock import MINUTE, SECOND, ManualClock
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Change, Commit, Entry, Event, IncidentState, Instruction, Order
from gateway.inventoryimport import Importer
from gateway.store import Store
from tests.integration.store_world import SPOOL, T0, outage, ready_store, small_network
from tests.integration.test_api_server import StandInState
from tests.signing import signed

NOW = T0 + 10 * MINUTE
SECRET = "whsec_" + "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
SECRET_VARIABLE = "CASE_WORLD_SECRET"
QUICK = AccessSettings.model_validate({"limits": {"actor_per_s": 10_000, "address_per_s": 10_000}})


def alerts(**changes: Any) -> AlertSettings:
    """One target that may call back, and one that may not."""
    desk = {"name": "desk", "url": "http://127.0.0.1:9/", "secret": {"env": SECRET_VARIABLE}}
    targets = [desk | {"callback_secret": {"env": SECRET_VARIABLE}}, desk | {"name": "deaf"}]
    return AlertSettings.model_validate({"targets": targets, **changes})


def inventory() -> Inventory:
    """M0 … M5 on T0, T1, T2 in turn; M1 is critical, M2 important."""
    wanted = {1: "critical", 2: "important"}
    return Inventory(
        [Device(id=f"M{i}", node=f"T{i % 3}", priority=wanted.get(i, "")) for i in range(6)], small_network()
    )


class Detector:
    """A stream whose detector does at once what it is told; `deaf`: it takes everything and does nothing."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.entries: list[Entry] = []
        self.deaf = False

    async def put(self, entries: Sequence[Entry]) -> None:
        self.entries += entries
        words = [entry for entry in entries if isinstance(entry, Instruction)]
        if not self.deaf:
            for word in words:
                await self._obey(word)

    async def _obey(self, word: Instruction) -> None:
        store = self.world.store
        (before,) = [i for i in await store.open_incidents() if i.id == word.incident]
        changes: dict[Order, dict[str, Any]] = {
            Order.CONFIRM: {"confirmed_by": word.by},
            Order.CANCEL: {
                "state": IncidentState.CANCELLED,
                "ended_at": word.received_at,
                "ended_by": word.by,
                "ended_reason": word.reason,
            },
            Order.MERGE: {
                "state": IncidentState.MERGED,
                "parent": word.into,
                "ended_at": word.received_at,
                "ended_by": word.by,
                "ended_reason": word.reason,
            },
            Order.SPLIT: {"devices": before.devices[:1]},
        }
        after = msgspec.structs.replace(before, revision=before.revision + 1, **changes[word.order])
        event = Event(at=word.received_at, change=Change.UPDATED, incident=after)
        await self.world.write(Commit(instructions=[word], events=[event], at=word.received_at))


@dataclass
class World:
    store: Store
    desk: Desk
    alerts: AlertSettings
    clock: ManualClock
    url: str = ""
    written: int = 0
    state: StandInState = field(default_factory=StandInState)

    def __post_init__(self) -> None:
        self.detector = Detector(self)

    async def write(self, commit: Commit) -> None:
        self.written += 1
        commit.upto = self.written
        await self.store.write(commit, self.desk, SPOOL)

    async def outage(self, name: str, node: str, devices: tuple[int, ...], **more: Any) -> None:
        """An incident of ten minutes ago, with its ticket."""
        at = more.pop("at", T0)
        await self.write(
            Commit(events=[outage(name, node=node, devices=devices, started_at=at, at=at, **more)])
        )
        await self.write(Commit(at=at + 2 * MINUTE))

    @asynccontextmanager
    async def client(
        self, role: Role = Role.OPERATOR, *, name: str = "Li Wei", below: Sequence[str] = ()
    ) -> AsyncIterator[aiohttp.ClientSession]:
        headers = await signed(self.store, role, name=name, below=below)
        async with aiohttp.ClientSession(self.url, headers=headers) as session:
            yield session

    async def ticket_of(self, incident: str) -> str:
        found = await self.store.reports.incident(incident)
        assert found is not None
        assert found.ticket is not None
        return found.ticket


@asynccontextmanager
async def world(
    database: str, settings: AlertSettings | None = None, importer: Importer | None = None
) -> AsyncIterator[World]:
    """Nothing has happened yet; SECRET_VARIABLE must be set."""
    chosen = settings or alerts()
    listed = inventory()
    async with ready_store(database, listed) as store:
        there = World(store, Desk(listed, chosen), chosen, ManualClock(NOW))
        app = create_app(
            store,
            settings=ApiSettings(port=0),
            state=there.state,
            sink=there.detector,
            network=listed.network,
            devices=listed,
            importer=importer,
            desk=there.desk,
            alerts=chosen,
            access=QUICK,
            clock=there.clock,
        )
        listener = bind(ApiSettings(port=0))
        there.url = url_of(listener)
        task = asyncio.create_task(serve(app, ApiSettings(port=0), listener))
        try:
            yield there
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def get(client: aiohttp.ClientSession, path: str, status: int = 200, /, **parameters: Any) -> Any:
    async with client.get(path, params=parameters) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


async def post(
    client: aiohttp.ClientSession,
    path: str,
    said: object = None,
    status: int = 200,
    *,
    match: int | str | None = None,
) -> Any:
    """`match`: the revision that is meant."""
    headers = {} if match is None else {"if-match": match if isinstance(match, str) else f'"{match}"'}
    async with client.post(path, json=said, headers=headers) as answer:
        assert answer.status == status, await answer.text()
        body = await answer.json()
        if status == 412:
            assert answer.headers["etag"] == f'"{body["revision"]}"'
        return body


__all__ = ["NOW", "SECOND", "SECRET", "SECRET_VARIABLE", "World", "alerts", "get", "post", "world"]
