"""What must hold of billed energy whatever happens: nothing there twice, nothing rewritten, nothing lost in a race."""

from __future__ import annotations

import asyncio

import numpy as np
import psycopg
import pytest

from gateway.core.clock import DAY, HOUR, parse_time
from gateway.core.errors import InvalidInputError, NotStorableError, StaleError
from gateway.core.meterdata import Intervals
from gateway.store import Store
from gateway.store.intervals import Put
from tests.integration.store_world import T0, ready_store, rows
from tests.integration.test_store_meterdata import DEVICES, ESTIMATED, LONG_AGO, QUARTER, intervals
from tests.integration.test_store_meterdata_people import NOW, edit, exchange
from tests.waiting import until

REFUSED = psycopg.errors.InsufficientPrivilege
HISTORIES = (
    "interval_version",
    "interval_edit",
    "interval_too_late",
    "meter_change",
    "meter_change_withdrawal",
    "suspicion",
)


def wide(values: list[float], minutes: int, *, start: int = T0, device: int = 0) -> Intervals:
    """Intervals of another length."""
    made = intervals(values, start=start, device=device)
    begins = start + minutes * (QUARTER // 15) * np.arange(len(values), dtype=np.int64)
    return Intervals(
        quantity=made.quantity,
        device=made.device,
        start=begins,
        end=begins + minutes * (QUARTER // 15),
        raw=made.raw,
        value=made.value,
        status=made.status,
        rules=made.rules,
    )


async def energy(store: Store, device: int = 0) -> float:
    found = await store.meterdata.intervals(DEVICES, "energy_import", T0 - DAY, T0 + DAY)
    return float(found.value[found.device == device].sum())


async def test_a_change_registered_by_mistake_is_withdrawn_and_stays_on_record(database_url: str) -> None:
    async with ready_store(database_url) as store:
        book = store.meterdata
        assert await book.record_change(exchange(), at=NOW)
        await book.set_done(NOW)
        # long before there is an interval, by a slip: a century is not reckoned anew, nor what there is nothing of
        assert await book.record_change(exchange(device=3, at=T0 - 36_500 * DAY), at=NOW)
        assert not len(await book.take_late(10))
        await book.put(intervals([1.0] * 8, start=T0 - HOUR), at=NOW, final_before=LONG_AGO)
        assert await book.record_change(exchange(at=T0 - 36_500 * DAY), at=NOW)
        slip = await book.take_late(10)
        assert (slip.device.tolist(), slip.first.tolist()) == ([0], [T0 - HOUR])
        await book.late_done(slip)
        (wrong,) = await book.changes_told(0, till=T0 - DAY)
        assert await book.withdraw_change(wrong.number, by="li", reason="a slip", at=NOW)
        await book.late_done(await book.take_late(10))
        (known,) = await book.changes_told(0, frm=T0)
        for by, reason in (("", "it was M1"), ("li", " "), ("li", "x" * 2001), ("x" * 201, "it was M1")):
            with pytest.raises(InvalidInputError):
                await book.withdraw_change(known.number, by=by, reason=reason, at=NOW)
        with pytest.raises(InvalidInputError, match="no such change"):
            await book.withdraw_change(known.number + 7, by="li", reason="it was M1", at=NOW)
        assert await book.withdraw_change(known.number, by="li", reason="it was M1", at=NOW)
        assert not await book.withdraw_change(known.number, by="wu", reason="another", at=NOW + 1)
        assert await book.changes(DEVICES, frm=T0) == []
        marks = await book.take_late(10)
        assert (marks.device.tolist(), marks.first.tolist(), marks.last.tolist()) == ([0], [T0], [NOW])
        # now the right one has room, and only one
        right = [exchange(after=value) for value in (0.5, 0.75)]
        done = await asyncio.gather(*(book.record_change(c, at=NOW) for c in right), return_exceptions=True)
        assert {type(one) for one in done} == {bool, InvalidInputError}
        (stands,) = await book.changes(DEVICES, frm=T0)
        assert stands in right
        told = await book.changes_told(0, frm=T0, till=T0 + 1)
        assert [(v.change, v.withdrawn and v.withdrawn.by) for v in told] == [
            (exchange(), "li"),
            (stands, None),
        ]
        assert await book.changes_told(number=known.number) == told[:1]
        assert [v.number for v in await book.changes_told(0, till=T0)] == [wrong.number]


async def test_nobody_rewrites_history(database_url: str) -> None:
    async with ready_store(database_url) as store:
        await store.meterdata.put(intervals([1.0] * 4), at=T0, final_before=LONG_AGO)
        await store.meterdata.edit(edit(8.0))
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as conn:
        await conn.execute("set search_path = feederline")
        for table in HISTORIES:
            key = "change_id" if table == "meter_change_withdrawal" else "device_key"
            for statement in (
                f"update {table} set {key} = {key}",
                f"delete from {table}",
                f"truncate {table} cascade",
            ):
                with pytest.raises(REFUSED):
                    await conn.execute(statement.encode())
        for statement in ("delete from interval", "truncate interval"):
            with pytest.raises(REFUSED):
                await conn.execute(statement.encode())
    assert await rows(database_url, "select sum(value) from interval") == [(8.0,)]


async def test_energy_is_there_once_when_the_length_of_intervals_changes(database_url: str) -> None:
    async with ready_store(database_url) as store:
        book = store.meterdata
        await book.put(wide([2.0, 3.0], 30), at=T0, final_before=LONG_AGO)
        finer = wide([1.0] * 6, 15)
        assert await book.put(finer, at=NOW, final_before=LONG_AGO) == Put(inserted=2, kept=4)
        assert await energy(store) == 7.0
        coarser = wide([5.0] * 3, 60, start=T0 - HOUR)
        assert await book.put(coarser, at=NOW, final_before=LONG_AGO) == Put(inserted=1, kept=2)
        assert await energy(store) == 12.0
        # one that reaches into the stretch from before it; others are not concerned
        await book.put(wide([9.0], 60, device=1), at=NOW, final_before=LONG_AGO)
        inner = wide([1.0], 15, start=T0 + 2 * QUARTER, device=1)
        assert await book.put(inner, at=NOW, final_before=LONG_AGO) == Put(kept=1)
        other = wide([1.0], 15, start=T0 + 2 * QUARTER, device=2)
        assert await book.put(other, at=NOW, final_before=LONG_AGO) == Put(inserted=1)
        assert (await energy(store, 1), await energy(store, 2)) == (9.0, 1.0)


async def test_what_is_done_at_once_leaves_one_whole_story(database_url: str) -> None:
    async with ready_store(database_url) as store, ready_store(database_url) as second:
        book = store.meterdata
        first = [intervals([1.0] * 4, status=ESTIMATED, device=device) for device in (0, 1, 2)]
        at_once = [
            *(
                one.put(made, at=T0, final_before=LONG_AGO)
                for made in first
                for one in (book, second.meterdata)
            )
        ]
        puts = await asyncio.gather(*at_once)
        assert sum(put.inserted for put in puts) == 12
        tried = await book.edit(edit(8.0), dry_run=True)
        late = intervals([1.5] * 4)
        done = await asyncio.gather(
            *(book.edit(edit(8.0, by=by), expected=tried.revision) for by in ("wang", "li", "wu")),
            second.meterdata.edit(edit(6.0, by="lin")),
            second.meterdata.put(late, at=NOW, final_before=LONG_AGO),
            book.put(late, at=NOW, final_before=LONG_AGO),
            return_exceptions=True,
        )
        stale = [one for one in done if isinstance(one, BaseException)]
        assert {type(one) for one in stale} == {StaleError}
        assert 2 <= len(stale) <= 3
        task = asyncio.create_task(book.put(intervals([2.0] * 4, device=1), at=NOW, final_before=LONG_AGO))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await book.put(intervals([2.0] * 4, device=1), at=NOW, final_before=LONG_AGO)
        taken = await asyncio.gather(
            book.edit(edit(None)),
            second.meterdata.put(intervals([1.75] * 4), at=NOW, final_before=LONG_AGO),
        )
        assert len(taken[0].changed) == 4
        found = await book.intervals(DEVICES[:2], "energy_import", T0, T0 + HOUR)
        assert found.value.tolist() == [1.75] * 4 + [2.0] * 4
        story = await book.history(0, "energy_import", T0)
        assert story is not None
        assert [v.version for v in story.versions] == list(range(1, len(story.versions) + 1))
    edits = await rows(database_url, "select edit_id from interval_edit order by 1")
    made = "select distinct edit_id from interval_history where edit_id is not null order by 1"
    assert edits == await rows(database_url, made)  # who was refused left nothing


async def test_who_edits_and_who_makes_a_month_wait_for_each_other_in_one_order(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        await store.meterdata.put(intervals([1.0]), at=T0, final_before=LONG_AGO)
        async with await psycopg.AsyncConnection.connect(postgres_url) as conn:
            await conn.execute("set search_path = feederline")
            await conn.execute("select pg_advisory_xact_lock(hashtext('feederline.intervals'))")
            later = intervals([1.0], start=T0 + 400 * DAY)
            task = asyncio.create_task(store.meterdata.put(later, at=NOW, final_before=LONG_AGO))

            async def waits() -> bool:
                waiting = (
                    "select from pg_locks join pg_database d on d.oid = database"
                    " where not granted and datname = current_database()"
                )
                return await rows(postgres_url, waiting) != []

            await until(waits, 10, "the put waits for the lock")
            await conn.execute("set local lock_timeout = '1s'")
            found = await (await conn.execute("select count(*) from interval")).fetchone()
            assert found == (1,)
            await conn.commit()
        assert await task == Put(inserted=1)


async def test_an_edit_of_much_that_is_compressed_is_not_too_much(timescale_url: str) -> None:
    limit = "alter database {} set timescaledb.max_tuples_decompressed_per_dml_transaction = 2"
    async with await psycopg.AsyncConnection.connect(timescale_url, autocommit=True) as conn:
        await conn.execute(limit.format(conn.info.dbname).encode())
    async with ready_store(timescale_url) as store:
        await store.meterdata.put(intervals([1.0] * 4), at=T0, final_before=LONG_AGO)
        assert await rows(
            timescale_url, "select public.compress_chunk(c) from public.show_chunks('feederline.interval') c"
        )
        assert [e.value for e in (await store.meterdata.edit(edit(8.0))).changed] == [2.0] * 4
        assert len((await store.meterdata.edit(edit(None))).changed) == 4


async def test_odd_years_are_stored_and_odd_figures_refused(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        book = store.meterdata
        for year in ("1970", "2100", "9998"):
            start = parse_time(f"{year}-12-31T23:45:00Z")
            made = intervals([1.0, 2.0], start=start)
            assert await book.put(made, at=NOW, final_before=LONG_AGO) == Put(inserted=2)
            assert (await book.edit(edit(6.0, start=start, quarters=2))).changed[1].value == 4.0
        for wrong in (np.inf, -np.inf):
            made = intervals([1.0])
            made.raw[:] = wrong
            with pytest.raises(NotStorableError, match="finite"):
                await book.put(made, at=NOW, final_before=LONG_AGO)
        assert not len(await book.intervals(DEVICES, "energy_import", T0, T0 + DAY))
