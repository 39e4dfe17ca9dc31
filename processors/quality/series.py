"""A day's readings by device and time, and sums over the time that each of them stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.core.clock import MINUTE
from gateway.core.model import Batch, Bools, Float64s, Int32s, Int64s
from processors.quality.measured import DOUBTFUL
from processors.quality.points import Points


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """r rows of a batch in order of device and time, before the end of the day.

    rows: their numbers in the batch;  device, at: of each;  first: begins another device;  slot: row of `devices`;
    good: its values count;  within: measured within the day;  devices: int32[d], those with a row within the day.
    """

    rows: npt.NDArray[np.int64]
    device: Int32s
    at: Int64s
    cap: Int64s
    first: Bools
    slot: npt.NDArray[np.int64]
    good: Bools
    within: Bools
    devices: Int32s
    day: tuple[int, int]

    @staticmethod
    def of(batch: Batch, points: Points, day: tuple[int, int]) -> Series:
        frm, till = day
        known = (batch.device >= 0) & (batch.device < len(points)) & (batch.measured_at < till)
        devices = np.unique(batch.device[known & (batch.measured_at >= frm)])
        rows = np.flatnonzero(known & np.isin(batch.device, devices))
        rows = rows[np.lexsort((batch.measured_at[rows], batch.device[rows]))]
        device, at = batch.device[rows], batch.measured_at[rows]
        first = np.ones(len(rows), np.bool_)
        first[1:] = device[1:] != device[:-1]
        return Series(
            rows=rows,
            device=device,
            at=at,
            cap=points.cap[device],
            first=first,
            slot=np.searchsorted(devices, device),
            good=batch.quality[rows] & DOUBTFUL == 0,
            within=at >= frm,
            devices=devices.astype(np.int32),
            day=day,
        )

    def stood_for(self, which: Bools) -> Float64s:
        """Minutes of the day that each of these rows stands for, until the next of them; 0 for the others."""
        found = np.zeros(len(self.rows))
        rows = np.flatnonzero(which)
        if not len(rows):
            return found
        frm, till = self.day
        at, device = self.at[rows], self.device[rows]
        end = np.full(len(rows), till)
        end[:-1] = np.where(device[1:] == device[:-1], at[1:], till)
        end = np.minimum(np.minimum(end, at + self.cap[rows]), till)
        found[rows] = np.maximum(end - np.maximum(at, frm), 0) / MINUTE
        return found

    def total(self, of: Float64s, which: Bools) -> Float64s:
        """Sum by device, float64[d]."""
        return np.bincount(self.slot[which], of[which], minlength=len(self.devices)).astype(np.float64)

    def lowest(self, of: Float64s) -> Float64s:
        """By device within the day, NaN where there is none."""
        found = np.full(len(self.devices), np.nan)
        np.fmin.at(found, self.slot[self.within], of[self.within])
        return found

    def highest(self, of: Float64s) -> Float64s:
        found = np.full(len(self.devices), np.nan)
        np.fmax.at(found, self.slot[self.within], of[self.within])
        return found

    def runs(self, which: Bools, among: Bools) -> Float64s:
        """How often rows `which` begin anew among rows `among`, by device: after one that is none of them, or a gap."""
        begins = np.flatnonzero(self._begins(which, among) & self.within)
        return np.bincount(self.slot[begins], minlength=len(self.devices)).astype(np.float64)

    def longest(self, minutes: Float64s, which: Bools, among: Bools) -> Float64s:
        """Minutes of the longest such run, by device."""
        found = np.zeros(len(self.devices))
        begins = self._begins(which, among)
        rows = np.flatnonzero(which)
        if len(rows):
            starts = np.flatnonzero(begins[rows])
            np.maximum.at(found, self.slot[rows[starts]], np.add.reduceat(minutes[rows], starts))
        return found

    def _begins(self, which: Bools, among: Bools) -> Bools:
        found = np.zeros(len(self.rows), np.bool_)
        rows = np.flatnonzero(among)
        if len(rows):
            at, device, is_ = self.at[rows], self.device[rows], which[rows]
            follows = np.zeros(len(rows), np.bool_)
            follows[1:] = is_[:-1] & (device[1:] == device[:-1]) & (at[1:] - at[:-1] <= self.cap[rows][:-1])
            found[rows] = is_ & ~follows
        return found
