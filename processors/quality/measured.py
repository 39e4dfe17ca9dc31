"""Rows of readings as supply quality sees them: voltages as shares of nominal, unbalance, load."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.model import Batch, Bools, Float64s, Quality
from processors.quality.points import Points

Rows: TypeAlias = npt.NDArray[np.int64]

DOUBTFUL = np.uint16(Quality.OUT_OF_RANGE | Quality.CLOCK_SUSPECT)
_PHASES = ("voltage_a", "voltage_b", "voltage_c")
_LINES = ("voltage_ab", "voltage_bc", "voltage_ca")


def voltages(batch: Batch, rows: Rows, points: Points) -> tuple[Float64s, Bools]:
    """Voltages of these rows as shares of nominal, float64[r, 3], NaN where not measured; and which rows hold line
    voltages (bool[r]): those that measured no phase voltage.

    A meter on one phase measures it under whatever name, so where none of the connected phases has a value, whatever
    was measured counts.
    """
    device = batch.device[rows]
    nominal = points.nominal[device]
    found = _columns(batch, _PHASES, rows) / nominal[:, None]
    connected = points.connected[device]
    if not connected.all():
        own = np.where(connected, found, np.nan)
        named = ~np.isnan(own).all(axis=1)
        found = np.where((named | points.several[device])[:, None], own, found)
    line = np.isnan(found).all(axis=1) & points.several[device]
    if line.any() and any(name in batch.quantities for name in _LINES):
        between = _columns(batch, _LINES, rows) / (math.sqrt(3.0) * nominal[:, None])
        found = np.where(line[:, None], between, found)
    return found, line


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
    active power, a lower bound. NaN where there is none of it."""
    apparent, active, reactive, factor = _columns(
        batch, ("apparent_power", "active_power", "reactive_power", "power_factor"), rows
    ).T
    factor = np.abs(factor)
    with np.errstate(invalid="ignore", divide="ignore"):
        by_factor = np.where(factor > 0.05, np.abs(active) / factor, np.nan)
    best: Float64s = np.abs(apparent)
    for other in (np.hypot(active, reactive), by_factor, np.abs(active)):
        best = np.where(np.isnan(best), other, best)
    return best


def column(batch: Batch, name: str, rows: Rows) -> Float64s:
    return _columns(batch, (name,), rows)[:, 0]


def _columns(batch: Batch, names: tuple[str, ...], rows: Rows) -> Float64s:
    places = [batch.quantities.index(name) if name in batch.quantities else -1 for name in names]
    if min(places) >= 0 and places == list(range(places[0], places[0] + len(places))):
        whole: Float64s = batch.values[rows, places[0] : places[0] + len(places)]
        return whole
    found = np.full((len(rows), len(names)), np.nan)
    for j, place in enumerate(places):
        if place >= 0:
            found[:, j] = batch.values[rows, place]
    return found
