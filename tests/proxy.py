"""A TCP proxy that can be absent, cut, and brought back: for connections that fail at the worst moment."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType


class Proxy:
    """`async with Proxy("127.0.0.1:5432") as proxy:` reserves `proxy.port`; nobody answers there until `open`.

    target: host:port, or the path of a Unix socket.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._pipes: set[asyncio.Task[None]] = set()
        self._links: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def __aenter__(self) -> Proxy:
        await self.open()
        await self.cut()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()

    async def open(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_server(self._link, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Refuse new connections and reset those there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._links):
            writer.transport.abort()
        for task in self._pipes:
            task.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    async def _link(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        self._links.add(near)
        try:
            if self._target.startswith("/"):
                far_reader, far = await asyncio.open_unix_connection(self._target)
            else:
                host, port = self._target.rsplit(":", 1)
                far_reader, far = await asyncio.open_connection(host, int(port))
        except OSError:
            near.transport.abort()
            self._links.discard(near)
            return
        self._links.add(far)
        for reader, writer in ((near_reader, far), (far_reader, near)):
            task = asyncio.create_task(_pipe(reader, writer))
            self._pipes.add(task)
            task.add_done_callback(self._pipes.discard)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
