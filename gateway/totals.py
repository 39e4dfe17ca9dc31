"""Keeps the sums that dashboards show: of days that changed, and of hours."""

from __future__ import annotations

import asyncio
import time

from gateway.core.clock import Clock
from gateway.store.totals import Totals

_PERIOD_S = 60.0
_SHARE = 20  # of the time, one part goes into summing: large sites sum less often
_DAYS, _HOURS = 100, 50  # of one pass; more wait for the next


class Summing:
    """Runs while the gateway is the one that writes to the database."""

    def __init__(self, totals: Totals, clock: Clock) -> None:
        self._totals = totals
        self._clock = clock

    async def run(self) -> None:
        """Sum again and again until cancelled. Raises UnavailableError while nothing may be written."""
        while True:
            started = time.monotonic()
            await self.work()
            await asyncio.sleep(max(_PERIOD_S, _SHARE * (time.monotonic() - started)))

    async def work(self) -> None:
        """One pass over what is due."""
        at = self._clock.now()
        for _ in range(_DAYS):
            if not await self._totals.sum_day():
                break
        for _ in range(_HOURS):
            if not await self._totals.sum_hour(at):
                break
