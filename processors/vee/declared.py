"""Changes of meters that are registered: what they do to the step that leads over them. They are few."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gateway.core.clock import SECOND
from gateway.core.meterdata import ChangeOf, MeterChange, Rule
from gateway.core.model import Bools, Int64s
from processors.vee.grid import Grid
from processors.vee.meters import Meters
from processors.vee.steps import Steps

_RULES = {
    ChangeOf.EXCHANGE: Rule.EXCHANGE,
    ChangeOf.RESET: Rule.RESET,
    ChangeOf.MULTIPLIER: Rule.MULTIPLIER,
    ChangeOf.CLOCK: Rule.CLOCK,
}


def of_meters(changes: Sequence[MeterChange], meters: Meters) -> list[tuple[int, MeterChange]]:
    """Changes of these meters with their rows, in order of time."""
    rows = np.searchsorted(meters.device, [change.device for change in changes])
    found = [
        (row, change)
        for row, change in zip(rows.tolist(), changes, strict=True)
        if row < len(meters) and meters.device[row] == change.device
    ]
    return sorted(found, key=lambda pair: pair[1].at)


def seams(changes: Sequence[tuple[int, MeterChange]], meter: Int64s, at: Int64s) -> Bools:
    """Whether a register is not to be held against the reading before: bool of each reading, by meter and time."""
    declared = np.zeros(len(meter), np.bool_)
    for row, change in changes:
        place = _first_after(row, change.at, meter, at)
        if change.of != ChangeOf.CLOCK and place is not None:
            declared[place] = True
    return declared


def account(changes: Sequence[tuple[int, MeterChange]], steps: Steps, most: float, meters: Meters) -> None:
    """Say of steps that lead over a change what the register counted, where that is known: in place.

    `most`: hours of full demand beyond the time between the readings that are believed.
    """
    for row, change in changes:
        place = _first_after(row, change.at, steps.meter, steps.at)
        if change.of == ChangeOf.CLOCK or place is None:
            continue
        low, high = float(steps.value[place - 1]), float(steps.value[place])
        spent = int(steps.at[place] - steps.at[place - 1])
        counted = np.nan
        if change.before is not None and change.after is not None:
            if change.of != ChangeOf.MULTIPLIER:
                ends = change.before - low, high - change.after
                counted = sum(ends) if min(ends) >= -1e-6 else np.nan
            elif change.before > 0 and change.after > 0:
                share = (change.at - int(steps.at[place - 1])) / spent
                counted = (high / change.after - low / change.before) * (
                    share * change.before + (1 - share) * change.after
                )
        limit = float(meters.max_kw[row]) * (spent / (3600 * SECOND) + most) + float(meters.ratio[row])
        steps.counted[place] = counted if -1e-6 <= counted <= limit else np.nan
        steps.rule[place] = np.int64(_RULES[change.of])


def mark_clocks(changes: Sequence[tuple[int, MeterChange]], grid: Grid, rules: Int64s) -> None:
    """Say CLOCK of the slots whose readings carry a time from before or after the clock was set: in place."""
    for row, change in changes:
        if change.of != ChangeOf.CLOCK:
            continue
        shift = round(abs((change.after or 0.0) - (change.before or 0.0)) * SECOND)
        meter = np.array([row])
        low, high = np.array([change.at - shift]), np.array([change.at + shift])
        _, slots = grid.touched(meter, low, high, ends=shift == 0)
        rules[slots] |= np.int64(Rule.CLOCK)


def _first_after(row: int, when: int, meter: Int64s, at: Int64s) -> int | None:
    """The first reading of a meter from a moment on, where it has an earlier one too."""
    low, high = np.searchsorted(meter, [row, row + 1]).tolist()
    place = low + int(np.searchsorted(at[low:high], when))
    return place if low < place < high else None
