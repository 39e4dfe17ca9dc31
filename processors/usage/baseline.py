"""What is usual of each customer: one row of fixed width per customer, so that a million of them fit in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.core.model import Int32s

Float32s = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

VERSION = 1
HOURS = 168
DAYS = 56

_LAYOUT: tuple[tuple[str, int], ...] = (
    ("profile", HOURS),  # kWh by hour of the week, Monday first, weather divided out
    ("ratio", DAYS),  # by day number % 56: ln(energy / expected), NaN where not measured
    ("night", DAYS),  # the same of the night floor
    ("recent", 24),  # share of each hour in the use of the last days
    ("usual", 24),  # the share that it was expected to have
    (
        "pending",
        24,
    ),  # kWh by hour of the last day judged, weather divided out; learned when the next one comes
    ("scalar", 32),
)
WIDTH = sum(width for _, width in _LAYOUT)
SCALARS = (
    "days",  # believable days learned
    "noise",  # usual scatter of `ratio`, day to day
    "floor",  # kWh per hour in quiet night hours
    "floor_noise",  # usual scatter of `night`
    "response",  # how strongly it follows what moves its peers: 1 as they do
    "covariance",  # of its own and its peers' day, for `response`
    "variance",
    "shape_noise",  # usual distance of a day's shape from the expected one
    "peak",  # kW, of the highest interval
    "share_a",  # of the phases in its power
    "share_b",
    "share_c",
    "frozen",  # days in which nothing was learned because something stood out
    "zero_days",  # days without use in a row
    "over_days",  # days over capacity, fading
    "outside_days",  # days with use out of contract hours, fading
    "export_days",  # days with unregistered export, fading
    "wiring_days",  # days with current without voltage, fading
    "reversed_days",  # days with a reversed phase, fading
    "vanished_days",  # days with a phase gone, fading
    "anomalies",  # unexplained register events, fading
    "disconnected_days",  # days with use after disconnection, fading
    "tamper_day",  # number of the last day with an opened cover or a magnetic field, 0 for none
    "midday",  # ln of recent use at midday over expected, fading
    "evening",  # the same of the other hours
    "load_factor",  # mean over peak hour of recent days, fading
    "learnable",  # the pending day may be learned
    "factor",  # the peers' ln factor of the pending day
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BaselineRows:
    """How it is kept: device int32[n], number int32[n] (day number of the last day judged, −1 for none), state
    float32[n, WIDTH], version of the layout. NaN within `state` means "not measured"."""

    device: Int32s
    number: Int32s
    state: Float32s
    version: int = VERSION


class Baselines:
    """What is usual of n customers. `device` int32[n], `number` int32[n], `state` float32[n, WIDTH].

    A day that was judged is pending until a later one is: judged again, it takes its own place.
    """

    device: Int32s
    number: Int32s
    state: Float32s

    def __init__(self, devices: Int32s) -> None:
        """Nothing is known of these yet."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.device)

    def rows(self) -> BaselineRows:
        """The state as it is kept; shares memory with this."""
        raise NotImplementedError

    @staticmethod
    def of_rows(rows: BaselineRows, devices: Int32s) -> Baselines:
        """State of `devices`, in their order; those not among the rows, or all where the version is another, begin
        anew. Raises ValueError where the shapes do not fit."""
        raise NotImplementedError

    def forget(self, devices: Int32s) -> None:
        """Begin anew with these: another customer moved in, or an inspection found that what stands out is right."""
        raise NotImplementedError

    def expected(self, number: int, weekday: int) -> Float32s:
        """Energy by hour of a day, weather apart: float32[n, 24] kWh, NaN for customers of whom too little is known."""
        raise NotImplementedError
