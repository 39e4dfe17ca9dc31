"""A chat room to post to: it takes `{"text": "…"}` and keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType

from aiohttp import web

from gateway.core.clock import Clock, SystemClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    at: int  # µs, by the room's clock
    text: str


class ChatRoom:
    """Listens on this machine while entered as an async context manager. `posts`: in order."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self.posts: list[Post] = []
        self._clock = clock or SystemClock()
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/posts"

    async def __aenter__(self) -> ChatRoom:
        app = web.Application()
        app.router.add_post("/posts", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        try:
            text = (await request.json())["text"]
        except (ValueError, KeyError, TypeError):
            return web.Response(status=400, text="there is no text")
        self.posts.append(Post(at=self._clock.now(), text=str(text)))
        return web.Response(status=204)
