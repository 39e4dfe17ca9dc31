"""What meter events have to know of every meter. One row per device key."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gateway.core.clock import HOUR, SECOND
from gateway.core.errors import InvalidInputError
from gateway.core.inventory import DeviceKind, Inventory
from gateway.core.model import Bools, Float64s, Int64s
from processors.meterevents.settings import MeterEventSettings
from processors.quality.points import number
from processors.vee.meters import ratio_of

_OVERDUE = 2.5  # reporting intervals
_TRANSFORMED_A = 6.0  # greatest current behind current transformers of 5 A


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facts:
    """judged: a listed meter;  connected: bool[n, 3];  several: on more than one phase;  full: on all
    three;  nominal: V, phase to neutral;
    ib, imax: A on the primary side;  generates: what it feeds back is registered;  patience: µs between two readings
    that speak of the same condition at most."""

    judged: Bools
    connected: Bools
    several: Bools
    full: Bools
    nominal: Float64s
    ib: Float64s
    imax: Float64s
    generates: Bools
    patience: Int64s

    @staticmethod
    def of(inventory: Inventory, settings: MeterEventSettings) -> Facts:
        """Raises InvalidInputError: attributes that are no numbers, all of them listed."""
        n = len(inventory)
        judged = (inventory.node >= 0) & (inventory.kind == DeviceKind.METER)
        ib, imax = np.full(n, settings.ib_a), np.full(n, settings.imax_a)
        generates = np.zeros(n, np.bool_)
        faults: list[str] = []
        for key in np.flatnonzero(judged).tolist():
            attributes = inventory.device(key).attributes
            if not attributes:
                continue
            ratio = ratio_of(attributes.get("ct_ratio", "") or "1")
            ratio = 1.0 if math.isnan(ratio) else ratio
            where = f"device {inventory.ids[key]}"
            basic = number(attributes, "ib_a", where, faults)
            most = number(attributes, "imax_a", where, faults)
            ib[key] = ratio * (basic if basic > 0 else settings.ib_a)
            imax[key] = ratio * (most if most > 0 else settings.imax_a if ratio == 1 else _TRANSFORMED_A)
            generates[key] = number(attributes, "generation_kw", where, []) > 0
        if faults:
            raise InvalidInputError(faults)
        connected = (inventory.phases[:, None] >> np.arange(3, dtype=np.uint8)) & 1 > 0
        return Facts(
            judged=judged,
            connected=connected,
            several=connected.sum(axis=1) > 1,
            full=connected.sum(axis=1) == 3,
            nominal=inventory.nominal_v,
            ib=ib,
            imax=imax,
            generates=generates,
            patience=np.maximum(HOUR, (_OVERDUE * SECOND * inventory.interval_s).astype(np.int64)),
        )
