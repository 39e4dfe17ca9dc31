"""The account of supply in SQL: worked cases to the last digit, and the rules at their edges."""

from __future__ import annotations

import csv
import json
from itertools import groupby
from pathlib import Path

import msgspec
import pytest

from gateway.core.clock import DAY, HOUR, MINUTE, SECOND, parse_time, to_datetime
from gateway.core.model import (
    GATEWAY,
    Commit,
    Event,
    IncidentKind,
    IncidentState,
    Interruption,
    Signal,
    SignalKind,
    SupplyState,
)
from gateway.store import Store
from gateway.store.views import Reliability
from tests.integration.store_world import SPOOL, T0, PlainDesk, outage, ready_store, rows, small_inventory

CASES = Path(__file__).parent.parent / "cases" / "indices"
DESK = PlainDesk()
DAY0 = parse_time("2026-03-01T00:00:00Z")


def events_of(file: Path) -> list[Event]:
    """Interruptions of single customers that add up to the rows: rows of one event that begin together are different
    customers; a later beginning within an event is a further step of the customers from the first on."""
    with file.open(newline="") as lines:
        listed = list(csv.DictReader(lines))
    events = []
    for name, steps in groupby(listed, key=lambda row: row["event_id"]):
        parts: list[Interruption] = []
        for step, (start, together) in enumerate(groupby(steps, key=lambda row: row["start"])):
            first = 0
            for row in together:
                last = first + int(row["customers"])
                parts += [
                    Interruption(
                        incident=name,
                        device=device,
                        step=step,
                        state=SupplyState.OFF,
                        started_at=parse_time(start),
                        ended_at=parse_time(row["end"]),
                    )
                    for device in range(first, last)
                ]
                first = last
        closed = outage(name, state=IncidentState.CLOSED, started_at=parts[0].started_at)
        events.append(msgspec.structs.replace(closed, interruptions=tuple(parts)))
    return events


@pytest.mark.parametrize("case", ["ieee1366_circuit", "retrip"])
async def test_worked_cases(database_url: str, case: str) -> None:
    expected = json.loads((CASES / f"{case}.json").read_text())
    frm, to = parse_time(expected.pop("from")), parse_time(expected.pop("to"))
    served = expected.pop("served")
    async with ready_store(database_url, small_inventory(served)) as store:
        await store.write(Commit(events=events_of(CASES / f"{case}.csv")), DESK, SPOOL)
        report = await store.reports.reliability(frm, to, at=to)
        days = await store.reports.reliability_daily(frm, to, at=to)
    assert report.served == served
    found = msgspec.structs.asdict(report.all)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-9, abs=0)
    assert report.fault == report.all
    assert report.planned.customer_interruptions == 0
    assert len(days) == 365
    assert sum(day.customer_minutes for day in days) == pytest.approx(expected["customer_minutes"], rel=1e-12)
    assert sum(day.saidi_minutes or 0 for day in days) == pytest.approx(expected["saidi_minutes"], rel=1e-12)


async def account(store: Store, *events: Event, at: int = DAY0 + DAY) -> Reliability:
    await store.write(Commit(events=list(events)), DESK, SPOOL)
    return await store.reports.reliability(DAY0, DAY0 + DAY, at=at)


def dark(
    name: str, minutes: float | None, *, after: float = 0, device: int = 0, node: str = "T0", **more: object
) -> Event:
    """One customer without supply from T0 + `after` min, for so many minutes (None: still)."""
    start = T0 + round(after * MINUTE)
    return outage(
        name,
        node=node,
        devices=(device,),
        started_at=start,
        ended_at=None if minutes is None else start + round(minutes * MINUTE),
        **{"state": IncidentState.OPEN if minutes is None else IncidentState.CLOSED, **more},  # type: ignore[arg-type]
    )


