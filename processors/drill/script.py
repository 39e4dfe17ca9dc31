"""What the field would say in an exercise: a pure function of the exercise, the network and time."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from gateway.core.clock import SECOND
from gateway.core.model import Batch, Bools, Drill, Float64s, Int64s, Signal, SignalKind
from processors.drill.scope import Scope

GASPS_WITHIN = 30 * SECOND  # in the field some come at once, and most within this
RESTORED_WITHIN = 20 * SECOND
_SHOWN_WITHIN = 30 * SECOND  # after its restore message; reporting goes on at its interval from there
_JUST = SECOND
_PHASES = ("voltage_a", "voltage_b", "voltage_c")
SOURCE = "drill"


class Script:
    """Everybody around is heard within one interval before the start. Those at or below the node fall silent then; a
    share of the meters there gives a last gasp. At the end they say that supply is back, and report as before.

    `read_from` int64[m]: the first of a device's readings, of which one comes at each interval.
    """

    def __init__(self, drill: Drill, scope: Scope, *, delivery_rate: float) -> None:
        self.drill = drill
        self.scope = scope
        seed = zlib.crc32(drill.id.encode())
        early, late, order = (_spread(scope.keys.astype(np.uint64), seed, turn) for turn in range(3))
        self._interval: Int64s = np.maximum(scope.inventory.interval_s.astype(np.int64), 1) * SECOND
        self._before = drill.starts_at - _JUST - (early * self._interval).astype(np.int64)
        meters = np.flatnonzero(scope.meters)
        gasps = max(1, round(delivery_rate * len(meters)))
        self._gasping: Bools = np.zeros(len(scope.keys), np.bool_)
        self._gasping[meters[np.argsort(order[meters], kind="stable")[:gasps]]] = True
        self._gasp_at = drill.starts_at + _JUST + (late * (GASPS_WITHIN - _JUST)).astype(np.int64)
        self._back_at = drill.ends_at + _JUST + (late * (RESTORED_WITHIN - _JUST)).astype(np.int64)
        shown = self._back_at + (early * np.minimum(self._interval, _SHOWN_WITHIN)).astype(np.int64)
        self.read_from: Int64s = np.where(scope.below, shown, self._before)

    @property
    def settled_at(self) -> int:
        """When all that is about the end has been said."""
        return self.drill.ends_at + RESTORED_WITHIN + _SHOWN_WITHIN

    def heard_before(self) -> Batch:
        """The last reading of everybody before it begins."""
        return self._readings(np.flatnonzero(self.scope.speaks), self._before)

    def readings(self, last: int, at: int) -> Batch:
        """The latest reading of each device in (last, at], if there was one."""
        times = self.read_from + (at - self.read_from) // self._interval * self._interval
        due = self.scope.speaks & (times >= self.read_from) & (times > last)
        return self._readings(np.flatnonzero(due), times)

    def signals(self, last: int, at: int) -> list[Signal]:
        """Last gasps and restore messages in (last, at], in order of reception."""
        gasps, starts_at = self._within(self._gasp_at, self._gasping, last, at), self.drill.starts_at
        back = self._within(self._back_at, self.scope.meters, last, at)
        said = [_signal(SignalKind.LAST_GASP, key, int(self._gasp_at[key]), starts_at) for key in gasps]
        for key in back:
            moment = int(self._back_at[key])
            said.append(_signal(SignalKind.POWER_RESTORED, key, moment, moment))
        return said

    def answer(self, device: int, at: int) -> Batch | Signal:
        """What a device says when it is asked at `at`."""
        if self.scope.below[device] and self.drill.starts_at <= at < self._back_at[device]:
            return Signal(kind=SignalKind.PING_FAILED, device=device, received_at=at, source=SOURCE)
        which = np.array([device], np.int64)
        return self._readings(which, np.full(len(self.scope.keys), at, np.int64))

    @staticmethod
    def _within(times: Int64s, which: Bools, last: int, at: int) -> list[int]:
        keys = np.flatnonzero(which & (times > last) & (times <= at))
        order: list[int] = keys[np.argsort(times[keys], kind="stable")].tolist()
        return order

    def _readings(self, which: npt.NDArray[np.int64], times: Int64s) -> Batch:
        nominal: Float64s = self.scope.inventory.nominal_v[which]
        return Batch.of(_PHASES, which, times[which], np.repeat(nominal[:, None], 3, axis=1), source=SOURCE)


def _signal(kind: SignalKind, device: int, received_at: int, occurred_at: int) -> Signal:
    return Signal(kind=kind, device=device, received_at=received_at, occurred_at=occurred_at, source=SOURCE)


def _spread(keys: npt.NDArray[np.uint64], seed: int, turn: int) -> Float64s:
    """A number in [0, 1) for each key that looks random and is the same every time (splitmix64)."""
    x = keys + np.uint64(((seed << 8) + turn + 1) * 0x9E3779B97F4A7C15 % (1 << 64))
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: Float64s = ((x ^ (x >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / float(1 << 53)
    return found
