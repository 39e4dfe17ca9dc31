"""Pages of a list that is ordered by time, newest first, where several rows may share one time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

Fetch = Callable[[int, int | None], Awaitable[list[T]]]
"""(limit, before) → rows that began before, newest first."""


async def page(
    fetch: Fetch[T], began: Callable[[T], int], *, limit: int, before: int | None, after: int | None
) -> tuple[list[T], int | None]:
    """Rows, and the `before` of the next page or None.

    A page never ends between rows of one time, because the next one could not begin there: it ends earlier, or holds
    more than `limit` rows where so many share one time.
    """
    rows = await fetch(limit + 1, before)
    following: int | None = None
    if len(rows) > limit:
        cut = began(rows[limit])
        whole = [row for row in rows if began(row) > cut]
        if whole:
            rows, following = whole, cut + 1
        else:
            rows, following = await _all_of(fetch, began, cut, limit), cut
    if after is not None and rows:
        kept = [row for row in rows if began(row) > after]
        if len(kept) < len(rows) or (following is not None and following - 1 <= after):
            following = None
        rows = kept
    return rows, following


async def _all_of(fetch: Fetch[T], began: Callable[[T], int], time: int, limit: int) -> list[T]:
    """Every row of one time, looking further until an older one or the end is seen."""
    while True:
        limit *= 4
        rows = await fetch(limit, time + 1)
        if len(rows) < limit or began(rows[-1]) < time:
            return [row for row in rows if began(row) == time]
