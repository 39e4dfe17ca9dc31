"""Intervals in the database: put, versions, what is refused, and columns out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import psycopg
import pytest

from gateway.core.clock import DAY, MINUTE
from gateway.core.errors import NotStorableError
from gateway.core.meterdata import Intervals, IntervalStatus, Rule
from gateway.core.model import Batch, Commit, Quality, RejectedValue
from gateway.core.quantities import QUANTITIES
from gateway.store.intervals import Put
from tests.integration.store_world import SPOOL, T0, PlainDesk, ready_store, rows, small_inventory

QUARTER = 15 * MINUTE
LONG_AGO = T0 - 30 * DAY
VALID, SUSPECT, ESTIMATED, MISSING = (
    IntervalStatus.VALID,
    IntervalStatus.SUSPECT,
    IntervalStatus.ESTIMATED,
    IntervalStatus.MISSING,
)
DEVICES = np.arange(6, dtype=np.int32)


def intervals(
    values: Sequence[float],
    *,
    status: Sequence[IntervalStatus] | IntervalStatus = VALID,
    device: int = 0,
    start: int = T0,
    rules: int = 0,
    quantity: str = "energy_import",
) -> Intervals:
    """Quarters of one device from `start` on; what is estimated has no raw value."""
    n = len(values)
    states = np.asarray([status] * n if isinstance(status, IntervalStatus) else status, np.uint8)
    value = np.asarray(values, np.float64)
    begins = start + QUARTER * np.arange(n, dtype=np.int64)
    return Intervals(
        quantity=quantity,
        device=np.full(n, device, np.int32),
        start=begins,
        end=begins + QUARTER,
        raw=np.where(states >= SUSPECT, value, np.nan),
        value=value,
        status=states,
        rules=np.full(n, rules, np.int64),
    )


async def test_what_is_put_comes_back_in_order_and_once(database_url: str) -> None:
    made = intervals(
        [1.5, float("nan"), 2.25, 0.0], status=[VALID, MISSING, ESTIMATED, SUSPECT], rules=Rule.ZERO_USE
    )
    async with ready_store(database_url, small_inventory()) as store:
        book = store.meterdata
        other = intervals([7.0], device=4, start=T0 + 40 * DAY)
        assert await book.put(other, at=T0, final_before=LONG_AGO) == Put(inserted=1)
        assert await book.put(made, at=T0 + DAY, final_before=LONG_AGO) == Put(inserted=4)
        assert await book.put(made, at=T0 + 2 * DAY, final_before=LONG_AGO) == Put(kept=4)
        found = await book.intervals(DEVICES, "energy_import", T0, T0 + 50 * DAY)
        assert found.device.tolist() == [0, 0, 0, 0, 4]
        for name in ("start", "end", "raw", "value", "status", "rules"):
            np.testing.assert_array_equal(getattr(found, name)[:4], getattr(made, name))
        assert found.status.dtype == np.uint8
        assert not len(await book.intervals(DEVICES, "energy_export", T0, T0 + DAY))
    assert await rows(database_url, "select count(*) from interval_version") == [(0,)]
    view = "select status, rules, final, version from interval_validated order by starts_at limit 2"
    assert await rows(database_url, view) == [
        ("valid", ["zero_use"], False, 1),
        ("missing", ["zero_use"], False, 1),
    ]


async def test_measured_takes_the_place_of_estimates_and_never_the_reverse(database_url: str) -> None:
    async with ready_store(database_url) as store:
        book = store.meterdata
        first = intervals([1.0, 2.0, float("nan"), 4.0], status=[VALID, ESTIMATED, MISSING, ESTIMATED])
        await book.put(first, at=T0, final_before=LONG_AGO)
        worse = intervals([9.0, float("nan"), 3.0, 5.0], status=[ESTIMATED, MISSING, ESTIMATED, ESTIMATED])
        assert await book.put(worse, at=T0 + 1, final_before=LONG_AGO) == Put(replaced=2, kept=2)
        late = intervals([1.0, 2.5, 3.5, 5.0], status=[VALID, VALID, SUSPECT, ESTIMATED], rules=Rule.HIGH)
        assert await book.put(late, at=T0 + 2, final_before=LONG_AGO) == Put(replaced=4)
        assert await book.put(late, at=T0 + 3, final_before=LONG_AGO) == Put(kept=4)
        found = await book.intervals(DEVICES, "energy_import", T0, T0 + DAY)
        assert found.value.tolist() == [1.0, 2.5, 3.5, 5.0]
        assert found.rules.tolist() == [
            Rule.HIGH,
            Rule.HIGH | Rule.LATE,
            Rule.HIGH | Rule.LATE,
            Rule.HIGH,
        ]
        told = await book.history(0, "energy_import", T0 + 2 * QUARTER)
        assert told is not None
        assert [(v.version, v.status, v.value, v.made_at) for v in told.versions] == [
            (1, MISSING, None, T0),
            (2, ESTIMATED, 3.0, T0 + 1),
            (3, SUSPECT, 3.5, T0 + 2),
        ]
        assert await book.history(0, "energy_import", T0 + 1) is None


async def test_what_is_final_stays_and_what_came_too_late_is_on_record(database_url: str) -> None:
    async with ready_store(database_url) as store:
        book = store.meterdata
        await book.put(intervals([1.0, 2.0], status=ESTIMATED), at=T0, final_before=LONG_AGO)
        measured = intervals([1.1, 2.2])
        border = T0 + QUARTER  # the first one ends there
        put = await book.put(measured, at=T0 + DAY, final_before=border)
        assert put == Put(replaced=1, kept=1, too_late=1)
        for later in (1, 2):  # a smaller border opens nothing again
            again = await book.put(measured, at=T0 + DAY + later, final_before=LONG_AGO)
            assert (again.replaced, again.kept) == (0, 2)
        assert (await book.intervals(DEVICES, "energy_import", T0, T0 + DAY)).value.tolist() == [1.0, 2.2]
        told = await book.history(0, "energy_import", T0)
        assert told is not None
        assert told.final
        assert [(v.value, v.version) for v in told.too_late] == [(1.1, 1)]
        assert len(told.versions) == 1


async def test_the_database_itself_refuses(database_url: str) -> None:
    async with ready_store(database_url) as store:
        await store.meterdata.put(intervals([1.0]), at=T0, final_before=LONG_AGO)
        for change in (
            "value = 9, status = 1",
            "status = 4, edit_id = 1",
            "status = 4, machine_status = 3, edit_id = 77",
            "ends_at = ends_at + interval '1 h'",
        ):
            with pytest.raises(psycopg.errors.CheckViolation):
                await rows(database_url, f"update interval set {change} returning 1")
        later = intervals([1.0], start=T0 + DAY)
        await store.meterdata.put(later, at=T0, final_before=T0 + DAY)  # makes the first one final
        with pytest.raises(psycopg.errors.CheckViolation, match="is final"):
            await rows(database_url, "update interval set value = 3 where ends_at < '2026-03-02' returning 1")
        for table in ("interval_version", "interval_edit", "interval_too_late", "meter_change"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await rows(database_url, f"delete from {table} returning 1")


async def test_what_no_machine_may_say_is_refused_whole(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        for wrong in (
            intervals([1.0, 2.0], status=[VALID, IntervalStatus.EDITED]),
            intervals([1.0], status=MISSING),
            intervals([float("nan")]),
            intervals([float("inf")]),
            intervals([1.0], device=17),
        ):
            with pytest.raises(NotStorableError):
                await store.meterdata.put(wrong, at=T0, final_before=LONG_AGO)
        assert await rows(postgres_url, "select count(*) from interval") == [(0,)]


def readings_of(device: int, at: Sequence[int], kwh: Sequence[float], **changes: object) -> Batch:
    values = [[230.0, x] for x in kwh]
    names = ("voltage_a", "energy_import")
    batch = Batch.of(names, [device] * len(at), list(at), values)
    if not changes:
        return batch
    rejected = tuple(
        RejectedValue(device=device, measured_at=t, quantity="energy_import", raw="ffff", reason="no_value")
        for t, x in zip(at, kwh, strict=True)
        if np.isnan(x)
    )
    quality = np.where(np.isnan(kwh), int(Quality.NO_VALUE), 0)
    return Batch.of(names, [device] * len(at), list(at), values, quality=quality, rejected=rejected)


async def test_registers_come_with_the_nearest_on_both_sides(database_url: str) -> None:
    nan = float("nan")
    at = [T0 - 40 * MINUTE, T0 - 10 * MINUTE, T0, T0 + 5 * MINUTE, T0 + 20 * MINUTE, T0 + 90 * MINUTE]
    commit = Commit(
        batches=[
            readings_of(2, at, [10.0, 11.0, 12.0, nan, 13.0, 14.0], marked=True),
            readings_of(1, [T0 - 20 * MINUTE, T0 + 1], [5.0, nan]),  # merely not measured
        ],
        at=T0,
        upto=1,
    )
    async with ready_store(database_url) as store:
        await store.write(commit, PlainDesk(), SPOOL)
        found = await store.meterdata.registers(
            DEVICES, "energy_import", T0, T0 + 20 * MINUTE, reach=60 * MINUTE
        )
        assert found.device.tolist() == [1, 2, 2, 2, 2]
        assert found.measured_at.tolist() == [T0 - 20 * MINUTE, *at[1:5]]
        np.testing.assert_array_equal(found.value, [5.0, 11.0, 12.0, nan, 13.0])
        assert found.quality.tolist() == [0, 0, 0, int(Quality.NO_VALUE), 0]
        wide = await store.meterdata.registers(DEVICES, "energy_import", T0, T0, reach=DAY)
        assert wide.value.tolist() == [5.0, 11.0, 12.0, 13.0]
        batch = await store.meterdata.readings(
            DEVICES[1:], ["energy_import", "voltage_a"], T0, T0 + 20 * MINUTE
        )
        assert batch.quantities == ("voltage_a", "energy_import")
        assert batch.device.tolist() == [1, 2, 2]
        np.testing.assert_array_equal(batch.column("energy_import"), [nan, 12.0, nan])
        empty = await store.meterdata.readings(DEVICES[:1], ["energy_export"], T0, T0 + DAY)
        assert len(empty) == 0


async def test_an_interval_is_told_with_the_readings_at_its_ends(database_url: str) -> None:
    commit = Commit(batches=[readings_of(0, [T0 - 1, T0 + QUARTER], [100.0, 101.5])], at=T0, upto=1)
    async with ready_store(database_url) as store:
        await store.write(commit, PlainDesk(), SPOOL)
        await store.meterdata.put(intervals([1.5], rules=Rule.HIGH), at=T0 + DAY, final_before=LONG_AGO)
        told = await store.meterdata.history(0, "energy_import", T0)
        assert told is not None
        assert told.opening is not None
        assert told.closing is not None
        assert (told.opening.measured_at, told.opening.value, told.closing.value) == (T0 - 1, 100.0, 101.5)
    seen = "select device_id, quantity, opening, closing, rules, made_by, standing from interval_history"
    assert await rows(database_url, seen) == [
        ("M0", "energy_import", 100.0, 101.5, ["high"], "machine", True)
    ]


async def test_words_of_the_database_are_those_of_the_program(postgres_url: str) -> None:
    async with ready_store(postgres_url):
        for i, quantity in enumerate(QUANTITIES):
            word = await rows(postgres_url, f"select quantity_word({i}::smallint)")
            assert word == [(quantity.name if quantity.kind == "register" else None,)]
        for status in IntervalStatus:
            assert await rows(postgres_url, f"select status_word({int(status)}::smallint)") == [
                (status.word,)
            ]
        for rule in Rule:
            assert await rows(postgres_url, f"select rule_words({int(rule)})") == [(rule.words,)]
        both = int(Rule.LATE | Rule.ROLLOVER)
        assert await rows(postgres_url, f"select rule_words({both}), rule_words(0)") == [
            (["rollover", "late"], [])
        ]
        assert await rows(postgres_url, f"select rule_words({int(Rule.LATE) << 1})") == [
            ([],)
        ]  # the list ends where the program's does


async def test_compressed_chunks_take_late_data(timescale_url: str) -> None:
    async with ready_store(timescale_url) as store:
        book = store.meterdata
        for device in range(3):
            made = intervals([1.0] * 96, status=ESTIMATED, device=device)
            await book.put(made, at=T0, final_before=LONG_AGO)
        packed = await rows(
            timescale_url,
            "select count(public.compress_chunk(c)) from public.show_chunks('feederline.interval') c",
        )
        assert packed == [(1,)]
        put = await book.put(intervals([2.0] * 10, device=1), at=T0 + 1, final_before=LONG_AGO)
        assert put == Put(replaced=10)
        more = intervals([2.0] * 98, device=2)
        assert await book.put(more, at=T0 + 2, final_before=LONG_AGO) == Put(inserted=2, replaced=96)
        found = await book.intervals(DEVICES, "energy_import", T0, T0 + 2 * DAY)
        assert found.value.sum() == 96 + (20 + 86) + 196
    assert await rows(timescale_url, "select count(*) from interval_version") == [(106,)]
