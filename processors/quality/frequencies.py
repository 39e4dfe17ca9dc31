"""The frequency of each substation, as more than half of those who measure it there agree upon it."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.core.inventory import Inventory
from gateway.core.model import Float64s
from processors.quality.conditions import Condition
from processors.quality.settings import QualitySettings
from processors.quality.windows import Windows

_AGREEING = 2  # so many at least: one alone proves nothing
_NEAR_HZ = 1e-6  # a limit itself is within it
_MOST = 100


class Off(NamedTuple):
    """A substation whose frequency is out of limits, or not back for long enough; `heard` 0: nobody tells now."""

    name: str
    hertz: float
    heard: int


class Frequencies:
    """`runs`: by substation how many windows in a row it was out of limits, negative: inside."""

    def __init__(self, inventory: Inventory, settings: QualitySettings, windows: Windows) -> None:
        self.runs: dict[str, int] = {}
        self._network = inventory.network
        self._settings = settings
        self._windows = windows
        self._root = _roots(inventory)

    def judge(self, at: int, standing: Collection[str]) -> list[Off]:
        """One window more. `standing`: where it was out of limits so far."""
        heard = np.flatnonzero(self._windows.hertz(at))
        band, nominal = self._settings.frequency_band_hz, self._settings.nominal_hz
        hold = self._settings.hold_windows
        found: list[Off] = []
        runs: dict[str, int] = {}
        roots = self._root[heard]
        for root in np.unique(roots).tolist():
            name, told = (
                self._network.ids[root],
                self._windows.last[heard[roots == root], Condition.FREQUENCY],
            )
            if len(told) < _AGREEING:
                continue
            hertz = _middle(told, nominal)
            off, before = abs(hertz - nominal), self.runs.get(name, 0)
            beyond, inside = off > band + _NEAR_HZ, off <= 0.9 * band
            run = max(before, 0) + 1 if beyond else min(before, 0) - 1 if inside else 0
            runs[name] = max(-_MOST, min(_MOST, run))
            if run >= hold or (name in standing and run > -hold):
                found.append(Off(name, hertz, len(told)))
        for name in standing:
            if name not in runs and self.told(name, at):
                found.append(Off(name, nominal, 0))
                runs[name] = self.runs.get(name, hold)
        self.runs = runs
        return found

    def told(self, name: str, at: int) -> bool:
        """Whether anybody told the frequency there not long ago, or nobody yet: the database may know more."""
        if name not in self._network:
            return False
        there = self._root == self._network.index(name)
        ever = self._windows.heard_hz[there].any()
        return not ever or bool((there & self._windows.told_hertz(at)).any())


def _middle(hertz: Float64s, nominal: float) -> float:
    """The median; of an even number what of the two in the middle, and between them, is nearest to nominal."""
    ordered = np.sort(hertz)
    low, high = float(ordered[(len(ordered) - 1) // 2]), float(ordered[len(ordered) // 2])
    return min(max(nominal, low), high)


def _roots(inventory: Inventory) -> npt.NDArray[np.int32]:
    """The uppermost node above each device."""
    network = inventory.network
    root = np.arange(len(network), dtype=np.int32)
    uppermost = np.flatnonzero(network.parent < 0)
    if len(uppermost):
        root = uppermost[np.searchsorted(uppermost, root, side="right") - 1].astype(np.int32)
    found: npt.NDArray[np.int32] = root[inventory.node]
    return found
