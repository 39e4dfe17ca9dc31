"""What is usual of each customer: one row of fixed width per customer, so that a million of them fit in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.core.model import Bools, Int32s
from processors.usage.day import weekday_of

Float32s = npt.NDArray[np.float32]

VERSION = 1
DAYS = 56
SCALARS = (
    "days",  # believable days learned
    "noise",  # usual scatter of `ratio`, day to day
    "floor",  # kWh per hour in quiet night hours
    "floor_noise",  # usual scatter of `night`
    "covariance",  # of its own and its peers' day, fading sums, for `response`
    "variance",
    "shape_noise",  # usual distance of a day's shape from the expected one
    "peak",  # kW, highest interval of usual days
    "share_a",  # of the phases in its power
    "share_b",
    "share_c",
    "frozen",  # days in a row in which nothing was learned because something stood out
    "zero_days",  # days without use in a row
    "midday",  # ln of use at midday over expected, less the same of the other hours, fading
    "over_days",  # what follows are counts that fade: days over capacity
    "outside_days",  # with use out of contract hours
    "export_days",  # with export and no generation registered
    "wiring_days",  # with current without voltage
    "reversed_days",  # with a reversed phase
    "vanished_days",  # with a phase gone
    "anomalies",  # unexplained register events
    "disconnected_days",  # with use after disconnection
    "tamper_day",  # number of the last day with an opened cover or a magnetic field, 0 for none
    "learn",  # the pending day is to be learned
)
_LAYOUT: tuple[tuple[str, int], ...] = (
    ("profile", 168),  # kWh by hour of the week, Monday first, what moves all peers divided out; NaN: unknown
    ("ratio", DAYS),  # by day number % 56: ln(energy / expected), NaN where not measured
    ("night", DAYS),  # the same of the night floor
    ("recent", 24),  # share of each hour in the use of the last days, fading
    ("usual", 24),  # the share that it was expected to have
    ("pending", 24),  # kWh by hour of the last day judged, as in `profile`; taken in when the next one comes
    ("settled", len(SCALARS)),  # before the last day judged
    ("standing", len(SCALARS)),  # with it
)
WIDTH = sum(width for _, width in _LAYOUT)
_FRESH = {"noise": 0.3, "floor_noise": 0.4, "shape_noise": 0.3}
_PRIOR = 1.0  # weight of "moves as its peers do" in `response`
_OWN_LEAST, _LEVEL = 0.1, 0.02  # paces of learning: a weekday's hours, the level of all
_STEADY = 14  # days from which on the level is followed
_YOUNG = 35  # days up to which what one weekday shows is taken for the others too
_RECENT = 0.2  # pace of `recent` and `usual`: about the last five days


def _slices() -> dict[str, slice]:
    found, at = {}, 0
    for name, width in _LAYOUT:
        found[name] = slice(at, at + width)
        at += width
    return found


AT = _slices()
"""Columns of `state` by the names above."""
OF = {name: i for i, name in enumerate(SCALARS)}
"""Columns of `settled` and `standing`."""


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

    def __init__(self, devices: Int32s) -> None:
        """Nothing is known of these yet."""
        n = len(devices)
        self.device = np.ascontiguousarray(devices, np.int32)
        self.number: Int32s = np.full(n, -1, np.int32)
        self.state: Float32s = np.zeros((n, WIDTH), np.float32)
        self._clear(np.arange(n))

    def _clear(self, rows: npt.NDArray[np.int64]) -> None:
        self.state[rows] = _fresh_row()
        self.number[rows] = -1

    def __len__(self) -> int:
        return len(self.device)

    def rows(self) -> BaselineRows:
        """The state as it is kept; shares memory with this."""
        return BaselineRows(device=self.device, number=self.number, state=self.state)

    @staticmethod
    def of_rows(rows: BaselineRows, devices: Int32s) -> Baselines:
        """State of `devices`, in their order; those not among the rows, or all where the version is another, begin
        anew. Raises ValueError where the shapes do not fit."""
        if rows.version != VERSION:
            return Baselines(devices)
        if rows.state.shape != (len(rows.device), WIDTH) or rows.number.shape != rows.device.shape:
            raise ValueError(f"state of {len(rows.device)} customers has the shape {rows.state.shape}")
        made = Baselines.__new__(Baselines)
        made.device = np.ascontiguousarray(devices, np.int32)
        if np.array_equal(made.device, rows.device):
            made.number = np.array(rows.number, np.int32)
            made.state = np.array(rows.state, np.float32)
            return made
        made = Baselines(devices)
        order = np.argsort(rows.device, kind="stable")
        if len(order):
            at = order[np.minimum(np.searchsorted(rows.device, devices, sorter=order), len(order) - 1)]
            found = np.flatnonzero(rows.device[at] == devices)
            made.number[found] = rows.number[at[found]]
            made.state[found] = rows.state[at[found]]
        return made

    def forget(self, devices: Int32s) -> None:
        """Begin anew with these: another customer moved in, or an inspection found that what stands out is right."""
        self._clear(np.flatnonzero(np.isin(self.device, devices)))

    def expected(self, number: int) -> Float32s:
        """Energy by hour of a day, weather apart: float32[n, 24] kWh, NaN for customers of whom nothing is known."""
        return self.state[:, AT["profile"]].reshape(len(self), 7, 24)[:, weekday_of(number)]

    def settle(self, rows: slice, number: int, relearn_days: int) -> None:
        """Take in the pending days of these, as a day of this number is to be judged; a day again changes nothing.
        What stood out for more than `relearn_days` becomes what is usual.

        Raises ValueError where a later day was judged already.
        """
        last = self.number[rows]
        if int(last.max(initial=-1)) > number:
            raise ValueError("a later day was judged already")
        base = rows.start
        for pending in np.unique(last[(last >= 0) & (last < number)]).tolist():
            which = np.flatnonzero(last == pending)
            part = self.state[rows] if len(which) == len(last) else self.state[base + which]
            _learn(part, pending)
            stuck = part[:, AT["standing"].start + OF["frozen"]] > relearn_days
            _begin_anew(part, np.flatnonzero(stuck))
            for skipped in range(max(pending + 1, number - DAYS), number):
                part[:, AT["ratio"].start + skipped % DAYS] = np.nan
                part[:, AT["night"].start + skipped % DAYS] = np.nan
            part[:, AT["settled"]] = part[:, AT["standing"]]
            if len(which) != len(last):
                self.state[base + which] = part


def response(settled: Float32s) -> Float32s:
    """How strongly each follows what moves its peers, 1 for as they do: float32[n], of `settled` [n, scalars]."""
    share = (settled[:, OF["covariance"]] + _PRIOR) / (settled[:, OF["variance"]] + _PRIOR)
    return np.clip(share, 0.0, 2.5)


def _fresh_row() -> Float32s:
    row = np.zeros(WIDTH, np.float32)
    for name in ("profile", "ratio", "night", "pending"):
        row[AT[name]] = np.nan
    for half in ("settled", "standing"):
        for name, value in _FRESH.items():
            row[AT[half].start + OF[name]] = value
    return row


def _learn(part: Float32s, number: int) -> None:
    """Take the pending day into profile and shapes, in place: part float32[m, WIDTH]."""
    pending = part[:, AT["pending"]]
    seen = ~np.isnan(pending[:, 0])
    weekday = weekday_of(number)
    own = slice(weekday * 24, weekday * 24 + 24)
    expected = part[:, own]
    _fade_in(part[:, AT["recent"]], pending, seen)
    _fade_in(part[:, AT["usual"]], expected, seen)
    learn: Bools = seen & (part[:, AT["standing"].start + OF["learn"]] > 0)
    days = part[:, AT["settled"].start + OF["days"]]
    first = np.flatnonzero(learn & (days == 0))
    part[first, AT["profile"]] = np.tile(pending[first], 7)
    later = learn & (days > 0)
    common = np.where(later & (days < _YOUNG), 1 / (1 + days), 0).astype(np.float32)
    pace = np.where(later, np.maximum(np.maximum(1 / (3 + np.floor(days / 7)), _OWN_LEAST), common), 0)
    mean = expected.mean(axis=1, keepdims=True)
    step = np.minimum(pending, 4 * expected + mean) - expected
    step[~later] = 0.0
    young = np.flatnonzero(common)
    if len(young):  # steps, not levels: a Sunday that is always quiet stays so
        others = np.tile(step[young] * common[young, None], 7)
        others[:, own] = 0.0
        part[young, AT["profile"]] = np.maximum(part[young, AT["profile"]] + others, 0)
    ratio = part[:, AT["ratio"].start + number % DAYS]
    level = np.where(later & (days >= _STEADY), np.clip(np.nan_to_num(ratio), -0.3, 0.3), 0.0)
    part[:, AT["profile"]] *= np.exp(_LEVEL * level).astype(np.float32)[:, None]
    part[:, own] += step * pace.astype(np.float32)[:, None]


def _begin_anew(part: Float32s, rows: npt.NDArray[np.int64]) -> None:
    """The profile of these takes the level and the shape of the last days, in place: part float32[m, WIDTH]."""
    if not len(rows):
        return
    ratio = part[rows, AT["ratio"]]
    seen = ~np.isnan(ratio)
    level = np.exp(np.where(seen, ratio, 0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1))
    shape, before = part[rows, AT["recent"]], part[rows, AT["usual"]]
    change = level[:, None] * (shape + 0.002) / (before + 0.002)
    part[rows, AT["profile"]] *= np.tile(np.clip(change, 0, 5), 7)
    for name in ("ratio", "night"):
        part[rows, AT[name]] = np.nan
    part[rows, AT["standing"].start + OF["frozen"]] = 0
    part[rows, AT["standing"].start + OF["days"]] = _STEADY
    part[rows, AT["standing"].start + OF["floor"]] = 0


def _fade_in(shape: Float32s, hours: Float32s, seen: Bools) -> None:
    """Move `shape` towards the shares of these hours where there was use, in place; both float32[m, 24]."""
    shape[:] = blended(shape, hours, seen)


def blended(shape: Float32s, hours: Float32s, seen: Bools) -> Float32s:
    """Shares of hours over the last days with this day taken in: float32[m, 24]."""
    total = hours.sum(axis=1)
    good = seen & (total > 0)
    pace = np.where(good, np.where(shape[:, 0] + shape[:, -1] + shape[:, 12] > 0, _RECENT, 1.0), 0.0)
    pace = pace.astype(np.float32)[:, None]
    share = np.where(good[:, None], hours / np.where(good, total, 1.0)[:, None], 0.0)
    result: Float32s = (shape * (1 - pace) + share * pace).astype(np.float32, copy=False)
    return result
