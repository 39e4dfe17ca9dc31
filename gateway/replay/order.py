"""Lines in order of reception: what stands a little out of place is put in its place, what cannot be is left out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gateway.core.clock import DAY
from gateway.replay.lines import What

_APART = DAY  # lines out of place by more are not late but have an impossible time
_RECORDING = 366 * DAY  # no recording is silent for longer
_FEW = 4  # so many times fewer lines than the others have the impossible time, not the others


class Item(NamedTuple):
    """A line that was understood. `number` counts from 1, so that no two items are equal."""

    received_at: int
    number: int
    raw: bytes
    what: What


class Order:
    """Holds back up to `window` to twice as many lines and gives them out sorted by time, then place in the file.

    The result depends on the lines alone. Numbers of lines:  `late` stood behind later ones and are in their place now;
    `impossible` are left out, being few and more than a day out of place, or more than a year away from all others;
    `lost` came later than the window could wait;  `repeated` are there already, to the letter.
    """

    def __init__(self, window: int = 5_000) -> None:
        self.window = window
        self.late: list[int] = []
        self.impossible: list[int] = []
        self.lost: list[int] = []
        self.repeated: list[int] = []
        self._held: list[Item] = []
        self._sorted = True
        self._given = 0  # up to here lines were given out
        self._same: set[bytes] = set()  # lines given out with that very time

    def put(self, item: Item) -> list[Item]:
        """Take a line; returns those whose turn has come."""
        held = self._held
        if held and item.received_at < held[-1].received_at:
            self._sorted = False
        held.append(item)
        return self._give(self.window) if len(held) >= 2 * self.window else []

    def rest(self) -> list[Item]:
        """What is still held, at the end of the file."""
        return self._give(0)

    def _give(self, keep: int) -> list[Item]:
        if not self._sorted:
            self._held.sort()
        self._leave_out()
        held = self._held
        cut = max(0, len(held) - keep)
        if not self._sorted:
            self._note_late(held, cut)
            self._sorted = True
        given, self._held = held[:cut], held[cut:]
        if given and given[0].received_at < self._given:
            self.lost += [item.number for item in given if item.received_at < self._given]
            given = [item for item in given if item.received_at >= self._given]
        return self._once(given)

    def _note_late(self, held: list[Item], cut: int) -> None:
        """Of those given out now, who stands in the file behind one that was received later."""
        numbers = np.array([item.number for item in held], np.int64)
        first_after = np.minimum.accumulate(numbers[::-1])[::-1]
        late = np.flatnonzero(first_after[1:] < numbers[:-1])
        self.late += numbers[late[late < cut]].tolist()

    def _leave_out(self) -> None:
        """Of two groups of lines that are days apart and in the wrong order, the few have impossible times."""
        held = self._held
        times = np.array([item.received_at for item in held], np.int64)
        numbers = np.array([item.number for item in held], np.int64)
        low, high = 0, len(held)
        while high - low > 1:
            gaps = np.diff(times[low:high])
            if int(gaps.max()) <= _APART:
                break
            within = numbers[low:high]
            crossed = np.maximum.accumulate(within)[:-1] > np.minimum.accumulate(within[::-1])[::-1][1:]
            left = np.arange(1, high - low)
            right = left[::-1]
            few = np.minimum(left, right) * _FEW <= np.maximum(left, right)
            wrong = np.flatnonzero((((gaps > _APART) & crossed) | (gaps > _RECORDING)) & few)
            if not len(wrong):
                break
            cut = low + int(wrong[0]) + 1
            if cut - low < high - cut:
                self.impossible += numbers[low:cut].tolist()
                low = cut
            else:
                self.impossible += numbers[cut:high].tolist()
                high = cut
        self._held = held[low:high]

    def _once(self, items: list[Item]) -> list[Item]:
        found: list[Item] = []
        at, same = self._given, self._same
        for item in items:
            if item.received_at != at:
                at = item.received_at
                same = {item.raw}
            elif item.raw in same:
                self.repeated.append(item.number)
                continue
            else:
                same.add(item.raw)
            found.append(item)
        self._given, self._same = at, same
        return found
