"""Runs of intervals that were expected and not collected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gateway.core.model import Int32s, Int64s
from processors.collection.slots import Slots


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Runs:
    """k runs [start, end) of slots without a measured interval, ordered by device and start where one call made them.

    device: int32[k];  start, end: int64[k] µs UTC;  length: int64[k] µs, of the slots in each.
    """

    device: Int32s
    start: Int64s
    end: Int64s
    length: Int64s

    def __len__(self) -> int:
        return len(self.device)

    @staticmethod
    def none() -> Runs:
        nothing = np.empty(0, np.int64)
        return Runs(device=np.empty(0, np.int32), start=nothing, end=nothing, length=nothing)

    @staticmethod
    def joined(parts: Sequence[Runs]) -> Runs:
        if not parts:
            return Runs.none()
        return Runs(
            device=np.concatenate([part.device for part in parts]),
            start=np.concatenate([part.start for part in parts]),
            end=np.concatenate([part.end for part in parts]),
            length=np.concatenate([part.length for part in parts]),
        )


def runs(slots: Slots, *, till: int) -> Runs:
    """Of what was to be there by `till`: a slot that ends later may still come by itself."""
    missing = slots.expected & ~slots.measured & (slots.start + slots.length <= till)
    edge = np.zeros((len(slots.device), 1), np.int8)
    step = np.diff(np.concatenate([edge, missing.astype(np.int8), edge], axis=1), axis=1)
    row, first = np.nonzero(step == 1)
    last = np.nonzero(step == -1)[1]
    ends = np.append(slots.start[1:], slots.start[-1:] + slots.length)
    return Runs(
        device=slots.device[row],
        start=slots.start[first],
        end=ends[last - 1],
        length=np.full(len(row), slots.length, np.int64),
    )
