"""What the daily look at meter data rests on: one local day of all customers, and what is registered of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from gateway.core.clock import SECOND, from_datetime, to_datetime
from gateway.core.errors import InvalidInputError
from gateway.core.inventory import Inventory
from gateway.core.meterdata import Intervals, IntervalStatus, UInt8s
from gateway.core.model import Bools, Int32s, MeterEventKind, UInt16s

Float32s = npt.NDArray[np.float32]
UInt32s = npt.NDArray[np.uint32]

EVENT_KINDS: tuple[MeterEventKind, ...] = tuple(MeterEventKind)
"""Columns of `UsageDay.events`."""
ALL_HOURS = (1 << 24) - 1
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UsageDay:
    """One local day of n customers on one grid of intervals.

    devices: int32[n];  start, end: the day's bounds, µs UTC;  number: the local date as days since 1970-01-01;
    interval_s;  hour: uint8[slots], local hour of each slot;
    import_kwh: float32[n, slots], NaN where missing;  status: uint8[n, slots] of `IntervalStatus`;
    export_kwh: float32[n, slots], or None where nobody's is at hand;
    voltage_seen: float32[n], share of the day in which the meter showed voltage, NaN for unknown;
    events: uint16[n, len(EVENT_KINDS)], how many began that day;
    phase_power: float32[n, 3] W, phase_current: float32[n, 3] A, means of the day's readings, NaN where not measured;
    disconnected: bool[n], no supply is owed: cut off by the distributor, or no contract, during the whole day;
    anomalies: uint16[n], unexplained resets and reversals of the register that day.
    """

    devices: Int32s
    start: int
    end: int
    number: int
    interval_s: int
    hour: UInt8s
    import_kwh: Float32s
    status: UInt8s
    export_kwh: Float32s | None = None
    voltage_seen: Float32s | None = None
    events: UInt16s | None = None
    phase_power: Float32s | None = None
    phase_current: Float32s | None = None
    disconnected: Bools | None = None
    anomalies: UInt16s | None = None

    def __len__(self) -> int:
        return len(self.devices)

    @property
    def weekday(self) -> int:
        """0 Monday … 6 Sunday."""
        return weekday_of(self.number)


def number_of(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - _EPOCH


def weekday_of(number: int) -> int:
    """0 Monday … 6 Sunday; 1970-01-01 was a Thursday."""
    return (number + 3) % 7


def bounds_of(day: date, zone: ZoneInfo) -> tuple[int, int]:
    """[start, end) of a local day in µs UTC."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    following = day + timedelta(days=1)
    return from_datetime(midnight), from_datetime(
        datetime(following.year, following.month, following.day, tzinfo=zone)
    )


def hours_of(start: int, end: int, interval_s: int, zone: ZoneInfo) -> UInt8s:
    """Local hour of each slot of [start, end): uint8[slots]."""
    step = interval_s * SECOND
    return np.array([to_datetime(at).astimezone(zone).hour for at in range(start, end, step)], np.uint8)


def grid(
    intervals: Intervals, devices: Int32s, start: int, end: int, interval_s: int
) -> tuple[Float32s, UInt8s]:
    """Energy and status of [start, end) by device and slot; what is not among `intervals` is missing.

    Energy of a longer interval is shared out over its slots. Returns (float32[n, slots], uint8[n, slots]).
    """
    step = interval_s * SECOND
    slots = (end - start) // step
    value = np.full((len(devices), slots), np.nan, np.float32)
    status = np.full((len(devices), slots), IntervalStatus.MISSING, np.uint8)
    if not len(devices):
        return value, status
    order = np.argsort(devices, kind="stable")
    at = np.minimum(np.searchsorted(devices, intervals.device, sorter=order), len(devices) - 1)
    row = order[at]
    here = (devices[row] == intervals.device) & (intervals.end > start) & (intervals.start < end)
    first = (intervals.start - start) // step
    long = np.maximum((intervals.end - intervals.start) // step, 1)
    for k in range(int(long[here].max(initial=0))):
        wanted = here & (first + k >= 0) & (first + k < slots) & (k < long)
        rows, columns = row[wanted], (first + k)[wanted]
        value[rows, columns] = intervals.value[wanted] / long[wanted]
        status[rows, columns] = intervals.status[wanted]
    return value, status


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CustomerFacts:
    """What is registered of n customers, in the order of the day's devices.

    transformer: int32[n], network index, −1 for none;  customer_class: int32[n], any numbering;
    contract_kw: float32[n], NaN for none;  generation_kw: float32[n], 0 for none;
    hours: uint32[n], bit h set where the contract allows use in local hour h;  phases: uint8[n], a mask.
    """

    transformer: Int32s
    customer_class: Int32s
    contract_kw: Float32s
    generation_kw: Float32s
    hours: UInt32s
    phases: UInt8s

    def __len__(self) -> int:
        return len(self.transformer)

    def part(self, rows: slice) -> CustomerFacts:
        return CustomerFacts(
            transformer=self.transformer[rows],
            customer_class=self.customer_class[rows],
            contract_kw=self.contract_kw[rows],
            generation_kw=self.generation_kw[rows],
            hours=self.hours[rows],
            phases=self.phases[rows],
        )

    @staticmethod
    def of(inventory: Inventory, devices: Int32s) -> CustomerFacts:
        """Attributes `contract_kw`, `generation_kw`, `contract_hours` (as `22-6` or `0-8,22-24`), `customer_class`.

        Raises InvalidInputError with every attribute that cannot be understood, by device.
        """
        n = len(devices)
        faults: list[str] = []
        classes: dict[str, int] = {}
        code, hours = np.zeros(n, np.int32), np.full(n, ALL_HOURS, np.uint32)
        contract, generation = np.full(n, np.nan, np.float32), np.zeros(n, np.float32)
        for i, key in enumerate(devices.tolist()):
            if inventory.node[key] < 0:
                continue
            device = inventory.device(key)
            extra = device.attributes
            code[i] = classes.setdefault(extra.get("customer_class", ""), len(classes))
            for name, column in (("contract_kw", contract), ("generation_kw", generation)):
                if text := extra.get(name, ""):
                    column[i] = _kilowatts(
                        text, f"device {device.id}: {name}", faults, more=name == "contract_kw"
                    )
            if text := extra.get("contract_hours", ""):
                hours[i] = _hours(text, f"device {device.id}: contract_hours", faults)
        if faults:
            raise InvalidInputError(faults)
        return CustomerFacts(
            transformer=inventory.transformer()[devices],
            customer_class=code,
            contract_kw=contract,
            generation_kw=generation,
            hours=hours,
            phases=inventory.phases[devices],
        )


def _kilowatts(text: str, where: str, faults: list[str], *, more: bool) -> float:
    """more: than 0. In the words that validation and supply quality have for it, so that it is told once."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e7 or (more and not value):
        wanted = "of kW above 0" if more else "below 10000000" if 1e7 <= value < math.inf else "of 0 or more"
        faults.append(f"{where} {text!r} is not a number {wanted}")
        return 0.0
    return value


def _hours(text: str, where: str, faults: list[str]) -> int:
    mask = 0
    for part in text.split(","):
        frm, dash, till = part.strip().partition("-")
        if not (dash and frm.isdecimal() and till.isdecimal() and int(frm) <= 23 and int(till) <= 24):
            faults.append(f"{where} {text!r} is not like 22-6 or 0-8,22-24")
            return ALL_HOURS
        first, last = int(frm), int(till)
        mask |= sum(1 << h % 24 for h in range(first, last if last > first else last + 24))
    return mask
