"""Where the database must say what the pure rules say, and what each group may not do to meter data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import psycopg
import pytest

from gateway.core.clock import DAY, MINUTE
from gateway.core.meterdata import IntervalEdit, Intervals, IntervalStatus, Rule
from processors.vee import editing, versions
from tests.integration.store_world import T0, ready_store, rows
from tests.integration.test_store_meterdata import DEVICES, LONG_AGO, QUARTER, intervals
from tests.integration.test_store_roles import REFUSED, attempt

NOW = T0 + DAY


def any_intervals(random: np.random.Generator, n: int) -> Intervals:
    """Of every status that a machine gives, of few different values, so that equal ones meet."""
    status = random.integers(0, 4, n)
    value = np.where(status == IntervalStatus.MISSING, np.nan, random.integers(-1, 3, n))
    made = intervals(value.tolist(), status=[IntervalStatus(s) for s in status.tolist()])
    raw = np.where(random.random(n) < 0.5, made.raw, np.nan)
    return replace(made, raw=raw, rules=random.choice([0, int(Rule.HIGH)], n).astype(np.int64))


async def test_the_database_takes_what_the_rules_take(database_url: str) -> None:
    """edited: the first ten; final: the next ten."""
    random = np.random.default_rng(5)
    first, second = any_intervals(random, 200), any_intervals(random, 200)
    border = T0 + 20 * QUARTER
    async with ready_store(database_url) as store:
        book = store.meterdata
        await book.put(first, at=T0, final_before=LONG_AGO)
        said = edit(0, 10, 3.5)
        await book.edit(said)
        standing = await book.intervals(DEVICES, "energy_import", T0, T0 + 9 * DAY)
        applied = editing.apply(first, [said])
        for name in ("status", "rules", "raw"):
            np.testing.assert_array_equal(getattr(standing, name), getattr(applied, name))
        np.testing.assert_allclose(standing.value, applied.value)
        taken = versions.supersede(standing, second, at=NOW, final_after=NOW - border)
        assert 20 < taken.sum() < 180
        assert not taken[:20].any()
        await book.put(second, at=NOW, final_before=border)
        now = await book.intervals(DEVICES, "energy_import", T0, T0 + 9 * DAY)
        late = versions.told_late(standing, second)
        for name in ("status", "value", "raw", "rules"):
            expected = np.where(taken, getattr(late, name), getattr(standing, name))
            np.testing.assert_array_equal(getattr(now, name), expected)


def edit(start: int, end: int, value: float) -> IntervalEdit:
    return IntervalEdit(
        device=0,
        quantity="energy_import",
        start=T0 + start * QUARTER,
        end=T0 + end * QUARTER,
        value=value,
        by="wang",
        at=NOW,
        reason="read at the meter",
    )


@pytest.mark.parametrize("first", [[1.0, 2.0, 3.0, 4.0], [-1.0, 1.0, 0.0, 2.0], [0.0] * 4])
async def test_an_edit_is_shared_out_as_offline(postgres_url: str, first: list[float]) -> None:
    made = intervals(first)
    said = [edit(0, 4, 6.0), edit(1, 3, 5.0)]
    async with ready_store(postgres_url) as store:
        await store.meterdata.put(made, at=T0, final_before=LONG_AGO)
        for one in said:
            await store.meterdata.edit(one)
        found = await store.meterdata.intervals(DEVICES, "energy_import", T0, NOW)
    np.testing.assert_allclose(found.value, editing.apply(made, said).value)


MAY_NOT = {
    "feederline_writer": [
        "update interval set edit_id = 1",
        "update interval set version = 7",
        "update interval set starts_at = now()",
        (
            "insert into interval (device_key, quantity, status, starts_at, ends_at, made_at, rules, value, edit_id)"
            " values (1, 27, 3, now(), now() + interval '1 h', now(), 0, 1, 1)"
        ),
        "delete from interval",
        "truncate interval",
        (
            "insert into interval_version select device_key, quantity, starts_at, 9, ends_at, made_at, 0, 0, 0, 0"
            " from interval"
        ),
        "update interval_version set value = 0",
        "insert into interval_edit (device_key) values (1)",
        "delete from interval_too_late",
        "update meter_change set after = 1",
        "delete from meter_change_withdrawal",
        "delete from collection_day",
        "delete from gap",
        "delete from meter_data_progress",
    ],
    "feederline_api": [
        "update interval set value = 0",
        "insert into interval_edit (device_key) values (1)",
        "select ensure_interval_partitions(array[date '2026-03-01'])",
        "update meter_data_progress set done_until = now()",
        "delete from late_mark",
        "update gap set asks = 0",
        "update meter_change_withdrawal set reason = 'another'",
    ],
    "feederline_grafana": [
        "select * from meter_data_progress",
        "select * from late_mark",
        "update interval set value = 0",
        "select edit_interval(1, 27::smallint, now(), now(), 1, 'me', 'why', now())",
    ],
}
MAY = {
    "feederline_api": ["select * from interval_validated, collection_rate(now(), now()), gap"],
    "feederline_grafana": [
        "select * from interval_raw",
        "select * from interval_validated",
        "select * from interval_history",
        "select * from collection_rate(now() - interval '1 day', now(), 'area', true)",
        "select * from gap, collection_day, meter_change_standing, interval_edit, interval_too_late",
    ],
}


async def test_what_each_group_may_and_may_not(database_url: str) -> None:
    async with ready_store(database_url) as store:
        await store.meterdata.put(intervals([1.0] * 4), at=T0, final_before=LONG_AGO)
    for role, statements in MAY_NOT.items():
        for statement in statements:
            with pytest.raises(REFUSED):
                await attempt(database_url, role, statement)
    for role, statements in MAY.items():
        for statement in statements:
            await attempt(database_url, role, statement)
    with pytest.raises(psycopg.errors.CheckViolation):
        await attempt(database_url, "feederline_writer", "update interval set status = 4, machine_status = 3")


async def test_progress_never_goes_back(postgres_url: str) -> None:
    async with ready_store(postgres_url):
        pass
    before = "done_until = '2026-03-02', final_before = '2026-03-01'"
    await rows(postgres_url, f"update meter_data_progress set {before} returning 1")
    for column in ("reckoning_until", "done_until", "final_before"):
        (held,) = await rows(
            postgres_url,
            f"update meter_data_progress set {column} = '2020-01-01' returning done_until, reckoning_until,"
            " final_before",
        )
        assert [str(moment)[:10] for moment in held] == ["2026-03-02", "2026-03-02", "2026-03-01"]


async def test_partitions_are_made_for_the_months_that_are_put(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        for start in (T0 + 30 * DAY - 8 * 60 * MINUTE, T0, T0 + 400 * DAY):  # the first: 2026-03-31 00:00 Z
            made = intervals([1.0] * 100, start=start)
            await store.meterdata.put(made, at=NOW, final_before=LONG_AGO)
    found = await rows(
        postgres_url,
        "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid"
        " where i.inhparent = 'interval'::regclass order by 1",
    )
    assert found == [("interval_202603",), ("interval_202604",), ("interval_202704",)]
