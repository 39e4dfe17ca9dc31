"""Messages, targets, schemas and the audit log over HTTP and by command."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from gateway.core.access import Role
from gateway.core.clock import MINUTE, SECOND
from tests.integration.case_world import NOW, SECRET, SECRET_VARIABLE, World, get, post, world
from tests.integration.store_world import T0
from tests.signing import make_token


@pytest.fixture
async def there(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Three tickets, each told to two targets; everything for `desk` is dead."""
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    async with world(postgres_url) as found:
        for i in range(3):
            await found.outage(f"I{i}", f"T{i}", (i, i + 3), at=T0 + i * SECOND)
        async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as conn:
            await conn.execute("update feederline.delivery set state = 'dead' where target = 'desk'")
        yield found


async def test_messages_are_found_and_paged(there: World) -> None:
    async with there.client(Role.VIEWER) as client:
        everything = (await get(client, "/api/deliveries"))["deliveries"]
        assert len(everything) == 6
        assert all("body" not in one for one in everything)
        dead = (await get(client, "/api/deliveries", state="dead", target="desk"))["deliveries"]
        assert len(dead) == 3
        name = await there.ticket_of("I1")
        assert len((await get(client, "/api/deliveries", ticket=name))["deliveries"]) == 2
        assert len((await get(client, "/api/deliveries", below="T2"))["deliveries"]) == 2
        seen: list[str] = []
        before: dict[str, str] = {}
        while True:
            page = await get(client, "/api/deliveries", limit="4", **before)
            seen += [one["id"] for one in page["deliveries"]]
            if page["next"] is None:
                break
            before = {"before": page["next"]}
        assert seen == [one["id"] for one in everything]
        await get(client, "/api/deliveries", 422, before="yesterday")
        await get(client, "/api/deliveries", 422, state="lost")
        await post(client, f"/api/deliveries/{dead[0]['id']}/replay", None, 403)
    async with there.client(Role.ENGINEER, below=["T0"]) as client:
        mine = (await get(client, "/api/deliveries"))["deliveries"]
        assert {one["node"] for one in mine} == {"T0"}
        other = next(one["id"] for one in everything if one["node"] == "T1")
        await get(client, f"/api/deliveries/{other}", 404)
        await post(client, f"/api/deliveries/{other}/replay", None, 404)
        await post(client, "/api/deliveries/replay", {"target": "desk"}, 403)
        await post(client, "/api/deliveries/replay", {"ticket": name}, 404)
        await post(client, "/api/targets/desk/enable", None, 403)


async def test_dead_letters_are_replayed(there: World) -> None:
    async with there.client(Role.ENGINEER, name="Wang Fang") as client:
        dead = (await get(client, "/api/deliveries", state="dead"))["deliveries"]
        one = await post(client, f"/api/deliveries/{dead[0]['id']}/replay")
        assert (one["state"], one["replayed_by"]) == ("pending", "Wang Fang")
        await post(client, f"/api/deliveries/{dead[0]['id']}/replay", None, 409)
        assert await post(client, "/api/deliveries/replay", {"target": "desk"}) == {"replayed": 2}
        assert await post(client, "/api/deliveries/replay", {"ticket": dead[1]["ticket"]}) == {"replayed": 0}
        await post(client, "/api/deliveries/replay", {}, 422)
        await post(client, "/api/deliveries/none/replay", None, 404)


async def test_a_ticket_goes_by_its_number_too(there: World) -> None:
    name = await there.ticket_of("I1")
    async with there.client(Role.ENGINEER) as client:
        number = (await get(client, f"/api/tickets/{name}"))["number"]
        assert (await get(client, f"/api/tickets/{number}"))["id"] == name
        mine = (await get(client, "/api/deliveries", ticket=str(number)))["deliveries"]
        assert {(one["ticket"], one["ticket_number"]) for one in mine} == {(name, number)}
        assert await post(client, "/api/deliveries/replay", {"ticket": f"#{number}"}) == {"replayed": 1}
        for unknown in ("999999", "9" * 18, "9" * 19, "none"):
            await get(client, "/api/deliveries", 404, ticket=unknown)
            await get(client, f"/api/tickets/{unknown}", 404)
    async with there.client(Role.ENGINEER, below=["T0"]) as client:
        await get(client, f"/api/tickets/{number}", 404)
        told = await post(client, f"/api/tickets/{number}/comment", {"reason": "x"}, 404)
        assert told["detail"] == f"there is no ticket '{number}'"
        await get(client, "/api/deliveries", 404, ticket=str(number))
        await post(client, "/api/deliveries/replay", {"ticket": str(number)}, 404)


async def test_a_target_that_there_is_not_is_said(there: World) -> None:
    name = await there.ticket_of("I0")
    async with there.client(Role.ENGINEER) as client:
        told = await post(client, "/api/deliveries/replay", {"target": "nix"}, 422)
        assert told["faults"] == ["target: there is no target 'nix'; there are: deaf, desk"]
    async with there.client(Role.ENGINEER, below=["T0"]) as client:
        told = await post(client, "/api/deliveries/replay", {"target": "nix", "ticket": name}, 422)
        assert told["faults"] == ["target: there is no target 'nix'"]


