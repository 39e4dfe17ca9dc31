"""A failing part is started again; one that ends by itself is not."""

from __future__ import annotations

import asyncio

import pytest

from gateway.core.errors import RefusedError, UnavailableError
from gateway.supervise import keep_running


async def test_failures_of_every_kind_are_followed_by_another_start(caplog: pytest.LogCaptureFixture) -> None:
    failures: list[Exception] = [
        UnavailableError("not there"),
        RefusedError("wrong password"),
        KeyError("a mistake"),
    ]

    async def work() -> None:
        if failures:
            raise failures.pop(0)

    await keep_running("driver", work, base_s=0.001, cap_s=0.001)
    assert not failures
    assert [record.message for record in caplog.records] == ["task failed; starting again"] * 3


async def test_only_what_nobody_foresaw_is_told_with_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    gone, mistake = UnavailableError("not there"), KeyError("a mistake")
    failures: list[Exception] = [
        gone,
        ExceptionGroup("unhandled errors in a TaskGroup", [ExceptionGroup("within", [gone])]),
        ExceptionGroup("unhandled errors in a TaskGroup", [gone, mistake]),
        mistake,
    ]

    async def work() -> None:
        if failures:
            raise failures.pop(0)

    await keep_running("driver", work, base_s=0.001, cap_s=0.001)
    told = [(record.levelname, record.exc_info is not None) for record in caplog.records]
    assert told == [("WARNING", False)] * 3 + [("ERROR", True)] * 2
    assert [vars(record).get("error") for record in caplog.records[:3]] == ["not there"] * 3


async def test_a_part_whose_task_group_failed_can_still_time_out_at_its_next_start() -> None:
    starts = 0

    async def fail() -> None:
        raise UnavailableError("not there")

    async def work() -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()

    await keep_running("driver", work, base_s=0.001, cap_s=0.001)
    assert starts == 2


async def test_cancelling_ends_the_part_too() -> None:
    running, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(keep_running("driver", work))
    await running.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert ended.is_set()
