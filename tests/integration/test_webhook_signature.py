"""The golden signature, by us and as a stranger's receiver checks it; and TLS."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from standardwebhooks import Webhook

from alerts.exchange import Reply
from alerts.targets import TargetSettings
from alerts.webhook import Endpoint, open_session
from gateway.core.clock import SECOND, ManualClock, SystemClock
from gateway.core.ticket import Delivery
from simulator.receiver import Receiver
from tests.alerting import AT, OTHER_SECRET, SECRET, target
from tests.integration.webhook_rig import message

GOLDEN = json.loads((Path(__file__).parent.parent / "cases" / "webhook" / "standard.json").read_text())


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_SECRET", GOLDEN["secret"])
    monkeypatch.setenv("OTHER_SECRET", OTHER_SECRET)


def golden_delivery() -> Delivery:
    return Delivery(
        id=GOLDEN["webhook-id"],
        subject="t",
        ticket="t",
        revision=1,
        target="desk",
        created_at=AT,
        body=GOLDEN["body"].encode(),
    )


def golden_at(microseconds: int = 0) -> int:
    return int(GOLDEN["webhook-timestamp"]) * SECOND + microseconds


@pytest.mark.parametrize("microseconds", [0, 1, 999_999])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/New_York"])
def test_golden(zone: str, microseconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        headers = Endpoint(target(), frozenset({"desk.example"})).headers(
            golden_delivery(), at=golden_at(microseconds)
        )
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        assert headers[name] == GOLDEN[name]


def test_two_secrets_sign_with_the_current_one_first() -> None:
    both = target(secret={"env": "OTHER_SECRET"}, previous_secret={"env": "DESK_SECRET"})
    headers = Endpoint(both, frozenset({"desk.example"})).headers(golden_delivery(), at=golden_at())
    first, second = headers["webhook-signature"].split(" ")
    assert second == GOLDEN["webhook-signature"]
    assert first.startswith("v1,")
    assert first != second


def test_a_stranger_can_verify_what_we_send() -> None:
    delivery = message()
    headers = Endpoint(target(), frozenset({"desk.example"})).headers(delivery, at=SystemClock().now())
    assert Webhook(SECRET).verify(delivery.body, headers)["type"] == "ticket.updated"


async def post(url: str, headers: dict[str, str], body: bytes) -> int:
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        return response.status


@pytest.mark.parametrize(
    "spoil",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "nonsense"},
        {"webhook-signature": ""},
        {"webhook-id": "msg_another"},
        {"webhook-timestamp": "0"},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "9" * 30},
        {},
    ],
)
async def test_the_receiver_refuses_forgeries(spoil: dict[str, str]) -> None:
    delivery = message()
    headers = Endpoint(target(), frozenset({"desk.example"})).headers(delivery, at=SystemClock().now())
    body = delivery.body if spoil else delivery.body.replace(b"tkt-1", b"tkt-2")
    async with Receiver(SECRET) as receiver:
        assert await post(receiver.url, {**headers, **spoil}, body) == 401
        assert (receiver.counts.rejected, receiver.counts.received, receiver.messages) == (1, 0, [])
        assert await post(receiver.url, headers, delivery.body) == 204
        assert receiver.counts.received == 1


async def test_an_old_message_replayed_is_refused() -> None:
    delivery = message()
    old = Endpoint(target(), frozenset({"desk.example"})).headers(
        delivery, at=SystemClock().now() - 301 * SECOND
    )
    async with Receiver(SECRET) as receiver:
        assert await post(receiver.url, old, delivery.body) == 401


async def test_the_receiver_sees_what_must_not_be() -> None:
    """One step under two ids, and a step after a later one: the receiver counts both."""
    second, again, first = message(revision=2), message(revision=2, to="other"), message(revision=1)
    endpoint = Endpoint(target(), frozenset({"desk.example"}))
    async with Receiver(SECRET) as receiver:
        for delivery in (second, again, first):
            headers = endpoint.headers(delivery, at=SystemClock().now())
            assert await post(receiver.url, headers, delivery.body) == 204
        counts = receiver.counts
        assert (counts.received, counts.duplicated, counts.out_of_order) == (3, 1, 1)
        assert receiver.tickets["tkt-1"]["revision"] == 2


async def send(chosen: TargetSettings) -> Reply:
    async with open_session(1) as session:
        endpoint = Endpoint(chosen, frozenset({chosen.host}), ManualClock(AT))
        return await endpoint.send(session, golden_delivery())


async def test_an_endless_reply_is_not_read_to_its_end() -> None:
    written = 0
    gone = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
                written += 1
        except (ConnectionError, asyncio.CancelledError):
            gone.set()
            raise

    app = web.Application()
    app.router.add_post("/", endless)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        reply = await send(target(f"http://127.0.0.1:{runner.addresses[0][1]}/"))
        assert reply == Reply(status=500, error="answered 500: " + 200 * "x")
        async with asyncio.timeout(10):
            await gone.wait()
    finally:
        await runner.cleanup()
