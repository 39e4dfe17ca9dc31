"""Stage late: what came for stretches that the book has left behind is reckoned anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gateway.core.clock import SECOND
from gateway.core.model import Int32s, Int64s
from gateway.meterdata import metrics
from gateway.meterdata.ground import IMPORT, Care, Ground
from gateway.meterdata.planning import Day, size_of, stretch_days
from gateway.meterdata.quality import Quality
from gateway.meterdata.reckoning import Reckoning
from gateway.store.lates import LateMarks

_AT_ONCE = 2000  # marks
JUDGE, COLLECT = "judge", "collect"
"""Steps that days are noted for to be done again."""


@dataclass(slots=True)
class Late:
    """closed: until when days are closed: their estimates may have to go, and what was accounted of them changes;
    done: until when intervals are made."""

    ground: Ground
    care: Care
    at: int
    closed: int
    done: int

    async def run(self) -> None:
        """Until nothing is marked. A mark is taken away when all that follows from it is in the database."""
        store = self.ground.store
        while len(marks := await store.meterdata.take_late(_AT_ONCE)):
            frm, till = await self._between(marks)
            days = stretch_days(frm, till, self.ground.rules.zone)
            for day, rows in days.items():
                await self._day(day, self.ground.known(marks.device[rows]))
            touched = [day.start for day in days if day.start < self.closed]
            if touched:
                await store.bookkeeping.set_again(COLLECT, touched, wanted=True)
                await store.bookkeeping.set_again(JUDGE, touched, wanted=True)
            await store.meterdata.late_done(marks)
            metrics.LATE.inc(len(marks))

    async def _between(self, marks: LateMarks) -> tuple[Int64s, Int64s]:
        """The stretch that each mark concerns: between the readings around what came."""
        book, step = self.ground.rules.book, self.ground.step
        frm, till = marks.first - step, marks.last + step
        for rows in stretch_days(marks.first, marks.first, self.ground.rules.zone).values():
            rows = rows[marks.device[rows] >= 0]
            if not len(rows):
                continue
            low, high = int(marks.first[rows].min()), int(marks.last[rows].max())
            devices = np.unique(marks.device[rows]).astype(np.int32)
            size = size_of((high - low) // step + 2, chunk=book.chunk, rows=book.chunk_rows)
            for at in range(0, len(devices), size):
                chunk = devices[at : at + size]
                near = await self.ground.store.meterdata.registers(
                    chunk, IMPORT, low, high, reach=round(book.reach_s * SECOND)
                )
                for row in rows[np.isin(marks.device[rows], chunk)].tolist():
                    begin, end = np.searchsorted(near.device, [marks.device[row], marks.device[row] + 1])
                    measured = near.measured_at[begin:end][np.isfinite(near.value[begin:end])]
                    before = np.searchsorted(measured, marks.first[row], "left")
                    after = np.searchsorted(measured, marks.last[row], "right")
                    if before > 0:
                        frm[row] = min(frm[row], measured[before - 1])
                    if after < len(measured):
                        till[row] = max(till[row], measured[after])
        return frm, till

    async def _day(self, day: Day, devices: Int32s) -> None:
        over = day.end <= self.closed
        reckoning = Reckoning(self.ground, self.care, self.at, whole=over)
        await reckoning.run(devices, day.start, day.end if over else min(day.end, self.done))
        if over:
            await Quality(self.ground, self.care, day).run(devices)
        await self.care.each(devices, self._settle)

    async def _settle(self, devices: Int32s) -> None:
        filled = await self.ground.store.meterdata.settle_gaps(devices, IMPORT, at=self.at)
        metrics.GAPS_FILLED.inc(filled)
