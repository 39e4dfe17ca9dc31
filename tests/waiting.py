"""Waiting for a condition instead of sleeping for a guess."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(condition: Callable[[], T | Awaitable[T]], timeout_s: float = 10.0, what: str = "") -> T:
    """Return the first true result of `condition`; fail after `timeout_s` seconds, naming `what` was awaited."""
    async with asyncio.timeout(timeout_s):
        try:
            while True:
                result = condition()
                if inspect.isawaitable(result):
                    result = await result
                if result:
                    return result
                await asyncio.sleep(0.01)
        except asyncio.CancelledError as exc:
            raise AssertionError(f"did not happen within {timeout_s} s: {what or condition}") from exc
