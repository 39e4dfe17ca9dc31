"""Stage quality: the account of supply quality of a local day that is over."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np

from gateway.core.clock import SECOND
from gateway.core.model import Int32s
from gateway.meterdata.ground import Care, Ground
from gateway.meterdata.planning import Day, size_of
from processors.quality.account import QUANTITIES, account, transformers


@dataclass(slots=True)
class Quality:
    ground: Ground
    care: Care
    day: Day

    async def run(self, devices: Int32s) -> None:
        """Of these devices. Done again it gives the same."""
        book = self.ground.rules.book
        seconds = self.ground.inventory.interval_s[devices]
        for every in np.unique(seconds).tolist():
            mine = devices[seconds == every]
            expected = (self.day.end - self.day.start) // (max(every, 1) * SECOND)
            size = size_of(expected, chunk=book.chunk, rows=book.chunk_rows // 4)
            for at in range(0, len(mine), size):
                await self.care.each(mine[at : at + size], self._chunk)

    async def _chunk(self, devices: Int32s) -> None:
        rules, store = self.ground.rules, self.ground.store
        reach = int(self.ground.inventory.interval_s[devices].max()) * 2 * SECOND
        batch = await store.meterdata.readings(devices, QUANTITIES, self.day.start - reach, self.day.end)
        if not len(batch):
            return
        day = (self.day.start, self.day.end)
        inventory = self.ground.inventory
        await store.quality.put_days(await asyncio.to_thread(account, batch, inventory, day, rules.quality))
        of_transformers = await asyncio.to_thread(transformers, batch, inventory, day, rules.quality)
        if len(of_transformers):
            await store.quality.put_transformers(of_transformers)
