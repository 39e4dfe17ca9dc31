"""Service systems calling back on a real socket: signed, once in effect, within their part of the network."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from standardwebhooks import Webhook

from gateway.core.access import Role
from gateway.core.clock import MINUTE, SECOND, to_datetime
from gateway.core.model import Instruction
from tests.integration.case_world import SECRET, SECRET_VARIABLE, World, alerts, get, world
from tests.integration.store_world import T0, rows
from tests.waiting import until

OTHER = "whsec_" + "AAAAsBQIhrscChlQIMV+b5sSYspob7oD"


@pytest.fixture
async def there(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """`desk` may call back about T0 and T1 only."""
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    given = alerts()
    desk = given.targets[0].model_copy(update={"below": ("T0", "T1")})
    settings = given.model_copy(update={"targets": (desk, given.targets[1])})
    async with world(postgres_url, settings) as found:
        for i in range(3):
            await found.outage(f"I{i}", f"T{i}", (i, i + 3), at=T0 + i * SECOND)
        yield found


async def call(
    there: World,
    body: object,
    *,
    name: str = "m1",
    target: str = "desk",
    secret: str = SECRET,
    at: int | None = None,
) -> tuple[int, dict[str, Any]]:
    """Status and body of the answer to one signed message."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    when = to_datetime(there.clock.at if at is None else at)
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(int(when.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, when, data.decode("latin-1")),
    }
    async with (
        aiohttp.ClientSession(there.url) as client,
        client.post(f"/api/callbacks/{target}", data=data, headers=headers) as answer,
    ):
        return answer.status, await answer.json()


async def test_closing_there_closes_here_once(there: World, postgres_url: str) -> None:
    name = await there.ticket_of("I0")
    said = {"ticket": name, "action": "close", "by": "Lin", "cause": "tree"}
    first = await call(there, said)
    assert first[0] == 200
    assert (first[1]["done"], first[1]["state"], first[1]["revision"]) == (True, "closed", 2)
    there.clock.advance(MINUTE)
    assert await call(there, said) == first  # the same message again
    assert await call(there, {"ticket": name, "action": "reopen", "reason": "x"}) == first  # whatever it says
    status, again = await call(there, said, name="m2")  # said twice in two messages
    assert (status, again["done"], again["revision"]) == (200, False, 2)
    async with there.client(Role.ADMIN) as client:
        ticket = await get(client, f"/api/tickets/{name}")
        last = ticket["transitions"][-1]
        assert (last["action"], last["by"], last["origin"]) == ("close", "Lin", "callback desk")
        assert ticket["cause"] == "tree"

        async def came_again() -> bool:
            denied = await get(client, "/api/audit", outcome="denied", actor="desk")
            return any(e["detail"]["reason"] == "callback: came again" for e in denied["audit"])

        await until(came_again)
    assert await rows(
        postgres_url, f"select actor, action, origin from audit where object = '{name}' and outcome = 'done'"
    ) == [("desk", "ticket.close", "callback desk")]


async def test_named_by_number_incident_or_their_own_reference(there: World, postgres_url: str) -> None:
    assert (await call(there, {"number": 1, "action": "acknowledge"}, name="a"))[0] == 200
    assert (await call(there, {"incident": "I1", "action": "dispatch", "crew": "7"}, name="b"))[0] == 200
    assert (await call(there, {"reference": "INC7", "action": "comment", "reason": "x"}, name="c"))[0] == 404
    await rows(
        postgres_url,
        f"insert into ticket_reference values ('{await there.ticket_of('I1')}', 'desk', 'INC7') returning 1",
    )
    # not found is no lasting answer: our own delivery may still be learning the reference
    assert (await call(there, {"reference": "INC7", "action": "comment", "reason": "x"}, name="c"))[0] == 200
    assert (await call(there, {"number": 99, "action": "acknowledge"}, name="d"))[0] == 404


