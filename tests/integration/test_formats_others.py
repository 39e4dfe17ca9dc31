"""Templates and chat over real HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from alerts.targets import TargetSettings
from tests.alerting import SECRET
from tests.notices import TICKET, Sender, notice


class Room:
    """Takes anything; `answers` are given in turn, then 200 "ok"."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: list[tuple[int, str]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append((request.method, request.path_qs, headers, await request.read()))
        status, text = self.answers.pop(0) if self.answers else (200, "ok")
        return web.Response(status=status, text=text)


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    made = Room()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield made
    finally:
        await runner.cleanup()


def sender(url: str, form: str, options: dict[str, Any], **more: Any) -> Sender:
    return Sender(
        TargetSettings.model_validate(
            {"name": "desk", "url": url, "format": form, "options": options, **more}
        )
    )


async def test_chat_is_posted_unsigned_to_the_address_itself(room: Room) -> None:
    assert (await sender(f"{room.url}/hook?key=abc", "chat", {}).once(notice())).accepted
    ((method, path, headers, body),) = room.got
    assert (method, path) == ("POST", "/hook?key=abc")
    assert not [name for name in headers if name.startswith("webhook-")]
    assert json.loads(body)["text"].startswith("Ticket 1017, step 1: opened")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            '{"errcode":45009,"errmsg":"reach max api daily quota limit"}',
            "errcode 45009: reach max api daily",
        ),
        ('{"code":9499,"msg":"Bad Request"}', "code 9499: Bad Request"),
        ('{"errcode":0,"errmsg":"ok"}', ""),
        ('{"code":0}', ""),
        ("[]", ""),
        ("", ""),
    ],
)
async def test_rooms_that_refuse_with_200(room: Room, answer: str, error: str) -> None:
    room.answers.append((200, answer))
    reply = await sender(room.url, "chat", {}).once(notice())
    assert reply.accepted is not bool(error)
    assert reply.error.startswith(error)


async def test_a_template_is_sent_as_it_says(room: Room) -> None:
    options = {
        "method": "PUT",
        "path": "outages/{number}",
        "headers": {"X-Source": "feederline"},
        "body": {"title": "{title}", "customers": "{customers}"},
    }
    assert (await sender(f"{room.url}/base/", "template", options).once(notice())).accepted
    ((method, path, headers, body),) = room.got
    assert (method, path) == ("PUT", "/base/outages/1017")
    assert (headers["x-source"], headers["content-type"]) == ("feederline", "application/json")
    assert json.loads(body) == {"title": TICKET.title, "customers": 48}
    assert "webhook-signature" not in headers


async def test_a_template_is_signed_as_it_is_sent(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_SECRET", SECRET)
    by = sender(room.url, "template", {"body": "{text}"}, secret={"env": "DESK_SECRET"})
    assert (await by.once(notice(reason="Kabelschaden, 电缆"))).accepted
    ((_, _, headers, body),) = room.got
    assert "电缆" in body.decode()
    assert headers["content-type"] == "text/plain; charset=utf-8"
    with pytest.raises(json.JSONDecodeError):  # the library verifies, then takes every body for JSON
        Webhook(SECRET).verify(body, headers)


async def test_failures_are_judged_by_the_common_rules(room: Room) -> None:
    for form, options in (("chat", {}), ("template", {"body": "x"})):
        by = sender(room.url, form, options)
        room.answers += [(500, "no"), (410, ""), (302, "")]
        replies = [await by.once(notice()) for _ in range(3)]
        assert [reply.status for reply in replies] == [500, 410, 302]
        assert [reply.gone for reply in replies] == [False, True, False]
        assert not any(reply.accepted for reply in replies)
