"""Planned outages over HTTP: all or nothing, by nobody who should not, into the stream."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from gateway.api import stream
from gateway.api.settings import ApiSettings
from gateway.api.state import Condition
from gateway.core.access import Role
from gateway.core.clock import ManualClock, parse_time
from gateway.core.model import Commit, Entry, PlannedOutage
from gateway.core.ports import Sink
from gateway.store import Store
from tests.integration.store_world import SPOOL, PlainDesk, ready_store, rows
from tests.integration.test_api_server import StandInSink, StandInState, serving
from tests.signing import signed

PATH = "/api/planned-outages"
NOW = parse_time("2026-03-15T12:00:00Z")
FROM, TO = "2026-03-20T09:00:00+08:00", "2026-03-20T12:00:00+08:00"


class DirectSink(StandInSink):
    """A stream that is worked off at once."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    async def put(self, entries: Sequence[Entry]) -> None:
        await super().put(entries)
        planned = [entry for entry in entries if isinstance(entry, PlannedOutage)]
        await self._store.write(Commit(planned=planned, upto=len(self.entries)), PlainDesk(), SPOOL)


def window(reference: str = "WO1", node: str = "T0", **more: object) -> dict[str, object]:
    return {"reference": reference, "node": node, "from": FROM, "to": TO, **more}


@asynccontextmanager
async def asking(
    database: str, sink: Sink | None = None, **settings: object
) -> AsyncIterator[tuple[aiohttp.ClientSession, StandInSink, ManualClock]]:
    clock = ManualClock(NOW)
    async with ready_store(database) as store:
        stream = sink if isinstance(sink, StandInSink) else DirectSink(store)
        given = ApiSettings.model_validate({"port": 0, **settings})
        async with (
            serving(store, settings=given, sink=stream, clock=clock) as url,
            aiohttp.ClientSession(url, headers=await signed(store, name="Li Wei")) as client,
        ):
            yield client, stream, clock


async def post(
    client: aiohttp.ClientSession,
    what: object,
    status: int = 202,
    path: str = PATH,
    headers: Mapping[str, str] | None = None,
) -> Any:
    async with client.post(path, json=what, headers=headers) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


async def withdraw(client: aiohttp.ClientSession, path: str, status: int = 202) -> Any:
    async with client.delete(f"{PATH}/{path}") as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


async def listed(client: aiohttp.ClientSession, **parameters: str) -> list[dict[str, Any]]:
    async with client.get(PATH, params=parameters) as answer:
        assert answer.status == 200, await answer.text()
        found: list[dict[str, Any]] = (await answer.json())["planned_outages"]
        return found


def counts(answer: dict[str, Any]) -> tuple[int, ...]:
    return tuple(answer[kind] for kind in ("new", "changed", "same", "withdrawn"))


async def test_announced_changed_withdrawn(database_url: str) -> None:
    async with asking(database_url) as (client, sink, clock):
        told = await post(client, [window(), window(node="T1", reason="new poles", by="Chen Yu")])
        assert counts(told) == (2, 0, 0, 0)
        assert told["received_at"] == "2026-03-15T12:00:00Z"
        first, second = sink.entries
        assert isinstance(first, PlannedOutage)
        assert isinstance(second, PlannedOutage)
        assert (first.starts_at, first.ends_at) == (parse_time(FROM), parse_time(TO))
        assert (first.by, second.by, second.reason) == ("Li Wei", "Chen Yu", "new poles")
        assert [w["node"] for w in await listed(client)] == ["T0", "T1"]

        longer = window(to="2026-03-20T13:00:00+08:00")
        told = await post(client, [longer, window(node="T1", reason="new poles")])
        assert counts(told) == (0, 1, 1, 0)
        (changed,) = told["changes"]
        assert changed["before"]["to"] == "2026-03-20T04:00:00Z"
        assert changed["window"]["to"] == "2026-03-20T05:00:00Z"
        assert len(sink.entries) == 3

        assert counts(await withdraw(client, "WO1?node=T1")) == (0, 0, 0, 1)
        (standing,) = await listed(client, state="upcoming")
        assert (standing["node"], standing["revision"], standing["state"]) == ("T0", 2, "upcoming")
        clock.at = parse_time("2026-03-20T01:00:00Z")
        assert [w["reference"] for w in await listed(client, state="active")] == ["WO1"]
        assert counts(await withdraw(client, "WO1")) == (0, 0, 1, 1)
        assert {w["state"] for w in await listed(client)} == {"withdrawn"}
        assert counts(await post(client, [window()])) == (1, 0, 0, 0)
    assert await rows(database_url, "select node_id, max(revision) from planned_outage group by 1 order by 1") == [
        ("T0", 4), ("T1", 2)
    ]  # fmt: skip


