"""Load, voltages and registers of a whole district at one moment, as array operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gateway.core.clock import DAY, HOUR, MINUTE, SECOND
from gateway.core.model import Bools, Float64s, Int32s
from simulator.customers import Customers
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

_FAST_MEAN = 1.004  # of what fast wandering multiplies the load by
_WEEKEND = np.array([1.08, 0.75, 0.6, 1.0, 0.55])
_LINE_LOSS = 0.05  # of the power at rated load, in the low-voltage lines

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


class _Flows(NamedTuple):
    """As the meters see it, float64[M, 3]; as the busbars do, float64[T, 3]; loading: of a phase's rating."""

    power: Float64s
    reactive: Float64s
    bus_p: Float64s
    bus_q: Float64s
    loading: Float64s


class Load:
    """`demand` is a pure function of time; `snapshot` also integrates power into the energy registers."""

    def __init__(
        self, district: District, *, utc_offset_h: float = 8.0, customers: Customers | None = None
    ) -> None:
        self._district = district
        self._customers = customers or Customers.ordinary(len(district.node))
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
        self._energy = np.zeros((4, len(self._rows)))  # kWh and kvarh in and out, per meter
        self._passed = np.zeros((4, transformers))  # likewise through each transformer
        self._last: tuple[int, Float64s, Float64s] | None = None

    def demand(self, at: int, *, smooth: bool = False) -> Float64s:
        """Watts per true phase if everything were supplied: float64[M, 3]. Depends on seed and time only.

        smooth: without what wanders within a minute.
        """
        d = self._district
        hour = ((at + self._offset) % DAY / HOUR + self._jitter_h) % 24
        whole = hour.astype(np.int64)
        low, high = self._shape[d.klass, whole], self._shape[d.klass, whole + 1]
        shape = low + (high - low) * (hour - whole)
        slow = wander(d.seed, 3, self._rows, at, 20 * MINUTE)
        daily = wander(d.seed, 8, self._rows, at, DAY)
        local = at + self._offset
        total: Float64s = d.mean_w * shape * np.exp(0.45 * slow + 0.12 * daily - 0.05)
        if smooth:
            total *= _FAST_MEAN
        else:
            total *= np.exp(0.18 * wander(d.seed, 4, self._rows, at, 40 * SECOND))
        if (local // DAY + 4) % 7 in (0, 6):  # 1970-01-01 was a Thursday
            total *= _WEEKEND[d.klass]
        total = total * self._customers.present(at) + self._customers.charging(d.seed, local)
        return total[:, None] * d.share

    def _flows(self, at: int, on: Bools, *, smooth: bool = False) -> _Flows:
        """What flows where `on` (bool[M, 3]) has supply, and what meters make of it."""
        d = self._district
        net = self.demand(at, smooth=smooth)
        panels = self._customers.generating(d.seed, at + self._offset)
        if panels.any():
            net = net - panels[:, None] * d.share
        net = net * on
        tan = np.sqrt(1 / self._pf**2 - 1)[:, None]
        reactive = np.abs(net) * tan
        bus_p = _sums(d.transformer, net, len(d.transformers))
        bus_q = _sums(d.transformer, reactive, len(d.transformers))
        loading = np.hypot(bus_p, bus_q) / (d.rated_va / 3)[:, None]
        bus_p = bus_p + _LINE_LOSS * loading * np.abs(bus_p)
        counted = self._customers.counted(at)[:, None]
        return _Flows(net * counted, reactive * counted, bus_p, bus_q, loading)

    # -- registers --------------------------------------------------------------------------------------------------

    @property
    def reached(self) -> int:
        """The time that the registers have counted to; 0 before `begin`."""
        return 0 if self._last is None else self._last[0]

    @property
    def registers(self) -> tuple[Float64s, Float64s]:
        """float64[4, M] and [4, T]: kWh in and out, kvarh in and out, of meters and transformers."""
        return self._energy, self._passed

    def begin(self, at: int) -> None:
        """Registers as after all the time since the meters were put up."""
        hours = max(0, at - _REGISTERS_FROM) / HOUR
        start = self._district.mean_w * hours / 1e3
        start = start % 400_000 + 1.0  # well below the rollover of a six-digit register
        tan, none = np.sqrt(1 / self._pf**2 - 1), np.zeros_like(start)
        self._energy = np.stack([start, none, start * tan, none])
        count = len(self._district.transformers)
        self._passed = np.stack([np.bincount(self._district.transformer, e, count) for e in self._energy])
        self._last = (at, *_rates(self._flows(at, self._connected, smooth=True)))

    def run(self, at: int) -> None:
        """Count on to `at` with everything supplied, in one step of the trapezoid rule."""
        self._count(at, self._flows(at, self._connected, smooth=True))

    @property
    def _connected(self) -> Bools:
        phases: Bools = self._district.share > 0
        return phases

    def snapshot(self, at: int, dark: Dark) -> Snapshot:
        """State at `at`, no earlier than the last one; `dark` says which phases have no supply.

        Registers count by the trapezoid rule between snapshots, so they agree with the powers shown.
        """
        d = self._district
        on = dark.supplied(d.node) & (d.share > 0)
        bus_on = dark.supplied(d.transformer_node)
        flows = self._flows(at, on)
        power, reactive, bus_p, bus_q, loading = flows
        transformers = len(d.transformers)
        feeder_p, feeder_q = _sums(d.feeder, bus_p, len(d.feeders)), _sums(d.feeder, bus_q, len(d.feeders))
        feeder_loading = feeder_p.sum(axis=1) / np.bincount(d.feeder, d.rated_va, len(d.feeders))
        head = _SOURCE_PU + 0.006 * wander(d.seed, 5, np.arange(len(d.feeders)), at, 7 * MINUTE)
        sag = _FEEDER_DROP * feeder_loading[d.feeder] * d.distance
        bus_pu = (head[d.feeder] - sag)[:, None] - _TRANSFORMER_DROP * loading
        flicker = 0.0015 * wander(d.seed, 6, self._rows, at, 15 * SECOND)
        line = _LINE_DROP * d.position[:, None] * loading[d.transformer]
        voltage = NOMINAL_V * (bus_pu[d.transformer] - line + flicker[:, None]) * on
        hertz = float(50 + 0.03 * wander(d.seed, 7, [0], at, 30 * SECOND)[0])

        self._count(at, flows)
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

    def _count(self, at: int, flows: _Flows) -> None:
        if self._last is None:
            self.begin(at)
        assert self._last is not None
        then, last_meters, last_transformers = self._last
        meters, transformers = _rates(flows)
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
            np.zeros((4, len(head))),
            np.where(live, hertz, 0.0),
        )
        tripped = _any(~on)
        columns["breaker_closed"] = np.where(tripped, 0.0, 1.0)
        columns["fault_indicator"] = np.where(tripped, 1.0, 0.0)
        columns["battery_ok"] = np.ones(len(head))
        columns["door_open"] = np.zeros(len(head))
        columns["temperature"] = np.full(len(head), 24.0)
        return columns


def _rates(flows: _Flows) -> tuple[Float64s, Float64s]:
    """W and var in and out, float64[4, M] and [4, T], by the sums over the phases."""
    return _in_and_out(flows.power, flows.reactive), _in_and_out(flows.bus_p, flows.bus_q)


def _in_and_out(power: Float64s, reactive: Float64s) -> Float64s:
    p, q = power.sum(axis=1), reactive.sum(axis=1)
    return np.maximum([p, -p, q, -q], 0.0)


def _electrical(
    voltage: Float64s, power: Float64s, reactive: Float64s, energy: Float64s, hertz: Float64s
) -> dict[str, Float64s]:
    """Everything that follows from volts, watts and vars [n, 3], kWh and kvarh in and out [4, n] and hertz [n]."""
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
        "energy_export": energy[1],
        "reactive_energy_import": energy[2],
        "reactive_energy_export": energy[3],
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
