"""Which rows of readings are worth holding against every condition: nearly none are, and telling so is cheap."""

from __future__ import annotations

import numpy as np

from gateway.core.model import Batch, Bools, Float64s, Quality
from processors.meterevents.conditions import Rows
from processors.meterevents.facts import Facts
from processors.meterevents.settings import MeterEventSettings

_MARKED = np.uint16(Quality.OUT_OF_RANGE | Quality.CLOCK_SUSPECT)


def screen(batch: Batch, rows: Rows, facts: Facts, settings: MeterEventSettings) -> Bools:
    """bool[r]: may any condition hold? Never False where one does; True for a few where none does."""
    whole = len(rows) == len(batch)
    s = settings

    def of(*names: str) -> list[Float64s]:
        found = (batch.column(name) for name in names)
        return [column if whole else column[rows] for column in found if column is not None]

    device = batch.device[rows]
    nominal, ib = facts.nominal[device], facts.ib[device]
    quality = batch.quality if whole else batch.quality[rows]
    found: Bools = quality & _MARKED > 0
    amps = [np.abs(column) for column in of("current_a", "current_b", "current_c")]
    volts = of("voltage_a", "voltage_b", "voltage_c")
    watts = of("active_power", "active_power_a", "active_power_b", "active_power_c")
    if volts:
        low, high = _extremes(volts)
        found |= low < max(s.loss_below, s.under_voltage, s.break_below) * nominal
        found |= (high > s.over_voltage * nominal) | (low <= (1 - s.unbalance) * high)
    if amps:
        low, high = _extremes(amps)
        flows = high > s.other_current * ib
        found |= flows & ((low <= (1 - s.unbalance) * high) | (low < s.current_from * ib))
        for neutral in of("current_n"):
            neutral = np.abs(neutral)
            most = np.fmax(neutral, high)
            astray = np.where(facts.several[device], neutral, np.abs(neutral - high))
            found |= (most > s.other_current * ib) & (astray > s.neutral_share * high)
        for factor in of("power_factor"):
            found |= flows & (np.abs(factor) < s.power_factor)
        for apparent in of("apparent_power"):
            for active in of("active_power"):
                found |= flows & (np.abs(active) < s.power_factor * np.abs(apparent))
    if watts:
        low, high = _extremes(watts)
        found |= low < -s.reverse_share * ib * nominal
        found |= high > s.overload * facts.imax[device] * nominal
    partial = ~facts.full[device]
    if partial.any():  # which of its columns count has to be looked at
        for columns in (volts, amps):
            if len(columns) > 1:
                measured = np.sum([~np.isnan(column) for column in columns], axis=0)
                found |= partial & (measured > 1)
    return found


def _extremes(columns: list[Float64s]) -> tuple[Float64s, Float64s]:
    low, high = columns[0], columns[0]
    for column in columns[1:]:
        low, high = np.fmin(low, column), np.fmax(high, column)
    return low, high