async def test_that_nothing_changed_is_on_record(postgres_url: str) -> None:
    async with asking(postgres_url) as (client, _, _):
        for _ in range(2):
            await post(client, [window(), window(node="T1")])
        for _ in range(2):
            await withdraw(client, "WO1")
    made = "select action, detail -> 'windows', detail -> 'changed' from audit where object = 'WO1' order by audit_id"
    assert await rows(postgres_url, made) == [
        ("planned_outage.announce", 2, 2),
        ("planned_outage.announce", 2, 0),
        ("planned_outage.withdraw", 2, 2),
        ("planned_outage.withdraw", 2, 0),
    ]


async def test_a_table_is_taken_as_a_list_is(postgres_url: str) -> None:
    table = f"reference,node,from,to,withdrawn\nWO/7,T0,{FROM},{TO},\nWO/8,T1,{FROM},{TO},true\n"
    async with asking(postgres_url) as (client, sink, _):
        headers = {"content-type": "text/csv; charset=utf-8"}
        async with client.post(PATH, data=table.encode(), headers=headers) as answer:
            assert counts(await answer.json()) == (1, 0, 1, 0)
        assert len(sink.entries) == 1
        assert counts(await withdraw(client, "WO/7")) == (0, 0, 0, 1)
        assert counts(await withdraw(client, "WO%2F7")) == (0, 0, 1, 0)


async def test_every_fault_is_told_and_nothing_is_done(postgres_url: str) -> None:
    wrong = [
        window(),
        window("WO2", "T9"),
        window("WO3", **{"from": TO, "to": FROM}),
        window("WO4", "T0", withdrawn="yes"),
        {"reference": "WO5"},
        window(),
        window("WO6", color="red"),
        7,
    ]
    async with asking(postgres_url) as (client, sink, _):
        answer = await post(client, wrong, 422)
        assert answer["faults"] == [
            "body item 3: withdrawn 'yes' is not true or false",
            "body item 4: node is missing",
            "body item 4: from is missing",
            "body item 4: to is missing",
            "body item 6: there is no member 'color'; there are: reference, node, from, to, reason, by, withdrawn",
            "body item 7: 7 is not an object with reference, node, from, to",
            "body item 1: node 'T9' is not a node of the network",
            f"body item 2: to {FROM} is not later than from {TO}",
            "body item 5: reference 'WO1' with node 'T0' is there already at body item 0",
        ]
        assert answer["detail"].count(";") >= 8
        headers = {"content-type": "application/json"}
        for broken in (b"[]", b"{}", b"null", b"{", b"\xff", b"[" * 100_000, b'[{"node":"T0","node":"T1"}]'):
            async with client.post(PATH, data=broken, headers=headers) as refused:
                assert refused.status == 422, broken[:20]
                assert (await refused.json())["detail"].startswith("body: ")
        assert sink.entries == []
        assert await listed(client) == []


async def test_a_dry_run_tells_and_does_nothing(postgres_url: str) -> None:
    async with asking(postgres_url) as (client, sink, _):
        told = await post(client, [window()], 200, f"{PATH}?dry_run=true")
        assert (told["dry_run"], counts(told), sink.entries) == (True, (1, 0, 0, 0), [])
        assert await listed(client) == []


