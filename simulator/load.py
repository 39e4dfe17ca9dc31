"""Load, voltages and registers of a whole district at one moment, as array operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gateway.core.clock import DAY, HOUR, MINUTE, SECOND
from gateway.core.model import Bools, Float64s, Int32s
from simulator.district import CLASSES, FEEDER_V, NOMINAL_V, District
from simulator.faults import Dark
from simulator.noise import uniform, wander

_HOURLY = {  # relative demand at the full hours 0 … 23, local time
    "residential": "45 38 34 32 33 42 70 95 85 65 58 62 78 68 60 60 70 95 130 155 150 125 95 65",
    "commercial": "30 28 28 28 30 35 50 80 120 150 160 160 150 155 160 158 150 145 140 130 105 75 50 35",
    "industrial": "75 72 70 70 72 80 95 125 135 138 138 125 110 130 138 138 132 115 100 95 92 88 84 78",
    "agricultural": "40 40 45 60 95 140 165 160 140 115 95 80 70 75 90 115 140 155 140 105 80 60 50 42",
    "public": "60 58 56 56 58 65 85 110 130 135 135 128 120 125 130 128 120 112 108 105 98 88 75 65",
}
_POWER_FACTOR = np.array([0.95, 0.92, 0.88, 0.84, 0.93])
_REGISTERS_FROM = 1_735_689_600 * SECOND  # meters were put up on 2025-01-01

_SOURCE_PU = 1.035  # voltage at the head of a feeder
_FEEDER_DROP, _TRANSFORMER_DROP, _LINE_DROP = 0.035, 0.03, 0.045  # per unit, at rated load

Columns = Mapping[str, Float64s]


def _shape_table() -> Float64s:
    table = np.array([[float(v) for v in _HOURLY[name].split()] for name in CLASSES])
    table /= table.mean(axis=1, keepdims=True)
    return np.concatenate([table, table[:, :1]], axis=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """Everything measurable at `at` (µs), by quantity name, in canonical units.

    meters: float64[M] each, the phases in the meter's own channels (a single-phase meter measures in channel a);
    terminals: float64[T] each, on the transformers' busbars;  feeders: float64[F] each, at the feeders' heads;
    alive: bool[M], the meter has supply on at least one phase;  supplied: bool[T], likewise for transformers.
    """

    at: int
    meters: Columns
    terminals: Columns
    feeders: Columns
    alive: Bools
    supplied: Bools


class Load:
    """`demand` is a pure function of time; `snapshot` also integrates power into the energy registers."""

    def __init__(self, district: District, *, utc_offset_h: float = 8.0) -> None:
        self._district = district
        self._offset = round(utc_offset_h * HOUR)
        self._shape = _shape_table()
        self._rows = np.arange(len(district.node))
        self._jitter_h = uniform(district.seed, 1, self._rows) * 1.5 - 0.75
        self._pf = np.clip(
            _POWER_FACTOR[district.klass] + 0.04 * (uniform(district.seed, 2, self._rows) - 0.5), 0.5, 0.99
        )
        self._single = district.single
        self._phase = district.share.argmax(axis=1)
        transformers = len(district.transformers)
        self._energy = np.zeros((2, len(self._rows)))  # kWh, kvarh per meter
        self._passed = np.zeros((2, transformers))  # likewise through each transformer
        self._last: tuple[int, Float64s, Float64s] | None = None

    def demand(self, at: int) -> Float64s:
        """Watts per true phase if everything were supplied: float64[M, 3]. Depends on seed and time only."""
        d = self._district
        hour = ((at + self._offset) % DAY / HOUR + self._jitter_h) % 24
        whole = hour.astype(np.int64)
        low, high = self._shape[d.klass, whole], self._shape[d.klass, whole + 1]
        shape = low + (high - low) * (hour - whole)
        slow = wander(d.seed, 3, self._rows, at, 20 * MINUTE)
        fast = wander(d.seed, 4, self._rows, at, 40 * SECOND)
        total: Float64s = d.mean_w * shape * np.exp(0.45 * slow + 0.18 * fast - 0.05)
        return total[:, None] * d.share

    def snapshot(self, at: int, dark: Dark) -> Snapshot:
        """State at `at`, no earlier than the last one; `dark` says which phases have no supply.

        Registers count by the trapezoid rule between snapshots, so they agree with the powers shown.
        """
        d = self._district
        on = dark.supplied(d.node) & (d.share > 0)
        bus_on = dark.supplied(d.transformer_node)
        power = self.demand(at) * on
        tan = np.sqrt(1 / self._pf**2 - 1)[:, None]
        reactive = power * tan
        transformers = len(d.transformers)
        bus_p = _sums(d.transformer, power, transformers)
        bus_q = _sums(d.transformer, reactive, transformers)
        bus_s = np.hypot(bus_p, bus_q)
        loading = bus_s / (d.rated_va / 3)[:, None]
        feeder_p, feeder_q = _sums(d.feeder, bus_p, len(d.feeders)), _sums(d.feeder, bus_q, len(d.feeders))
        feeder_loading = feeder_p.sum(axis=1) / np.bincount(d.feeder, d.rated_va, len(d.feeders))
        head = _SOURCE_PU + 0.006 * wander(d.seed, 5, np.arange(len(d.feeders)), at, 7 * MINUTE)
        sag = _FEEDER_DROP * feeder_loading[d.feeder] * d.distance
        bus_pu = (head[d.feeder] - sag)[:, None] - _TRANSFORMER_DROP * loading
        flicker = 0.0015 * wander(d.seed, 6, self._rows, at, 15 * SECOND)
        line = _LINE_DROP * d.position[:, None] * loading[d.transformer]
        voltage = NOMINAL_V * (bus_pu[d.transformer] - line + flicker[:, None]) * on
        hertz = float(50 + 0.03 * wander(d.seed, 7, [0], at, 30 * SECOND)[0])

        total_p, total_q = power.sum(axis=1), reactive.sum(axis=1)
        self._count(at, np.stack([total_p, total_q]), np.stack([bus_p.sum(axis=1), bus_q.sum(axis=1)]))
        alive, supplied = _any(on), _any(bus_on)
        meters = _electrical(
            self._channels(voltage),
            self._channels(power),
            self._channels(reactive),
            self._energy,
            np.where(alive, hertz, 0.0),
        )
        bus_v = NOMINAL_V * bus_pu * bus_on
        terminals = _electrical(bus_v, bus_p, bus_q, self._passed, np.where(supplied, hertz, 0.0))
        ambient = 21 - 6 * np.cos(2 * np.pi * (((at + self._offset) % DAY) / DAY - 0.125))
        terminals["temperature"] = ambient + 38 * np.clip(loading.mean(axis=1), 0, 2) ** 1.6
        terminals["battery_ok"] = np.ones(transformers)
        feeders = self._feeder_heads(head, feeder_p, feeder_q, hertz, dark.supplied(d.feeder_node))
        return Snapshot(
            at=at, meters=meters, terminals=terminals, feeders=feeders, alive=alive, supplied=supplied
        )

    def _channels(self, true: Float64s) -> Float64s:
        """True phases into the meter's terminals: what a single-phase meter sees stands in the first."""
        result = np.where(self._single[:, None], 0.0, true)
        result[self._single, 0] = true[self._single, self._phase[self._single]]
        return result

    def _count(self, at: int, meters: Float64s, transformers: Float64s) -> None:
        if self._last is None:
            hours = max(0, at - _REGISTERS_FROM) / HOUR
            start = self._district.mean_w * hours / 1e3
            start = start % 400_000 + 1.0  # well below the rollover of a six-digit register
            tan = np.sqrt(1 / self._pf**2 - 1)
            self._energy = np.stack([start, start * tan])
            count = len(self._district.transformers)
            self._passed = np.stack([np.bincount(self._district.transformer, e, count) for e in self._energy])
        else:
            then, last_meters, last_transformers = self._last
            scale = max(0, at - then) / HOUR / 1e3 / 2
            self._energy = self._energy + (last_meters + meters) * scale
            self._passed = self._passed + (last_transformers + transformers) * scale
        self._last = (at, meters, transformers)

    def _feeder_heads(
        self, head: Float64s, power: Float64s, reactive: Float64s, hertz: float, on: Bools
    ) -> dict[str, Float64s]:
        """Phase and line volts and amperes on the primary side; a feeder without supply has its breaker open."""
        live = _any(on)
        columns = _electrical(
            FEEDER_V * head[:, None] * on,
            power,
            reactive,
            np.zeros((2, len(head))),
            np.where(live, hertz, 0.0),
        )
        tripped = _any(~on)
        columns["breaker_closed"] = np.where(tripped, 0.0, 1.0)
        columns["fault_indicator"] = np.where(tripped, 1.0, 0.0)
        columns["battery_ok"] = np.ones(len(head))
        columns["door_open"] = np.zeros(len(head))
        columns["temperature"] = np.full(len(head), 24.0)
        return columns


