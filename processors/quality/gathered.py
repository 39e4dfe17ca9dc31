"""Rows on their way into windows: values as whole numbers, and what several rows of one device add up to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.clock import SECOND
from gateway.core.model import Batch, Bools, Int32s, Int64s
from processors.quality.measured import column, load_va, voltages
from processors.quality.points import Points
from processors.quality.settings import QualitySettings

Keys: TypeAlias = npt.NDArray[np.int64]

PPM = 1e6
CHANNELS = 8  # three voltages, then these
UNBALANCE, FREQUENCY, LOAD, POWER, HEAT = range(3, CHANNELS)
SCALE = np.array([PPM, PPM, PPM, 1e4, 1e6, 1.0, 1.0, 1e3])
NEVER = np.iinfo(np.int64).max
_PLAUSIBLE_HZ = 5.0  # what is further off was not the network's
_HUGE = 4e9  # beyond any quantity


class Gathered(NamedTuple):
    """Rows in the order of the stream. device, window: int64[r];  sums: int64[r, 8];  counts: int32[r, 8];
    least: int64[r], the lowest phase;  line: bool[r], voltages between lines."""

    device: Keys
    window: Int64s
    sums: Int64s
    counts: Int32s
    least: Int64s
    line: Bools

    def take(self, rows: npt.NDArray[np.int64]) -> Gathered:
        return Gathered(
            self.device[rows],
            self.window[rows],
            self.sums[rows],
            self.counts[rows],
            self.least[rows],
            self.line[rows],
        )

    @staticmethod
    def of(batch: Batch, rows: Keys, points: Points, settings: QualitySettings) -> Gathered:
        """What comes dated after its reception counts from that."""
        device = batch.device[rows].astype(np.int64)
        found = np.full((len(rows), CHANNELS), np.nan)
        found[:, :3], line = voltages(batch, rows, points)
        if "voltage_unbalance" in batch.quantities:
            found[:, UNBALANCE] = column(batch, "voltage_unbalance", rows)
        if "frequency" in batch.quantities:
            off = column(batch, "frequency", rows) - settings.nominal_hz
            found[:, FREQUENCY] = np.where(np.abs(off) <= _PLAUSIBLE_HZ, off, np.nan)
        place = np.flatnonzero(points.measuring[device])
        if len(place):
            found[place, LOAD] = load_va(batch, rows[place])
            found[place, POWER] = column(batch, "active_power", rows[place])
            found[place, HEAT] = column(batch, "temperature", rows[place])
        given = np.abs(found) < _HUGE
        scaled = np.rint(np.where(given, found, 0.0) * SCALE).astype(np.int64)
        return Gathered(
            device=device,
            window=np.minimum(batch.measured_at[rows], batch.received_at[rows])
            // round(settings.window_s * SECOND),
            sums=scaled,
            counts=given.astype(np.int32),
            least=np.where(given[:, :3], scaled[:, :3], NEVER).min(axis=1),
            line=line,
        )

    def rounds(self, current: Int64s) -> Iterator[Gathered]:
        """Rows of several windows or of a device more than once, summed so that each part holds a device once, windows
        in order; without what is older than what its device has shown before (`current`, by key)."""
        every = self.take(np.argsort(self.device, kind="stable"))
        base = int(every.window.min()) - 1
        span = int(every.window.max()) - base + 2
        newest = np.clip(np.maximum(every.window, current[every.device]) - base, 0, span - 1)
        newest = np.maximum.accumulate(newest + every.device * span) - every.device * span
        every = every.take(np.flatnonzero(every.window - base >= newest))
        if not len(every.device):
            return
        device, window = every.device, every.window
        other = (device[1:] != device[:-1]) | (window[1:] != window[:-1])
        starts = np.flatnonzero(np.concatenate([[True], other]))
        summed = Gathered(
            device[starts],
            window[starts],
            np.add.reduceat(every.sums, starts),
            np.add.reduceat(every.counts, starts),
            np.minimum.reduceat(every.least, starts),
            every.line[np.append(starts[1:], len(device)) - 1],
        )
        place = np.arange(len(starts))
        first = np.concatenate([[True], summed.device[1:] != summed.device[:-1]])
        turn = place - np.maximum.accumulate(np.where(first, place, 0))
        for step in range(int(turn.max()) + 1):
            yield summed.take(np.flatnonzero(turn == step))
