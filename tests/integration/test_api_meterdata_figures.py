"""Collection, gaps, supply quality and unusual usage over HTTP: the figures, and of a part only what lies in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import numpy as np
import pytest

from gateway.core.access import Role
from gateway.core.balance import AreaFinding
from gateway.core.clock import DAY, HOUR, MINUTE, format_time
from gateway.core.meterdata import CollectionDays, Gaps
from gateway.core.model import Batch, Commit, MeterEvent, MeterEventKind, Reason, Suspicion
from gateway.core.outlook import LoadOutlook
from gateway.store.judgements import JudgedDay
from processors.quality.account import account
from processors.quality.settings import QualitySettings
from tests.integration.case_world import NOW, SECRET, SECRET_VARIABLE, World, get, inventory, world
from tests.integration.store_world import T0
from tests.unit.balance_world import world as balance_world

DAY0 = T0 - T0 % DAY - DAY
WINDOW = {"from": format_time(DAY0), "to": format_time(DAY0 + DAY)}
REASON = Reason(
    rule="loss_follows_use", weight=3.5, words="It moves with this meter's use.", figures={"r": 0.9}
)


@pytest.fixture
async def there(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    async with world(database_url) as there:
        yield there


async def collected(there: World) -> None:
    """M0 lacks 6 of 96 on a day, M1 none on two; three gaps, of which that of M1 was asked for."""
    zero = np.zeros(3, np.int32)
    days = CollectionDays(
        quantity="energy_import",
        device=np.array([0, 1, 1], np.int32),
        day=np.array([DAY0, DAY0, DAY0 + DAY]),
        expected=zero + 96,
        collected=np.array([90, 96, 96], np.int32),
        estimated=np.array([4, 0, 0], np.int32),
        missing=np.array([2, 0, 0], np.int32),
        edited=zero,
        lacking=np.array([[0, 1, 5, 0], [0] * 4, [0] * 4], np.int32),
    )
    await there.store.meterdata.put_collection(days, at=NOW)
    for device, start, cause in ((1, DAY0, 2), (4, DAY0, 2), (2, DAY0 + HOUR, 1)):
        gap = Gaps(
            quantity="energy_import",
            device=np.array([device], np.int32),
            start=np.array([start]),
            end=np.array([start + HOUR]),
            cause=np.array([cause], np.uint8),
        )
        await there.store.meterdata.put_gaps(gap, at=NOW)
    await there.store.meterdata.gaps_asked([1], at=NOW)


async def test_collection_and_gaps(there: World) -> None:
    await collected(there)
    path, gaps = "/api/meter-data/collection", "/api/meter-data/gaps"
    async with there.client(Role.VIEWER) as client:
        (everybody,) = (await get(client, path, **WINDOW))["rates"]
        assert (everybody["key"], everybody["devices"], everybody["expected"]) == ("", 2, 192)
        assert (everybody["rate"], everybody["target"], everybody["met"]) == (186 / 192, 0.998, False)
        assert everybody["lacking"] == {"supply": 0, "device": 1, "communications": 5, "gateway": 0}
        two = WINDOW | {"to": format_time(DAY0 + 2 * DAY)}
        days = (await get(client, path, period="day", place="transformer", **two))["rates"]
        assert [(d["day"], d["key"], d["met"]) for d in days] == [
            (WINDOW["from"], "T0", False),
            (WINDOW["from"], "T1", True),
            (WINDOW["to"], "T1", True),
        ]
        below = await get(client, path, place="device", below="T1", **two)
        assert [rate["key"] for rate in below["rates"]] == ["M1"]
        assert (await get(client, path, 422, below="T1"))["faults"][0].startswith("below: goes with place")
        assert "T9" in (await get(client, path, 404, place="device", below="T9"))["detail"]
        first = await get(client, gaps, limit=2)
        assert [(g["device"], g["cause"]) for g in first["gaps"]] == [
            ("M2", "device"),
            ("M4", "communications"),
        ]
        rest = await get(client, gaps, limit=2, before=first["next"])
        (last,) = rest["gaps"]
        assert (last["device"], last["node"], last["asks"], last["asked_at"]) == (
            "M1",
            "T1",
            1,
            format_time(NOW),
        )
        assert (rest["next"], last["filled_at"]) == (None, None)
        assert len((await get(client, gaps, state="open", cause="communications"))["gaps"]) == 2
        assert (await get(client, gaps, state="filled"))["gaps"] == []
        assert len((await get(client, gaps, device="M4"))["gaps"]) == 1
        for wrong in ("x", "2026-03-01T00:00:00Z_x", "2026-03-01T00:00:00Z_" + "9" * 70):
            assert (await get(client, gaps, 422, before=wrong))["faults"]
    async with there.client(Role.VIEWER, below=["T1"]) as client:
        assert "part of it" in (await get(client, path, 403))["detail"]
        assert [r["key"] for r in (await get(client, path, place="transformer", **WINDOW))["rates"]] == ["T1"]
        assert [r["key"] for r in (await get(client, path, place="device", **WINDOW))["rates"]] == ["M1"]
        assert (await get(client, path, place="feeder", **WINDOW))["rates"] == []
        assert [g["device"] for g in (await get(client, gaps))["gaps"]] == ["M4", "M1"]
        assert (await get(client, gaps, below="T0"))["gaps"] == []
        await get(client, gaps, 404, device="M2")


async def test_supply_quality_and_meter_events(there: World) -> None:
    at, n = DAY0 + np.arange(600) * MINUTE, 6
    volts = np.full((600, n, 1), 230.0)
    volts[:, 1] = 200.0
    batch = Batch.of(("voltage_a",), np.tile(np.arange(n), 600), np.repeat(at, n), volts.reshape(-1, 1))
    day = account(batch, inventory(), (DAY0, DAY0 + DAY), QualitySettings())
    await there.store.quality.put_days(day)
    loss, cover = (
        MeterEvent(
            device=1, kind=MeterEventKind.VOLTAGE_LOSS, phase="B", started_at=T0, extreme=9.0, limit=179.4
        ),
        MeterEvent(device=0, kind=MeterEventKind.COVER_OPEN, started_at=T0, ended_at=T0 + 1, source="device"),
    )
    await there.write(Commit(meter_events=[loss, cover], at=T0))
    async with there.client(Role.VIEWER) as client:
        worst, *rest = (await get(client, "/api/supply-quality/voltage", place="node", **WINDOW))["groups"]
        assert (worst["key"], worst["points"], len(rest)) == ("T1", 2, 2)
        assert worst["compliance"] < 1.0 == rest[0]["compliance"]
        (everybody,) = (await get(client, "/api/supply-quality/voltage", **WINDOW))["groups"]
        assert (everybody["points"], everybody["out_minutes"]) == (6, worst["out_minutes"])
        week = await get(client, "/api/supply-quality/en-50160")
        assert week["window"] == {
            "name": "week",
            "from": format_time(DAY0 - 6 * DAY),
            "to": format_time(DAY0 + DAY),
        }
        failing, *meeting = week["points"]
        assert (failing["device"], failing["met"], failing["within"]) == ("M1", False, 0)
        assert {point["met"] for point in meeting} == {True}
        edges = {"9999-12-31T00:00:00Z": 422, "0001-01-01T00:00:00Z": 200}
        for edge, status in edges.items():
            await get(client, "/api/supply-quality/en-50160", status, **{"from": edge})
        assert (await get(client, "/api/supply-quality/transformers", **WINDOW))["transformers"] == []
        events = (await get(client, "/api/meter-events"))["events"]
        assert [(e["device"], e["kind"], e["source"]) for e in events] == [
            ("M0", "cover_open", "device"),
            ("M1", "voltage_loss", "readings"),
        ]
        (going,) = (await get(client, "/api/meter-events", state="live", kind="voltage_loss"))["events"]
        assert (going["node"], going["phase"], going["ended_at"], going["limit"]) == ("T1", "B", None, 179.4)
        assert (await get(client, "/api/meter-events", before=format_time(T0)))["events"] == []
        assert len((await get(client, "/api/meter-events", device="M0"))["events"]) == 1
    async with there.client(Role.VIEWER, below=["T1"]) as client:
        await get(client, "/api/supply-quality/voltage", 403, place="district")
        by = (await get(client, "/api/supply-quality/voltage", place="device", **WINDOW))["groups"]
        assert {group["key"] for group in by} == {"M1", "M4"}
        assert len((await get(client, "/api/supply-quality/en-50160"))["points"]) == 2
        assert [e["device"] for e in (await get(client, "/api/meter-events"))["events"]] == ["M1"]


async def used(there: World) -> None:
    """M1 and M3 are suspected, T1 loses more than it should, and T0 will be loaded beyond its rating."""
    store = there.store
    told = [
        Suspicion(device=d, received_at=T0, since=T0 - 9 * DAY, until=T0, score=s, reasons=(REASON,))
        for d, s in ((1, 0.8), (3, 0.4))
    ]
    await there.write(Commit(suspicions=told, at=T0))
    today = dt.date(2026, 3, 1)
    judged = JudgedDay(
        device=1, day=today, score=0.8, log_odds=1.4, kinds=2, opens=True, kwh=1.5, expected_kwh=4.0, since=T0,
        reasons=(REASON,),
    )  # fmt: skip
    await store.usage.put_days(today, [judged], at=NOW)
    network = inventory().network
    played = balance_world(areas=3, members=2, days=20, slots=24)
    played.extra[1, 14 * 24 :] = 0.8
    found, _, areas = played.judged()
    await store.usage.put_losses(played.losses(areas)[-1], found, network, at=NOW)
    finding = AreaFinding(
        kind="area_loss", node=int(areas.node[1]), since=T0, words="Look there.", figures={}
    )
    await store.usage.put_findings(found.day, [finding], network, at=NOW)
    outlook = LoadOutlook(
        node=np.array([2, 3], np.int32),
        start=NOW + HOUR * np.arange(2),
        step=HOUR,
        expected=np.array([[50.0, 90.0], [50.0, 60.0]]),
        high=np.array([[60.0, 120.0], [60.0, 70.0]]),
        share=0.9,
        limit=np.array([80.0, np.nan]),
    )
    await store.usage.put_outlook(outlook, network, at=NOW)


async def test_unusual_usage_losses_and_load(there: World) -> None:
    await used(there)

    async def ask(client: aiohttp.ClientSession, what: str, name: str, **asked: Any) -> Any:
        return (await get(client, f"/api/usage/{what}", **asked))[name]

    async with there.client(Role.VIEWER) as client:
        first, second = await ask(client, "watchlist", "devices")
        assert (first["device"], first["transformer"], first["score"]) == ("M1", "T1", 0.8)
        assert first["reasons"] == [
            {"rule": "loss_follows_use", "weight": 3.5, "words": REASON.words, "figures": {"r": 0.9}}
        ]
        assert (second["device"], second["incident"], second["ticket_number"]) == ("M3", None, None)
        assert [w["device"] for w in await ask(client, "watchlist", "devices", score=0.5)] == ["M1"]
        (day,) = await ask(client, "days", "days", device="M1")
        assert (day["day"], day["opens"], day["kwh"], day["reasons"][0]["words"]) == (
            "2026-03-01",
            True,
            1.5,
            REASON.words,
        )
        worst, *others = await ask(client, "areas", "areas")
        assert (worst["node"], worst["finding"], worst["words"], len(others)) == (
            "T1",
            "area_loss",
            "Look there.",
            2,
        )
        assert worst["excess_per_day"] > 1
        (risk,) = await ask(client, "risks", "risks")
        assert (risk["node"], risk["expected"], risk["limit_kw"], risk["intervals"]) == ("T0", True, 80.0, 1)
        loads = await ask(client, "outlook", "intervals", node="T1")
        assert [(load["expected_kw"], load["high_kw"], load["limit_kw"]) for load in loads] == [
            (50.0, 60.0, None),
            (60.0, 70.0, None),
        ]
        await get(client, "/api/usage/outlook", 404, node="T9")
        await get(client, "/api/usage/days", 404, device="M9")
        edge = {"from": "0001-01-01T00:00:00Z", "to": "0001-01-02T00:00:00Z"}
        assert await ask(client, "days", "days", device="M1", **edge) == []
        await get(client, "/api/usage/watchlist", 422, score=1.5)
    async with there.client(Role.VIEWER, below=["T0"]) as client:
        assert [w["device"] for w in await ask(client, "watchlist", "devices")] == ["M3"]
        assert [a["node"] for a in await ask(client, "areas", "areas")] == ["T0"]
        assert [r["node"] for r in await ask(client, "risks", "risks")] == ["T0"]
        assert await ask(client, "risks", "risks", below="F") == await ask(client, "risks", "risks")
        assert await ask(client, "watchlist", "devices", below="T1") == []
        await get(client, "/api/usage/outlook", 404, node="T1")
        await get(client, "/api/usage/days", 404, device="M1")
