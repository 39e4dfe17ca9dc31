"""Waiting for a condition instead of sleeping for a guess."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def until(condition: Callable[[], Awaitable[T]], timeout_s: float = ..., what: str = ...) -> T: ...
@overload
async def until(condition: Callable[[], T], timeout_s: float = ..., what: str = ...) -> T: ...
async def until(condition: Callable[[], Any], timeout_s: float = 30.0, what: str = "") -> Any:
    """Return the first true result of `condition`; fail after `timeout_s` seconds, naming `what` was awaited."""
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                result = condition()
                if inspect.isawaitable(result):
                    result = await result
                if result:
                    return result
                await asyncio.sleep(0.01)
    except TimeoutError as exc:
        raise AssertionError(f"did not happen within {timeout_s} s: {what or condition}") from exc
