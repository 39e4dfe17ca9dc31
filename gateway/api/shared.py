"""One computation for everybody who asks at about the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Gives what `compute` returned at most `keep_s` ago; whoever asks while it is computing waits for that one.

    What `compute` raises is raised for those who wait, and is not kept.
    """

    def __init__(self, compute: Callable[[], Awaitable[T]], *, keep_s: float) -> None:
        self._compute = compute
        self._keep_s = keep_s
        self._task: asyncio.Task[T] | None = None
        self._done_at = 0.0

    async def get(self) -> T:
        task = self._task
        if task is None or (
            task.done() and asyncio.get_running_loop().time() - self._done_at >= self._keep_s
        ):
            task = self._task = asyncio.create_task(self._run(), name="shared answer")
        # One viewer who goes away must not take the answer from the others.
        return await asyncio.shield(task)

    async def _run(self) -> T:
        try:
            found = await self._compute()
        except BaseException:
            self._task = None
            raise
        self._done_at = asyncio.get_running_loop().time()
        return found
