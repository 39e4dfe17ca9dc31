"""What is going on at meters: conditions that wait for their delay, that are told, that wait for their end.

A meter has a row here only while something is. Columns are [rows, slots]; times are µs UTC, 0 for none.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.model import Bools, Float64s, Int32s, Int64s
from processors.meterevents.conditions import Found
from processors.meterevents.slots import COUNT, EXTREMELESS, SIGN, UNBALANCES

Keys: TypeAlias = npt.NDArray[np.int64]
UInt8s: TypeAlias = npt.NDArray[np.uint8]

TOLD, SEVERE = np.uint8(1), np.uint8(2)
_FIRST_ROWS = 64

COLUMNS: dict[str, type[np.generic]] = {
    "since": np.int64,  # it holds since then
    "clear": np.int64,  # it does not since then, and is told all the same
    "told": np.uint8,  # of TOLD, SEVERE
    "extreme": np.float64,
    "limit": np.float64,
}


class Note(NamedTuple):
    """Something to be told, in columns: device keys and slots, times (ended 0: it goes on), and how bad."""

    device: Keys
    slot: Keys
    since: Int64s
    ended: Int64s
    severe: Bools
    extreme: Float64s
    limit: Float64s

    def take(self, rows: Keys) -> Note:
        return Note(
            self.device[rows],
            self.slot[rows],
            self.since[rows],
            self.ended[rows],
            self.severe[rows],
            self.extreme[rows],
            self.limit[rows],
        )


class Table:
    """`row` is int32 per device key, −1 for a meter with nothing going on; `device` is the key of each row, −1 where it
    is free."""

    since: Int64s
    clear: Int64s
    told: UInt8s
    extreme: Float64s
    limit: Float64s

    def __init__(self, devices: int, delay: int, severe: float) -> None:
        self.row: Int32s = np.full(devices, -1, np.int32)
        self.device: Int64s = np.full(_FIRST_ROWS, -1, np.int64)
        for name, dtype in COLUMNS.items():
            setattr(self, name, np.zeros((_FIRST_ROWS, COUNT), dtype))
        self.delay = delay
        self.severe = severe
        self.notes: list[Note] = []

    @property
    def busy(self) -> Keys:
        """Keys with something going on."""
        return np.flatnonzero(self.row >= 0)

    def take(self, keys: Keys) -> None:
        """Give these a row, if they have none."""
        keys = keys[self.row[keys] < 0]
        free = np.flatnonzero(self.device < 0)
        if len(free) < len(keys):
            grown = max(2 * len(self.device), len(self.device) + len(keys))
            more = grown - len(self.device)
            self.device = np.concatenate([self.device, np.full(more, -1, np.int64)])
            for name, dtype in COLUMNS.items():
                setattr(self, name, np.concatenate([getattr(self, name), np.zeros((more, COUNT), dtype)]))
            free = np.flatnonzero(self.device < 0)
        rows = free[: len(keys)]
        self.row[keys] = rows
        self.device[rows] = keys

    def release(self, keys: Keys) -> None:
        """Rows of those with nothing left are free."""
        rows = self.row[keys]
        idle = rows[(self.since[rows] == 0).all(axis=1)]
        self.row[self.device[idle]] = -1
        self.device[idle] = -1

    def fold(self, keys: Keys, at: Int64s, found: Found, gap: Bools) -> None:
        """One row of readings of each of these, none older than before; `gap`: long after it. What waits for its delay
        or its end waits anew then."""
        self.take(keys)
        rows = self.row[keys].astype(np.int64)
        when = np.broadcast_to(at[:, None], found.holds.shape)
        since, clear, told = self.since[rows], self.clear[rows], self.told[rows]
        extreme, limit = self.extreme[rows], self.limit[rows]
        if gap.any():
            since = np.where(gap[:, None] & (told == 0), 0, since)
            clear = np.where(gap[:, None], 0, clear)

        fresh = found.holds & (since == 0)
        since = np.where(fresh, when, since)
        limit = np.where(fresh, found.limit, limit)
        clear = np.where(found.holds, 0, clear)
        known = found.holds & ~np.isnan(found.value)
        further = known & (fresh | np.isnan(extreme) | (SIGN * (found.value - extreme) > 0))
        extreme = np.where(further, found.value, np.where(fresh, np.nan, extreme))

        begins = found.holds & (told == 0) & (when - since >= self.delay)
        bad = UNBALANCES & (extreme >= self.severe)
        grave = found.holds & bad & (told & SEVERE == 0) & (begins | (told > 0))
        told = np.where(begins, told | TOLD, told)
        told = np.where(grave, told | SEVERE, told)

        over = found.over & (since > 0) & ~found.holds
        clear = np.where(over & (clear == 0), when, clear)
        never = over & (told == 0)
        ends = over & (told > 0) & (when - clear >= self.delay)
        self._note(keys, begins | grave, (since, np.zeros_like(since), told, extreme, limit))
        self._note(keys, ends, (since, clear, told, extreme, limit))

        gone = never | ends
        self.since[rows] = np.where(gone, 0, since)
        self.clear[rows] = np.where(gone, 0, clear)
        self.told[rows] = np.where(gone, 0, told)
        self.extreme[rows], self.limit[rows] = extreme, limit
        self.release(keys)

    def _note(
        self, keys: Keys, which: Bools, columns: tuple[Int64s, Int64s, UInt8s, Float64s, Float64s]
    ) -> None:
        i, slot = np.nonzero(which)
        if len(i):
            since, ended, told, extreme, limit = columns
            blank = EXTREMELESS[slot]
            self.notes.append(
                Note(
                    keys[i],
                    slot,
                    since[i, slot],
                    ended[i, slot],
                    told[i, slot] & SEVERE > 0,
                    np.where(blank, np.nan, extreme[i, slot]),
                    np.where(blank, np.nan, limit[i, slot]),
                )
            )
