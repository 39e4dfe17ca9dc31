"""The raw limit of the loop: its unavoidable steps one by one, with nothing else going on."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import psycopg
from standardwebhooks import Webhook

from alerts.webhook import open_session
from gateway.core.clock import SystemClock, to_datetime
from gateway.core.model import Tick
from gateway.spool import Spool
from simulator.receiver import Receiver

_BODY = json.dumps({"type": "ticket.opened", "data": {"ticket": {}, "padding": "x" * 1500}})


async def raw(database: str, folder: Path, secret: str, *, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each round: `spool`, one entry synced to disk; `commit`, one row; `post`, one signed request,
    verified and answered on a connection that is open."""
    clock = SystemClock()
    found: dict[str, list[float]] = {}
    async with Spool(folder / "raw") as spool:
        found["spool"] = await _timed(rounds, lambda: spool.put([Tick(at=clock.now())]))
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        await connection.execute("create table bench_commit (i integer)")
        found["commit"] = await _timed(
            rounds, lambda: connection.execute("insert into bench_commit values (1)")
        )
        await connection.execute("drop table bench_commit")
    signer = Webhook(secret)
    async with Receiver(secret) as receiver, open_session(1) as session:

        async def post() -> None:
            name, at = f"msg-{uuid4().hex}", clock.now()
            headers = {
                "webhook-id": name,
                "webhook-timestamp": str(at // 1_000_000),
                "webhook-signature": signer.sign(name, to_datetime(at), _BODY),
            }
            async with session.post(receiver.url, data=_BODY, headers=headers) as response:
                response.raise_for_status()

        found["post"] = await _timed(rounds, post)
    return found


async def _timed(rounds: int, work: Callable[[], Awaitable[object]]) -> list[float]:
    await work()
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        await work()
        found.append((time.perf_counter() - began) * 1e3)
    return found
