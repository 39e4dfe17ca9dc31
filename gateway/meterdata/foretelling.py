"""Stage outlook: the load to be expected of transformers and feeders today and tomorrow."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools

import numpy as np

from gateway.core.meterdata import Intervals
from gateway.meterdata.ground import EXPORT, IMPORT, Ground
from gateway.meterdata.planning import size_of
from processors.balance.areas import Areas
from processors.outlook.stage import outlook, window


async def foretell(ground: Ground, closed: dt.date, *, at: int) -> None:
    """From what is closed until the end of the local day `closed`. Foretold again it gives the same. Raises
    UnavailableError."""
    rules, store = ground.rules, ground.store
    areas = Areas.of(ground.inventory)
    if not len(areas):
        return
    days = [closed + dt.timedelta(days=ahead) for ahead in (1, 2)]
    frm, _ = window(days[0], rules.zone, rules.outlook)
    _, till = window(days[-1], rules.zone, rules.outlook)
    heads = np.flatnonzero(areas.supply).astype(np.int32)
    size = size_of((till - frm) // ground.step, chunk=rules.book.chunk, rows=rules.book.chunk_rows)
    chunks = [heads[first : first + size] for first in range(0, len(heads), size)]
    found: list[Intervals] = [
        await store.meterdata.intervals(chunk, quantity, frm, till)
        for chunk in chunks
        for quantity in (IMPORT, EXPORT)
    ]
    for day in days:
        make = functools.partial(outlook, step=ground.step, zone=rules.zone, settings=rules.outlook)
        made = await asyncio.to_thread(make, found, areas, ground.inventory.network, day)
        await store.usage.put_outlook(made, ground.inventory.network, at=at)
