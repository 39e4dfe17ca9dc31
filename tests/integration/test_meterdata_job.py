"""The job stands its ground: a stage or a device that fails stops nothing, an absent database ends it to be started
again, and cancelling leaves everything to be done again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from unittest import mock

import numpy as np
import pytest

from gateway.core.clock import DAY, HOUR, MINUTE
from gateway.core.errors import UnavailableError
from gateway.core.model import Int32s
from gateway.meterdata.ground import Care, path_of, paths_of
from gateway.meterdata.job import MeterData
from gateway.meterdata.metrics import FAULTS
from tests.integration.meterdata_world import MONDAY, World, district, registers, world
from tests.waiting import until

METERS = ["M0-0", "M0-1", "M0-2", "M0-3"]
NOW = MONDAY + DAY + 6 * HOUR


async def made(at: World) -> int:
    keys = np.array([at.inventory.key(name) for name in METERS], np.int32)
    return len(await at.store.meterdata.intervals(keys, "energy_import", MONDAY, NOW))


async def test_a_stage_that_fails_leaves_the_others_to_their_work_and_is_tried_again(
    postgres_url: str,
) -> None:
    async with world(postgres_url, district()) as at:
        await at.put([registers(at.inventory, METERS, MONDAY, NOW)])
        before = FAULTS.labels("usage")._value.get()
        with mock.patch("gateway.meterdata.judging.judge", side_effect=RuntimeError("cannot")):
            await at.look(NOW)
        assert FAULTS.labels("usage")._value.get() == before + 1
        assert await made(at) == 4 * (NOW - MONDAY) // (15 * MINUTE)
        assert await at.store.bookkeeping.reached("judged") == MONDAY
        assert await at.store.bookkeeping.reached("foretold") == MONDAY + DAY
        await at.look(NOW)
        assert await at.store.bookkeeping.reached("judged") == MONDAY + DAY
        at.failed += 1


async def test_the_task_begins_at_once_and_ends_where_the_database_does(postgres_url: str) -> None:
    async with world(postgres_url, district()) as at:
        await at.put([registers(at.inventory, METERS, MONDAY, NOW)])
        stream = [0, 0, NOW]
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) > 2:
                await asyncio.Event().wait()

        job = MeterData(
            lambda: at.ground, lambda: stream.pop(0) if len(stream) > 1 else stream[0], sleep=sleep
        )
        running = asyncio.create_task(job.run(at))
        await until(lambda: len(slept) > 2, what="the first look to be over")
        assert slept[:2] == [1.0, 1.0], "it waits until the stream is known to be in the database"
        assert 0 < slept[2] <= 900
        assert await made(at) == 4 * (NOW - MONDAY) // (15 * MINUTE)
        running.cancel()
        await asyncio.wait([running])
        with (
            mock.patch.object(at.store.meterdata, "take_late", side_effect=UnavailableError("away")),
            pytest.raises(UnavailableError),
        ):
            await at.look(NOW)


async def test_cancelled_amid_a_day_it_goes_on_from_there(postgres_url: str) -> None:
    async with world(postgres_url, district()) as at:
        await at.put([registers(at.inventory, METERS, MONDAY, NOW)])
        begun, put = asyncio.Event(), at.store.meterdata.put_collection

        async def slowly(*args: object, **kwargs: object) -> int:
            begun.set()
            await asyncio.Event().wait()
            return 0

        with mock.patch.object(at.store.meterdata, "put_collection", side_effect=slowly):
            looking = asyncio.create_task(at.look(NOW))
            await asyncio.wait_for(begun.wait(), 20)
            looking.cancel()
            await asyncio.wait([looking])
        assert looking.cancelled()
        assert at.store.meterdata.put_collection == put
        assert await at.store.bookkeeping.reached("closed") == MONDAY
        await at.look(NOW)
        assert await at.store.bookkeeping.reached("closed") == MONDAY + DAY
        assert await made(at) == 4 * (NOW - MONDAY) // (15 * MINUTE)


async def test_without_readings_there_is_no_book(postgres_url: str) -> None:
    async with world(postgres_url, district()) as at:
        await at.look(NOW)
        assert await at.store.bookkeeping.reached("closed") is None
        assert await at.store.meterdata.done_until() is None


def failing(*broken: int) -> tuple[Callable[[Int32s], object], list[int]]:
    done: list[int] = []

    async def work(devices: Int32s) -> None:
        if set(devices.tolist()) & set(broken):
            raise RuntimeError("cannot")
        done.extend(devices.tolist())

    return work, done


async def test_the_device_that_fails_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    work, done = failing(7, 40)
    with caplog.at_level(logging.ERROR):
        await Care("test").each(np.arange(64, dtype=np.int32), work)  # type: ignore[arg-type]
    assert done == [key for key in range(64) if key not in {7, 40}]
    assert sorted(record.__dict__["device"] for record in caplog.records) == [7, 40]


async def test_when_everybody_fails_it_is_the_stage() -> None:
    work, done = failing(*range(1000))
    with pytest.raises(RuntimeError, match="cannot"):
        await Care("test").each(np.arange(1000, dtype=np.int32), work)  # type: ignore[arg-type]
    assert done == []


async def test_an_absent_database_is_nobodys_fault() -> None:
    async def work(devices: Int32s) -> None:
        raise UnavailableError("away")

    with pytest.raises(UnavailableError):
        await Care("test").each(np.arange(8, dtype=np.int32), work)


def test_paths_by_level() -> None:
    inventory = district(2, transformers=2, via="C1")
    keys = np.flatnonzero(inventory.kind == 0).astype(np.int32)
    concentrator, endpoint, protocol = paths_of(inventory, keys)
    assert concentrator.members.tolist() == [4]
    assert (concentrator.of[keys] == 0).all()
    assert endpoint.members.tolist() == []
    assert (endpoint.of == -1).all()
    assert protocol.members.tolist() == [4]
    assert path_of(inventory, int(keys[0])) == "via C1"
