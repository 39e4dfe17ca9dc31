"""Balances, baselines, judged days, suspicions and outlooks: kept once, replaced by day, read back as they were."""

from __future__ import annotations

import datetime as dt

import numpy as np
import psycopg
import pytest

from gateway.core.balance import AreaFinding
from gateway.core.clock import DAY, HOUR
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Commit, Reason, Suspicion
from gateway.core.outlook import LoadOutlook
from gateway.store.judgements import JudgedDay
from processors.usage.baseline import VERSION, WIDTH, Baselines
from tests.integration.store_world import SPOOL, T0, PlainDesk, ready_store, rows, small_network
from tests.unit.balance_world import world

TODAY = dt.date(2026, 3, 1)
REASON = Reason(
    rule="loss_follows_use", weight=3.5, words="It moves with this meter's use.", figures={"correlation": 0.9}
)
SUSPICION = Suspicion(
    device=1, received_at=T0, since=T0 - 9 * DAY, until=T0 - HOUR, score=0.8, reasons=(REASON,)
)


def inventory() -> Inventory:
    devices = [Device(id=f"M{i}", node=f"T{i % 3}") for i in range(6)]
    heads = [Device(id=f"X{i}", node=f"T{i}", kind="terminal", customers=0) for i in range(3)]
    return Inventory([*devices, *heads], small_network())


async def test_the_stream_s_suspicions_are_written_once_and_for_good(database_url: str) -> None:
    later = Suspicion(device=1, received_at=T0 + DAY, since=T0, until=T0 + DAY, score=0.05, reasons=())
    other = Suspicion(device=6, received_at=T0, since=T0, until=T0, score=0.6, reasons=(REASON,))
    async with ready_store(database_url, inventory()) as store:
        first = await store.write(Commit(suspicions=[SUSPICION, SUSPICION, other]), PlainDesk(), SPOOL)
        again = await store.write(Commit(suspicions=[SUSPICION, later]), PlainDesk(), SPOOL)
        assert (first.suspicions, again.suspicions) == (2, 1)
        assert await store.usage.suspicions([1]) == [later, SUSPICION]
        assert await store.usage.standing() == [other, later]
        assert await store.usage.standing(score=0.5) == [other]
        [seen] = await store.usage.watchlist(score=0.5)
        assert (seen.device_id, seen.device_kind, seen.transformer_id) == ("X0", "terminal", "T0")
        assert (seen.rule, seen.words, seen.reasons) == (REASON.rule, REASON.words, (REASON,))
        assert [w.device_id for w in await store.usage.watchlist(below=["T1"])] == ["M1"]
    async with await psycopg.AsyncConnection.connect(database_url) as conn:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await conn.execute("delete from feederline.suspicion")


async def test_the_book_of_areas_comes_back_as_it_was(database_url: str) -> None:
    played = world(areas=3, members=2, days=20, slots=24)
    played.extra[1, 14 * 24 :] = 0.8
    judged, book, areas = played.judged()
    network = small_network()
    made = played.losses(areas)
    async with ready_store(database_url, inventory()) as store:
        for losses in made:
            told = judged if losses.day == judged.day else None
            assert await store.usage.put_losses(losses, told, network, at=T0) == 3
        assert await store.usage.put_losses(made[-1], judged, network, at=T0 + 1) == 3
        kept = await store.usage.losses(played.date(5), played.date(20), network)
        assert [k.day for k in kept] == [m.day for m in made[5:]]
        for one, was in zip(kept, made[5:], strict=True):
            assert (one.start, one.end, one.hours) == (was.start, was.end, was.hours)
            np.testing.assert_array_equal(one.node, was.node)
            np.testing.assert_array_equal(one.moments, was.moments)
            np.testing.assert_array_equal(one.used, was.used)
            np.testing.assert_allclose(one.loss, was.loss)
        found = [
            AreaFinding(
                kind="area_loss",
                node=int(areas.node[1]),
                since=T0,
                words="Look there.",
                figures={"weight": 4.0},
            ),
            AreaFinding(
                kind="topology", node=2, since=-1, words="It hangs there.", figures={}, device=1, other=3
            ),
        ]
        assert await store.usage.put_findings(judged.day, found, network, at=T0) == 2
        assert await store.usage.put_findings(judged.day, found[:1], network, at=T0) == 1
        worst, *_ = await store.usage.areas()
        assert (worst.node_id, worst.finding, worst.words) == ("T1", "area_loss", "Look there.")
        assert "stepped" in worst.found
        assert worst.since == book.start[14]
        assert worst.feeder_id == "F"
        assert [a.node_id for a in await store.usage.areas(below=["T2"])] == ["T2"]


