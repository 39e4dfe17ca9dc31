"""What tests of sending share: messages, an outbox in memory, dispatchers and a receiver on one clock, certificates."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY

from alerts.dispatch import Dispatcher
from alerts.settings import AlertSettings
from alerts.targets import TargetSettings
from gateway.core.clock import SECOND, ManualClock
from gateway.core.ticket import Delivery
from gateway.store import Store
from gateway.store.queries import sql
from gateway.store.tickets import save_deliveries
from simulator.receiver import Behaviour, Receiver
from tests.alerting import AT, SECRET, MemoryOutbox, settings, target
from tests.waiting import until


def message(
    subject: str = "tkt-1",
    revision: int = 1,
    *,
    to: str = "desk",
    created_at: int = AT,
    what: str = "updated",
) -> Delivery:
    """The least that the receiver understands."""
    body = {"type": f"ticket.{what}", "data": {"ticket": {"id": subject, "revision": revision}}}
    return Delivery(
        id=f"msg_{subject}_{revision}_{to}",
        subject=subject,
        ticket=subject,
        revision=revision,
        target=to,
        created_at=created_at,
        body=json.dumps(body).encode(),
    )


async def put(store: Store, *messages: Delivery) -> None:
    """Write messages as a ticket's step does; they are about no ticket, so that none is needed."""
    async with store._pool.connection() as conn, conn.transaction():
        await save_deliveries(conn, [msgspec.structs.replace(each, ticket=None) for each in messages])
        await conn.execute(sql("outbox_notify"))


class TargetsOutbox(MemoryOutbox):
    """Gives each dispatcher the messages for its own target."""

    async def hurry(self, target: str, *, at: int) -> None:
        self._fail()
        for row in self.rows.values():
            if row.delivery.target == target and row.state == "pending":
                row.next_at = min(row.next_at, at)
        self.poke()

    def of(self, target: str) -> _OneTarget:
        return _OneTarget(self, target)


@dataclass(frozen=True)
class _OneTarget:
    """An outbox that knows of one target only, as the database's do."""

    whole: TargetsOutbox
    target: str

    async def claim(self, *, at: int, lease: int, limit: int) -> list[Delivery]:
        others = {k: row for k, row in self.whole.rows.items() if row.delivery.target != self.target}
        kept, self.whole.rows = (
            self.whole.rows,
            {k: row for k, row in self.whole.rows.items() if k not in others},
        )
        try:
            return await self.whole.claim(at=at, lease=lease, limit=limit)
        finally:
            self.whole.rows = kept

    async def delivered(self, delivery: Delivery, *, at: int, status: int, reference: str = "") -> None:
        await self.whole.delivered(delivery, at=at, status=status, reference=reference)

    async def failed(self, delivery: Delivery, *, at: int, next_at: int | None, error: str) -> None:
        await self.whole.failed(delivery, at=at, next_at=next_at, error=error)

    async def disable(self, target: str, *, at: int, reason: str) -> None:
        await self.whole.disable(target, at=at, reason=reason)

    async def hurry(self, target: str, *, at: int) -> None:
        await self.whole.hurry(target, at=at)

    async def wait(self, timeout_s: float) -> None:
        await self.whole.wait(timeout_s)


class Bench:
    """An outbox, a dispatcher for each target and a receiver, on one clock."""

    def __init__(self, receiver: Receiver, clock: ManualClock, chosen: AlertSettings) -> None:
        self.receiver = receiver
        self.clock = clock
        self.settings = chosen
        self.outbox = TargetsOutbox()

    def add(self, subject: str = "tkt-1", *revisions: int, to: str = "desk") -> None:
        now = self.clock.now()
        self.outbox.add(*(message(subject, r, to=to, created_at=now) for r in revisions or (1,)))

    def dispatchers(self) -> list[Dispatcher]:
        return [
            Dispatcher(self.outbox.of(chosen.name), chosen, self.clock, self.settings)
            for chosen in self.settings.targets
        ]

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(round(seconds * SECOND))
        self.outbox.poke()

    async def states(self, *wanted: str) -> None:
        await until(
            lambda: self.outbox.states() == list(wanted), what=f"{wanted}, not {self.outbox.states()}"
        )

    async def failures(self, count: int, of: int = 0) -> list[str]:
        """What the first message's tries (or those of the one at place `of`) said, once there are `count`."""
        row = list(self.outbox.rows.values())[of]
        await until(lambda: len(row.errors) == count, what=f"{count} failures, not {row.errors}")
        return row.errors

    @property
    def retries(self) -> list[float]:
        """Seconds of the clock's start at which the first delivery was to be tried again."""
        return [(at - AT) / SECOND for at in next(iter(self.outbox.rows.values())).retries]


@asynccontextmanager
async def bench(
    *behaviours: Behaviour,
    targets: Sequence[TargetSettings] = (),
    start: bool = True,
    tls: ssl.SSLContext | None = None,
    to: dict[str, Any] | None = None,
    **changes: object,
) -> AsyncIterator[Bench]:
    """`to`: changes of the target "desk", which is the receiver;  changes: of the section `alerts`."""
    clock = ManualClock(AT)
    async with Receiver(SECRET, clock=clock, tls=tls) as receiver:
        receiver.misbehave(*behaviours)
        chosen = settings(
            *(targets or (target(receiver.url, **(to or {})),)),
            **{"retry": {"jitter": 0}, "idle_s": 30, **changes},
        )
        made = Bench(receiver, clock, chosen)
        if not start:
            yield made
            return
        async with running(made):
            yield made


@asynccontextmanager
async def running(made: Bench) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(dispatcher.run()) for dispatcher in made.dispatchers()]
    async with AsyncExitStack() as stack:
        for task in tasks:
            stack.push_async_callback(_ended, task)
        yield tasks


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


class Authority:
    """A certificate authority of our own, in a folder; needs the openssl command."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        if shutil.which("openssl") is None:
            pytest.skip("needs the openssl command to make certificates")
        self.folder, self.file, self._key = folder, folder / f"{name}.pem", folder / f"{name}.key"
        use = ["-addext", "keyUsage=critical,keyCertSign", "-days", "2", "-subj", f"/CN={name}"]
        self._run("req", "-x509", *_CURVE, *use, "-keyout", str(self._key), "-out", str(self.file))

    def issue(self, host: str = "localhost", *, days: int = 2) -> tuple[Path, Path]:
        """Certificate and key for a host or a client; with negative `days` it has expired."""
        cert, key, request = (self.folder / f"{host}{days}.{end}" for end in ("pem", "key", "csr"))
        named = ["-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
        self._run("req", *_CURVE, *named, "-keyout", str(key), "-out", str(request))
        signing = ["-CA", str(self.file), "-CAkey", str(self._key), "-copy_extensions", "copy"]
        self._run("x509", "-req", "-in", str(request), *signing, "-days", str(days), "-out", str(cert))
        return cert, key

    def serving(
        self, host: str = "localhost", *, days: int = 2, clients: Authority | None = None
    ) -> ssl.SSLContext:
        """What a server speaks by; one that asks for certificates of clients where their authority is given."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(host, days=days))
        if clients is not None:
            context.load_verify_locations(clients.file)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _run(self, *words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True)


_CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
