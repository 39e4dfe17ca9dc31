"""From what somebody announces to entries of the stream: what it changes, told before and done after."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from fastapi import HTTPException
from msgspec import structs

from gateway.api.problems import within
from gateway.api.state import GatewayState
from gateway.api.stream import check_at_work, put
from gateway.core.clock import Clock
from gateway.core.model import PlannedOutage
from gateway.core.ports import Sink
from gateway.store.reports import Reports

Key: TypeAlias = tuple[str, str]


class ChangeKind(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    WITHDRAWN = "withdrawn"


class Change(NamedTuple):
    """What an announcement does to the window of its reference and node; `before` is None where there was none."""

    kind: ChangeKind
    planned: PlannedOutage
    before: PlannedOutage | None


class Announcer:
    """Puts announcements into the stream, one request after the other; what changes nothing is not put there."""

    def __init__(self, reports: Reports, sink: Sink, clock: Clock, state: GatewayState) -> None:
        self._reports = reports
        self._sink = sink
        self._clock = clock
        self._state = state
        self._one_by_one = asyncio.Lock()
        self._under_way: dict[Key, PlannedOutage] = {}  # in the stream, perhaps not in the database yet
        self._last_at = 0

    async def announce(self, windows: Sequence[PlannedOutage], *, dry_run: bool) -> tuple[int, list[Change]]:
        """When it was received, and what it changes; durable when this returns, unless it is a dry run.

        Raises UnavailableError when the database does not answer, HTTPException when the spool takes nothing.
        """
        self._check()
        async with self._one_by_one:
            known = await self._known({window.reference for window in windows})
            return await self._put([change(known.get(_key(w)), w) for w in windows], dry_run=dry_run)

    async def withdraw(
        self, reference: str, node: str | None, by: str, theirs: Callable[[PlannedOutage], bool]
    ) -> tuple[int, list[Change]]:
        """Withdraw every window of `reference` that is `theirs`, or the one at `node`. As `announce`; no change where
        there is none."""
        self._check()
        async with self._one_by_one:
            known = await self._known({reference})
            found = [
                w for w in known.values() if w.reference == reference and node in (None, w.node) and theirs(w)
            ]
            return await self._put(
                [change(window, structs.replace(window, withdrawn=True, by=by)) for window in found],
                dry_run=False,
            )

    def _check(self) -> None:
        check_at_work(self._state)

    async def _known(self, references: set[str]) -> dict[Key, PlannedOutage]:
        """The windows of these references as they will be when everything under way is in the database."""
        wanted = references | {reference for reference, _ in self._under_way}
        known = {_key(window): window for window in await within(self._reports.planned_of(wanted))}
        self._under_way = {
            key: window
            for key, window in self._under_way.items()
            if key not in known or known[key].received_at < window.received_at
        }
        return known | self._under_way

    async def _put(self, changes: list[Change], *, dry_run: bool) -> tuple[int, list[Change]]:
        at = max(self._clock.now(), self._last_at + 1)
        changes = [c._replace(planned=structs.replace(c.planned, received_at=at)) for c in changes]
        entries = [c.planned for c in changes if c.kind is not ChangeKind.SAME]
        if dry_run or not entries:
            return at, changes
        self._last_at = at
        try:
            await put(self._sink, entries, "sending this again is safe")
        except HTTPException:
            self._forget(entries)  # whether it was kept is not known
            raise
        self._under_way |= {_key(window): window for window in entries}
        return at, changes

    def _forget(self, windows: Iterable[PlannedOutage]) -> None:
        for window in windows:
            self._under_way.pop(_key(window), None)


def change(before: PlannedOutage | None, after: PlannedOutage) -> Change:
    """What `after` is to `before`. Who says it and when is no difference."""
    standing = before is not None and not before.withdrawn
    if after.withdrawn:
        kind = ChangeKind.WITHDRAWN if standing else ChangeKind.SAME
    elif not standing:
        kind = ChangeKind.NEW
    else:
        assert before is not None
        same = (before.starts_at, before.ends_at, before.reason) == (
            after.starts_at,
            after.ends_at,
            after.reason,
        )
        kind = ChangeKind.SAME if same else ChangeKind.CHANGED
    return Change(kind, after, before)


def _key(window: PlannedOutage) -> Key:
    return window.reference, window.node