async def test_what_is_not_in_the_database_yet_is_known_all_the_same(postgres_url: str) -> None:
    async with asking(postgres_url, StandInSink()) as (client, sink, _):
        assert counts(await post(client, [window()])) == (1, 0, 0, 0)
        assert counts(await post(client, [window()])) == (0, 0, 1, 0)
        assert counts(await post(client, [window(reason="poles")])) == (0, 1, 0, 0)
        assert counts(await post(client, [window()])) == (0, 1, 0, 0)
        assert counts(await withdraw(client, "WO1")) == (0, 0, 0, 1)
        received = [entry.received_at for entry in sink.entries if isinstance(entry, PlannedOutage)]
        assert received == [NOW, NOW + 1, NOW + 2, NOW + 3]  # the clock stands still


async def test_many_at_once_are_taken_one_after_the_other(postgres_url: str) -> None:
    async with asking(postgres_url) as (client, sink, _):
        answers = await asyncio.gather(*(post(client, [window()]) for _ in range(8)))
        assert sorted(counts(answer) for answer in answers) == [(0, 0, 1, 0)] * 7 + [(1, 0, 0, 0)]
        assert len(sink.entries) == 1


async def test_what_is_not_there_cannot_be_withdrawn(postgres_url: str) -> None:
    async with asking(postgres_url) as (client, sink, _):
        await post(client, [window()])
        for path in ("WO2", "WO1?node=T1", "%00", "WO1%00", "a/b/c"):
            assert "there is no planned outage" in (await withdraw(client, path, 404))["detail"]
        assert len(sink.entries) == 1


FOREIGN = "a page from elsewhere"
REFUSED: list[tuple[dict[str, str], int, str]] = [
    ({"Origin": "https://elsewhere.example"}, 403, FOREIGN),
    ({"Origin": "null"}, 403, FOREIGN),
    ({"Origin": "http://[oops"}, 403, FOREIGN),
    ({"Sec-Fetch-Site": "cross-site"}, 403, FOREIGN),
    ({"Sec-Fetch-Site": "same-site"}, 403, FOREIGN),
    ({"Authorization": ""}, 401, "not known"),
    ({"Authorization": "Basic bGk6d2Vp"}, 401, "not known"),
    ({"Authorization": "Bearer fdl_000000000000_" + "x" * 43}, 401, "not known"),
]


