"""Accounts, budgets, corrections and wrong clocks over HTTP, and `feederline correct` on the same database."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.core.clock import HOUR, MINUTE, ManualClock, format_time
from gateway.core.model import Commit, IncidentState
from tests.integration.store_world import SPOOL, T0, PlainDesk, outage, ready_store, settings_for
from tests.integration.test_api_server import serving
from tests.signing import signed

NOW = T0 + 12 * HOUR
WINDOW = {"from": format_time(T0 - HOUR), "to": format_time(NOW)}
SAID = {"incident": "I1", "started_at": format_time(T0 - 30 * MINUTE), "reason": "log of the breaker"}
TRAIL = "/api/interruptions/corrections"


@pytest.fixture
async def client(postgres_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Two meters of one feeder were off for an hour, one of them is off again."""
    over = outage(state=IncidentState.CLOSED, ended_at=T0 + HOUR)
    again = outage("I2", node="T1", devices=(1,), started_at=NOW - HOUR)
    async with ready_store(postgres_url) as store:
        await store.write(Commit(events=[over, again]), PlainDesk(), SPOOL)
        async with (
            serving(store, clock=ManualClock(NOW)) as url,
            aiohttp.ClientSession(url, headers=await signed(store, name="Lin")) as session,
        ):
            yield session


async def _get(client: aiohttp.ClientSession, path: str, **parameters: str) -> Any:
    async with client.get(path, params=parameters) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def _post(client: aiohttp.ClientSession, said: object, **parameters: str) -> tuple[int, Any]:
    async with client.post(TRAIL, json=said, params=parameters) as answer:
        return answer.status, await answer.json()


async def test_accounts_by_place(client: aiohttp.ClientSession) -> None:
    answer = await _get(client, "/api/reliability/accounts", place="node", **WINDOW)
    rows = {row["key"]: row for row in answer["accounts"]}
    assert set(rows) == {"S", "F", "T0", "T1", "T2"}
    assert [(rows[n]["served"], rows[n]["customer_minutes"]) for n in ("S", "T0", "T1")] == [
        (6, 120),
        (2, 120),
        (2, 0),
    ]
    assert (rows["T1"]["kind"], rows["T1"]["open_customer_minutes"]) == ("transformer", 60)
    assert answer["accounts"][0]["key"] in ("S", "F"), "the worst come first"
    few = await _get(client, "/api/reliability/accounts", place="node", limit="2", **WINDOW)
    assert few["accounts"] == answer["accounts"][:2]
    days = await _get(client, "/api/reliability/accounts", period="day", **WINDOW)
    assert [day["from"] for day in days["accounts"]] == [WINDOW["from"]]
    medium = await _get(client, "/api/reliability/accounts", basis="mv", **WINDOW)
    assert (medium["accounts"][0]["served"], medium["accounts"][0]["customer_interruptions"]) == (3, 1)
    async with client.get("/api/reliability/accounts", params={"place": "moon"}) as answer_:
        assert answer_.status == 422


async def test_reliability_carries_budgets(client: aiohttp.ClientSession) -> None:
    answer = await _get(client, "/api/reliability")
    states = {(state["span"], state["index"]): state for state in answer["target_states"]}
    saidi = states["month", "saidi"]
    assert (saidi["budget_minutes"], saidi["spent_minutes"], saidi["left_minutes"]) == (90, 180, -90)
    assert (saidi["state"], saidi["to"]) == ("missed", "2026-04-01T00:00:00Z")
    assert answer["all"]["caifi"] == 1
    assert set(answer["all"]["cemi"]) == {"3"}
    alone = await _get(client, "/api/reliability/targets")
    assert alone["targets"] == answer["target_states"]
    assert (await _get(client, "/api/reliability/dlt-836", **WINDOW))["customer_hours"] == 2
    assert (await _get(client, "/api/reliability/major-events", **WINDOW))["all"][
        "customer_interruptions"
    ] == 3
    assert (await _get(client, "/api/devices/clock-faults"))["devices"] == []


