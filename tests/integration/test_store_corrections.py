"""An operator's word over the detector's: what it changes, what it leaves, and that it stays on record."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from gateway.core.clock import DAY, HOUR, MINUTE, parse_time
from gateway.core.errors import InvalidInputError
from gateway.core.model import Commit, Event, IncidentState
from gateway.store import Store
from gateway.store.corrections import Correction, CorrectionView
from gateway.store.views import Reliability
from tests.integration.store_world import SPOOL, T0, PlainDesk, outage, ready_store, rows, small_inventory

NOW = T0 + 12 * HOUR


async def tell(store: Store, *events: Event) -> None:
    await store.write(Commit(events=list(events)), PlainDesk(), SPOOL)


async def say(store: Store, incident: str = "I1", *, dry_run: bool = False, **said: object) -> CorrectionView:
    correction = Correction(incident=incident, by="Lin", reason="log of the breaker", **said)  # type: ignore[arg-type]
    return await store.corrections.make(correction, at=NOW, dry_run=dry_run)


async def account(store: Store, at: int = NOW) -> Reliability:
    return await store.reports.reliability(T0 - 8 * HOUR, T0 + 16 * HOUR, at=at)


def over(name: str = "I1", minutes: int = 60, **more: object) -> Event:
    """Two meters off for so many minutes."""
    end = T0 + minutes * MINUTE
    return outage(name, state=IncidentState.CLOSED, ended_at=end, **more)  # type: ignore[arg-type]


async def test_a_moved_start_restates_the_account(database_url: str) -> None:
    async with ready_store(database_url) as store:
        await tell(store, over())
        assert (await account(store)).all.customer_minutes == 120
        made = await say(store, started_at=T0 - 30 * MINUTE)
        assert (await account(store)).all.customer_minutes == 180
        one = await say(store, device="M3", ended_at=T0 + 10 * MINUTE)
        assert (await account(store)).all.customer_minutes == 90 + 40
        trail = await store.corrections.trail("I1")
    assert [view.number for view in trail] == [one.number, made.number]
    assert trail[1] == made
    assert (made.changed, [effect.device for effect in made.effects]) == (2, ["M0", "M3"])
    assert (made.effects[0].before.started_at, made.effects[0].after.started_at) == (T0, T0 - 30 * MINUTE)
    assert (one.changed, one.effects[0].before.started_at) == (1, T0 - 30 * MINUTE)


async def test_the_detector_does_not_overwrite_the_operator(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        await tell(store, outage())
        await say(store, ended_at=T0 + 20 * MINUTE)
        report = await account(store)
        assert (report.all.customer_minutes, report.all.open.customers) == (40, 0)
        assert (await store.reports.supply_now()).off == 0
        await tell(store, over(minutes=50, revision=2))  # told later, and otherwise
        assert (await account(store)).all.customer_minutes == 40
        await tell(
            store, over(minutes=50, revision=3, started_at=T0 + 5 * MINUTE)
        )  # its start is still its own
        assert (await account(store)).all.customer_minutes == 30
        assert {i.ended_at for i in await store.open_interruptions()} == set(), (
            "a closed incident is not live"
        )
        await say(store, as_detected=True)
        assert (await account(store)).all.customer_minutes == 90


async def test_detectors_start_again_from_their_own_word(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        await tell(store, outage())
        await say(store, started_at=T0 - MINUTE, ended_at=T0 + 20 * MINUTE)
        assert {(i.started_at, i.ended_at) for i in await store.open_interruptions()} == {(T0, None)}


async def test_void_kind_and_cause(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        await tell(store, over(), over("I2", node="T1", devices=(1,)))
        await say(store, "I2", kind="planned", cause="works on the line")
        report = await account(store)
        assert (report.fault.customer_minutes, report.planned.customer_minutes) == (120, 60)
        await say(store, voided=True)
        assert (await account(store)).all.customer_minutes == 60
        late = over(revision=2, devices=(0, 3, 5))  # a member that joins what is void is void too
        await tell(store, late)
        assert (await account(store)).all.customer_minutes == 60
        await say(store, voided=False)
        assert (await account(store)).all.customer_minutes == 60 + 180
    assert await rows(postgres_url, "select distinct cause from effective_interruption order by 1") == [
        ("",),
        ("works on the line",),
    ]


async def test_the_end_of_an_incident_leaves_who_came_back_before(postgres_url: str) -> None:
    early, late = over(devices=(0,), minutes=20), over(devices=(1, 2), minutes=60, revision=2)
    async with ready_store(postgres_url) as store:
        await tell(store, early, late)
        await say(store, ended_at=T0 + 90 * MINUTE)
        assert (await account(store)).all.customer_minutes == 20 + 2 * 90
        await say(store, ended_at=T0 + 10 * MINUTE)
        assert (await account(store)).all.customer_minutes == 30


async def test_spells_join_and_part_as_corrected(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        second = over("I2", devices=(0,), started_at=T0 + 2 * HOUR, minutes=180)
        await tell(store, over(devices=(0,)), second)
        assert (await account(store)).all.customer_interruptions == 2
        await say(store, ended_at=T0 + 2 * HOUR)
        report = await account(store)
        assert (report.all.customer_interruptions, report.all.customer_minutes) == (1, 180)
        await say(store, ended_at=T0 + HOUR)
        assert (await account(store)).all.customer_interruptions == 2


async def test_a_dry_run_changes_nothing(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        await tell(store, over())
        shown = await say(store, dry_run=True, voided=True)
        assert shown.changed == 2
        assert (await account(store)).all.customer_minutes == 120
        assert await store.corrections.trail() == []


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"incident": "I9", "voided": True}, "there is no incident I9"),
        ({"device": "M1", "voided": True}, "device M1: has no interruption in incident I1"),
        ({"device": "M99", "voided": True}, "device M99: has no interruption"),
        ({"device": "M0", "step": 7, "voided": True}, "has no such interruption"),
        (
            {"ended_at": T0 - HOUR},
            r"would end at 2026-03-01T07:00:00Z, before it starts at 2026-03-01T08:00:00Z",
        ),
        ({"started_at": T0 + 2 * HOUR}, "before it starts"),
        ({"started_at": T0 + HOUR, "ended_at": T0}, "ended_at: lies before started_at"),
        ({"ended_at": NOW + DAY}, "ended_at: lies ahead"),
        ({"started_at": parse_time("0202-03-01T07:00:00Z")}, "started_at: lies before the year 2000"),
        ({"started_at": -(1 << 62)}, "started_at: lies before the year 2000"),
        ({"device": "M0", "step": 1 << 31, "voided": True}, "step: 2147483648 is not one"),
        ({"cause": "x" * 2001}, "cause: is longer than 2000 characters"),
        ({}, "nothing to correct"),
        ({"voided": True, "ended_at": T0}, "neither start nor end"),
        ({"kind": "storm"}, "neither fault nor planned"),
        ({"step": 0, "voided": True}, "step: needs the device"),
        ({"as_detected": True, "voided": True}, "goes with nothing else"),
    ],
)
async def test_what_cannot_be_is_refused_whole(
    postgres_url: str, said: dict[str, object], fault: str
) -> None:
    async with ready_store(postgres_url) as store:
        await tell(store, over())
        before = await account(store)
        with pytest.raises(InvalidInputError, match=fault):
            await say(store, **said)  # type: ignore[arg-type]
        assert await store.corrections.trail() == []
        assert await account(store) == before


async def test_nobody_says_who_or_why(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        with pytest.raises(InvalidInputError) as caught:
            await store.corrections.make(Correction(incident="I1", voided=True, by=" ", reason=""), at=NOW)
    assert caught.value.faults == ("by: is empty", "reason: is empty")


async def test_what_was_said_stays_on_record(database_url: str) -> None:
    """Not even the owner of the tables changes it by mistake."""
    async with ready_store(database_url) as store:
        await tell(store, over())
        await say(store, voided=True)
    for table in ("correction", "correction_effect"):
        for statement in (
            f"update {table} set device_key = 1",
            f"delete from {table}",
            f"truncate {table} cascade",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                await rows(database_url, statement)


async def test_who_may_correct(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        await tell(store, over())
    call = "select correct_interruption('I1', null, null, null, null, true, null, null, false, 'Lin', 'why', now())"
    for role, statement, allowed in [
        ("feederline_api", call, True),
        ("feederline_writer", call, True),
        ("feederline_grafana", call, False),
        ("feederline_api", "delete from correction", False),
        ("feederline_writer", "insert into operator_word values ('I1', 0, 0)", False),
        ("feederline_api", "delete from spell", False),
        ("feederline_grafana", "select * from correction_effect", True),
        (
            "feederline_grafana",
            "select * from reliability_by('feeder', now() - interval '1 day', now())",
            True,
        ),
        ("feederline_grafana", "select * from target_state(), clock_fault", True),
    ]:
        async with await psycopg.AsyncConnection.connect(postgres_url) as conn:
            await conn.execute(f"set role {role}; set search_path = feederline".encode())
            if allowed:
                await conn.execute(statement.encode())
            else:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    await conn.execute(statement.encode())
            await conn.rollback()


async def test_gateway_and_operators_at_the_same_time(database_url: str) -> None:
    """Whoever comes second sees what the first one did: the spells kept are those made from scratch."""
    query = "select * from spell order by device_key, of, started_at"
    async with ready_store(database_url) as store:
        await tell(store, *(over(f"I{i}", node=f"N{i}", minutes=10 * i + 10) for i in range(4)))

        async def detector() -> None:
            for revision in range(2, 12):
                for i in range(4):
                    await tell(
                        store, over(f"I{i}", node=f"N{i}", minutes=10 * i + revision, revision=revision)
                    )

        async def operator(i: int) -> None:
            for minutes in range(1, 11):
                await say(store, f"I{i}", started_at=T0 - minutes * MINUTE * (i + 1))
                await say(store, f"I{i}", kind="planned" if minutes % 2 else "fault")

        await asyncio.gather(detector(), operator(0), operator(1), operator(3))
        assert len(await store.corrections.trail()) == 60
    kept = await rows(database_url, query)
    await rows(database_url, "delete from spell returning 1")
    await rows(
        database_url,
        """select restate(array_agg(s.of), array_agg(c.device_key), array_agg(c.started_at), array_agg(c.ended_at))
             from counted_interruption c, unnest(spells_of(c.state, c.kind)) as s (of)""",
    )
    assert kept == await rows(database_url, query)
    assert len(kept) >= 4


async def test_a_device_off_the_list_ends_what_nobody_ended(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        await tell(store, outage(devices=(5,)))
        assert (await account(store)).all.open.customers == 1
        await store.sync_inventory(small_inventory(6, without=1))
        report = await account(store, at=NOW)
    assert report.all.open.customers == 0
    assert await rows(
        postgres_url,
        "select of, ended_at = d.unlisted_at from spell join device d using (device_key) order by of",
    ) == [
        ("all", True),
        ("fault", True),
    ]
