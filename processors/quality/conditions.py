"""What can be wrong at a device, and what is kept of each: the columns of `windows.Windows`."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from processors.quality.gathered import CHANNELS


class Condition(IntEnum):
    """What can be wrong at one device; the columns of `run`, `out` and `since`."""

    LOW_VOLTAGE = 0
    HIGH_VOLTAGE = 1
    UNBALANCE = 2
    OVERLOAD = 3
    REVERSE_POWER = 4
    OVERHEATING = 5
    FREQUENCY = 6  # of a substation, not of a device

    @property
    def word(self) -> str:
        return self.name.lower()


OF_DEVICE = 6

COLUMNS: dict[str, tuple[type[np.generic], int]] = {
    "window": (np.int64, 0),  # being gathered, or the next one; −1 before the first
    "sums": (np.int64, CHANNELS),
    "counts": (np.int32, CHANNELS),
    "least": (np.int64, 0),  # lowest voltage of a phase in the window
    "line": (np.bool_, 0),  # line voltages rather than phase voltages
    "lost": (np.bool_, 0),  # a phase was lost when last seen
    "cut": (np.int64, 0),  # the last window in which it said that supply failed or came back, −1 for none
    "run": (np.int8, OF_DEVICE),  # means in a row beyond the limit, negative: recovered
    "out": (np.bool_, OF_DEVICE),
    "since": (np.int64, OF_DEVICE),  # µs, when it began
    "judged_at": (np.int64, OF_DEVICE),  # µs, end of the last window that said something
    "last": (np.float64, OF_DEVICE + 1),  # what that said: shares of nominal, %, kVA, kW, °C; Hz
    "phases": (np.uint8, 2),  # mask of phases below, above
    "heard_hz": (np.int64, 0),  # µs, end of the last window with frequency
    "usual": (np.int64, 0),  # mK, 0 for not known
    "forward": (np.bool_, 0),  # has shown power drawn, so what it shows as fed back is
}

INITIAL: dict[str, float] = {"window": -1, "cut": -1, "least": np.iinfo(np.int64).max, "last": np.nan}
"""What columns hold at first, where that is not 0."""
