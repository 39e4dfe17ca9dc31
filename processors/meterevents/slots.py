"""The conditions that readings are held against: one slot for each kind and phase, bits of a uint32 mask."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gateway.core.model import MeterEventKind

_Kind = MeterEventKind
PER_PHASE = (
    _Kind.VOLTAGE_LOSS,
    _Kind.UNDER_VOLTAGE,
    _Kind.OVER_VOLTAGE,
    _Kind.PHASE_BREAK,
    _Kind.CURRENT_LOSS,
    _Kind.REVERSE_POWER,
    _Kind.OVERLOAD,
)
WHOLE = (
    _Kind.REVERSE_POWER,  # where phases have no power of their own
    _Kind.OVERLOAD,
    _Kind.VOLTAGE_UNBALANCE,
    _Kind.CURRENT_UNBALANCE,
    _Kind.LOW_POWER_FACTOR,
    _Kind.NEUTRAL_CURRENT,
    _Kind.CURRENT_WITHOUT_VOLTAGE,
    _Kind.CLOCK_FAULT,
)


class Slot(NamedTuple):
    kind: MeterEventKind
    phase: int  # −1 for the whole meter


SLOTS: tuple[Slot, ...] = (
    *(Slot(kind, phase) for kind in PER_PHASE for phase in range(3)),
    *(Slot(kind, -1) for kind in WHOLE),
)
COUNT = len(SLOTS)

_LOWER = {
    _Kind.VOLTAGE_LOSS,
    _Kind.UNDER_VOLTAGE,
    _Kind.PHASE_BREAK,
    _Kind.CURRENT_LOSS,
    _Kind.REVERSE_POWER,
    _Kind.LOW_POWER_FACTOR,
}
SIGN = np.array([-1.0 if slot.kind in _LOWER else 1.0 for slot in SLOTS])
"""In which direction a value is further beyond its limit."""

UNBALANCES = np.array(
    [slot.kind in (_Kind.VOLTAGE_UNBALANCE, _Kind.CURRENT_UNBALANCE) for slot in SLOTS], np.bool_
)
EXTREMELESS = np.array([slot.kind is _Kind.CLOCK_FAULT for slot in SLOTS], np.bool_)


def of(kind: MeterEventKind, *, whole: bool = False) -> slice | int:
    """Where a kind stands: three slots, or the one of the whole meter."""
    if whole or kind not in PER_PHASE:
        return 3 * len(PER_PHASE) + WHOLE.index(kind)
    return slice(3 * PER_PHASE.index(kind), 3 * PER_PHASE.index(kind) + 3)
