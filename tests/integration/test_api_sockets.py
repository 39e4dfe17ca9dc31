"""The API under those who hold connections, drip, do not read, and say what proxies take for something else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.api.access import connections, limits
from gateway.api.settings import host_name
from tests.integration.store_world import ready_store
from tests.integration.test_api_server import serving

HEAD = b"host: localhost\r\n"
WHOLE = b"GET /health/live HTTP/1.1\r\n" + HEAD + b"\r\n"


@asynccontextmanager
async def site(database: str) -> AsyncIterator[int]:
    async with ready_store(database) as store, serving(store) as url:
        yield int(url.rsplit(":", 1)[1])


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What comes until the other side hangs up."""
    async with asyncio.timeout(20):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.mark.parametrize(
    "said", [b"", b"GET /health/live HTTP/1.1\r\nhost: lo", WHOLE + b"GET /health/live HT", b"\r\n"]
)
async def test_who_does_not_finish_asking_is_hung_up_on(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.3)
    async with site(postgres_url) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        answered = await ended(reader)
        assert answered.count(b'{"alive":true}') == said.count(WHOLE)
        writer.close()


async def test_there_are_no_more_connections_than_are_allowed(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST", 3)
    async with site(postgres_url) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for reader, writer in held:
            writer.write(WHOLE)
            assert b"200" in await reader.readline()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await ended(reader) == b""
        writer.close()
        for _, there in held:
            there.close()
            await there.wait_closed()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(WHOLE)
        assert b"200" in await reader.readline()
        writer.close()


async def test_who_does_not_read_is_hung_up_on(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "READ_S", 0.5)
    closed = asyncio.Event()
    lost = connections.Connection.connection_lost

    def noticed(self: connections.Connection, exc: Exception | None) -> None:
        lost(self, exc)
        closed.set()

    monkeypatch.setattr(connections.Connection, "connection_lost", noticed)
    async with site(postgres_url) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        asked = b"GET /web/page.js HTTP/1.1\r\n" + HEAD + b"\r\n"
        writer.write(asked * 3000)  # pipelined: far more answers than the kernel takes
        async with asyncio.timeout(30):
            await closed.wait()
        writer.close()


async def test_a_body_that_drips_is_refused(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_PART_S", 0.5)
    async with site(postgres_url) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /api/session HTTP/1.1\r\n" + HEAD + b"content-type: application/json\r\n")
        writer.write(b"content-length: 1000\r\n\r\n")
        line = asyncio.create_task(reader.readline())
        async with asyncio.timeout(20):
            while not line.done():
                writer.write(b" ")
                await asyncio.wait([line], timeout=0.1)
        assert b" 408 " in line.result()
        writer.close()


async def test_two_lengths_of_one_body_are_refused(postgres_url: str) -> None:
    async with site(postgres_url) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /api/session HTTP/1.1\r\n" + HEAD + b"content-length: 4\r\n")
        writer.write(b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n" + WHOLE)
        answered = await ended(reader)
        assert answered.startswith(b"HTTP/1.1 400 ")
        assert b"alive" not in answered
        writer.close()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("localhost:80", "localhost"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("A.example", "a.example"),
        ("[::1].example.net", ""), ("[::1]@example.net:80", ""), ("localhost:example.net", ""), ("::1", ""), ("", ""),
    ],
)  # fmt: skip
def test_names_in_the_header_host(given: str, name: str) -> None:
    assert host_name(given) == name
