"""Tickets over HTTP: found, ranked, driven; each write on the revision that was read, on record, within one's area."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.api.access import auditing
from gateway.core.access import AuditEntry, Role
from gateway.core.clock import HOUR, MINUTE, SECOND, format_time
from gateway.core.model import Commit, IncidentState
from tests.integration.case_world import NOW, SECRET, SECRET_VARIABLE, World, get, post, world
from tests.integration.store_world import T0, rows
from tests.waiting import until


@pytest.fixture
async def there(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """I0 at T0 is oldest; I1 at T1 has a critical customer; I2 at T2 an important one."""
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    async with world(postgres_url) as found:
        for i in range(3):
            await found.outage(f"I{i}", f"T{i}", (i, i + 3), at=T0 + i * SECOND)
        yield found


async def _numbers(client: Any, **parameters: str) -> list[int]:
    return [t["number"] for t in (await get(client, "/api/tickets", **parameters))["tickets"]]


async def test_filters_and_orders(there: World) -> None:
    async with there.client(Role.VIEWER) as client:
        assert await _numbers(client) == [3, 2, 1]
        assert await _numbers(client, order="rank") == [2, 3, 1]
        assert await _numbers(client, order="rank", limit="2") == [2, 3]
        page = await get(client, "/api/tickets", order="rank", limit="2")
        assert page["next"] == "2"
        assert await _numbers(client, order="rank", limit="2", skip=page["next"]) == [1]
        assert await _numbers(client, severity="1") == [2]
        assert await _numbers(client, below="T2") == [3]
        assert await _numbers(client, below="F") == [3, 2, 1]
        assert await _numbers(client, below="nowhere") == []
        assert await _numbers(client, text="#2") == [2]
        assert await _numbers(client, text="i0") == [1]
        assert await _numbers(client, kind="phase_loss") == []
        assert await _numbers(client, drill="true") == []
        assert await _numbers(client, drill="false", state="live") == [3, 2, 1]
        assert await _numbers(client, late="true") == []
        await get(client, "/api/tickets", 422, order="rank", state="closed")
        await get(client, "/api/tickets", 422, order="rank", before=format_time(NOW))
        await get(client, "/api/tickets", 422, skip="1")
        await get(client, "/api/tickets", 422, severity="4")


async def test_late_clocks_are_found_and_counted(there: World) -> None:
    for hours in (1, 3):
        there.clock.at = T0 + hours * HOUR
        await there.write(Commit(at=there.clock.at))
    async with there.client() as client:
        assert set(await _numbers(client, late="true")) == {1, 2, 3}
        one = await get(client, f"/api/tickets/{await there.ticket_of('I1')}")
        clocks = {clock["name"]: clock for clock in one["clocks"]}
        assert clocks["arrival"]["late"]
        assert clocks["arrival"]["stopped_at"] is None
        summary = await get(client, "/api/summary")
        assert summary["tickets"]["tickets"] == 3
        assert summary["tickets"]["late"] == 3
        assert summary["last_drill"] is None
        assert [one["target"] for one in summary["undelivered"]] == ["deaf", "desk"]


async def test_one_ticket_has_what_is_needed_to_drive_it(there: World) -> None:
    name = await there.ticket_of("I1")
    async with there.client(Role.VIEWER) as client, client.get(f"/api/tickets/{name}") as answer:
        assert answer.headers["etag"] == '"1"'
        one = await answer.json()
    assert one["possible"] == []
    assert one["priority_customers"] == {"critical": 1, "public_welfare": 0, "important": 0}
    assert one["kind"] == "outage"
    assert [step["action"] for step in one["transitions"]] == ["open"]
    assert {d["target"] for d in one["deliveries"]} == {"deaf", "desk"}
    async with there.client() as client:
        one = await get(client, f"/api/tickets/{name}")
    assert {"confirm", "acknowledge", "dispatch", "comment", "cancel"} <= set(one["possible"])
    assert "open" not in one["possible"]


async def test_driven_to_its_end_with_everything_on_record(there: World, postgres_url: str) -> None:
    name = await there.ticket_of("I0")
    path = f"/api/tickets/{name}"
    async with there.client(name="Chen Yu") as client:
        moved = await post(client, f"{path}/acknowledge")
        assert moved["acknowledged_at"] == format_time(NOW)
        moved = await post(client, f"{path}/dispatch", {"crew": "Crew 7"}, match=moved["revision"])
        assert (moved["state"], moved["crew"]) == ("dispatched", "Crew 7")
        until = format_time(NOW + HOUR)
        moved = await post(
            client, f"{path}/estimate", {"restoration_estimated_at": until}, match=moved["revision"]
        )
        assert (moved["state"], moved["restoration_estimated_at"]) == ("estimated", until)
        moved = await post(client, f"{path}/arrive", match=moved["revision"])
        moved = await post(client, f"{path}/comment", {"reason": "pole is down"})
        moved = await post(client, f"{path}/restore", {"cause": "tree"}, match=moved["revision"])
        moved = await post(client, f"{path}/close", match="*")
        assert (moved["state"], moved["ended_by"], moved["cause"]) == ("closed", "Chen Yu", "tree")
        moved = await post(client, f"{path}/reopen", {"reason": "dark again"}, match=moved["revision"])
        assert moved["state"] == "reopened"
        assert {(s["by"], s["origin"]) for s in moved["transitions"][1:]} == {("Chen Yu", "api")}
    wanted = ["acknowledge", "dispatch", "estimate", "arrive", "comment", "restore", "close", "reopen"]
    assert await rows(
        postgres_url, f"select action, actor, outcome from audit where object = '{name}' order by audit_id"
    ) == [(f"ticket.{word}", "Chen Yu", "done") for word in wanted]


async def test_confirming_goes_by_the_incident(there: World) -> None:
    name = await there.ticket_of("I0")
    async with there.client() as client:
        confirmed = await post(client, f"/api/tickets/{name}/confirm", match=1)
        assert confirmed["state"] == "confirmed"
        refused = await post(client, f"/api/tickets/{name}/confirm", None, 409, match=confirmed["revision"])
        assert "dispatch" in refused["possible"]
        there.detector.deaf = True
        other = await there.ticket_of("I1")
        taken = await post(client, f"/api/tickets/{other}/confirm", None, 202, match="*")
        assert taken["state"] == "predicted"


async def test_two_operators_one_is_told_that_it_has_changed(there: World) -> None:
    path = f"/api/tickets/{await there.ticket_of('I0')}"
    async with there.client(name="one") as one, there.client(name="two") as two:

        async def dispatch(client: Any, crew: str) -> int:
            headers = {"if-match": '"1"'}
            async with client.post(f"{path}/dispatch", json={"crew": crew}, headers=headers) as answer:
                await answer.read()
                return int(answer.status)

        assert sorted(await asyncio.gather(dispatch(one, "A"), dispatch(two, "B"))) == [200, 412]
        stale = await post(one, f"{path}/close", None, 412, match=1)
        assert stale["revision"] == 2
        await post(one, f"{path}/close", None, 428)
        await post(one, f"{path}/close", None, 422, match="W/7")
        await post(one, f"{path}/acknowledge", None, 412, match=1)


async def test_what_cannot_be_is_refused_with_what_can(there: World) -> None:
    path = f"/api/tickets/{await there.ticket_of('I0')}"
    async with there.client() as client:
        refused = await post(client, f"{path}/reopen", {"reason": "dark"}, 409, match=1)
        assert "dispatch" in refused["possible"]
        assert "open" not in refused["possible"]
        faults = (await post(client, f"{path}/cancel", None, 422, match=1))["faults"]
        assert any(fault.startswith("reason:") for fault in faults)
        faults = (await post(client, f"{path}/dispatch", {"cause": "tree", "x": 1}, 422, match=1))["faults"]
        assert any("x" in fault for fault in faults)
        for body, status, said in (
            ('{"crew":\n', 400, "the body is no JSON: line 2, column 1: Expecting value"),
            ("[]", 422, "body: Input should be"),
            ("7", 422, "body: Input should be"),
        ):
            headers = {"content-type": "application/json", "if-match": "*"}
            async with client.post(f"{path}/dispatch", data=body, headers=headers) as answer:
                told = await answer.json()
                assert (answer.status, told["detail"][: len(said)]) == (status, said), told
        past = {"restoration_estimated_at": "2020-01-01T00:00:00Z"}
        await post(client, f"{path}/dispatch", match=1)
        await post(client, f"{path}/estimate", past, 422, match=2)
        async with client.post(f"{path}/explode") as answer:
            assert answer.status == 404
            said = (await answer.json())["detail"]
            assert said.startswith("there is no 'explode' here; there are: ")
            assert {"acknowledge", "confirm", "close"} <= set(said.partition("are: ")[2].split(", "))
        async with client.get(f"{path}/explode") as answer:
            assert (answer.status, (await answer.json())["detail"]) == (404, "Not Found")
        missing = await post(client, "/api/tickets/none/close", None, 404, match=1)
        assert missing["detail"] == "there is no ticket 'none'"
        await post(client, "/api/tickets/a%00b/close", None, 404, match=1)


async def test_all_that_is_wrong_is_told_at_once(there: World) -> None:
    path = f"/api/tickets/{await there.ticket_of('I0')}"
    async with there.client() as client:
        for action, said, names in (
            ("dispatch", {"crew": "7", "cause": "tree", "foo": 1}, ["foo", "cause"]),
            ("estimate", {"crew": "7", "restoration_estimated_at": "yesterday"}, ["restoration_estimated_at", "crew"]),
            ("cancel", {"crew": 7, "foo": None, "cause": "tree"}, ["crew", "foo", "reason", "cause"]),
            ("confirm", {"foo": 1, "reason": 7}, ["reason", "foo"]),
        ):  # fmt: skip
            faults = (await post(client, f"{path}/{action}", said, 422, match=1))["faults"]
            assert [fault.partition(":")[0] for fault in faults] == names, faults
        assert (await get(client, path))["revision"] == 1


async def test_what_is_refused_is_on_record_in_bounded_numbers(
    there: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "MOST_ROWS", 5)
    ticket = await there.ticket_of("I0")
    path = f"/api/tickets/{ticket}"

    async def refused() -> list[AuditEntry]:
        return [view.entry for view in await there.store.access.audit_entries(outcome="refused", limit=500)]

    async def many(count: int) -> bool:
        return len(await refused()) == count

    async with there.client(name="Wang Fang") as client:
        await post(client, f"{path}/reopen", {"reason": "dark"}, 409, match=1)
        await post(client, f"{path}/close", None, 412, match=7)
        await post(client, f"{path}/cancel", None, 422, match=1)
        await post(client, f"{path}/dispatch", {"foo": 1}, 422, match=1)
        await until(lambda: many(4), what="a row for each")
        found = {(e.action, e.detail["status"]): e for e in await refused()}
        assert {*found} == {
            ("ticket.reopen", 409), ("ticket.close", 412), ("ticket.cancel", 422), ("ticket.dispatch", 422),
        }  # fmt: skip
        assert {(e.actor, e.object, e.role) for e in found.values()} == {("Wang Fang", ticket, "operator")}
        assert found["ticket.reopen", 409].detail["reason"].startswith("reopen is not possible")
        assert found["ticket.dispatch", 422].detail["reason"] == "foo: there is no such parameter"
        for _ in range(30):
            await post(client, f"{path}/cancel", None, 422, match=1)
        for i in range(20):
            await post(client, f"/api/incidents/I{i % 3}/merge", {"into": "I1"}, 428)
        there.clock.at += 2 * MINUTE

        async def counted() -> bool:
            return sum(int(e.detail.get("count", 1)) for e in await refused()) == 54

        await until(counted, what="all of them as numbers")
        entries = await refused()
        assert len(entries) <= 9
        (rest,) = [e for e in entries if e.address == auditing.MANY and "count" in e.detail]
        assert (rest.actor, rest.detail["reason"]) == ("Wang Fang", auditing.MANY_REFUSED)


async def test_only_in_ones_own_area_and_role(there: World, postgres_url: str) -> None:
    theirs, other = await there.ticket_of("I0"), await there.ticket_of("I1")
    async with there.client(below=["T0"]) as client:
        assert await _numbers(client) == [1]
        assert await _numbers(client, order="rank") == [1]
        assert await _numbers(client, below="F") == [1]
        assert await _numbers(client, below="T1") == []
        await get(client, f"/api/tickets/{theirs}")
        missing = await get(client, f"/api/tickets/{other}", 404)
        assert missing == {"detail": f"there is no ticket {other!r}"}
        await post(client, f"/api/tickets/{other}/close", None, 404, match=1)
        await post(client, f"/api/tickets/{theirs}/close", match=1)
    async with there.client(Role.VIEWER) as client:
        await post(client, f"/api/tickets/{other}/close", None, 403, match=1)

    found = await rows(postgres_url, "select count(*) from ticket where state = 'closed' and number = 1")
    assert found == [(1,)]


async def test_tickets_of_what_was_merged_name_each_other(there: World) -> None:
    first, second = await there.ticket_of("I0"), await there.ticket_of("I1")
    async with there.client() as client:
        merged = await post(client, "/api/incidents/I1/merge", {"into": "I0"}, match=1)
        assert merged["incident"]["state"] == IncidentState.MERGED
        one = await get(client, f"/api/tickets/{first}")
        other = await get(client, f"/api/tickets/{second}")
    assert [(link["kind"], link["ticket"]) for link in other["links"]] == [("merged_into", first)]
    assert [(link["kind"], link["ticket"]) for link in one["links"]] == [("merged_from", second)]
    assert other["state"] == "merged"
    assert other["closed_at"] == format_time(NOW)
