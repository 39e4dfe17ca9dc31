"""Stage intervals: register readings become validated intervals in the database."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gateway.core.clock import DAY, SECOND
from gateway.core.meterdata import Intervals, IntervalStatus, MeterChange, Registers
from gateway.core.model import Int32s
from gateway.meterdata import metrics
from gateway.meterdata.ground import EXPORT, IMPORT, Care, Ground
from gateway.meterdata.planning import Stretch, day_of, size_of, stretches
from processors.vee.likedays import WholeDays
from processors.vee.validate import Examined, concatenate, examine

_EPOCH = dt.date(1970, 1, 1)


@dataclass(slots=True)
class Reckoning:
    """Makes the intervals of [frm, till) of these devices.

    whole: the stretch is all that belongs together (a local day that is over), so that what lacks is estimated; else
    only what was measured is taken, and the rest waits.  latest: it is a day after all that were reckoned before.
    """

    ground: Ground
    care: Care
    at: int
    whole: bool
    latest: bool = False

    async def run(self, devices: Int32s, frm: int, till: int) -> None:
        """Raises UnavailableError. Done again it changes nothing."""
        book = self.ground.rules.book
        if self.latest:
            await self.ground.memory.see_edits(self.ground.store.meterdata)
        for stretch in stretches(
            devices,
            self.ground.length(devices),
            frm,
            till,
            chunk=book.chunk,
            rows=book.chunk_rows,
            whole=self.whole,
            days=book.history_days if self.whole and not self.latest else 0,
        ):
            for quantity in (IMPORT, EXPORT):
                work = functools.partial(self._chunk, stretch, quantity)
                await self.care.each(stretch.devices, work)

    async def _chunk(self, stretch: Stretch, quantity: str, devices: Int32s) -> None:
        store, rules, memory = self.ground.store.meterdata, self.ground.rules, self.ground.memory
        frm, till = stretch.frm, stretch.till
        if (
            quantity != IMPORT
        ):  # few have it, and to find that out by looking for the nearest reading takes long
            devices = await memory.showing(store, devices, quantity, frm, till)
            if not len(devices):
                return
        registers = await store.registers(
            devices, quantity, frm, till, reach=round(rules.book.reach_s * SECOND)
        )
        devices = self._counting(devices, quantity, registers)
        if not len(devices):
            return
        changes = await store.changes(devices, frm=frm - round(rules.book.reach_s * SECOND))
        if self.whole and rules.book.history_days:
            made = await self._against_history(registers, devices, stretch, changes)
        else:
            made = (await asyncio.to_thread(self._examine, registers, devices, stretch, changes)).intervals
        measured = (made.status == IntervalStatus.VALID) | (made.status == IntervalStatus.SUSPECT)
        if not self.whole:
            made = made.rows(measured)
        else:
            metrics.ESTIMATED.inc(int((~measured).sum()))
        if not len(made):
            return
        final_before = self.at - round(rules.vee.final_after_s * SECOND)
        put = await store.put(made, at=self.at, final_before=final_before)
        if self.whole and not self.latest:
            memory.usual(quantity).forget(devices)
        for outcome in ("inserted", "replaced", "kept", "too_late"):
            metrics.INTERVALS.labels(outcome).inc(getattr(put, outcome))

    async def _against_history(
        self, registers: Registers, devices: Int32s, stretch: Stretch, changes: Sequence[MeterChange]
    ) -> Intervals:
        """With the days before: for nearly all what they took in sum, which is remembered; where there are gaps to be
        filled like other days the intervals themselves."""
        quantity = registers.quantity
        if not self.latest:
            history = await self._history(devices, quantity, stretch.frm)
            work = functools.partial(self._examine, registers, devices, stretch, changes, history=history)
            return (await asyncio.to_thread(work)).intervals
        usual, zone = self.ground.memory.usual(quantity), self.ground.rules.zone
        for part in self._parts(usual.unknown(devices), stretch):
            earlier = await self._history(part, quantity, stretch.frm)
            facts = self.ground.facts(part)
            usual.learn(part, await asyncio.to_thread(WholeDays.of, earlier, facts, zone))
        day = (day_of(stretch.frm, zone).date - _EPOCH).days
        before = usual.before(devices, day)
        work = functools.partial(self._examine, registers, devices, stretch, changes, usual=before)
        first = await asyncio.to_thread(work)
        made = [first.intervals.rows(~np.isin(first.intervals.device, devices[first.shaped]))]
        for part in self._parts(devices[first.shaped], stretch):
            history = await self._history(part, quantity, stretch.frm)
            some = registers.of(part)
            work = functools.partial(
                self._examine, some, part, stretch, changes, history=history, usual=before
            )
            made.append((await asyncio.to_thread(work)).intervals)
        found = concatenate(quantity, made)
        usual.take(
            devices, day, await asyncio.to_thread(WholeDays.of, found, self.ground.facts(devices), zone)
        )
        return found

    def _parts(self, devices: Int32s, stretch: Stretch) -> Iterator[Int32s]:
        """So many that their history is no more at once than it may be."""
        book = self.ground.rules.book
        size = size_of(book.history_days * DAY // stretch.length, chunk=book.chunk, rows=book.chunk_rows)
        for first in range(0, len(devices), size):
            yield devices[first : first + size]

    async def _history(self, devices: Int32s, quantity: str, frm: int) -> Intervals:
        since = frm - self.ground.rules.book.history_days * DAY
        return await self.ground.store.meterdata.intervals(devices, quantity, since, frm)

    def _examine(
        self,
        registers: Registers,
        devices: Int32s,
        stretch: Stretch,
        changes: Sequence[MeterChange],
        *,
        history: Intervals | None = None,
        usual: WholeDays | None = None,
    ) -> Examined:
        rules, facts = self.ground.rules, self.ground.facts(devices)
        bounds = (np.full(len(devices), at, np.int64) for at in (stretch.frm, stretch.till))
        return examine(
            registers,
            facts,
            *bounds,
            settings=rules.vee,
            zone=rules.zone,
            changes=changes,
            history=history,
            usual=usual,
        )

    def _counting(self, devices: Int32s, quantity: str, registers: Registers) -> Int32s:
        """Those that have such a register: every meter has one of import, and who else has one has shown it."""
        shown = np.isin(devices, registers.device)
        return devices[shown | self.ground.surely(devices)] if quantity == IMPORT else devices[shown]
