"""Readings gathered into means by the clock, and what each mean says: one row per device, in columns.

Values are summed as whole numbers, so that sums do not depend on how the stream is cut: voltages in millionths of
nominal, unbalance in ten-thousandths of a percent, frequency as µHz off nominal, power in W, temperature in mK.
A window with a lost phase in it says nothing; nor does one with too few readings.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.clock import HOUR, SECOND
from gateway.core.inventory import Inventory
from gateway.core.model import Batch, Bools, Float64s, Int32s, Int64s
from processors.quality.conditions import COLUMNS, INITIAL, Condition
from processors.quality.gathered import (
    FREQUENCY,
    HEAT,
    LOAD,
    POWER,
    PPM,
    SCALE,
    UNBALANCE,
    Gathered,
)
from processors.quality.measured import DOUBTFUL, INCREDIBLE, unbalance
from processors.quality.points import Points
from processors.quality.settings import QualitySettings

Keys: TypeAlias = npt.NDArray[np.int64]
UInt8s: TypeAlias = npt.NDArray[np.uint8]
Int8s: TypeAlias = npt.NDArray[np.int8]

_MOST = np.int8(100)
_SLOW = 16  # windows that the usual temperature looks back
_SLOWER = 128  # while it is too hot: some hot day is usual at last
_NEAR = 1.0
_TOGETHER = 2  # one reading alone is no mean
_OVERDUE = 2.5  # reporting intervals after which nobody waits any more
_FORWARD = 0.01  # of its rating, drawn once, shows which way a terminal counts


class _Found(NamedTuple):
    """What means say: beyond the limit, inside the recovered band, how much, and when the window ended."""

    beyond: Bools
    inside: Bools
    value: Float64s
    end: Int64s


class Windows:
    """The columns; `close` concludes windows."""

    window: Int64s
    sums: Int64s
    counts: Int32s
    least: Int64s
    line: Bools
    lost: Bools
    cut: Int64s
    run: Int8s
    out: Bools
    since: Int64s
    judged_at: Int64s
    last: Float64s
    phases: UInt8s
    heard_hz: Int64s
    usual: Int64s
    forward: Bools

    def __init__(self, inventory: Inventory, settings: QualitySettings) -> None:
        n = len(inventory)
        self.settings = settings
        self.points = Points.of(inventory, settings)
        self.listed: Bools = inventory.node >= 0
        for name, (dtype, width) in COLUMNS.items():
            setattr(self, name, np.full((n, width) if width else n, INITIAL.get(name, 0), dtype))
        self.length = round(settings.window_s * SECOND)
        self._grace = round(settings.grace_s * SECOND)
        interval = self.points.interval
        overdue = (_OVERDUE * interval).astype(np.int64)
        self.patience: Int64s = np.maximum(HOUR, overdue)  # who was heard so long ago is not observed
        self._keep: Int64s = np.maximum(round(settings.forget_s * SECOND), overdue)
        several: Bools = interval * _TOGETHER <= self.length
        expected = np.ceil(settings.coverage * self.length / interval - 1e-9).astype(np.int64)
        self.need: Int64s = np.maximum(np.where(several, _TOGETHER, 1), expected)
        self.hold: Int64s = np.maximum(settings.hold_windows, np.where(several, 1, _TOGETHER))
        self.absences: dict[str, int] = {}  # who brings readings and is away, "" the gateway itself -> since

    # -- gathering -------------------------------------------------------------------------------------------------

    def observe(self, batch: Batch) -> None:
        n = len(self.listed)
        good = (batch.device >= 0) & (batch.device < n) & (batch.quality & DOUBTFUL == 0)
        rows = np.flatnonzero(good)
        rows = rows[self.listed[batch.device[rows]]]
        age = batch.received_at[rows] - batch.measured_at[rows]
        rows = rows[age <= self.patience[batch.device[rows]] + self.length]
        if not len(rows):
            return
        gathered = Gathered.of(batch, rows, self.points, self.settings)
        device = gathered.device
        if (device[1:] > device[:-1]).all():
            late = gathered.window < self.window[device]
            self._add(gathered.take(np.flatnonzero(~late)) if late.any() else gathered)
            return
        for part in gathered.rounds(self.window):
            self._add(part)

    def _add(self, gathered: Gathered) -> None:
        """Each device once, nothing late."""
        device, window = gathered.device, gathered.window
        newer = window > self.window[device]
        if newer.any():
            self.close(device[newer])
            self.window[device[newer]] = window[newer]
        self.sums[device] += gathered.sums
        self.counts[device] += gathered.counts
        self.least[device] = np.minimum(self.least[device], gathered.least)
        self.line[device] = gathered.line

    def interrupt(self, key: int, at: int) -> None:
        """Supply of a device failed or came back: the mean of that window is flagged (IEC 61000-4-30)."""
        self.cut[key] = max(int(self.cut[key]), at // self.length)

    # -- concluding ------------------------------------------------------------------------------------------------

    def close_before(self, window: int) -> None:
        """Conclude whatever window is older."""
        self.close(np.flatnonzero((self.window >= 0) & (self.window < window)))

    def close(self, keys: Keys) -> None:
        """Conclude the windows of these."""
        if not len(keys):
            return
        counts = self.counts[keys]
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(counts > 0, self.sums[keys] / counts, np.nan) / SCALE
        end = (self.window[keys] + 1) * self.length
        least = self.least[keys] / PPM
        enough = counts >= self.need[keys, None]
        volts = counts[:, :3].any(axis=1)
        lost = (least < self.settings.off_below) | (self.lost[keys] & (least < self.settings.on_above))
        lost |= self.cut[keys] == self.window[keys]
        self.lost[keys] = np.where(volts, lost, self.lost[keys])
        well = ~self.lost[keys]
        self._voltage(keys, means[:, :3], enough[:, :3] & well[:, None], end)
        self._unbalance(keys, means, enough & well[:, None], end)
        hertz = np.flatnonzero(enough[:, FREQUENCY] & well)
        self.last[keys[hertz], Condition.FREQUENCY] = means[hertz, FREQUENCY] + self.settings.nominal_hz
        self.heard_hz[keys[hertz]] = end[hertz]
        self._places(keys, means, enough, end)
        self.window[keys] += 1  # what comes for the concluded one is late
        self.sums[keys] = 0
        self.counts[keys] = 0
        self.least[keys] = np.iinfo(np.int64).max

    def _voltage(self, keys: Keys, shares: Float64s, enough: Bools, end: Int64s) -> None:
        judged = np.flatnonzero(enough.any(axis=1))
        keys, shares, end = keys[judged], np.where(enough, shares, np.nan)[judged], end[judged]
        margin, near = self.settings.margin, _NEAR / PPM
        low, high = self.points.low[keys], self.points.high[keys]
        lowest, highest = np.fmin.reduce(shares, axis=1), np.fmax.reduce(shares, axis=1)
        bits = np.array([1, 2, 4], np.uint8)
        with np.errstate(invalid="ignore"):
            self.phases[keys, 0] = ((shares < (low - near)[:, None]) * bits).sum(axis=1)
            self.phases[keys, 1] = ((shares > (high + near)[:, None]) * bits).sum(axis=1)
        sagging = _Found(lowest < low - near, lowest >= low + margin, lowest, end)
        self._judge(keys, Condition.LOW_VOLTAGE, sagging)
        swollen = _Found(highest > high + near, highest <= high - margin, highest, end)
        self._judge(keys, Condition.HIGH_VOLTAGE, swollen)

    def _unbalance(self, keys: Keys, means: Float64s, enough: Bools, end: Int64s) -> None:
        told = enough[:, UNBALANCE] & ~np.isnan(means[:, UNBALANCE])
        # In the low-voltage lines the neutral shifts, and phase voltages alone do not tell that from unbalance.
        three = enough[:, :3].all(axis=1) & (self.points.measuring[keys] | self.line[keys])
        judged = np.flatnonzero((told | three) & self.points.several[keys])
        if not len(judged):
            return
        keys, end = keys[judged], end[judged]
        shares = means[judged, :3]
        made = unbalance(shares, self.line[keys])
        percent = np.where(told[judged], means[judged, UNBALANCE], made)
        limit = self.settings.unbalance_percent
        self._judge(keys, Condition.UNBALANCE, _Found(percent > limit, percent <= 0.9 * limit, percent, end))

    def _places(self, keys: Keys, means: Float64s, enough: Bools, end: Int64s) -> None:
        """What terminals tell of the places they measure."""
        at = np.flatnonzero(self.points.measuring[keys])
        if not len(at):
            return
        keys, means, enough, end = keys[at], means[at], enough[at], end[at]
        settings, rated = self.settings, self.points.rated_kva[keys]
        load = means[:, LOAD] / 1e3
        i = np.flatnonzero(enough[:, LOAD] & (load <= INCREDIBLE * rated))
        over, again = load > settings.overload * rated, load <= settings.overload_recovered * rated
        self._judge(keys[i], Condition.OVERLOAD, _Found(over[i], again[i], load[i], end[i]))
        back = -means[:, POWER] / 1e3
        limit = np.maximum(settings.reverse_share * rated, self.points.generation_kw[keys])
        told = enough[:, POWER] & (np.abs(back) <= INCREDIBLE * rated)
        self.forward[keys] |= told & (back < -_FORWARD * rated)
        i = np.flatnonzero(told & (self.forward[keys] | self.out[keys, Condition.REVERSE_POWER]))
        found = _Found((back > limit)[i], (back <= 0.5 * limit)[i], back[i], end[i])
        self._judge(keys[i], Condition.REVERSE_POWER, found)
        i = np.flatnonzero(enough[:, HEAT])
        keys, heat, end = keys[i], means[i, HEAT], end[i]
        usual = np.where(self.usual[keys] == 0, np.rint(heat * 1e3), self.usual[keys]).astype(np.int64)
        bound = self.heat_bound(usual)
        cool = heat <= bound - settings.temperature_margin_k
        self._judge(keys, Condition.OVERHEATING, _Found(heat > bound, cool, heat, end))
        slow = np.where(self.out[keys, Condition.OVERHEATING], _SLOWER, _SLOW)
        self.usual[keys] = usual + (np.rint(heat * 1e3).astype(np.int64) - usual) // slow

    def heat_bound(self, usual: Int64s) -> Float64s:
        """°C above which it is too hot where so much (mK) is usual."""
        s = self.settings
        rise = np.maximum(s.temperature_rise_from_c, usual / 1e3 + s.temperature_rise_k)
        found: Float64s = np.minimum(s.temperature_c, rise)
        return found

    def _judge(self, keys: Keys, what: Condition, found: _Found) -> None:
        """Count means in a row; so many beyond put it out of limits, so many inside the recovered band back."""
        beyond, inside, value, end = found
        hold, before = self.hold[keys], self.judged_at[keys, what]
        out = self.out[keys, what]
        run = np.where(before < end - self.patience[keys], 0, self.run[keys, what]).astype(np.int64)
        fresh = beyond & ~out & (run <= 0)
        self.since[keys, what] = np.where(fresh, end - self.length, self.since[keys, what])
        counted = np.where(beyond, np.maximum(run, 0) + 1, np.where(inside, np.minimum(run, 0) - 1, 0))
        self.run[keys, what] = np.clip(counted, -_MOST, _MOST)
        self.out[keys, what] = (out & (counted > -hold)) | (counted >= hold)
        self.judged_at[keys, what] = end
        self.last[keys, what] = value

    def remember(self, at: int) -> None:
        """What is out was so just now: it is known from before."""
        self.judged_at[self.out] = np.maximum(self.judged_at[self.out], at)

    def drop(self) -> None:
        """Forget what is being gathered."""
        self.window[:] = -1
        self.sums[:] = 0
        self.counts[:] = 0
        self.least[:] = np.iinfo(np.int64).max

    def leave(self, source: str, at: int) -> None:
        """Nothing comes from there since."""
        self.absences.setdefault(source, at)

    def back(self, source: str, at: int) -> None:
        """It does again. That nothing was heard of a device meanwhile says nothing of it."""
        since = self.absences.pop(source, at)
        for column in (self.judged_at, self.heard_hz):
            column[(column > 0) & (column <= since + self.length)] += max(0, at - since)

    def _before(self, at: int, span: Int64s) -> Int64s:
        """So long before `at`, for each; time stands still while somebody is away."""
        found: Int64s = np.maximum(1, min([at, *self.absences.values()]) - span)
        return found

    def forget(self, at: int) -> None:
        """Who said nothing for long is neither in nor out."""
        gone = self.out & (self.judged_at < self._before(at, self._keep)[:, None])
        gone |= self.out & ~self.listed[:, None]
        self.out[gone] = False
        self.run[gone] = 0

    def observed(self, what: Condition, at: int) -> Bools:
        """Whom a mean not long ago speaks for."""
        found: Bools = self.listed & (self.judged_at[:, what] >= self._before(at, self.patience))
        return found

    def told_hertz(self, at: int) -> Bools:
        """Who told the frequency within the time that members are kept for."""
        found: Bools = self.listed & (self.heard_hz >= self._before(at, self._keep))
        return found

    def hertz(self, at: int) -> Bools:
        """Who told the frequency just now."""
        found: Bools = self.listed & (self.heard_hz >= max(1, at - 2 * self.length - self._grace))
        return found
