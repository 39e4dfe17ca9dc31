"""Rows of readings as supply quality sees them: voltages as shares of nominal, unbalance, load."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.model import Batch, Bools, Float64s, Quality
from gateway.core.quantities import BY_NAME
from processors.quality.points import Points

Rows: TypeAlias = npt.NDArray[np.int64]

DOUBTFUL = np.uint16(Quality.CLOCK_SUSPECT | Quality.REDELIVERED)
"""Rows of which it is not known when they were measured."""

INCREDIBLE = 4.0
"""Times its rating a transformer does not carry for long: a unit or a ratio is wrong."""

_PHASES = ("voltage_a", "voltage_b", "voltage_c")
_LINES = ("voltage_ab", "voltage_bc", "voltage_ca")
_DEAD = 0.1  # nothing is connected
_MOST = 2.0  # a lost neutral brings one phase to √3 at most
_ALL_HIGH = 1.4  # and never all of them: there nominal_voltage is wrong
_LESS_THAN_ACTIVE = 0.9  # apparent power cannot be


def voltages(batch: Batch, rows: Rows, points: Points) -> tuple[Float64s, Bools]:
    """Voltages of these rows as shares of nominal, float64[r, 3], NaN where not measured or not credible; and which
    rows hold line voltages (bool[r]): those that measured no phase voltage."""
    device = batch.device[rows]
    nominal = points.nominal[device]
    found = columns(batch, _PHASES, rows) / nominal[:, None]
    several = points.several[device]
    connected = points.connected[device]
    if not connected.all():
        found = np.where(own_phases(found, connected, several), found, np.nan)
    line = np.isnan(found).all(axis=1) & several
    if line.any() and any(name in batch.quantities for name in _LINES):
        between = columns(batch, _LINES, rows) / (math.sqrt(3.0) * nominal[:, None])
        found = np.where(line[:, None], between, found)
    return _credible(found, several), line


def own_phases(shares: Float64s, connected: Bools, several: Bools) -> Bools:
    """Which of the three columns are a device's own, bool[r, 3].

    A meter on one phase measures it under whatever name, and may send 0 V under the others: where none of its own has
    voltage, those that have count; where nothing has, its own; where those were not measured, all.
    """
    live = shares > _DEAD
    named: Bools = np.any(connected & live, axis=1) | several
    if named.all():
        return connected
    measured: Bools = np.any(connected & ~np.isnan(shares), axis=1)
    others = np.where(np.any(live, axis=1)[:, None], live, connected | ~measured[:, None])
    found: Bools = np.where(named[:, None], connected, others)
    return found


def _credible(shares: Float64s, several: Bools) -> Float64s:
    high = shares > _ALL_HIGH
    if not high.any():
        return shares
    measured = (~np.isnan(shares)).sum(axis=1)
    wrong = several & (measured > 1) & (high.sum(axis=1) == measured)
    found: Float64s = np.where((shares > _MOST) | wrong[:, None], np.nan, shares)
    return found


def unbalance(shares: Float64s, line: Bools) -> Float64s:
    """Voltage unbalance in %, float64[r], of voltages float64[r, 3], NaN where one of them lacks.

    From line voltages, which determine it: L = ΣU⁴/(ΣU²)², ε = √((1−√(3−6L))/(1+√(3−6L))) (IEC 61000-4-30); from phase
    voltages as if they stood 120° apart, √(ΣU²−ΣUU′)/ΣU, which takes a shifted neutral for unbalance: an upper bound.
    """
    a, b, c = shares[:, 0], shares[:, 1], shares[:, 2]
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = a * a + b * b + c * c
        ratio = (a**4 + b**4 + c**4) / (squares * squares)
        root = np.sqrt(np.maximum(3.0 - 6.0 * ratio, 0.0))
        of_lines = np.sqrt(np.maximum(1.0 - root, 0.0) / (1.0 + root))
        of_phases = np.sqrt(np.maximum(squares - a * b - b * c - c * a, 0.0)) / (a + b + c)
    return 100.0 * np.where(line, of_lines, of_phases)


def load_va(batch: Batch, rows: Rows) -> Float64s:
    """Apparent power of these rows, VA: as measured, else from active and reactive power or power factor, else the
    active power, a lower bound. NaN where there is none of it. Less than the active power it was not measured."""
    apparent, active, reactive, factor = np.abs(
        columns(batch, ("apparent_power", "active_power", "reactive_power", "power_factor"), rows)
    ).T
    with np.errstate(invalid="ignore", divide="ignore"):
        by_factor = np.where(factor > 0.05, active / factor, np.nan)
        best: Float64s = np.where(apparent < _LESS_THAN_ACTIVE * active, np.nan, apparent)
    for other in (np.hypot(active, reactive), by_factor, active):
        best = np.where(np.isnan(best), other, best)
    return best


def column(batch: Batch, name: str, rows: Rows) -> Float64s:
    return columns(batch, (name,), rows)[:, 0]


def columns(batch: Batch, names: tuple[str, ...], rows: Rows) -> Float64s:
    """float64[r, k], NaN for what the batch does not carry. Of rows marked OUT_OF_RANGE what is not plausible is no
    value, and what is counts: one register that is always wrong must not hide the others."""
    places = [batch.quantities.index(name) if name in batch.quantities else -1 for name in names]
    if min(places) >= 0 and places == list(range(places[0], places[0] + len(places))):
        found: Float64s = batch.values[rows, places[0] : places[0] + len(places)]
    else:
        found = np.full((len(rows), len(names)), np.nan)
        for j, place in enumerate(places):
            if place >= 0:
                found[:, j] = batch.values[rows, place]
    wild = np.flatnonzero(batch.quality[rows] & Quality.OUT_OF_RANGE)
    if len(wild):
        low, high = np.array([(BY_NAME[name].low, BY_NAME[name].high) for name in names]).T
        told = found[wild]
        found[wild] = np.where((told >= low) & (told <= high), told, np.nan)
    return found
