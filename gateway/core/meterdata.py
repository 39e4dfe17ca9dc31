"""Energy per interval, made from register readings: the columns, how an interval stands, and what touched it.

Times are integer microseconds since 1970 in UTC. Devices are integer keys of `core.inventory.Inventory`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag, StrEnum

import numpy as np
import numpy.typing as npt

from gateway.core.model import Bools, Float64s, Int32s, Int64s, Record, UInt16s

UInt8s = npt.NDArray[np.uint8]


class IntervalStatus(IntEnum):
    """How an interval stands, from the least to the most trusted. What is told outside is `word`."""

    MISSING = 0  # nothing to estimate it from
    ESTIMATED = 1  # made from what was measured around it or on like days; never counts as collected
    SUSPECT = 2  # measured, and a rule says that it may be wrong; the value is as measured
    VALID = 3  # measured, no rule objects
    EDITED = 4  # a person's value; nothing but a person changes it

    @property
    def word(self) -> str:
        return self.name.lower()


class Rule(IntFlag):
    """What was found of an interval, or done to it: int64 flags, append-only. Told outside by `words`.

    Of readings at or between the interval's ends: what was found. Of the interval: what the validations of its class
    say. Of its value: what made it.
    """

    NONE = 0
    # of the readings
    NO_VALUE = 1 << 0  # a sentinel, NaN or a transient zero of a counter: not a value
    DUPLICATE = 1 << 1  # the same time twice with different values; the first one holds
    UNORDERED = 1 << 2  # came after readings of later times
    FUTURE = 1 << 3  # dated after it was received
    BEFORE_INSTALLATION = 1 << 4
    CLOCK = 1 << 5  # the meter's clock was set, or is suspect
    INTERVAL_SIZE = 1 << 6  # readings do not lie on the interval's grid
    UNIT = 1 << 7  # in another unit than registered
    MULTIPLIER = 1 << 8  # the multiplier changed, or differs from what is registered
    ROLLOVER = 1 << 9
    RESET = 1 << 10
    EXCHANGE = 1 << 11  # another meter's register from here on
    REVERSE = 1 << 12  # the register ran backwards
    # of the interval
    MISSING = 1 << 13
    NEGATIVE = 1 << 14
    ZERO_USE = 1 << 15
    HIGH = 1 << 16
    LOW = 1 << 17
    SPIKE = 1 << 18
    SUM = 1 << 19  # the day's intervals do not add up to what the register counted
    CHECK_METER = 1 << 20
    CONSECUTIVE_ESTIMATES = 1 << 21
    INACTIVE = 1 << 22  # use at a meter that is registered as inactive
    # of its value
    INTERPOLATED = 1 << 23  # linear between the readings around it
    LIKE_DAYS = 1 << 24  # shaped as like days were
    SCALED = 1 << 25  # made to add up to what the register counted
    EDITED = 1 << 26
    LATE = 1 << 27  # readings that came later took the place of an estimate

    @property
    def words(self) -> list[str]:
        """Names of the flags that are set, in the order above."""
        return [rule.name.lower() for rule in Rule if rule & self and rule.name]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Registers:
    """Readings of one register quantity, in any order.

    device: int32[n];  measured_at, received_at: int64[n] µs UTC;  value: float64[n] in the quantity's unit, NaN for
    "no value";  quality: uint16[n] of `core.model.Quality`.
    """

    quantity: str
    device: Int32s
    measured_at: Int64s
    received_at: Int64s
    value: Float64s
    quality: UInt16s

    def __len__(self) -> int:
        return len(self.device)

    def of(self, devices: Int32s) -> Registers:
        """Those of these devices."""
        which = np.isin(self.device, devices)
        return Registers(
            quantity=self.quantity,
            device=self.device[which],
            measured_at=self.measured_at[which],
            received_at=self.received_at[which],
            value=self.value[which],
            quality=self.quality[which],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Intervals:
    """Energy of one register quantity by interval [start, end), ordered by device and start.

    device: int32[n];  start, end: int64[n] µs UTC;  raw: float64[n], the plain difference of the readings at its ends
    as they came, NaN where one lacks;  value: float64[n], what is billed, NaN where it is missing;
    status: uint8[n] of `IntervalStatus`;  rules: int64[n] of `Rule`.
    """

    quantity: str
    device: Int32s
    start: Int64s
    end: Int64s
    raw: Float64s
    value: Float64s
    status: UInt8s
    rules: Int64s

    def __len__(self) -> int:
        return len(self.device)

    def rows(self, which: Bools) -> Intervals:
        """Those of them. which: bool[n]."""
        return Intervals(
            quantity=self.quantity,
            device=self.device[which],
            start=self.start[which],
            end=self.end[which],
            raw=self.raw[which],
            value=self.value[which],
            status=self.status[which],
            rules=self.rules[which],
        )


class ChangeOf(StrEnum):
    """What was changed of a meter that its register readings do not say themselves."""

    EXCHANGE = "exchange"  # another meter from here on; registers before and after are not compared
    MULTIPLIER = "multiplier"  # `before` and `after` are ct_ratio × pt_ratio
    CLOCK = "clock"  # the clock was set by `after` − `before` seconds
    RESET = "reset"  # the register was set to `after`


class MeterChange(Record, frozen=True, kw_only=True):
    """A change of a meter at `at`, as registered. `before` and `after` are the register's last and first reading in
    kWh of an exchange or reset where they are known."""

    device: int
    at: int
    of: ChangeOf
    before: float | None = None
    after: float | None = None
    by: str = ""
    reason: str = ""


class IntervalEdit(Record, frozen=True, kw_only=True):
    """A person's value for the intervals of a device within [start, end), shared out as they were; None takes back
    what persons said before."""

    device: int
    quantity: str
    start: int
    end: int
    value: float | None  # kWh (kvarh) of the whole stretch
    by: str
    at: int
    reason: str


class GapCause(StrEnum):
    """Why intervals that were expected were not collected."""

    SUPPLY = "supply"  # the meter was without supply
    DEVICE = "device"  # its path worked for others, or it answered without this
    COMMUNICATIONS = "communications"  # what stands in between was silent, for others too
    GATEWAY = "gateway"  # the gateway was away itself


GAP_CAUSES: tuple[GapCause, ...] = tuple(GapCause)
"""The order of causes in columns, append-only."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CollectionDays:
    """What was expected of devices on local days, and what came; one row per device and day of one quantity.

    device: int32[n];  day: int64[n] µs UTC, when the local day begins;  expected, collected, estimated, missing,
    edited: int32[n] intervals, where collected are those measured (whoever edited them later) and estimated and missing
    count by how they stand;  lacking: int32[n, 4], expected and not collected by cause, in the order of `GAP_CAUSES`.
    """

    quantity: str
    device: Int32s
    day: Int64s
    expected: Int32s
    collected: Int32s
    estimated: Int32s
    missing: Int32s
    edited: Int32s
    lacking: Int32s

    def __len__(self) -> int:
        return len(self.device)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gaps:
    """Stretches [start, end) whose intervals were expected of a device and not collected.

    device: int32[n];  start, end: int64[n] µs UTC;  cause: uint8[n], its place in `GAP_CAUSES`.
    """

    quantity: str
    device: Int32s
    start: Int64s
    end: Int64s
    cause: UInt8s

    def __len__(self) -> int:
        return len(self.device)
