"""The demo's parts without its service desk: a district on real sockets, and the gateway as a process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp

from alerts.webhook import new_secret
from gateway.api.access import tokens
from gateway.core.access import AuditEntry, Role
from gateway.core.clock import DAY, SystemClock
from gateway.demo import processes
from gateway.demo.past import days_of, load_past
from gateway.demo.plot import Plot, plots
from gateway.demo.processes import District
from gateway.embedded import embedded_broker, free_port
from gateway.store import Store
from gateway.store.access import Token
from gateway.store.settings import DatabaseSettings
from simulator.receiver import Receiver
from tests.waiting import until

METERS = 40


class Scene(NamedTuple):
    """`url` of the page; `plot` says what can go wrong; `token` makes one for a role."""

    url: str
    database: str
    district: District
    plot: Plot
    token: Callable[[str, Role], Awaitable[str]]


@asynccontextmanager
async def demo(folder: Path, database: str) -> AsyncIterator[Scene]:
    """All of it on `database`, five weeks of registers in it, supply normal; `folder` takes its files."""
    async with AsyncExitStack() as stack:
        broker = stack.enter_context(embedded_broker(folder / "broker"))
        secret, callback = new_secret(), new_secret()
        receiver = await stack.enter_async_context(Receiver(secret))
        district = await stack.enter_async_context(
            processes.district(folder, broker, METERS, 7, terminals="trunk", history_days=days_of(METERS))
        )
        await load_past(database, district.about, SystemClock())
        port = free_port()
        processes.write_configuration(
            folder, database=database, broker=broker, receiver=receiver.url, port=port, meters=METERS
        )
        await stack.enter_async_context(processes.gateway(folder, secret, callback))
        url = f"http://127.0.0.1:{port}"
        await until(lambda: _ready(url), timeout_s=60)
        await district.ask("start")
        store = await stack.enter_async_context(
            Store.open(DatabaseSettings(url=database, role="feederline_api"))
        )

        async def token(name: str, role: Role) -> str:
            return await _token(store, name, role)

        yield Scene(url, database, district, plots(district.about)[0], token)


async def _ready(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/health/ready") as response:
            return response.status == 200
    except (TimeoutError, aiohttp.ClientError, OSError):
        return False


async def _token(store: Store, name: str, role: Role) -> str:
    minted, at = tokens.mint(), SystemClock().now()
    entry = AuditEntry(
        at=at, actor="test", origin="command", action="token.create", object=minted.id, outcome="done"
    )
    made = Token(id=minted.id, name=name, role=role, created_at=at, created_by="test", expires_at=at + DAY)
    await store.access.create(made, minted.hash, entry)
    return minted.text