async def test_an_account_without_anything(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        report = await account(store)
    assert (report.served, report.all.asai, report.all.saidi_minutes, report.unknown_share) == (
        6,
        1.0,
        0.0,
        0.0,
    )
    assert report.all.caidi_minutes is None
    assert (report.threshold_s, report.comparator) == (300.0, ">")
    assert (report.asai_target, report.saidi_target_minutes) == (0.999, 15.0)


async def test_overlapping_incidents_count_each_minute_once(postgres_url: str) -> None:
    """A transformer's outage within a feeder's, and one that begins where another ends: one interruption."""
    async with ready_store(postgres_url) as store:
        report = await account(
            store, dark("I1", 30), dark("I2", 40, after=10), dark("I3", 10, after=50), dark("I4", 20, after=5)
        )
    assert (report.all.customer_interruptions, report.all.customer_minutes) == (1, 60.0)


async def test_exactly_the_threshold_is_momentary_unless_the_settings_say_otherwise(
    postgres_url: str,
) -> None:
    async with ready_store(postgres_url) as store:
        report = await account(store, dark("I1", 5))
        assert (report.all.customer_interruptions, report.all.maifi) == (0, 1 / 6)
        await store.put_settings({"sustained_comparator": ">="})
        report = await account(store)
        assert (report.all.customer_interruptions, report.all.maifi) == (1, 0)
        await store.put_settings({"sustained_threshold_s": 180.0, "sustained_comparator": ">"})
        report = await account(store, dark("I2", 4, after=60))
        assert (report.all.customer_interruptions, report.threshold_s) == (2, 180.0)


async def test_what_has_not_ended_stands_apart(postgres_url: str) -> None:
    at = T0 + 30 * MINUTE
    async with ready_store(postgres_url) as store:
        report = await account(store, dark("I1", None), dark("I2", 10, device=1), at=at)
        assert report.window_to == at, "time to come does not count as supplied"
        assert report.all.customer_interruptions == 2
        assert report.all.customer_minutes == 10.0
        assert (report.all.open.customers, report.all.open.customer_minutes) == (1, 30.0)
        assert report.all.asai == pytest.approx(1 - 10 / (6 * (at - DAY0) / MINUTE), rel=1e-12)
        now = await store.reports.supply_now()
        assert (now.off, now.unknown) == (1, 0)
        (day,) = await store.reports.reliability_daily(DAY0, DAY0 + DAY, at=at)
        assert (day.asai, day.open) == (report.all.asai, report.all.open)


async def test_minutes_belong_to_the_day_that_the_interruption_began(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        late = outage(started_at=DAY0 + DAY - HOUR, ended_at=DAY0 + DAY + HOUR, state=IncidentState.CLOSED)
        await store.write(Commit(events=[late]), DESK, SPOOL)
        on, after = DAY0 + DAY, DAY0 + 2 * DAY
        first = await store.reports.reliability(DAY0, on, at=after)
        second = await store.reports.reliability(on, after, at=after)
        days = await store.reports.reliability_daily(DAY0, after, at=after)
    assert (first.all.customer_minutes, second.all.customer_minutes) == (240.0, 0.0)
    assert [d.customer_minutes for d in days] == [240.0, 0.0]


async def test_a_spell_is_prolonged_by_what_began_after_the_window(postgres_url: str) -> None:
    """It belongs to its first day with all its minutes, whichever incident they are told by."""
    async with ready_store(postgres_url) as store:
        report = await account(
            store,
            dark("I1", 60, after=15 * 60 + 30),  # 23:30 to 0:30
            dark("I2", 60, after=16 * 60 + 15),  # 0:15 to 1:15
            dark("I3", 60, after=20 * 60),  # the next day's own
            dark("I4", 60, after=16 * 60 + 15, device=1),
            at=DAY0 + 2 * DAY,
        )
    assert (report.all.customer_interruptions, report.all.customer_minutes) == (1, 105.0)


async def test_unknown_is_neither_on_nor_off(postgres_url: str) -> None:
    """Two hours unknown, of which half an hour turns out dark by another incident."""
    async with ready_store(postgres_url) as store:
        report = await account(
            store,
            dark("C1", 120, kind=IncidentKind.COMMUNICATIONS_LOSS, supply=SupplyState.UNKNOWN),
            dark("I1", 30, after=60),
            dark(
                "C2",
                None,
                device=1,
                kind=IncidentKind.COMMUNICATIONS_LOSS,
                supply=SupplyState.UNKNOWN,
                after=900,
            ),
        )
        now = await store.reports.supply_now()
        (day,) = await store.reports.reliability_daily(DAY0, DAY0 + DAY, at=DAY0 + DAY)
    assert report.all.customer_minutes == 30.0
    assert report.unknown_customer_minutes == pytest.approx(90 + 60)
    assert report.unknown_share == pytest.approx(150 / (6 * 1440), rel=1e-12)
    assert (day.unknown_customer_minutes, day.unknown_share) == pytest.approx((150, report.unknown_share))
    assert (now.off, now.unknown) == (0, 1)


async def test_planned_is_shown_with_and_without(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        report = await account(
            store, dark("I1", 10), dark("P1", 20, device=1, kind=IncidentKind.PLANNED_OUTAGE)
        )
    assert (report.all.customer_minutes, report.fault.customer_minutes, report.planned.customer_minutes) == (
        30.0,
        10.0,
        20.0,
    )


async def test_withdrawn_and_absorbed_incidents(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        report = await account(
            store,
            dark("I1", None, state=IncidentState.CANCELLED),
            dark("I2", None, device=1, state=IncidentState.MERGED),  # its parent carries it on …
            dark("I3", 20, device=2, state=IncidentState.MERGED),  # … but what had ended has ended
            dark("I4", 30, device=1),
        )
        now = await store.reports.supply_now()
    assert (report.all.customer_interruptions, report.all.customer_minutes) == (2, 50.0)
    assert (now.off, report.all.open.customers) == (0, 0)


async def test_time_that_was_taken_back_is_no_interruption(postgres_url: str) -> None:
    """A detector voids what it told by giving it no length."""
    async with ready_store(postgres_url) as store:
        report = await account(
            store,
            dark("I1", 0),
            dark("C1", 0, device=1, kind=IncidentKind.COMMUNICATIONS_LOSS, supply=SupplyState.UNKNOWN),
        )
    assert (report.all.customer_interruptions, report.all.maifi, report.unknown_share) == (0, 0, 0)


async def test_a_metering_point_of_many_customers(postgres_url: str) -> None:
    inventory = small_inventory(3, customers=[40, 1, 0])
    async with ready_store(postgres_url, inventory) as store:
        report = await account(store, dark("I1", 10), dark("I2", 10, device=2))
    assert (report.served, report.all.customer_interruptions, report.all.customer_minutes) == (41, 40, 400.0)


async def test_days_are_those_of_the_settings_zone(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        await store.put_settings({"time_zone": "Asia/Shanghai"})
        await store.write(
            Commit(events=[dark("I1", 10, after=9 * 60)]), DESK, SPOOL
        )  # 17:00 UTC, 1 a.m. there
        days = await store.reports.reliability_daily(DAY0, DAY0 + DAY, at=DAY0 + 2 * DAY)
    assert [(d.day - DAY0) / HOUR for d in days] == [-8.0, 16.0]
    assert [d.customer_minutes for d in days] == [0.0, 10.0]


async def test_supply_now_names_who_is_off(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        await account(
            store,
            dark("C1", None, kind=IncidentKind.COMMUNICATIONS_LOSS, supply=SupplyState.UNKNOWN),
            dark("I1", None, after=SECOND / MINUTE),
        )
        now = await store.reports.supply_now()
    assert (now.served, now.on, now.off, now.unknown) == (6, 5, 1, 0), "off wins over unknown"


async def test_time_before_observation_began_is_neither_supply_nor_counted(database_url: str) -> None:
    began, now = T0, T0 + HOUR
    async with ready_store(database_url, small_inventory(2)) as store:
        before = await store.reports.reliability(began - 30 * DAY, now, at=now)
        await store.write(Commit(at=began, upto=1), PlainDesk(), SPOOL)
        await store.write(Commit(at=began + MINUTE, upto=2), PlainDesk(), SPOOL)  # only the first tick counts
        ended = outage(devices=(0,), started_at=began, at=began, ended_at=began + 30 * MINUTE)
        await store.write(Commit(events=[ended], at=now, upto=3), PlainDesk(), SPOOL)
        month = await store.reports.reliability(began - 30 * DAY, now, at=now)
        future = await store.reports.reliability(began - 30 * DAY, began - 29 * DAY, at=now)
        days = await store.reports.reliability_daily(began - 30 * DAY, now, at=now)
    assert (before.window_from, before.window_to) == (began - 30 * DAY, now)
    assert (month.window_from, month.window_to) == (began, now)
    assert month.all.asai == pytest.approx(0.75)  # one of two customers, half of the hour
    assert (future.window_from, future.all.asai) == (future.window_to, None)
    assert [day.asai for day in days] == [pytest.approx(0.75)]


def away(start: int, end: int) -> list[Signal]:
    """The gateway's own absence, as it tells of it when it is back."""
    return [
        Signal(kind=SignalKind.GATEWAY_DOWN, device=GATEWAY, received_at=end, occurred_at=start),
        Signal(kind=SignalKind.GATEWAY_UP, device=GATEWAY, received_at=end, occurred_at=end),
    ]


async def test_while_the_gateway_was_away_nobody_knows(database_url: str) -> None:
    """Two absences of an hour, one over midnight. One customer was off meanwhile, one unknown longer than that."""
    first, second = T0 + HOUR, DAY0 + DAY - HOUR // 2
    unknown = {"kind": IncidentKind.COMMUNICATIONS_LOSS, "supply": SupplyState.UNKNOWN}
    events = [dark("I1", 90, after=30), dark("C1", 60, device=1, after=90, **unknown)]
    signals = [*away(first, first + HOUR), *away(second, second + HOUR)]
    async with ready_store(database_url) as store:
        for _ in range(2):  # told twice, it counts once
            await store.write(Commit(events=events, signals=signals), DESK, SPOOL)
        at = DAY0 + 2 * DAY
        today, tomorrow = await store.reports.reliability_daily(DAY0, at, at=at)
        whole = await store.reports.reliability(DAY0, at, at=at)
        window = await store.reports.reliability(first, first + HOUR // 2, at=at)
        before = await store.reports.reliability(DAY0, first, at=at)
    # Of six customers five know nothing of the first hour; device 1 half an hour more; of the second hour all six.
    assert whole.unknown_customer_minutes == pytest.approx(5 * 60 + 30 + 6 * 60)
    assert whole.unknown_share == pytest.approx(690 / (6 * 2 * 1440))
    assert today.unknown_customer_minutes == pytest.approx(5 * 60 + 30 + 6 * 30)
    assert (tomorrow.unknown_customer_minutes, tomorrow.unknown_share) == pytest.approx(
        (180, 180 / (6 * 1440))
    )
    assert window.unknown_customer_minutes == pytest.approx(5 * 30)
    assert before.unknown_customer_minutes == 0
    assert (whole.all.customer_minutes, whole.fault.customer_minutes) == (90, 90), "what is known stays known"


async def test_absences_outlive_the_retention_of_signals(postgres_url: str) -> None:
    async with ready_store(postgres_url, small_inventory(1)) as store:
        gasp = Signal(kind=SignalKind.LAST_GASP, device=0, received_at=T0, occurred_at=T0)
        await store.write(Commit(signals=[gasp, *away(T0, T0 + HOUR)]), DESK, SPOOL)
        await store.maintain(T0 + 1000 * DAY)
        report = await store.reports.reliability(DAY0, DAY0 + DAY, at=DAY0 + DAY)
    assert await rows(postgres_url, "select distinct device_key from signal") == [(None,)]
    assert report.unknown_customer_minutes == 60


async def test_an_interruption_of_a_device_that_is_taken_off_the_list_ends_there(database_url: str) -> None:
    """Meters are exchanged, one while dark and one while unheard: nobody will ever tell that they came back."""
    unlisted = T0 + 2 * HOUR
    unknown = {"kind": IncidentKind.COMMUNICATIONS_LOSS, "supply": SupplyState.UNKNOWN}
    async with ready_store(database_url) as store:
        await account(store, dark("I1", None, device=4), dark("C1", None, device=5, after=60, **unknown))
        await account(
            store, dark("I2", None, after=180, device=4, node="T1")
        )  # begins when it is gone already
        await store.sync_inventory(small_inventory(without=2, known=[f"M{i}" for i in range(6)]))
        assert await rows(database_url, "select count(unlisted_at) from device where not listed") == [(2,)]
        async with store._pool.connection() as conn:
            await conn.execute("update device set unlisted_at = %s where not listed", [to_datetime(unlisted)])
        report = await account(store)
        year = await store.reports.reliability(DAY0, DAY0 + 365 * DAY, at=DAY0 + 365 * DAY)
        now = await store.reports.supply_now()
        assert (report.served, report.all.customer_interruptions, report.all.customer_minutes) == (4, 1, 120)
        assert (report.all.open.customers, year.all.open.customers) == (0, 0)
        assert report.unknown_customer_minutes == year.unknown_customer_minutes == 60
        assert (now.served, now.on, now.off, now.unknown) == (4, 4, 0, 0)
        await store.sync_inventory(small_inventory())  # it was a mistake
        back = await account(store)
    assert (back.served, back.all.open.customers) == (6, 1)
    assert await rows(database_url, "select count(unlisted_at) from device") == [(0,)]
