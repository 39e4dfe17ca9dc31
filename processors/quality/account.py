"""The account of a day: how long supply was within which limits, from readings. Columns over all devices.

A reading stands for the time until the next one of its device, capped; what is beyond the cap is unobserved. So a
violation shorter than the reporting interval may be missed, and sags and swells are those that readings happened to
meet: their number is a lower bound and their duration known to one interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gateway.core.clock import MINUTE, SECOND
from gateway.core.inventory import Inventory
from gateway.core.model import Batch, Bools, Float64s
from processors.quality.days import QualityDays
from processors.quality.load_account import transformers
from processors.quality.measured import column, load_va, unbalance, voltages
from processors.quality.points import Points
from processors.quality.series import Series
from processors.quality.settings import QualitySettings

__all__ = ["QUANTITIES", "account", "transformers"]

QUANTITIES = (
    "voltage_a", "voltage_b", "voltage_c", "voltage_ab", "voltage_bc", "voltage_ca", "active_power", "reactive_power",
    "apparent_power", "power_factor", "frequency", "voltage_unbalance", "temperature",
)  # fmt: skip
"""What the accounts look at."""

_MEAN = 10 * MINUTE
_NEAR = 1e-9  # a limit itself is within it
_IDLE_VA = 50.0  # the power factor of less says nothing
_PLAUSIBLE_HZ = 5.0  # what is further off was not the network's


def account(
    batch: Batch, inventory: Inventory, day: tuple[int, int], settings: QualitySettings
) -> QualityDays:
    """Supply quality of every device with a reading within `day`, [frm, till) µs UTC; rows in any order. Readings from
    before `frm` count for what they stand for of the day."""
    points = Points.of(inventory, settings)
    series = Series.of(batch, points, day)
    volts = _Volts.of(batch, series, points, settings)
    frequency = column(batch, "frequency", series.rows)
    known = series.good & ~volts.lost & (np.abs(frequency - settings.nominal_hz) <= _PLAUSIBLE_HZ)
    return QualityDays(
        frm=day[0],
        till=day[1],
        device=series.devices,
        **_voltage(volts, series, points),
        **_means(volts, series),
        **_frequency(np.where(known, frequency, np.nan), series, settings),
        **_unbalance(batch, volts, series),
        **_power_factor(batch, series, points),
        **_dips(volts, series, settings),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Volts:
    """Voltages of the rows of a series. shares: float64[r, 3];  minutes: what each row with voltage stands for;
    lost: a phase without supply;  used: voltage that counts."""

    shares: Float64s
    line: Bools
    minutes: Float64s
    measured: Bools
    lost: Bools
    used: Bools

    @staticmethod
    def of(batch: Batch, series: Series, points: Points, settings: QualitySettings) -> _Volts:
        shares, line = voltages(batch, series.rows, points)
        lost = np.zeros(len(series.rows), np.bool_)
        for p in range(3):
            off = series.good & (shares[:, p] < settings.off_below)
            on = series.good & (shares[:, p] > settings.on_above)
            decided = np.maximum.accumulate(np.where(off | on | series.first, np.arange(len(off)), 0))
            lost |= off[decided] & series.good & ~np.isnan(shares[:, p])
        measured: Bools = np.any(~np.isnan(shares), axis=1)
        return _Volts(
            shares, line, series.stood_for(measured), measured, lost, measured & ~lost & series.good
        )


def _voltage(volts: _Volts, series: Series, points: Points) -> dict[str, Float64s]:
    device = series.device
    with np.errstate(invalid="ignore"):
        low = volts.used & (volts.shares < points.low[device, None] - _NEAR).any(axis=1)
        high = volts.used & (volts.shares > points.high[device, None] + _NEAR).any(axis=1)
    return {
        "observed_min": series.total(volts.minutes, volts.used),
        "low_min": series.total(volts.minutes, low),
        "high_min": series.total(volts.minutes, high),
        "out_min": series.total(volts.minutes, low | high),
        "lost_min": series.total(volts.minutes, volts.lost),
    }


def _means(volts: _Volts, series: Series) -> dict[str, Float64s]:
    """Root-mean-square values over 10 min (IEC 61000-4-30); one with a lost phase in it is left out."""
    n = len(series.devices)
    rows = np.flatnonzero(volts.measured & (volts.used | volts.lost) & series.within)
    window = series.at[rows] // _MEAN
    slot = series.slot[rows]
    fresh = np.concatenate([[True], (slot[1:] != slot[:-1]) | (window[1:] != window[:-1])])[: len(rows)]
    starts = np.flatnonzero(fresh)
    if not len(starts):
        none, nothing = np.zeros(n), np.full(n, np.nan)
        return {
            "means": none,
            "means_in": none,
            "means_wide": none,
            "mean_low": nothing,
            "mean_high": nothing,
        }
    weight = np.maximum(volts.minutes[rows], 1e-6)[:, None] * ~np.isnan(volts.shares[rows])
    squares = np.add.reduceat(weight * np.nan_to_num(volts.shares[rows]) ** 2, starts)
    weights = np.add.reduceat(weight, starts)
    flagged = np.logical_or.reduceat(volts.lost[rows], starts)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.sqrt(squares / weights)[~flagged]
    low, high = np.nanmin(mean, axis=1), np.nanmax(mean, axis=1)
    of = slot[starts][~flagged]
    counted = {
        "means": np.ones(len(of), np.bool_),
        "means_in": (low >= 0.9 - _NEAR) & (high <= 1.1 + _NEAR),
        "means_wide": (low >= 0.85 - _NEAR) & (high <= 1.1 + _NEAR),
    }
    found: dict[str, Float64s] = {
        name: np.bincount(of[which], minlength=n).astype(np.float64) for name, which in counted.items()
    }
    lowest, highest = np.full(n, np.nan), np.full(n, np.nan)
    np.fmin.at(lowest, of, low)
    np.fmax.at(highest, of, high)
    return found | {"mean_low": lowest, "mean_high": highest}


def _frequency(frequency: Float64s, series: Series, settings: QualitySettings) -> dict[str, Float64s]:
    known = ~np.isnan(frequency)
    minutes = series.stood_for(known)
    off = np.abs(np.where(known, frequency, settings.nominal_hz) - settings.nominal_hz) - _NEAR
    return {
        "frequency_min": series.total(minutes, known),
        "frequency_02_min": series.total(minutes, off > 0.2),
        "frequency_05_min": series.total(minutes, off > 0.5),
        "frequency_1pc_min": series.total(minutes, off > 0.01 * settings.nominal_hz),
        "frequency_low": series.lowest(frequency),
        "frequency_high": series.highest(frequency),
    }


def _unbalance(batch: Batch, volts: _Volts, series: Series) -> dict[str, Float64s]:
    told = column(batch, "voltage_unbalance", series.rows)
    made = unbalance(volts.shares, volts.line)
    percent = np.where(volts.used, np.where(np.isnan(told), made, told), np.nan)
    known = ~np.isnan(percent)
    minutes = series.stood_for(known)
    limits = {"13": 1.3, "2": 2.0, "26": 2.6, "4": 4.0}
    return {
        "unbalance_min": series.total(minutes, known),
        **{
            f"unbalance_{name}_min": series.total(minutes, np.nan_to_num(percent) > limit + _NEAR)
            for name, limit in limits.items()
        },
        "unbalance_high": series.highest(percent),
    }


def _power_factor(batch: Batch, series: Series, points: Points) -> dict[str, Float64s]:
    rows = series.rows
    active, reactive, told = (
        np.abs(column(batch, name, rows)) for name in ("active_power", "reactive_power", "power_factor")
    )
    load = load_va(batch, rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.where(np.isnan(told), active / np.hypot(active, reactive), told)
        loaded = series.good & ~np.isnan(factor) & ~(load < _IDLE_VA) & (factor <= 1.0)
        reactive = np.where(np.isnan(reactive), active * np.sqrt(1.0 / np.square(factor) - 1.0), reactive)
    minutes = series.stood_for(loaded)
    sums = [
        series.total(minutes * np.nan_to_num(of, posinf=0.0), loaded) for of in (active, reactive, factor)
    ]
    total = series.total(minutes, loaded)
    limit = points.power_factor_limit[series.device]
    with np.errstate(invalid="ignore", divide="ignore"):
        of_day = sums[0] / np.hypot(sums[0], sums[1])
        of_day = np.where(np.isnan(of_day), sums[2] / total, of_day)
        below = loaded & (factor < limit - _NEAR)
    return {
        "power_factor_min": total,
        "power_factor_low_min": series.total(minutes, below),
        "power_factor": of_day,
        "power_factor_limit": points.power_factor_limit[series.devices],
    }


def _dips(volts: _Volts, series: Series, settings: QualitySettings) -> dict[str, Float64s]:
    with np.errstate(invalid="ignore"):
        sag = volts.used & (volts.shares < settings.sag_below - _NEAR).any(axis=1)
        swell = volts.used & (volts.shares > settings.swell_above + _NEAR).any(axis=1)
    per_second = volts.minutes * (MINUTE / SECOND)
    lowest = np.where(sag, np.fmin.reduce(volts.shares, axis=1), np.nan)
    highest = np.where(swell, np.fmax.reduce(volts.shares, axis=1), np.nan)
    return {
        "sags": series.runs(sag, volts.measured),
        "sag_s": series.total(per_second, sag),
        "sag_low": series.lowest(lowest),
        "swells": series.runs(swell, volts.measured),
        "swell_s": series.total(per_second, swell),
        "swell_high": series.highest(highest),
    }
