"""Rows of readings held against the conditions of DL/T 698.45, all rows at once.

A phase below `break_below` is dead; where all are, that is an outage and says nothing about voltages: conditions
neither begin nor end. Under-voltage is what is low and not dead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.model import Batch, Bools, Float64s, MeterEventKind, Quality
from processors.meterevents.facts import Facts
from processors.meterevents.settings import MeterEventSettings
from processors.meterevents.slots import COUNT, of
from processors.quality.measured import columns, own_phases

Rows: TypeAlias = npt.NDArray[np.int64]
_Kind = MeterEventKind
_VOLTS = ("voltage_a", "voltage_b", "voltage_c")
_AMPS = ("current_a", "current_b", "current_c")
_WATTS = ("active_power_a", "active_power_b", "active_power_c")
_PERCENT = 100.0
_BEYOND = 10.0  # of a share of next to nothing no more is told


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """bool[r, slots]: the condition holds; it is surely over. float64[r, slots]: what was measured, and the limit."""

    holds: Bools
    over: Bools
    value: Float64s
    limit: Float64s


def judge(batch: Batch, rows: Rows, facts: Facts, settings: MeterEventSettings) -> Found:
    """Hold these rows of a batch against every condition."""
    return _Judging(batch, rows, facts, settings).found


class _Judging:
    def __init__(self, batch: Batch, rows: Rows, facts: Facts, settings: MeterEventSettings) -> None:
        self._batch, self._rows, self._settings = batch, rows, settings
        device = batch.device[rows]
        self._flags = batch.quality[rows]
        shape = (len(rows), COUNT)
        self.found = Found(
            np.zeros(shape, np.bool_),
            np.zeros(shape, np.bool_),
            np.full(shape, np.nan),
            np.full(shape, np.nan),
        )
        volts = self._columns(_VOLTS)
        own = facts.connected[device]
        if not own.all():
            own = own_phases(volts / facts.nominal[device][:, None], own, facts.several[device])
            volts = np.where(own, volts, np.nan)
        amps = np.where(own, np.abs(self._columns(_AMPS)), np.nan)
        self._several = facts.several[device]
        self._nominal = facts.nominal[device]
        self._ib = facts.ib[device]
        self._full = facts.imax[device] * self._nominal
        self._phases = facts.connected[device].sum(axis=1)
        self._generates = facts.generates[device]
        with np.errstate(invalid="ignore", divide="ignore"):
            share, flow = volts / self._nominal[:, None], amps / self._ib[:, None]
            dead = share < settings.break_below
            measured = ~np.isnan(share)
            outage = (measured & ~dead).sum(axis=1) == 0
            most = np.fmax.reduce(flow, axis=1)
            self._voltage(volts, share, flow, dead, outage & measured.any(axis=1))
            self._current(amps, share, flow, most)
            self._power(np.where(own, self._columns(_WATTS), np.nan), most)
            self._whole(amps, flow, most, share, outage & measured.any(axis=1))
        self._clock()

    def _columns(self, names: tuple[str, ...]) -> Float64s:
        return columns(self._batch, names, self._rows)

    def _put(
        self,
        where: slice | int,
        holds: Bools,
        over: Bools,
        *,
        value: Float64s,
        limit: npt.NDArray[np.float64] | float,
    ) -> None:
        found = self.found
        found.holds[:, where], found.over[:, where] = holds, over
        found.value[:, where], found.limit[:, where] = value, limit

    def _voltage(self, volts: Float64s, share: Float64s, flow: Float64s, dead: Bools, outage: Bools) -> None:
        s, nominal = self._settings, self._nominal[:, None]
        supplied = ~outage[:, None]
        flows = flow > s.current_from
        self._put(
            of(_Kind.VOLTAGE_LOSS),
            (share < s.loss_below) & flows & supplied,
            share > s.loss_recovered,
            value=volts,
            limit=s.loss_below * nominal,
        )
        self._put(
            of(_Kind.UNDER_VOLTAGE),
            (share < s.under_voltage) & ~dead,
            (share > s.under_voltage * (1 + s.hysteresis)) | (dead & supplied),
            value=np.where(dead, np.nan, volts),
            limit=s.under_voltage * nominal,
        )
        self._put(
            of(_Kind.OVER_VOLTAGE),
            share > s.over_voltage,
            share < s.over_voltage * (1 - s.hysteresis),
            value=volts,
            limit=s.over_voltage * nominal,
        )
        self._put(
            of(_Kind.PHASE_BREAK),
            dead & supplied & self._several[:, None],
            share > s.break_below * (1 + s.hysteresis),
            value=volts,
            limit=s.break_below * nominal,
        )

    def _current(self, amps: Float64s, share: Float64s, flow: Float64s, most: Float64s) -> None:
        s = self._settings
        others = (most > s.other_current)[:, None]  # what is lost here is not the most
        self._put(
            of(_Kind.CURRENT_LOSS),
            (share > s.current_loss_voltage) & (flow < s.current_from) & others,
            flow > s.current_from * (1 + s.hysteresis),
            value=amps,
            limit=(s.current_from * self._ib)[:, None],
        )

    def _power(self, watts: Float64s, most: Float64s) -> None:
        """By phase where phases have power of their own, else of the whole meter."""
        s = self._settings
        total, factor, apparent = self._columns(("active_power", "power_factor", "apparent_power")).T
        base, calm = self._ib * self._nominal, 1 - s.hysteresis
        apart = ~np.isnan(watts).all(axis=1)
        whole = np.where(apart, np.nan, total)
        back, most_w = -s.reverse_share * base, s.overload * self._full
        consumer = ~self._generates
        for kind, bound, sign in ((_Kind.REVERSE_POWER, back, -1.0), (_Kind.OVERLOAD, most_w, 1.0)):
            of_all = bound * (self._phases if kind is _Kind.OVERLOAD else 1)
            asked = consumer if kind is _Kind.REVERSE_POWER else np.ones(len(bound), np.bool_)
            self._put(
                of(kind),
                (sign * watts > (sign * bound)[:, None]) & asked[:, None],
                (sign * watts < (sign * bound * calm)[:, None]),
                value=watts,
                limit=bound[:, None],
            )
            self._put(
                of(kind, whole=True),
                (sign * whole > sign * of_all) & asked,
                sign * whole < sign * of_all * calm,
                value=whole,
                limit=of_all,
            )
        factor = np.abs(np.where(np.isnan(factor), total / apparent, factor))
        self._put(
            of(_Kind.LOW_POWER_FACTOR),
            (factor < s.power_factor) & (most > s.other_current),
            factor > s.power_factor * (1 + s.hysteresis),
            value=factor,
            limit=s.power_factor,
        )

    def _whole(self, amps: Float64s, flow: Float64s, most: Float64s, share: Float64s, outage: Bools) -> None:
        s, calm = self._settings, 1 - self._settings.hysteresis
        loaded = most > s.other_current
        for kind, of_phases, meant in (
            (_Kind.VOLTAGE_UNBALANCE, share, ~outage),
            (_Kind.CURRENT_UNBALANCE, flow, loaded),
        ):
            complete = self._several & ((~np.isnan(of_phases)).sum(axis=1) == self._phases) & meant
            high, low = np.fmax.reduce(of_phases, axis=1), np.fmin.reduce(of_phases, axis=1)
            rate = np.where(complete, (high - low) / high, np.nan)
            self._put(
                of(kind),
                rate >= s.unbalance,
                rate < s.unbalance * calm,
                value=_PERCENT * rate,
                limit=_PERCENT * s.unbalance,
            )
        neutral = np.abs(self._columns(("current_n",))[:, 0]) / self._ib
        # On one phase what goes in comes back; on three the neutral carries what they do not share.
        astray = np.where(
            self._several,
            np.minimum(neutral / most, _BEYOND),
            np.abs(neutral - most) / np.fmax(neutral, most),
        )
        flowing = np.fmax(neutral, most) > s.other_current
        rate = np.where(flowing & ~np.isnan(neutral) & ~np.isnan(most), astray, np.nan)
        self._put(
            of(_Kind.NEUTRAL_CURRENT),
            rate > s.neutral_share,
            rate < s.neutral_share * calm,
            value=_PERCENT * rate,
            limit=_PERCENT * s.neutral_share,
        )
        self._put(
            of(_Kind.CURRENT_WITHOUT_VOLTAGE),
            outage & loaded,
            (~outage & ~np.isnan(share).all(axis=1)) | (most < s.other_current * calm),
            value=np.fmax.reduce(amps, axis=1),
            limit=s.other_current * self._ib,
        )

    def _clock(self) -> None:
        suspect = self._flags & Quality.CLOCK_SUSPECT > 0
        silent = self._flags & (Quality.CLOCK_SUSPECT | Quality.TIME_ASSUMED) > 0
        where = of(_Kind.CLOCK_FAULT)
        self.found.holds[:, where], self.found.over[:, where] = suspect, ~silent
