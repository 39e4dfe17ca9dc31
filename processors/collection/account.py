"""The collection account of a day: how much was to be collected of each device, and was."""

from __future__ import annotations

import numpy as np

from gateway.core.meterdata import GAP_CAUSES, CollectionDays, UInt8s
from gateway.core.model import Bools, Int32s
from processors.collection.runs import Runs
from processors.collection.slots import Slots


def account(slots: Slots, *, quantity: str, day: int) -> CollectionDays:
    """Of the local day that begins at `day`; what lacks is laid to causes by `laid`."""

    def count(which: Bools) -> Int32s:
        total: Int32s = (which & slots.expected).sum(axis=1, dtype=np.int32)
        return total

    n = len(slots.device)
    return CollectionDays(
        quantity=quantity,
        device=slots.device,
        day=np.full(n, day, np.int64),
        expected=slots.expected.sum(axis=1, dtype=np.int32),
        collected=count(slots.measured),
        estimated=count(slots.estimated),
        missing=count(~slots.measured & ~slots.estimated & ~slots.edited),
        edited=count(slots.edited),
        lacking=np.zeros((n, len(GAP_CAUSES)), np.int32),
    )


def joined(parts: list[CollectionDays], quantity: str) -> CollectionDays:
    """One account of all, in rising order of devices."""
    device = np.concatenate([part.device for part in parts]) if parts else np.empty(0, np.int32)
    order = np.argsort(device, kind="stable")

    def column(name: str) -> Int32s:
        whole: Int32s = np.concatenate([getattr(part, name) for part in parts])[order]
        return whole

    if not parts:
        nothing = np.empty(0, np.int32)
        return CollectionDays(
            quantity=quantity,
            device=device,
            day=np.empty(0, np.int64),
            expected=nothing,
            collected=nothing,
            estimated=nothing,
            missing=nothing,
            edited=nothing,
            lacking=np.zeros((0, len(GAP_CAUSES)), np.int32),
        )
    return CollectionDays(
        quantity=quantity,
        device=device[order],
        day=np.concatenate([part.day for part in parts])[order],
        expected=column("expected"),
        collected=column("collected"),
        estimated=column("estimated"),
        missing=column("missing"),
        edited=column("edited"),
        lacking=column("lacking"),
    )


def laid(days: CollectionDays, found: Runs, cause: UInt8s) -> CollectionDays:
    """The same with what lacks counted by cause. days: rows in rising order of devices;  cause: uint8[len(found)]."""
    lacking = np.zeros((len(days), len(GAP_CAUSES)), np.int32)
    if len(days):
        row = np.searchsorted(days.device, found.device)
        known = days.device[np.minimum(row, len(days) - 1)] == found.device
        slots = (found.end - found.start) // found.length
        np.add.at(lacking, (row[known], cause[known]), slots[known])
    return CollectionDays(
        quantity=days.quantity,
        device=days.device,
        day=days.day,
        expected=days.expected,
        collected=days.collected,
        estimated=days.estimated,
        missing=days.missing,
        edited=days.edited,
        lacking=lacking,
    )
