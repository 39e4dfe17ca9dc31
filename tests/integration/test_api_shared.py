"""One answer for many viewers."""

from __future__ import annotations

import asyncio

import pytest

from gateway.api.shared import Shared
from gateway.core.errors import UnavailableError


class Counting:
    """Answers 1, 2, 3 …, each when told to; fails while `broken`."""

    def __init__(self) -> None:
        self.count = 0
        self.broken = False
        self.go = asyncio.Event()

    async def __call__(self) -> int:
        self.count += 1
        answer = self.count
        await self.go.wait()
        if self.broken:
            raise UnavailableError("the database is away")
        return answer


async def test_who_asks_meanwhile_gets_the_same_answer() -> None:
    compute = Counting()
    shared = Shared(compute, keep_s=60)
    viewers = [asyncio.create_task(shared.get()) for _ in range(5)]
    await asyncio.sleep(0)
    viewers[0].cancel()  # the one who asked first goes away
    compute.go.set()
    assert await asyncio.gather(*viewers[1:]) == [1, 1, 1, 1]
    assert await shared.get() == 1


async def test_an_answer_that_is_too_old_is_computed_again() -> None:
    compute = Counting()
    compute.go.set()
    shared = Shared(compute, keep_s=0)
    assert [await shared.get(), await shared.get()] == [1, 2]


async def test_a_failure_reaches_everybody_and_is_not_kept() -> None:
    compute = Counting()
    compute.broken = True
    shared = Shared(compute, keep_s=60)
    viewers = [asyncio.create_task(shared.get()) for _ in range(3)]
    await asyncio.sleep(0)
    compute.go.set()
    for viewer in viewers:
        with pytest.raises(UnavailableError):
            await viewer
    compute.broken = False
    assert await shared.get() == 2
