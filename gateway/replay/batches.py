"""Runs of readings as batches: columns, as the drivers make them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np

from gateway.core.model import Batch
from gateway.replay.lines import Reading


def batches(run: Sequence[Reading], received: Sequence[int]) -> Iterator[Batch]:
    """A batch for each source, rows in order; one for each row where a device is heard through several."""
    groups: dict[str, list[int]] = {}
    for i, reading in enumerate(run):
        groups.setdefault(reading.source, []).append(i)
    parts = list(groups.items())
    if len(parts) > 1 and _shared(run, groups.values()):  # what a device said last is what counts
        parts = [(reading.source, [i]) for i, reading in enumerate(run)]
    for source, rows in parts:
        yield _batch(source, [run[i] for i in rows], [received[i] for i in rows])


def _shared(run: Sequence[Reading], groups: Iterable[list[int]]) -> bool:
    """Whether a device is in more than one of the groups."""
    devices = [{run[i].device for i in rows} for rows in groups]
    return len(set().union(*devices)) < sum(map(len, devices))


def _batch(source: str, rows: list[Reading], received: list[int]) -> Batch:
    names = tuple(rows[0].values)
    if all(tuple(row.values) == names for row in rows):
        values = [list(row.values.values()) for row in rows]
    else:
        names = tuple(dict.fromkeys(chain.from_iterable(row.values for row in rows)))
        values = [[row.values.get(name, math.nan) for name in names] for row in rows]
    return Batch.of(
        names,
        [row.device for row in rows],
        [row.measured_at for row in rows],
        np.array(values, np.float64).reshape(len(rows), len(names)),
        received_at=received,
        quality=[row.quality for row in rows],
        source=source,
    )
