"""Dispatchers on a real database, some of them processes that are killed: nothing is lost, nothing done twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from alerts.dispatch import Dispatcher
from gateway.core.clock import SystemClock
from gateway.store import Store
from simulator.receiver import Behaviour, Receiver
from tests.alerting import SECRET, settings, target
from tests.integration.store_world import ready_store
from tests.integration.webhook_rig import message, put
from tests.waiting import until

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_SECRET", SECRET)


@asynccontextmanager
async def dispatcher_process(
    url: str, owner: str, receiver: Receiver
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.dispatching", url, owner, receiver.url,
        cwd=ROOT, env={**os.environ, "DESK_SECRET": SECRET}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert (await process.stdout.readline()).strip() == b"runs"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def dispatcher_here(store: Store, receiver: Receiver, owner: str) -> AsyncIterator[None]:
    chosen = settings(target(receiver.url, timeout_s=1), idle_s=0.05, concurrency=4)
    outbox = store.outbox(["desk"], owner=owner)
    await outbox.release()
    task = asyncio.create_task(Dispatcher(outbox, chosen.targets[0], SystemClock(), chosen).run())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def all_delivered(store: Store, count: int) -> None:
    async def done() -> bool:
        return len(await store.deliveries.page(state="delivered", limit=1000)) == count

    await until(done, timeout_s=30, what=f"{count} delivered")


async def add(store: Store, tickets: int, revisions: int = 3) -> int:
    now = SystemClock().now()
    await put(
        store,
        *(message(f"tkt-{n}", r, created_at=now) for n in range(tickets) for r in range(1, revisions + 1)),
    )
    return tickets * revisions


def check_order(receiver: Receiver, tickets: int, revisions: int = 3) -> None:
    for n in range(tickets):
        told = [m.revision for m in receiver.messages if m.ticket == f"tkt-{n}" and m.effect]
        assert told == list(range(1, revisions + 1))
    counts = receiver.counts
    assert (counts.received, counts.duplicated, counts.out_of_order) == (tickets * revisions, 0, 0)


async def test_two_processes_share_the_work(database_url: str) -> None:
    async with ready_store(database_url) as store, Receiver(SECRET) as receiver:
        receiver.misbehave(*[Behaviour(delay_s=0.02)] * 60)
        async with (
            dispatcher_process(database_url, "one", receiver),
            dispatcher_process(database_url, "two", receiver),
        ):
            count = await add(store, 20)
            await all_delivered(store, count)
        check_order(receiver, 20)
        assert receiver.counts.requests == count, "no message was sent by both"
        async with store._pool.connection() as conn:
            found = await conn.execute("select distinct claimed_by from delivery order by 1")
            assert [name for (name,) in await found.fetchall()] == ["one", "two"]


async def test_every_misbehaviour_leaves_each_transition_delivered_once_and_in_order(
    database_url: str,
) -> None:
    wishes = Behaviour(status=429, headers={"Retry-After": "1"})
    faults = [
        Behaviour(status=500),
        Behaviour(drop="before"),
        Behaviour(drop="after"),
        Behaviour(delay_s=1.5),  # longer than the time-out: it takes effect unheard
        Behaviour(status=503, headers={"Retry-After": "1"}),
        Behaviour(status=302, headers={"Location": "http://127.0.0.1:1/"}),
        Behaviour(drop="after"),
        wishes,
    ]
    async with ready_store(database_url) as store, Receiver(SECRET) as receiver:
        receiver.misbehave(*faults)
        async with dispatcher_here(store, receiver, "one"), dispatcher_here(store, receiver, "two"):
            count = await add(store, 4)
            await all_delivered(store, count)
        check_order(receiver, 4)
        assert receiver.counts.redelivered >= 2


async def test_a_kill_between_commit_and_delivery_loses_nothing(postgres_url: str) -> None:
    """It has claimed messages and waits for the answers when it is killed; none has taken effect."""
    async with ready_store(postgres_url) as store, Receiver(SECRET) as receiver:
        hold = asyncio.Event()
        receiver.misbehave(*[Behaviour(hold=hold, status=500)] * 4)
        async with dispatcher_process(postgres_url, "one", receiver) as process:
            count = await add(store, 6)
            await until(lambda: receiver.counts.requests == 4)
            process.send_signal(signal.SIGKILL)
            await process.wait()
        hold.set()
        assert receiver.counts.received == 0
        async with dispatcher_process(postgres_url, "one", receiver):
            await all_delivered(store, count)
        check_order(receiver, 6)


async def test_a_kill_between_delivery_and_its_record_has_one_effect(postgres_url: str) -> None:
    """The receiver has taken the messages and not answered yet when the dispatcher is killed."""
    async with ready_store(postgres_url) as store, Receiver(SECRET) as receiver:
        hold = asyncio.Event()
        receiver.misbehave(*[Behaviour(hold_answer=hold)] * 4)
        async with dispatcher_process(postgres_url, "one", receiver) as process:
            count = await add(store, 4)
            await until(lambda: receiver.counts.received == 4)
            process.send_signal(signal.SIGKILL)
            await process.wait()
        hold.set()
        assert await store.deliveries.page(state="delivered") == []
        async with dispatcher_process(postgres_url, "one", receiver):
            await all_delivered(store, count)
        check_order(receiver, 4)
        assert receiver.counts.redelivered == 4


async def test_another_dispatcher_takes_over_from_one_that_does_not_come_back(postgres_url: str) -> None:
    """Its lease, the time-out of 1 s and a margin of 10 s, runs out on a clock that is ahead by so much."""
    async with ready_store(postgres_url) as store, Receiver(SECRET) as receiver:
        hold = asyncio.Event()
        receiver.misbehave(*[Behaviour(hold_answer=hold)] * 2)
        async with dispatcher_process(postgres_url, "one", receiver) as process:
            count = await add(store, 2)
            await until(lambda: receiver.counts.received == 2)
            process.send_signal(signal.SIGKILL)
            await process.wait()
        hold.set()
        now = SystemClock().now()
        outbox = store.outbox(["desk"], owner="two")
        assert await outbox.claim(at=now, lease=1, limit=9) == []
        taken = await outbox.claim(at=now + 11_000_000, lease=1, limit=9)
        assert [d.revision for d in taken] == [1, 1]
        await outbox.release()
        async with dispatcher_process(postgres_url, "two", receiver):
            await all_delivered(store, count)
        check_order(receiver, 2)


async def test_410_is_remembered_by_the_next_process_until_a_person_enables_the_target(
    postgres_url: str,
) -> None:
    async with ready_store(postgres_url) as store, Receiver(SECRET) as receiver:
        receiver.misbehave(Behaviour(status=410, text="closed down"))

        async def all_dead(count: int) -> bool:
            return len(await store.deliveries.page(state="dead")) == count

        async with dispatcher_process(postgres_url, "one", receiver):
            await add(store, 1)
            await until(lambda: all_dead(3))
        await put(store, message("tkt-later", created_at=SystemClock().now()))
        async with dispatcher_process(postgres_url, "one", receiver):
            await until(lambda: all_dead(4))
            assert await store.targets.enable("desk", at=SystemClock().now(), by="wu") == 4
            await all_delivered(store, 4)
        counts = receiver.counts
        assert (counts.requests, counts.received, counts.out_of_order) == (1 + 4, 4, 0)
