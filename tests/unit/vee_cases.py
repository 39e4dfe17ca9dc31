"""Meters and readings for the tests of validation, estimation and editing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from gateway.core.clock import MINUTE, parse_time
from gateway.core.inventory import Device, Inventory
from gateway.core.meterdata import Intervals, IntervalStatus, MeterChange, Registers, Rule
from gateway.core.network import Network
from processors.vee.meters import Meters
from processors.vee.settings import VeeSettings
from processors.vee.validate import validate

T0 = parse_time("2026-03-02T00:00:00Z")  # a Monday
SLOT = 15 * MINUTE
UTC = ZoneInfo("UTC")
SETTINGS = VeeSettings()
NAN = float("nan")


def inventory(*attributes: Mapping[str, str], customers: int = 1, interval_s: int = 900) -> Inventory:
    """One meter for each, M0, M1, …"""
    network = Network(["S"], [""], ["substation"])
    devices = [
        Device(id=f"M{i}", node="S", attributes=own, customers=customers, interval_s=interval_s)
        for i, own in enumerate(attributes)
    ]
    return Inventory(devices, network)


def meters(*attributes: Mapping[str, str], settings: VeeSettings = SETTINGS, interval_s: int = 900) -> Meters:
    listed = inventory(*(attributes or ({},)), interval_s=interval_s)
    return Meters.of(listed, np.arange(len(listed), dtype=np.int32), settings)


def registers(
    value: npt.ArrayLike,
    at: npt.ArrayLike | None = None,
    *,
    device: npt.ArrayLike = 0,
    received: npt.ArrayLike | None = None,
    quality: npt.ArrayLike = 0,
    quantity: str = "energy_import",
) -> Registers:
    """Readings of one meter at the bounds of its slots from T0 on, where nothing else is said."""
    values = np.asarray(value, np.float64)
    times = T0 + SLOT * np.arange(len(values)) if at is None else np.asarray(at, np.int64)
    return Registers(
        quantity=quantity,
        device=np.broadcast_to(np.asarray(device, np.int32), values.shape).copy(),
        measured_at=times,
        received_at=times if received is None else np.asarray(received, np.int64),
        value=values,
        quality=np.broadcast_to(np.asarray(quality, np.uint16), values.shape).copy(),
    )


def made(
    readings: Registers,
    slots: int,
    *,
    of: Meters | None = None,
    since: int = T0,
    settings: VeeSettings = SETTINGS,
    zone: ZoneInfo = UTC,
    changes: Sequence[MeterChange] = (),
    history: Intervals | None = None,
    check: Intervals | None = None,
) -> Intervals:
    return validate(
        readings,
        meters() if of is None else of,
        since,
        since + slots * SLOT,
        settings=settings,
        zone=zone,
        changes=changes,
        history=history,
        check=check,
    )


def words(intervals: Intervals) -> list[str]:
    return [IntervalStatus(status).word for status in intervals.status.tolist()]


def rules(intervals: Intervals) -> list[list[str]]:
    return [Rule(rule).words for rule in intervals.rules.tolist()]
