"""Meter data over HTTP: any interval's whole story, edits and changes of meters, by whoever may and nobody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from gateway.api.meterdata.words import RULE_WORDS
from gateway.cli import app
from gateway.cli.remote import TOKEN_VARIABLE
from gateway.core.access import Role
from gateway.core.clock import DAY, HOUR, MINUTE, format_time
from gateway.core.errors import InvalidInputError, RefusedError
from gateway.core.meterdata import Rule
from gateway.core.model import Batch, Commit, Quality
from tests.integration.case_world import NOW, SECRET, SECRET_VARIABLE, World, get, post, world
from tests.integration.store_world import T0, rows
from tests.integration.test_store_meterdata import ESTIMATED, LONG_AGO, QUARTER, SUSPECT, VALID, intervals
from tests.signing import make_token
from tests.waiting import until

INTERVALS, HISTORY = "/api/meter-data/intervals", "/api/meter-data/intervals/history"
EDITS, CHANGES = "/api/meter-data/edits", "/api/meter-data/changes"
WITHDRAWALS = f"{CHANGES}/withdrawals"
START = T0 - HOUR
ONE = {"device": "M0", "start": format_time(START)}


@pytest.fixture
async def there(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """An hour of M0 (on T0) whose first quarter was estimated before its reading came, and is said to be high."""
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    async with world(postgres_url) as there:
        at = START + QUARTER * np.arange(5)
        readings = Batch.of(
            ("energy_import",),
            np.zeros(5, np.int32),
            at,
            [[100.0], [101.0], [103.0], [105.0], [108.0]],
            received_at=at + MINUTE,
            quality=[Quality.TIME_ASSUMED, 0, 0, 0, 0],
        )
        await there.write(Commit(batches=[readings], at=T0))
        book = there.store.meterdata
        first = intervals([0.5], status=ESTIMATED, start=START, rules=Rule.MISSING | Rule.LIKE_DAYS)
        await book.put(first, at=START + HOUR, final_before=LONG_AGO)
        status = [SUSPECT, VALID, VALID, VALID]
        hour = intervals([1.0, 2.0, 2.0, 3.0], status=status, start=START, rules=Rule.HIGH)
        await book.put(hour, at=T0 + MINUTE, final_before=LONG_AGO)
        yield there


def said(**changes: object) -> dict[str, object]:
    return {
        "device": "M0",
        "start": format_time(START),
        "end": format_time(T0),
        "value": 16.0,
        "reason": "read at the meter",
    } | changes


def test_every_rule_has_its_words() -> None:
    assert set(RULE_WORDS) == {rule for rule in Rule if rule}
    assert len(set(RULE_WORDS.values())) == len(RULE_WORDS)


async def test_intervals_come_in_pages(there: World) -> None:
    window = {"device": "M0", "from": format_time(START), "to": format_time(T0)}
    async with there.client(Role.VIEWER) as client:
        told = await get(client, INTERVALS, **window)
        assert (told["unit"], told["next"]) == ("kWh", None)
        assert [(i["value"], i["status"], i["version"]) for i in told["intervals"]] == [
            (1.0, "suspect", 2),
            (2.0, "valid", 1),
            (2.0, "valid", 1),
            (3.0, "valid", 1),
        ]
        first = told["intervals"][0]
        assert (first["rules"], first["final"], first["raw"], first["by"]) == (
            ["high", "late"],
            False,
            1.0,
            None,
        )
        page = await get(client, INTERVALS, limit=3, **window)
        rest = await get(client, INTERVALS, limit=3, after=page["next"], **window)
        assert page["intervals"] + rest["intervals"] == told["intervals"]
        assert rest["next"] is None
        assert (await get(client, INTERVALS, quantity="energy_export", **window))["intervals"] == []
        for wrong in ({"quantity": "voltage_a"}, {"limit": 501}, {"nonsense": 1}, {"to": "soon"}):
            assert (await get(client, INTERVALS, 422, **window | wrong))["faults"]
        assert (await get(client, INTERVALS, 404, device="M99"))["detail"] == "there is no device 'M99'"


async def test_the_whole_story_of_one_interval(there: World) -> None:
    async with there.client(name="Wang Fang") as client:
        assert (await post(client, EDITS, said(), 201))["changed"] == 4
        exchange = {"device": "M0", "of": "exchange", "at": format_time(START + MINUTE), "reason": "cracked"}
        assert (await post(client, CHANGES, exchange, 201))["new"]
        assert not (await post(client, CHANGES, exchange))["new"]
    async with there.client(Role.VIEWER) as client:
        async with client.get(HISTORY, params=ONE) as answer:
            assert answer.headers["etag"] == '"3"'
            story = await answer.json()
        assert (story["node"], story["value"], story["status"], story["final"]) == (
            "T0",
            2.0,
            "edited",
            False,
        )
        assert story["opening"] == {
            "measured_at": format_time(START),
            "received_at": format_time(START + MINUTE),
            "value": 100.0,
            "quality": ["time_assumed"],
        }
        assert (story["closing"]["value"], story["closing"]["quality"]) == (101.0, [])
        versions = [
            (v["version"], v["value"], v["status"], [*v["rules"]], v["by"]) for v in story["versions"]
        ]
        assert versions == [
            (1, 0.5, "estimated", ["missing", "like_days"], None),
            (2, 1.0, "suspect", ["high", "late"], None),
            (3, 2.0, "edited", ["high", "edited", "late"], "Wang Fang"),
        ]
        assert story["versions"][0]["rules"]["like_days"] == "it was shaped as days like this were"
        assert story["versions"][-1]["reason"] == "read at the meter"
        assert [(e["value"], e["by"], e["end"]) for e in story["edits"]] == [
            (16.0, "Wang Fang", format_time(T0))
        ]
        assert [(c["of"], c["reason"], c["by"]) for c in story["changes"]] == [
            ("exchange", "cracked", "Wang Fang")
        ]
        missing = await get(client, HISTORY, 404, **ONE | {"start": format_time(START + MINUTE)})
        assert missing["detail"].startswith("'M0' has no interval of energy_import that begins at ")
        covering = f"{format_time(START)} to {format_time(START + QUARTER)}"
        assert missing["detail"].endswith(f"; the one from {covering} covers it")
        for outside in ("2020-01-01T00:00:00Z", "0001-01-01T00:00:00Z"):
            never = await get(client, HISTORY, 404, **ONE | {"start": outside})
            assert never["detail"].endswith("Z")


async def test_an_edit_is_looked_at_first_and_holds_for_what_was_seen(there: World) -> None:
    async with there.client() as client:
        async with client.post(EDITS, json=said(), params={"dry_run": "true"}) as answer:
            assert answer.status == 200
            tag, tried = answer.headers["etag"], await answer.json()
        assert (tag, tried["dry_run"], tried["revision"]) == ('"5"', True, 5)
        assert tried["effects"][0]["before"] == {"value": 1.0, "status": "suspect"}
        assert tried["effects"][0]["after"] == {"value": 2.0, "status": "edited"}
        assert (await get(client, EDITS))["edits"] == []
        await post(client, EDITS, said(value=8.0, end=format_time(START + QUARTER), by="li"), 201)
        stale = await post(client, EDITS, said(), 412, match=5)
        assert stale["revision"] == 6
        assert (await post(client, EDITS, said(), 201, match=6))["revision"] == 6
        there.clock.advance(MINUTE)
        back = await post(client, EDITS, said(value=None, reason="wrong meter"), 201)
        assert [e["after"]["value"] for e in back["effects"]] == [1.0, 2.0, 2.0, 3.0]
        told = await get(client, EDITS, device="M0", limit=1)
        assert [(e["device"], e["value"], e["reason"]) for e in told["edits"]] == [
            ("M0", None, "wrong meter")
        ]
        older = await get(client, EDITS, device="M0", before=told["next"])
        assert {(e["by"], e["value"]) for e in older["edits"]} == {("li", 8.0), ("Li Wei", 16.0)}
    async with there.client(Role.ADMIN) as client:
        entries = (await get(client, "/api/audit", action="interval.edit"))["audit"]
        assert [(e["actor"], e["object"], e["outcome"]) for e in entries] == [("Li Wei", "M0", "done")] * 3
        assert entries[0]["detail"]["reason"] == "wrong meter"


async def test_what_is_wrong_is_told_at_once_and_what_cannot_be_with_what_can(there: World) -> None:
    async with there.client() as client:
        wrong = {"device": "", "start": 7, "end": "soon", "value": "16", "reason": " ", "by": "", "more": 1}
        faults = (await post(client, EDITS, wrong, 422))["faults"]
        assert {fault.split(":")[0] for fault in faults} == set(wrong)
        for changes, name in (
            ({"end": format_time(START)}, "end"),
            ({"end": format_time(START + 400 * DAY)}, "end"),
            ({"value": -1}, "value"),
            ({"value": 1e300}, "value"),
            ({"start": "0001-01-01T00:00:00+14:00"}, "start"),
        ):
            faults = (await post(client, EDITS, said(**changes), 422))["faults"]
            assert {fault.split(":")[0] for fault in faults} == {name}, changes
        meant = f"a value for {format_time(START)} to {format_time(START + QUARTER)}"
        odd = await post(client, EDITS, said(end=format_time(START + MINUTE)), 409)
        assert (odd["possible"], "is not made of whole intervals" in odd["detail"]) == ([meant], True)
        whole = f"a value for {format_time(START)} to {format_time(T0)}"
        assert (await post(client, EDITS, said(value=None), 409))["possible"] == [whole]
        none = said(quantity="energy_export")
        assert (await post(client, EDITS, none, 409))["possible"] == []
        assert (await post(client, EDITS, said(device="M99"), 404))["detail"] == "there is no device 'M99'"
        for value in ("x", "3", '"1", "2"'):
            assert (await post(client, EDITS, said(), 422, match=value))["faults"][0].startswith("If-Match")
        assert (await get(client, HISTORY, **ONE))["revision"] == 2
        multiplier = {"device": "M0", "of": "multiplier", "at": format_time(NOW + DAY), "before": 0, "x": 1}
        faults = (await post(client, CHANGES, multiplier, 422))["faults"]
        assert {fault.split(":")[0] for fault in faults} == {"at", "before", "after", "reason", "x"}
        change = {"device": "M0", "of": "reset", "at": format_time(T0), "before": 108.0, "after": 0.0}
        await post(client, CHANGES, change | {"reason": "by hand"}, 201)
        other = await post(client, CHANGES, change | {"reason": "by hand", "before": 109.0}, 409)
        standing = "the one on record: before 108.0, after 0.0, by Li Wei"
        assert other["possible"] == [f"{standing}; or withdraw it first: it is change 1"]
        assert len((await get(client, CHANGES, device="M0"))["changes"]) == 1
        async with client.post(EDITS, data=b"x", headers={"content-type": "text/csv"}) as answer:
            assert answer.status == 415
    async with there.client(Role.ADMIN) as client:
        entries = (await get(client, "/api/audit", outcome="refused"))["audit"]
        assert {(e["action"], e["object"]) for e in entries} == {("POST", EDITS), ("POST", CHANGES)}


async def test_only_operators_of_that_part_write_and_others_see_nothing_of_it(there: World) -> None:
    change = {"device": "M0", "of": "exchange", "at": format_time(T0), "reason": "cracked"}
    async with there.client(Role.VIEWER) as client:
        assert "role operator" in (await post(client, EDITS, said(), 403))["detail"]
        await post(client, CHANGES, change, 403)
    async with there.client(name="elsewhere", below=["T1"]) as client:
        for path in (HISTORY, INTERVALS, CHANGES, EDITS):
            given = ONE if path == HISTORY else {"device": "M0"}
            assert (await get(client, path, 404, **given))["detail"] == "there is no device 'M0'"
        assert (await post(client, EDITS, said(), 404))["detail"] == "there is no device 'M0'"
        await post(client, CHANGES, change, 404)
        assert (await get(client, EDITS))["edits"] == []
    async with there.client(below=["T0"]) as client:
        await post(client, EDITS, said(), 201)
        assert len((await get(client, EDITS))["edits"]) == 1
        assert len((await get(client, EDITS, below="T0"))["edits"]) == 1
        assert (await get(client, EDITS, below="T1"))["edits"] == []
        assert (await get(client, EDITS, 404, below="T99"))["detail"] == "there is no node 'T99'"
    async with there.client(Role.ADMIN) as client:

        async def on_record() -> bool:
            entries = (await get(client, "/api/audit", outcome="denied"))["audit"]
            return {(e["actor"], e["object"]) for e in entries} >= {("Li Wei", EDITS), ("elsewhere", "T0")}

        await until(on_record, 10, "denied attempts in the audit log")


async def test_what_was_billed_of_a_meter_that_is_gone_stays_to_be_looked_at(
    there: World, postgres_url: str
) -> None:
    old = ONE | {"device": "OLD"}
    gone = "update device set device_id = 'OLD', listed = false, unlisted_at = now() where device_id = 'M0' returning 1"
    change = {"device": "M0", "of": "exchange", "at": format_time(START + MINUTE), "reason": "cracked"}
    async with there.client() as client:
        await post(client, CHANGES, change, 201)
        await post(client, EDITS, said(), 201)
        story = await get(client, HISTORY, **ONE)
        lists = {path: await get(client, path, device="M0") for path in (INTERVALS, CHANGES)}
        assert await rows(postgres_url, gone) == [(1,)]
        assert await get(client, HISTORY, **old) == story | {"device": "OLD"}
        for path, told in lists.items():
            assert await get(client, path, device="OLD") == told | {"device": "OLD"}
        await post(client, EDITS, said(device="OLD"), 404)
    async with there.client(name="part", below=["T0"]) as client:
        assert (await get(client, HISTORY, 404, **old))["detail"] == "there is no device 'OLD'"


async def test_a_change_registered_by_mistake_is_withdrawn_by_who_may(there: World) -> None:
    change = {"device": "M0", "of": "exchange", "at": format_time(START + MINUTE), "reason": "cracked"}
    async with there.client() as client:
        number = (await post(client, CHANGES, change, 201))["change"]["number"]
    mistake = {"change": number, "reason": "it was M1"}
    async with there.client(Role.VIEWER) as client:
        await post(client, WITHDRAWALS, mistake, 403)
    async with there.client(name="elsewhere", below=["T1"]) as client:
        missing = (await post(client, WITHDRAWALS, mistake, 404))["detail"]
        assert missing == f"there is no change {number}"
    async with there.client(below=["T0"]) as client:
        none = (await post(client, WITHDRAWALS, mistake | {"change": 99}, 404))["detail"]
        assert none == "there is no change 99"
        wrong = {"change": "1", "reason": "", "x": 1}
        faults = (await post(client, WITHDRAWALS, wrong, 422))["faults"]
        assert {fault.split(":")[0] for fault in faults} == set(wrong)
        await post(client, WITHDRAWALS, mistake | {"change": 2**70}, 422)
        done = await post(client, WITHDRAWALS, mistake, 201)
        assert (done["new"], done["device"]) == (True, "M0")
        withdrawn = {"at": format_time(NOW), "by": "Li Wei", "reason": "it was M1"}
        assert done["change"]["withdrawn"] == withdrawn
        again = await post(client, WITHDRAWALS, mistake | {"reason": "again", "by": "Lin"}, 200)
        assert (again["new"], again["change"]["withdrawn"]) == (False, withdrawn)
        right = change | {"after": 0.5}
        assert (await post(client, CHANGES, right, 201))["change"]["withdrawn"] is None
        for told in (
            (await get(client, CHANGES, device="M0"))["changes"],
            (await get(client, HISTORY, **ONE))["changes"],
        ):
            assert [(c["after"], c["withdrawn"]) for c in told] == [(None, withdrawn), (0.5, None)]


async def test_the_command_tells_the_story_and_edits(there: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, (await make_token(there.store, Role.OPERATOR, name="Li Wei"))[1])

    async def run(*words: str) -> Any:
        call = ["interval", *words, "--url", there.url]
        return await asyncio.to_thread(CliRunner().invoke, app, call)

    first = ("M0", format_time(START))
    story = json.loads((await run(*first, "--json")).stdout.splitlines()[-1])
    assert (story["status"], story["revision"]) == ("suspect", 2)
    asked = ("edit", *first, "--value", "4", "--reason", "read at the meter")
    tried = await run(*asked, "--dry-run")
    assert tried.stdout.splitlines() == [
        "would change 1 interval of M0 (energy_import)",
        f"  {format_time(START)}: 1 suspect -> 4 edited",
    ]
    done = json.loads((await run(*asked, "--json", "--by", "Lin")).stdout)
    assert (done["changed"], done["by"]) == (1, "Lin")
    shown = (await run("show", *first)).stdout
    for line in (
        "M0 at T0: energy_import",
        f"{format_time(START)} to {format_time(START + QUARTER)}, not final yet",
        "  billed 4 kWh, edited; as read 1 kWh; version 3",
        f"  opening  100 kWh at {format_time(START)}, received {format_time(START + MINUTE)} (time_assumed)",
        "  like_days  it was shaped as days like this were",
        f"  2: {format_time(T0 + MINUTE)}  1 kWh suspect [high, late] by the gateway",
        f"  3: {format_time(NOW)}  4 kWh edited [high, edited, late] by Lin: read at the meter",
    ):
        assert line in shown.splitlines(), shown
    assert "Lin: 4 kWh for" in shown
    back = await run("edit", *first, "--take-back", "--reason", "no", "--end", format_time(T0))
    assert back.stdout.splitlines()[0].endswith("changed 1 interval of M0 (energy_import)")
    refused = await run("edit", *first, "--value", "4", "--reason", "x", "--end", format_time(T0 + MINUTE))
    assert isinstance(refused.exception, RefusedError)
    assert "is not made of whole intervals" in str(refused.exception)
    whole = f"possible is a value for {format_time(START)} to {format_time(T0)}"
    assert str(refused.exception).endswith(whole)
    assert isinstance((await run("M0", format_time(NOW))).exception, RefusedError)
    assert isinstance((await run(*asked, "--by", " ")).exception, InvalidInputError)