async def test_who_may_not_change_anything_is_told_why(postgres_url: str) -> None:
    async with asking(postgres_url, hosts=("ops.example.org",)) as (client, sink, _):
        for headers, status, reason in REFUSED:
            assert reason in (await post(client, [window()], status, headers=headers))["detail"], headers
            async with client.delete(f"{PATH}/WO1", headers={**headers}) as answer:
                assert answer.status == status, headers
        assert sink.entries == []
        own = {"Origin": str(client._base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
        await post(client, [window()], headers=own)


async def test_reading_is_not_enough_to_announce(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store, serving(store) as url:
        reader = await signed(store, Role.VIEWER)
        for given, status in ((reader, 403), ({}, 403)):  # without credentials this machine may read
            async with aiohttp.ClientSession(url, headers=given) as client:
                assert "needs the role operator" in (await post(client, [window()], status))["detail"]
                assert await listed(client) == []


async def test_a_part_of_the_network_is_all_that_its_token_reaches(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        sink = DirectSink(store)
        async with (
            serving(store, sink=sink, clock=ManualClock(NOW)) as url,
            aiohttp.ClientSession(url, headers=await signed(store)) as whole,
            aiohttp.ClientSession(url, headers=await signed(store, name="T1 crew", below=["T1"])) as part,
        ):
            await post(whole, [window(), window(node="T1")])
            assert [w["node"] for w in await listed(part)] == ["T1"]
            refusal = await post(part, [window("WO2", "T1"), window("WO2", "T0")], 403)
            assert refusal["detail"] == "this token is not for T0"
            told = await post(part, [window("WO2", "T1")])
            assert told["changes"][0]["window"]["by"] == "T1 crew"
            await withdraw(part, "WO1?node=T0", 404)
            assert counts(await withdraw(part, "WO1")) == (0, 0, 0, 1)
            assert [(w["reference"], w["node"]) for w in await listed(whole, state="upcoming")] == [
                ("WO1", "T0"), ("WO2", "T1")
            ]  # fmt: skip
        found = await store.access.audit_entries(actor="T1 crew")
        assert [(view.entry.action, view.entry.object) for view in found if view.entry.outcome == "done"] == [
            ("planned_outage.withdraw", "WO1"), ("planned_outage.announce", "WO2")
        ]  # fmt: skip
        assert {view.entry.detail["reason"] for view in found if view.entry.outcome == "denied"} == {"area"}


async def test_only_lists_and_tables_of_a_sane_size_are_read(postgres_url: str) -> None:
    async with asking(postgres_url) as (client, sink, _):
        data = json.dumps([window()]).encode()
        for media in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
            async with client.post(PATH, data=data, headers={"content-type": media}) as answer:
                assert answer.status == 415, media
        headers = {"content-type": "text/csv"}
        async with client.post(PATH, data=io.BytesIO(b"x" * (5 << 20)), headers=headers) as answer:
            assert answer.status == 413
        assert sink.entries == []


async def test_a_stream_that_takes_nothing_is_said_and_may_be_asked_again(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(StandInSink):
        async def put(self, entries: Sequence[Entry]) -> None:
            if full:
                await asyncio.Event().wait()
            await super().put(entries)

    full = True
    monkeypatch.setattr(stream, "PATIENCE_S", 0.05)
    async with asking(postgres_url, Full()) as (client, sink, _):
        assert "sending this again is safe" in (await post(client, [window()], 503))["detail"]
        full = False
        assert counts(await post(client, [window()])) == (1, 0, 0, 0)
        assert len(sink.entries) == 1


async def test_a_gateway_that_only_waits_takes_nothing(postgres_url: str) -> None:
    class Waiting(StandInState):
        def condition(self) -> Condition:
            return Condition(started_at=NOW)

    async with (
        ready_store(postgres_url) as store,
        serving(store, state=Waiting()) as url,
        aiohttp.ClientSession(url, headers=await signed(store)) as client,
    ):
        assert "not at work" in (await post(client, [window()], 503))["detail"]


async def test_pages_and_filters(postgres_url: str) -> None:
    many = [window(f"WO{i}", f"T{i % 3}") for i in range(7)]
    many += [
        window(f"X{i}", **{"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}) for i in range(2)
    ]
    async with asking(postgres_url) as (client, _, _):
        await post(client, many)
        seen: list[str] = []
        before: dict[str, str] = {}
        for _ in range(9):
            async with client.get(PATH, params={"limit": "3", **before}) as answer:
                found = await answer.json()
            seen += [w["reference"] for w in found["planned_outages"]]
            if found["next"] is None:
                break
            before = {"before": found["next"]}
        assert seen == [*(f"WO{i}" for i in range(7)), "X0", "X1"]
        assert [w["reference"] for w in await listed(client, state="past")] == ["X0", "X1"]
        assert [w["reference"] for w in await listed(client, node="T1")] == ["WO1", "WO4"]
        assert [w["node_name"] for w in await listed(client, reference="WO5")] == ["T2"]
        assert await listed(client, reference="\0") == []
        for parameter in ({"state": "open"}, {"node": ""}, {"nodes": "T1"}, {"limit": "0"}):
            async with client.get(PATH, params=parameter) as answer:
                assert answer.status == 422, parameter


async def test_the_answer_to_a_body_full_of_faults_is_small(postgres_url: str) -> None:
    async with asking(postgres_url) as (client, stream, _):
        told = await post(client, [{}] * 5000, 422)
        assert len(told["faults"]) == 1001
        assert told["faults"][0] == "body item 0: reference is missing"
        assert told["faults"][-1].endswith("more faults")
        assert len(told["detail"]) < 1000
        assert stream.entries == []
