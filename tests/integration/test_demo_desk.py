"""The demo's service desk signs what it asks, and takes it well when somebody else was first."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web

from alerts.callbacks import Caller
from alerts.targets import TargetSettings
from alerts.webhook import new_secret
from gateway.core.clock import ManualClock, SystemClock
from gateway.demo.desk import ServiceDesk
from gateway.demo.processes import CALLBACK_VARIABLE, DemoError
from simulator.room import ChatRoom

TICKET = "tkt-" + "a" * 24


class Gateway:
    """Reads callbacks as the real one does, and answers as it is told."""

    def __init__(self, caller: Caller) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.status, self.done = 200, True
        self._caller = caller

    async def take(self, request: web.Request) -> web.Response:
        asked = self._caller.read(request.headers, await request.read(), now=SystemClock().now())
        assert asked.request is not None
        self.asked.append((asked.ticket, asked.request.action, asked.request.crew))
        return web.json_response({"done": self.done}, status=self.status)


async def test_what_the_desk_asks_is_signed_and_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = new_secret()
    monkeypatch.setenv(CALLBACK_VARIABLE, secret)
    target = {"name": "service-desk", "url": "http://127.0.0.1/", "secret": {"env": CALLBACK_VARIABLE}}
    caller = Caller(TargetSettings.model_validate(target | {"callback_secret": {"env": CALLBACK_VARIABLE}}))
    gateway = Gateway(caller)
    app = web.Application()
    app.router.add_post("/api/callbacks/service-desk", gateway.take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        desk = ServiceDesk(f"http://127.0.0.1:{runner.addresses[0][1]}", secret, SystemClock())
        taken = await desk.ask("dispatch", TICKET, by="Chen Yu", crew="Crew 7")
        assert taken is not None
        assert 0 <= taken < 20
        assert gateway.asked == [(TICKET, "dispatch", "Crew 7")]
        gateway.done = False
        assert await desk.ask("arrive", TICKET, by="Chen Yu") is None
        gateway.status = 409
        assert await desk.ask("acknowledge", TICKET, by="Chen Yu") is None
        gateway.status = 401
        with pytest.raises(DemoError, match=r"callback \(arrive\) with 401"):
            await desk.ask("arrive", TICKET, by="Chen Yu")
    finally:
        await runner.cleanup()
    with pytest.raises(DemoError, match="did not answer"):
        await desk.ask("arrive", TICKET, by="Chen Yu")


async def test_a_chat_room_keeps_texts_and_refuses_what_is_none() -> None:
    async with ChatRoom(clock=ManualClock(7)) as room, aiohttp.ClientSession() as client:
        for body, status in ((b'{"text": "hello"}', 204), (b"{}", 400), (b"[]", 400), (b"x", 400)):
            async with client.post(
                room.url, data=body, headers={"content-type": "application/json"}
            ) as answer:
                assert answer.status == status
    assert [(post.at, post.text) for post in room.posts] == [(7, "hello")]
