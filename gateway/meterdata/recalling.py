"""Has meters that keep a load profile send again what was not collected: gently, and not for ever.

What comes back is in the stream like everything else, with the times it was measured at; the store marks it as late.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from gateway.core.clock import DAY, SECOND, Clock
from gateway.core.inventory import Inventory
from gateway.core.ports import Recalling, Sink
from gateway.meterdata import metrics
from gateway.meterdata.ground import path_of
from gateway.meterdata.settings import MeterDataSettings
from gateway.store.gaps import OpenGap
from gateway.store.meterdata import MeterData

log = logging.getLogger(__name__)

_LOOKED_AT = 2000  # gaps at once


def due(gap: OpenGap, at: int, settings: MeterDataSettings) -> bool:
    """Whether to ask for it at `at`: not too often, and after a pause that doubles each time."""
    if gap.asks >= settings.recall_tries:
        return False
    pause = round(settings.recall_again_s * SECOND) << max(gap.asks - 1, 0)
    return gap.asked_at is None or gap.asked_at + pause <= at


class Recaller:
    """`run` asks until cancelled."""

    def __init__(
        self,
        drivers: Sequence[object],
        inventory: Inventory,
        store: MeterData,
        settings: MeterDataSettings,
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._drivers = [driver for driver in drivers if isinstance(driver, Recalling)]
        self._inventory = inventory
        self._listed = np.flatnonzero(inventory.node >= 0).tolist()
        self._store = store
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._under_way: dict[int, str] = {}  # by number of the gap, its path
        self._free = asyncio.Event()

    async def run(self, sink: Sink) -> None:
        """Look again and again. Raises UnavailableError while the database is away."""
        if not self._settings.recall or not self._drivers:
            return
        try:
            while True:
                await self.look(sink)
                await self._sleep(min(self._settings.every_s, self._settings.recall_again_s))
        finally:
            metrics.RECALLING.set(0)

    async def look(self, sink: Sink) -> int:
        """Ask once for every gap that is due and that somebody can ask for; how many that were."""
        asked = 0
        async with asyncio.TaskGroup() as group:
            while True:
                gaps = await self._due()
                if not gaps:
                    return asked
                for gap, driver in gaps:
                    await self._room(gap)
                    await self._store.gaps_asked([gap.number], at=self._clock.now())
                    self._under_way[gap.number] = path_of(self._inventory, gap.device)
                    group.create_task(self._recall(gap, driver, sink), name=f"recall {gap.device}")
                    asked += 1
                    await self._sleep(1 / self._settings.recall_per_second)

    async def _due(self) -> list[tuple[OpenGap, Recalling]]:
        at = self._clock.now()
        settings = self._settings
        open_ = await self._store.open_gaps(
            since=at - settings.recall_back_days * DAY,
            limit=_LOOKED_AT,
            asked_before=at - round(settings.recall_again_s * SECOND) + 1,
            asks_below=settings.recall_tries,
            devices=np.array([key for key in self._listed if self._driver(key) is not None], np.int32),
        )
        found = []
        for gap in open_:
            if gap.number in self._under_way or not due(gap, at, settings):
                continue
            driver = self._driver(gap.device)
            if driver is not None:
                found.append((gap, driver))
        return found

    def _driver(self, device: int) -> Recalling | None:
        return next((driver for driver in self._drivers if driver.can_recall(device)), None)

    async def _room(self, gap: OpenGap) -> None:
        path = path_of(self._inventory, gap.device)
        while len(self._under_way) >= self._settings.recall_at_once or path in self._under_way.values():
            self._free.clear()
            await self._free.wait()

    async def _recall(self, gap: OpenGap, driver: Recalling, sink: Sink) -> None:
        metrics.RECALLING.set(len(self._under_way))
        try:
            async with asyncio.timeout(self._settings.recall_longest_s):
                # The reading at its very end is one of those that lack.
                await driver.recall(gap.device, gap.start, gap.end + SECOND, sink)
            metrics.RECALLS.labels("asked").inc()
        except TimeoutError:
            metrics.RECALLS.labels("late").inc()
        except Exception:  # a boundary: a driver's mistake must not end the asking of others
            metrics.RECALLS.labels("failed").inc()
            log.exception("recall failed", extra={"device": gap.device})
        finally:
            self._under_way.pop(gap.number, None)
            metrics.RECALLING.set(len(self._under_way))
            self._free.set()
