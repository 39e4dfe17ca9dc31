"""Live changes over a real socket: told as they happen, to those who may know, and honest about what was missed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest

from gateway.api.cases import events, hub
from gateway.api.cases.hub import Hub
from gateway.core.access import AuditEntry, Role
from gateway.core.errors import UnavailableError
from gateway.core.model import Commit
from gateway.store.changes import ChangeNote
from tests.integration.case_world import SECRET, SECRET_VARIABLE, World, post, world
from tests.integration.store_world import outage, rows
from tests.signing import bearer, make_token
from tests.waiting import until


@pytest.fixture
async def there(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    async with world(postgres_url) as found:
        await found.outage("I0", "T0", (0, 3))
        yield found


class Stream:
    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.last = ""

    async def next(self, timeout_s: float = 10) -> tuple[str, dict[str, Any]]:
        """Name and data of the next event, beats left out."""
        name = ""
        data: dict[str, Any] = {}
        async with asyncio.timeout(timeout_s):
            while True:
                line = (await self.answer.content.readline()).decode()
                assert line, "the stream has ended"
                key, _, value = line.rstrip("\n").partition(": ")
                if key == "event":
                    name = value
                elif key == "id":
                    self.last = value
                elif key == "data":
                    data = json.loads(value)
                elif not key and name != "beat" and name:
                    return name, data


@asynccontextmanager
async def watching(client: aiohttp.ClientSession, last: str = "") -> AsyncIterator[Stream]:
    headers = {"last-event-id": last} if last else {}
    async with client.get("/api/events", headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "text/event-stream"
        yield Stream(answer)


async def test_changes_are_told_as_they_happen(there: World) -> None:
    name = await there.ticket_of("I0")
    async with there.client() as client, watching(client) as stream:
        assert (await stream.next())[0] == "resync"
        await post(client, f"/api/tickets/{name}/acknowledge")
        assert await stream.next() == ("change", {"what": "ticket", "id": name, "revision": 2, "node": "T0"})
        last = stream.last
        await post(client, f"/api/tickets/{name}/comment", {"reason": "x"})
        async with watching(client, last) as again:  # told what it missed, and nothing twice
            assert (await again.next())[1]["revision"] == 3
            await post(client, f"/api/tickets/{name}/comment", {"reason": "y"})
            assert (await again.next())[1]["revision"] == 4
        async with watching(client, "unknown-1") as lost:
            assert (await lost.next())[0] == "resync"


async def test_only_what_is_theirs(there: World) -> None:
    async with (
        there.client(Role.VIEWER, below=["T1"]) as client,
        watching(client) as stream,
    ):
        assert (await stream.next())[0] == "resync"
        await there.write(Commit(events=[outage("I2", node="T2", devices=(2,))]))
        await there.write(Commit(events=[outage("I1", node="T1", devices=(1,))]))
        assert (await stream.next())[1]["id"] == "I1"
    async with aiohttp.ClientSession(there.url) as nobody, nobody.get("/api/events") as answer:
        assert answer.status == 401


async def test_ends_when_the_token_is_taken_back(there: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "BEAT_S", 0.1)
    monkeypatch.setattr(events, "CHECK_S", 0.1)
    token, text = await make_token(there.store, Role.VIEWER)
    async with aiohttp.ClientSession(there.url, headers=bearer(text)) as client, watching(client) as stream:
        assert (await stream.next())[0] == "resync"
        await there.store.access.revoke(
            token.id, AuditEntry(at=there.clock.at, actor="x", action="token.revoke", outcome="done")
        )
        assert (await stream.next())[0] == "end"
        assert await stream.answer.content.read() == b""


async def test_streams_are_limited_and_leave_nothing_behind(there: World) -> None:
    async with there.client(Role.VIEWER) as client:
        async with all_watching([client] * 20), client.get("/api/events") as answer:
            assert answer.status == 429
            assert answer.headers["retry-after"]

        async def figures() -> str:
            async with client.get("/metrics") as answer:
                return await answer.text()

        async def gone() -> bool:
            return "feederline_api_streams 0.0" in await figures()

        await until(gone)
        async with watching(client):
            pass


@asynccontextmanager
async def all_watching(clients: list[aiohttp.ClientSession]) -> AsyncIterator[list[Stream]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(watching(client)) for client in clients]


class Feed:
    """Says what the test says; `broken` is raised once it is set."""

    def __init__(self) -> None:
        self.notes: asyncio.Queue[ChangeNote | None] = asyncio.Queue()
        self.heard = 0

    async def listen(self) -> AsyncGenerator[ChangeNote | None, None]:
        self.heard += 1
        yield None
        while True:
            note = await self.notes.get()
            if note is None:
                raise UnavailableError("the connection is lost")
            yield note


def note(revision: int) -> ChangeNote:
    return ChangeNote(what="ticket", id="t", revision=revision, node="T0")


async def test_who_reads_too_slowly_is_told_to_read_anew() -> None:
    feed = Feed()
    there = Hub(feed, linger_s=0)
    with there.watch("a", lambda _: True) as slow, there.watch("b", lambda _: True) as quick:
        assert (await quick.next()).name == "resync"
        assert (await slow.next()).name == "resync"
        for i in range(hub.QUEUE + 1):
            feed.notes.put_nowait(note(i))
            told = await quick.next()
            assert told.change == note(i)
        assert (await slow.next()).name == "resync"
        feed.notes.put_nowait(note(9999))
        assert (await slow.next()).change == note(9999)
    assert there.watched == 0
    await until(lambda: not there.listening)


async def test_who_comes_back_is_told_what_was_missed_since_the_stream_began() -> None:
    feed = Feed()
    there = Hub(feed, linger_s=0)
    with there.watch("a", lambda _: True) as watcher:
        began = (await watcher.next()).id
        with there.watch("a", lambda _: True, after=began) as early:
            for i in range(hub.REMEMBERED):
                feed.notes.put_nowait(note(i))
                assert (await watcher.next()).change == note(i)
                if not i:
                    assert (await early.next()).change == note(0)
        run, number = began.rsplit("-", 1)
        begins = {
            f"{run}-{int(number) + hub.REMEMBERED - 1}": "change",
            f"{run}-{int(number) + hub.REMEMBERED + 1}": "resync",  # of what is still to come nobody knows
            f"{run}-{int(number) - 1}": "resync",
            f"{run}-": "resync",
            f"other-{number}": "resync",
        }
        for after, name in begins.items():
            with there.watch("a", lambda _: True, after=after) as again:
                assert (await again.next()).name == name, after
        feed.notes.put_nowait(note(hub.REMEMBERED))
        await watcher.next()
        with there.watch("a", lambda _: True, after=began) as late:  # one more than is remembered
            assert (await late.next()).name == "resync"


async def test_a_database_that_goes_away_is_trouble_and_its_return_a_resync() -> None:
    feed = Feed()
    there = Hub(feed, linger_s=0)
    with there.watch("a", lambda _: True) as watcher:
        assert (await watcher.next()).name == "resync"
        feed.notes.put_nowait(None)
        assert (await watcher.next()).name == "trouble"
        with there.watch("b", lambda _: True) as late:
            assert (await late.next()).name == "trouble"
            assert (await late.next()).name == "resync"
        assert (await watcher.next()).name == "resync"
        assert feed.heard == 2


async def test_a_cut_connection_is_noticed(there: World) -> None:
    """The database's own end of the listening connection is taken away."""
    async with there.client() as client, watching(client) as stream:
        assert (await stream.next())[0] == "resync"
        cut = await rows(
            there.store.settings.url,
            "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen feederline_change%'",
        )
        assert cut == [(True,)]
        assert (await stream.next())[0] == "trouble"
        assert (await stream.next())[0] == "resync"
        await post(client, f"/api/tickets/{await there.ticket_of('I0')}/acknowledge")
        assert (await stream.next())[0] == "change"