def _electrical(
    voltage: Float64s, power: Float64s, reactive: Float64s, energy: Float64s, hertz: Float64s
) -> dict[str, Float64s]:
    """Everything that follows from volts, watts and vars [n, 3], kWh and kvarh [2, n] and hertz [n]."""
    apparent = np.hypot(power, reactive)
    current = np.divide(apparent, voltage, out=np.zeros_like(apparent), where=voltage > 1.0)
    factor = np.divide(power, apparent, out=np.ones_like(power), where=apparent > 0)
    p, q = power.sum(axis=1), reactive.sum(axis=1)
    s = np.hypot(p, q)
    columns = {
        "active_power": p,
        "reactive_power": q,
        "apparent_power": s,
        "power_factor": np.divide(p, s, out=np.ones_like(p), where=s > 0),
        "frequency": hertz,
        "energy_import": energy[0],
        "energy_export": np.zeros_like(p),
        "reactive_energy_import": energy[1],
        "reactive_energy_export": np.zeros_like(p),
        "current_n": np.sqrt(np.maximum(0.0, (current**2).sum(axis=1) - _neighbours(current))),
    }
    for k, letter in enumerate("abc"):
        columns[f"voltage_{letter}"] = voltage[:, k]
        columns[f"current_{letter}"] = current[:, k]
        columns[f"active_power_{letter}"] = power[:, k]
        columns[f"reactive_power_{letter}"] = reactive[:, k]
        columns[f"apparent_power_{letter}"] = apparent[:, k]
        columns[f"power_factor_{letter}"] = factor[:, k]
        other = (k + 1) % 3
        squares = voltage[:, k] ** 2 + voltage[:, other] ** 2 + voltage[:, k] * voltage[:, other]
        columns[f"voltage_{letter}{'abc'[other]}"] = np.sqrt(squares)  # 120° apart
    return columns


def _sums(group: Int32s, values: Float64s, count: int) -> Float64s:
    """Sum the rows of `values` [n, 3] by group: float64[count, 3]."""
    cells = (group[:, None].astype(np.int64) * 3 + np.arange(3)).ravel()
    return np.bincount(cells, values.ravel(), count * 3).astype(np.float64).reshape(-1, 3)


def _any(phases: Bools) -> Bools:
    result: Bools = np.logical_or.reduce(phases, axis=1)
    return result


def _neighbours(x: Float64s) -> Float64s:
    result: Float64s = x[:, 0] * x[:, 1] + x[:, 1] * x[:, 2] + x[:, 2] * x[:, 0]
    return result