async def test_a_correction_and_its_trail(client: aiohttp.ClientSession) -> None:
    status, shown = await _post(client, SAID, dry_run="true")
    assert (status, shown["dry_run"], shown["correction"]["changed"]) == (200, True, 2)
    assert (await _get(client, TRAIL))["corrections"] == []
    status, made = await _post(client, SAID)
    assert status == 201
    (told,) = (await _get(client, TRAIL, incident="I1"))["corrections"]
    assert told == made["correction"]
    assert (told["by"], told["reason"], told["made_at"]) == ("Lin", SAID["reason"], format_time(NOW))
    assert told["effects"][0] == {
        "device": "M0",
        "step": 0,
        "before": {
            "started_at": format_time(T0), "ended_at": format_time(T0 + HOUR), "kind": "fault", "voided": False,
        },
        "after": {
            "started_at": SAID["started_at"], "ended_at": format_time(T0 + HOUR), "kind": "fault", "voided": False,
        },
    }  # fmt: skip
    assert (await _get(client, "/api/reliability", **WINDOW))["all"]["customer_minutes"] == 180
    assert (await _get(client, TRAIL, incident="I2"))["corrections"] == []


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({**SAID, "incident": "I9"}, "there is no incident I9"),
        ({**SAID, "started_at": "yesterday"}, "started_at: 'yesterday' is not an ISO 8601 time"),
        ({**SAID, "started_at": None}, "nothing to correct"),
        ({**SAID, "colour": "red"}, "colour: "),
        ({"incident": "I1", "voided": True}, "reason: "),
        ({**SAID, "voided": "yes"}, "voided: "),
        ([], "an object"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(
    client: aiohttp.ClientSession, said: object, fault: str
) -> None:
    status, answer = await _post(client, said)
    assert status == 422
    assert fault in answer["detail"]
    assert (await _get(client, TRAIL))["corrections"] == []


async def test_pages_from_elsewhere_correct_nothing(client: aiohttp.ClientSession) -> None:
    for headers in (
        {"origin": "https://elsewhere.example"},
        {"sec-fetch-site": "cross-site"},
    ):
        async with client.post(TRAIL, json=SAID, headers=headers) as answer:
            assert answer.status == 403
    async with client.post(TRAIL, data=json.dumps(SAID), headers={"content-type": "text/plain"}) as answer:
        assert answer.status == 415
    assert (await _get(client, TRAIL))["corrections"] == []


async def _correct(folder: Path, url: str, *words: str) -> tuple[int, str, str]:
    file = folder / "feederline.yaml"
    file.write_text(json.dumps({"database": {"url": settings_for(url).url}}))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "correct", *words, "-c", str(file),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_the_command_corrects_too(
    client: aiohttp.ClientSession, postgres_url: str, tmp_path: Path
) -> None:
    words = ("I1", "--end", format_time(T0 + 20 * MINUTE), "--reason", "asked the crew", "--by", "Wu")
    code, out, _ = await _correct(tmp_path, postgres_url, *words, "--dry-run")
    assert code == 0
    assert out.splitlines()[0] == "would change 2 interruptions of I1"
    assert "M0.0: 2026-03-01T08:00:00Z to 2026-03-01T09:00:00Z, fault -> " in out
    code, out, _ = await _correct(tmp_path, postgres_url, *words, "--json")
    assert code == 0
    assert json.loads(out.splitlines()[-1])["changed"] == 2
    (told,) = (await _get(client, TRAIL))["corrections"]
    assert (told["by"], told["reason"]) == ("Wu", "asked the crew")
    code, _, err = await _correct(tmp_path, postgres_url, "I9", "--void", "--reason", "no such thing")
    assert (code, err) == (2, "feederline: there is no incident I9\n")
    code, _, err = await _correct(tmp_path, postgres_url, "I1", "--start", "noon", "--reason", "x")
    assert (code, "--start: 'noon' is not an ISO 8601 time" in err) == (2, True)


async def test_a_trail_of_an_incident_that_cannot_be_is_empty(client: aiohttp.ClientSession) -> None:
    for name in ("I9", "\0", "'; drop table incident --"):
        assert (await _get(client, TRAIL, incident=name))["corrections"] == []
