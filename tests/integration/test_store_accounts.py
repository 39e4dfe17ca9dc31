"""The accounts in SQL against the pure functions that `feederline indices` rests on: same data, same figures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import get_args

import pytest

from gateway.core.model import Commit
from gateway.store import Store
from gateway.store.accounts import Account, Basis, Of, Place
from gateway.store.accounts import Period as PeriodName
from processors.interruptions.accounting import Threshold, Window, distinct, judge, momentary_events
from processors.interruptions.periods import Period
from tests.integration.account_world import HIGH, LOW, NOW, ZONE, Expected, inventory, random_events
from tests.integration.store_world import SPOOL, PlainDesk, ready_store, rows

SETTINGS: dict[str, float | str] = {
    "time_zone": ZONE,
    "cemi_interruptions": 2,
    "celid_single_hours": 9,
    "celid_total_hours": 30,
}
WINDOW = Window(low=LOW, high=HIGH, at=NOW)
RULE = Threshold()


@asynccontextmanager
async def past(url: str, seed: int) -> AsyncIterator[tuple[Store, Expected]]:
    """A store with a random past, written a few changes at a time, and what it should say."""
    listed = inventory()
    events = random_events(seed, len(listed))
    async with ready_store(url, listed) as store:
        await store.put_settings(SETTINGS)
        for i in range(0, len(events), 7):
            await store.write(Commit(events=events[i : i + 7]), PlainDesk(), SPOOL)
        yield store, Expected(listed, events)


@pytest.mark.parametrize("seed", range(3))
async def test_indices_are_those_of_the_pure_functions(database_url: str, seed: int) -> None:
    async with past(database_url, seed) as (store, expected):
        report = await store.reports.reliability(LOW, HIGH, at=NOW)
    served = report.served
    for of in get_args(Of):
        found = getattr(report, of)
        judged = judge(expected.spells(of), WINDOW, RULE)
        each = distinct(judged)
        spells, minutes = judged.spells, judged.spells.customer_minutes(NOW)
        interruptions = int(spells.customers[judged.counted].sum())
        assert interruptions > 0
        assert found.customer_interruptions == interruptions
        assert found.customer_minutes == pytest.approx(minutes[judged.closed].sum(), rel=1e-12)
        assert found.maifi == spells.customers[judged.momentary].sum() / served
        assert found.maifi_e == spells.customers[momentary_events(judged)].sum() / served
        assert found.caifi == pytest.approx(interruptions / each.customers.sum(), rel=1e-12)
        assert found.cemi == {"2": each.with_at_least(2) / served}
        assert found.celid_s == {"9": each.longer_once(9) / served}
        assert found.celid_t == {"30": each.longer_in_total(30) / served}
        assert found.open.customers == spells.customers[spells.going_on].sum()
        assert found.open.customer_minutes == pytest.approx(minutes[spells.going_on].sum(), rel=1e-12)


@pytest.mark.parametrize("basis", get_args(Basis))
@pytest.mark.parametrize("place", get_args(Place))
async def test_accounts_by_place_and_time(postgres_url: str, place: Place, basis: Basis) -> None:
    periods: list[PeriodName | None] = [None, "day", "month", "year"]
    async with past(postgres_url, 11) as (store, expected):
        for period in periods:
            for of in get_args(Of):
                found = await store.accounts.by(place, LOW, HIGH, at=NOW, of=of, basis=basis, period=period)
                wanted = expected.accounts(place, Period(period) if period else None, of, basis, RULE)
                assert {(a.key, a.period_from) for a in found} == set(wanted)
                for account in found:
                    _same(account, wanted[account.key, account.period_from], basis)


def _same(found: Account, wanted: dict[str, float], basis: Basis) -> None:
    for name, value in wanted.items():
        if name == "momentary_events" and basis == "mv":
            assert found.momentary_events is None
        else:
            assert getattr(found, name) == pytest.approx(value, rel=1e-9, abs=1e-9), (found.key, name)


@pytest.mark.parametrize("seed", range(3))
async def test_spells_that_were_kept_are_those_made_from_scratch(postgres_url: str, seed: int) -> None:
    query = "select * from spell order by device_key, of, started_at"
    async with past(postgres_url, seed):
        kept = await rows(postgres_url, query)
        await rows(postgres_url, "delete from spell returning 1")
        assert await rows(postgres_url, query) == []
        await rows(
            postgres_url,
            """select restate(array_agg(s.of), array_agg(c.device_key), array_agg(c.started_at), array_agg(c.ended_at))
                 from counted_interruption c, unnest(spells_of(c.state, c.kind)) as s (of)
                where c.ended_at is not null""",
        )
        assert kept == await rows(postgres_url, query)
        assert len(kept) > 50
