"""Stage collection: the account of a local day, and the ledger of what lacks in it."""

from __future__ import annotations

import asyncio

import numpy as np

from gateway.core.meterdata import CollectionDays, Gaps
from gateway.core.model import Int32s
from gateway.meterdata.ground import IMPORT, Care, Ground
from gateway.meterdata.planning import Day, stretches
from processors.collection.account import account, joined, laid
from processors.collection.causes import Spans, causes
from processors.collection.runs import Runs, runs
from processors.collection.slots import lay

_ROWS = 20_000  # put at once


async def collect(
    ground: Ground, care: Care, day: Day, *, till: int, gaps_till: int, at: int
) -> float | None:
    """Make the account of what of the day lies before `till`, and put the gaps before `gaps_till` into the ledger.

    Returns the share that was collected, None where nothing was expected. Raises UnavailableError.
    """
    book, store = ground.rules.book, ground.store
    parts: list[CollectionDays] = []
    found: list[Runs] = []

    async def chunk(devices: Int32s) -> None:
        intervals = await store.meterdata.intervals(devices, IMPORT, day.start, day.end)
        devices = devices[ground.surely(devices) | np.isin(devices, intervals.device)]
        if not len(devices):
            return
        since = await ground.expected_since(devices)
        length = int(ground.length(devices)[0])
        slots = await asyncio.to_thread(
            lay, intervals, devices, length=length, frm=day.start, till=end, since=since
        )
        parts.append(account(slots, quantity=IMPORT, day=day.start))
        found.append(runs(slots, till=gaps_till))

    end = min(day.end, till)
    for stretch in stretches(
        ground.devices,
        ground.length(ground.devices),
        day.start,
        end,
        chunk=book.chunk,
        rows=book.chunk_rows,
        whole=True,
    ):
        await care.each(stretch.devices, chunk)
    lacking = Runs.joined(found)
    off = await store.bookkeeping.off(day.start, day.end)
    code = await asyncio.to_thread(
        causes,
        lacking,
        absences=await store.bookkeeping.absences(day.start, day.end),
        off=Spans(device=off.device, start=off.start, end=off.end),
        paths=ground.paths,
        step=ground.step,
        silent_share=book.silent_share,
    )
    days = laid(joined(parts, IMPORT), lacking, code)
    for first in range(0, len(days), _ROWS):
        await store.meterdata.put_collection(_rows(days, slice(first, first + _ROWS)), at=at)
    for first in range(0, len(lacking), _ROWS):
        some = slice(first, first + _ROWS)
        gaps = Gaps(
            quantity=IMPORT,
            device=lacking.device[some],
            start=lacking.start[some],
            end=lacking.end[some],
            cause=code[some],
        )
        await store.meterdata.put_gaps(gaps, at=at)
    expected = int(days.expected.sum())
    return int(days.collected.sum()) / expected if expected else None


def _rows(days: CollectionDays, which: slice) -> CollectionDays:
    return CollectionDays(
        quantity=days.quantity,
        device=days.device[which],
        day=days.day[which],
        expected=days.expected[which],
        collected=days.collected[which],
        estimated=days.estimated[which],
        missing=days.missing[which],
        edited=days.edited[which],
        lacking=days.lacking[which],
    )
