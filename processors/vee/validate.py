"""Register readings to validated intervals."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from gateway.core.meterdata import Intervals, MeterChange, Registers
from processors.vee.meters import Meters
from processors.vee.settings import VeeSettings


def validate(
    registers: Registers,
    meters: Meters,
    frm: int,
    till: int,
    *,
    settings: VeeSettings,
    zone: ZoneInfo,
    changes: Sequence[MeterChange] = (),
    history: Intervals | None = None,
    check: Intervals | None = None,
) -> Intervals:
    """All intervals of [frm, till) of all these meters, missing ones too, ordered by device and start."""
    raise NotImplementedError