async def test_baselines_are_kept_to_the_bit(database_url: str) -> None:
    devices = np.array([0, 2, 5], np.int32)
    made = Baselines(devices)
    made.state[:] = np.random.default_rng(1).normal(size=made.state.shape).astype(np.float32)
    made.state[1, 7] = np.nan
    made.number[:] = [20_000, 20_001, -1]
    async with ready_store(database_url, inventory()) as store:
        assert len((await store.usage.baselines(devices, version=VERSION, width=WIDTH)).device) == 0
        for _ in range(2):
            kept = made.rows()
            await store.usage.put_baselines(kept.device, kept.number, kept.state, version=VERSION, at=T0)
        made.state[0, 0] = 7.0
        await store.usage.put_baselines(
            devices[:1], made.number[:1], made.state[:1], version=VERSION, at=T0 + 1
        )
        found = await store.usage.baselines(
            np.arange(6, dtype=np.int32)[::-1].copy(), version=VERSION, width=WIDTH
        )
        np.testing.assert_array_equal(found.device, devices)
        np.testing.assert_array_equal(found.number, made.number)
        np.testing.assert_array_equal(found.state, made.state)
        assert len((await store.usage.baselines(devices, version=VERSION + 1, width=WIDTH)).device) == 0
        assert len((await store.usage.baselines(devices, version=VERSION, width=WIDTH + 1)).device) == 0


async def test_a_judged_day_takes_the_place_of_what_was_judged_of_it(database_url: str) -> None:
    one = JudgedDay(
        device=3,
        day=TODAY,
        score=0.5,
        log_odds=0.0,
        kinds=2,
        opens=True,
        kwh=1.5,
        expected_kwh=4.0,
        since=T0 - DAY,
        reasons=(REASON,),
    )
    two = JudgedDay(
        device=0,
        day=TODAY,
        score=0.25,
        log_odds=-1.0,
        kinds=1,
        opens=False,
        kwh=None,
        expected_kwh=None,
        since=None,
        reasons=(Reason(rule="zero_use", weight=1.0, words="None.", figures={"kwh": float("nan")}),),
    )
    async with ready_store(database_url, inventory()) as store:
        assert await store.usage.put_days(TODAY, [two, one], at=T0) == 2
        [first, second] = await store.usage.days(TODAY, TODAY + dt.timedelta(1))
        assert first == one
        assert second.reasons == (Reason(rule="zero_use", weight=1.0, words="None."),)
        assert await store.usage.put_days(TODAY, [one], at=T0 + 1) == 1
        assert await store.usage.days(TODAY, TODAY + dt.timedelta(1)) == [one]
        assert await store.usage.days(TODAY, TODAY + dt.timedelta(1), device=0) == []
        assert await store.usage.days(TODAY + dt.timedelta(1), TODAY + dt.timedelta(2)) == []


async def test_what_goes_beyond_its_rating_is_a_risk(database_url: str) -> None:
    start = T0 + HOUR * np.arange(3)
    outlook = LoadOutlook(
        node=np.array([2, 3, 4], np.int32),
        start=start,
        step=HOUR,
        expected=np.array([[50.0, 90, 40], [50, 60, 70], [np.nan, np.nan, 99]]),
        high=np.array([[60.0, 120, 50], [60, 70, 101], [np.nan, np.nan, 300]]),
        share=0.9,
        limit=np.array([80.0, 100.0, np.nan]),
    )
    network = small_network()
    async with ready_store(database_url, inventory()) as store:
        for _ in range(2):
            assert await store.usage.put_outlook(outlook, network, at=T0) == 7
        first, second = await store.usage.risks(at=T0)
        assert (first.node_id, first.intervals, first.expected, first.high_kw) == ("T0", 1, True, 120.0)
        assert (first.starts_at, first.ends_at) == (T0 + HOUR, T0 + 2 * HOUR)
        assert (second.node_id, second.expected) == ("T1", False)
        assert [r.node_id for r in await store.usage.risks(at=T0 + 2 * HOUR)] == ["T1"]
        assert [r.node_id for r in await store.usage.risks(at=T0, below=["T1"])] == ["T1"]
        await store.usage.put_outlook(outlook, network, at=T0 + 40 * DAY)
        assert await rows(database_url, "select count(*) from load_outlook") == [(7,)]
