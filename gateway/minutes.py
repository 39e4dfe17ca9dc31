"""Writes down once a minute how the gateway is, so that dashboards can show how it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from gateway.api.state import Condition
from gateway.core.clock import MINUTE, SECOND, Clock
from gateway.store.minutes import GatewayMinute, GatewayMinutes


class Minutes:
    """Runs while the gateway is the one that writes to the database."""

    def __init__(
        self,
        book: GatewayMinutes,
        condition: Callable[[], Condition],
        ready: Callable[[], Sequence[str]],
        clock: Clock,
    ) -> None:
        self._book = book
        self._condition = condition
        self._ready = ready
        self._clock = clock

    async def run(self) -> None:
        """Write at once and then as every minute begins, until cancelled. Raises UnavailableError while nothing may be
        written; a minute that is not written is missing afterwards, as it should be."""
        while True:
            await self.note()
            await asyncio.sleep((MINUTE - self._clock.now() % MINUTE) / SECOND)

    async def note(self) -> None:
        """Write the minute of now."""
        condition = self._condition()
        waiting = sum(driver.state == "waiting" for driver in condition.drivers)
        await self._book.put(
            GatewayMinute(
                at=self._clock.now(),
                stream_at=condition.stream_at,
                lag_entries=condition.lag_entries,
                spool_bytes=condition.spool_bytes,
                drivers_running=len(condition.drivers) - waiting,
                drivers_waiting=waiting,
                ready=not self._ready(),
                alarms=len(condition.alarms),
            )
        )
