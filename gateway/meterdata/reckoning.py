"""Stage intervals: register readings become validated intervals in the database."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass, replace

import numpy as np

from gateway.core.clock import DAY, SECOND
from gateway.core.meterdata import Intervals, IntervalStatus, Registers
from gateway.core.model import Bools, Int32s
from gateway.meterdata import metrics
from gateway.meterdata.ground import EXPORT, IMPORT, Care, Ground
from gateway.meterdata.planning import Stretch, stretches
from processors.vee.validate import validate


@dataclass(slots=True)
class Reckoning:
    """Makes the intervals of [frm, till) of these devices.

    whole: the stretch is all that belongs together (a local day that is over), so that what lacks is estimated; else
    only what was measured is taken, and the rest waits.
    """

    ground: Ground
    care: Care
    at: int
    whole: bool

    async def run(self, devices: Int32s, frm: int, till: int) -> None:
        """Raises UnavailableError. Done again it changes nothing."""
        book = self.ground.rules.book
        for stretch in stretches(
            devices,
            self.ground.length(devices),
            frm,
            till,
            chunk=book.chunk,
            rows=book.chunk_rows,
            whole=self.whole,
            days=book.history_days if self.whole else 0,
        ):
            for quantity in (IMPORT, EXPORT):
                work = functools.partial(self._chunk, stretch, quantity)
                await self.care.each(stretch.devices, work)

    async def _chunk(self, stretch: Stretch, quantity: str, devices: Int32s) -> None:
        store, rules = self.ground.store.meterdata, self.ground.rules
        frm, till = stretch.frm, stretch.till
        registers = await store.registers(
            devices, quantity, frm, till, reach=round(rules.book.reach_s * SECOND)
        )
        devices = self._counting(devices, quantity, registers)
        if not len(devices):
            return
        history = None
        if self.whole and rules.book.history_days:
            since = frm - rules.book.history_days * DAY
            history = await store.intervals(devices, quantity, since, frm)
        changes = await store.changes(devices, frm=frm - round(rules.book.reach_s * SECOND))
        made = await asyncio.to_thread(
            validate,
            registers,
            self.ground.facts(devices),
            frm,
            till,
            settings=rules.vee,
            zone=rules.zone,
            changes=changes,
            history=history,
        )
        measured = (made.status == IntervalStatus.VALID) | (made.status == IntervalStatus.SUSPECT)
        if not self.whole:
            made = _rows(made, measured)
        else:
            metrics.ESTIMATED.inc(int((~measured).sum()))
        if not len(made):
            return
        final_before = self.at - round(rules.vee.final_after_s * SECOND)
        put = await store.put(made, at=self.at, final_before=final_before)
        for outcome in ("inserted", "replaced", "kept", "too_late"):
            metrics.INTERVALS.labels(outcome).inc(getattr(put, outcome))

    def _counting(self, devices: Int32s, quantity: str, registers: Registers) -> Int32s:
        """Those that have such a register: every meter has one of import, and who else has one has shown it."""
        shown = np.isin(devices, registers.device)
        return devices[shown | self.ground.surely(devices)] if quantity == IMPORT else devices[shown]


def _rows(intervals: Intervals, which: Bools) -> Intervals:
    return replace(
        intervals,
        device=intervals.device[which],
        start=intervals.start[which],
        end=intervals.end[which],
        raw=intervals.raw[which],
        value=intervals.value[which],
        status=intervals.status[which],
        rules=intervals.rules[which],
    )