async def test_confirming_goes_by_the_incident(there: World) -> None:
    status, told = await call(there, {"incident": "I0", "action": "confirm", "by": "Lin"})
    assert (status, told["done"]) == (202, False)
    (word,) = there.detector.entries
    assert isinstance(word, Instruction)
    assert (word.incident, word.order, word.by) == ("I0", "confirm", "Lin")
    status, told = await call(there, {"incident": "I0", "action": "confirm"}, name="m2")
    assert (status, told["state"]) == (200, "confirmed")


async def test_what_is_not_theirs_or_not_possible(there: World, postgres_url: str) -> None:
    elsewhere = await there.ticket_of("I2")
    for name, action in (("a0", "close"), ("a1", "confirm")):
        status, _ = await call(there, {"ticket": elsewhere, "action": action}, name=name)
        assert status == 404
        for number in (3, 99):  # one is there and not theirs; the words are the same
            answer = await call(there, {"number": number, "action": action}, name=f"{name}{number}")
            assert answer == (404, {"detail": f"there is no ticket number {number}"})
    assert (await call(there, {"incident": "I2", "action": "confirm"}, name="b"))[0] == 404
    status, told = await call(there, {"incident": "I0", "action": "reopen", "reason": "x"}, name="c")
    assert status == 409
    assert "close" in told["possible"]
    assert await call(there, {"incident": "I0", "action": "close"}, name="c") == (status, told)
    status, told = await call(there, {"incident": "I0", "action": "cancel"}, name="d")
    assert status == 422
    assert told["faults"][0].startswith("reason")
    nonsense: list[object] = [
        {"action": "close"},
        {"incident": "I0", "action": "explode"},
        {"incident": "I0", "number": 1, "action": "close"},
        {"number": 2**80, "action": "close"},
        [],
        b"{",
        b"[" * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
    ]
    for body in nonsense:
        assert (await call(there, body, name="e"))[0] == 422, body
    assert there.detector.entries == []
    assert await rows(postgres_url, "select count(*) from ticket_transition where action <> 'open'") == [(0,)]


async def test_forged_old_and_unknown_are_told_apart_by_nobody(there: World, postgres_url: str) -> None:
    said = {"incident": "I0", "action": "close"}
    answers = [
        await call(there, said, secret=OTHER),
        await call(there, said, at=there.clock.at - 6 * MINUTE),
        await call(there, said, at=there.clock.at + 6 * MINUTE),
        await call(there, said, target="nobody"),
        await call(there, said, target="deaf"),
        await call(there, said, target="a%00b"),
        await call(there, said, name="m" * 300),
    ]
    async with (
        aiohttp.ClientSession(there.url) as client,
        client.post("/api/callbacks/desk", json=said) as answer,
    ):
        answers.append((answer.status, await answer.json()))
    assert {status for status, _ in answers} == {401}
    assert len({json.dumps(body) for _, body in answers}) == 1
    assert await rows(postgres_url, "select count(*) from ticket_transition where action <> 'open'") == [(0,)]

    async def on_record() -> bool:
        found = await rows(
            postgres_url, "select distinct detail ->> 'reason' from audit where action = 'callback'"
        )
        return len(found) >= 4

    await until(on_record)
    async with there.client(Role.VIEWER) as client, client.get("/metrics") as answer:
        figures = await answer.text()
    assert 'feederline_api_callbacks_total{outcome="forged"}' in figures


async def test_a_body_over_the_limit_is_not_read_to_its_end(there: World) -> None:
    async with (
        aiohttp.ClientSession(there.url) as client,
        client.post("/api/callbacks/desk", data=io.BytesIO(b"x" * (5 << 20))) as answer,
    ):
        assert answer.status == 413


async def test_many_at_once_do_not_wait_for_each_other(there: World) -> None:
    """More than there are connections to the database: each has to make do with one."""
    many = 30
    there.detector.deaf = True
    asked = [call(there, {"number": 1, "action": "confirm"}, name=f"c{i}") for i in range(many)]
    assert {status for status, _ in await asyncio.gather(*asked)} == {202}
    same = await asyncio.gather(
        *(call(there, {"number": 1, "action": "close"}, name="x") for _ in range(many))
    )
    assert {(status, told["revision"], told["done"]) for status, told in same} == {
        (200, same[0][1]["revision"], True)
    }