async def test_a_target_that_wanted_no_more_is_taken_up_again(there: World) -> None:
    await there.store.targets.disable("desk", at=NOW, by="dispatcher", reason="it answered 410 Gone")
    async with there.client(Role.ENGINEER) as client:
        states = {t["name"]: t for t in (await get(client, "/api/targets"))["targets"]}
        assert (states["desk"]["state"], states["desk"]["dead"], states["desk"]["format"]) == (
            "disabled", 3, "standard",
        )  # fmt: skip
        assert states["deaf"]["state"] == "late"
        dead = (await get(client, "/api/deliveries", state="dead"))["deliveries"]
        refused = await post(client, f"/api/deliveries/{dead[0]['id']}/replay", None, 409)
        assert refused["possible"] == ["enable"]
        done = await post(client, "/api/targets/desk/enable")
        assert (done["replayed"], done["target"]["pending"], done["target"]["dead"]) == (3, 3, 0)
        await post(client, "/api/targets/desk/enable", None, 409)
        await post(client, "/api/targets/nobody/enable", None, 404)


async def test_the_audit_log_is_for_administrators_of_the_whole(there: World) -> None:
    async with there.client(Role.ENGINEER, name="Wang Fang") as client:
        await post(client, "/api/deliveries/replay", {"target": "desk"})
        await get(client, "/api/audit", 403)
    there.clock.advance(MINUTE)
    async with there.client(Role.ADMIN, name="Root") as client:
        log = (await get(client, "/api/audit", actor="Wang Fang", outcome="done"))["audit"]
        assert [(e["action"], e["object"], e["role"]) for e in log] == [
            ("deliveries.replay", "desk", "engineer")
        ]
        page = await get(client, "/api/audit", limit="1")
        assert len(page["audit"]) >= 1
        assert page["next"] is not None
        assert (await get(client, "/api/audit", action="deliveries.replay", object="deaf"))["audit"] == []
        await get(client, "/api/audit", 422, outcome="fine")
    async with there.client(Role.ADMIN, below=["T0"]) as client:
        await get(client, "/api/audit", 403)


async def test_schemas_of_messages_are_served(there: World) -> None:
    async with there.client(Role.VIEWER) as client:
        async with client.get("/api/schemas/ticket.v1.json") as answer:
            assert answer.status == 200
            assert answer.content_type == "application/schema+json"
            assert (await answer.json(content_type=None))["$schema"]
        for name in ("none.json", "__init__.py", "..%2f..%2fpyproject.toml", "a%00"):
            async with client.get(f"/api/schemas/{name}") as answer:
                assert answer.status == 404


async def run(*arguments: str, token: str) -> tuple[int, str, str]:
    """Exit code, standard output and error of a command."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "FEEDERLINE_TOKEN": token},
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_by_command(there: World, tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text("api: {port: 0}\n")
    where = ("-c", str(tmp_path / "f.yaml"), "--url", there.url)
    _, text = await make_token(there.store, Role.ENGINEER)
    await there.store.targets.disable("desk", at=NOW, by="dispatcher", reason="it answered 410 Gone")
    code, out, _ = await run("targets", "list", *where, token=text)
    assert code == 0
    assert "disabled      desk  0 pending, 0 late, 3 dead: it answered 410 Gone" in out
    code, out, err = await run("targets", "enable", "desk", "--new-only", *where, "--json", token=text)
    assert code == 0, err
    assert json.loads(out)["replayed"] == 0
    dead = ("deliveries", "list", "--state", "dead", *where, "--json")
    code, out, err = await run(*dead, token=text)
    assert code == 0, err
    first, number = (json.loads(out)["deliveries"][0][key] for key in ("id", "ticket_number"))
    assert len(json.loads(out)["deliveries"]) == 3
    code, out, err = await run("deliveries", "replay", first, *where, token=text)
    assert (code, out) == (0, "1 sent once more\n"), err
    code, out, err = await run("deliveries", "replay", first, *where, token=text)
    assert (code, out) == (1, "")
    assert "is pending" in err
    code, _, err = await run("deliveries", "replay", *where, token=text)
    assert code == 2
    here = where[2:]  # an address needs no configuration
    code, out, err = await run("deliveries", "list", "--ticket", str(number), *here, token=text)
    assert code == 0, err
    assert [line.split()[0] for line in out.splitlines()] == ["pending", "pending"]
    assert f"ticket {number} (tkt-" in out
    code, out, err = await run("deliveries", "list", "--target", "nix", *here, token=text)
    assert (code, out, err) == (0, "", "no such messages\n")
    code, out, err = await run("deliveries", "replay", "--target", "nix", *here, token=text)
    assert code == 2
    assert "there is no target 'nix'; there are: deaf, desk" in err
