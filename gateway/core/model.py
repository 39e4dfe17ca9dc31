"""What flows through the gateway: columnar batches, plain signals, and what detectors conclude from them.

Times are integer microseconds since 1970 in UTC. Devices are integer keys of `core.inventory.Inventory`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag, StrEnum
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

Int32s: TypeAlias = npt.NDArray[np.int32]
Int64s: TypeAlias = npt.NDArray[np.int64]
Float64s: TypeAlias = npt.NDArray[np.float64]
UInt16s: TypeAlias = npt.NDArray[np.uint16]
Bools: TypeAlias = npt.NDArray[np.bool_]

GATEWAY = -1
"""Device key of signals that concern the gateway itself."""


class Quality(IntFlag):
    """Flags of one row of readings (uint16). Zero is a good row."""

    GOOD = 0
    NO_VALUE = (
        1  # at least one quantity came as a sentinel or NaN; it is NaN here, its raw form is in `rejected`
    )
    OUT_OF_RANGE = 2  # a value is outside physical plausibility; kept as sent
    TIME_ASSUMED = 4  # the device sent no time; measured_at is the time of the answer or of reception
    CLOCK_SUSPECT = 8  # the device's own time was impossible; measured_at is the time of reception
    PARTIAL = 16  # some quantities of the profile could not be read this time
    REDELIVERED = 32  # came again without a time of its own: it may repeat a row stored under an earlier time


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the small immutable records."""


class RejectedValue(Record, frozen=True, kw_only=True):
    """A value that is no value, kept as it came. Belongs to the row (device, measured_at) of its batch."""

    device: int
    measured_at: int
    quantity: str
    raw: str  # hex of the registers, or the text in the payload
    reason: str  # "no_value", "out_of_range"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Rows of readings in columns.

    quantities: k names from `core.quantities`;  device: int32[n];  measured_at, received_at: int64[n] µs UTC;
    values: float64[n, k] in canonical units, NaN for "not measured";  quality: uint16[n] of `Quality`.
    """

    quantities: tuple[str, ...]
    device: Int32s
    measured_at: Int64s
    received_at: Int64s
    values: Float64s
    quality: UInt16s
    source: str = ""  # the driver or broker session that read it: "modbus", "mqtt:field"
    rejected: tuple[RejectedValue, ...] = ()

    def __post_init__(self) -> None:
        n, k = len(self.device), len(self.quantities)
        shapes = (self.measured_at.shape, self.received_at.shape, self.quality.shape, self.values.shape)
        if shapes != ((n,), (n,), (n,), (n, k)):
            raise ValueError(f"columns of a batch of {n} rows and {k} quantities have shapes {shapes}")

    def __len__(self) -> int:
        return len(self.device)

    def column(self, quantity: str) -> Float64s | None:
        """Values float64[n] of one quantity, or None when the batch does not carry it."""
        try:
            return self.values[:, self.quantities.index(quantity)]
        except ValueError:
            return None

    @staticmethod
    def of(
        quantities: tuple[str, ...],
        device: npt.ArrayLike,
        measured_at: npt.ArrayLike,
        values: npt.ArrayLike,
        *,
        received_at: npt.ArrayLike | None = None,
        quality: npt.ArrayLike | None = None,
        source: str = "",
        rejected: tuple[RejectedValue, ...] = (),
    ) -> Batch:
        """Build a batch from anything array-like; `received_at` defaults to `measured_at`, quality to good."""
        dev = np.ascontiguousarray(device, dtype=np.int32)
        at = np.ascontiguousarray(measured_at, dtype=np.int64)
        return Batch(
            quantities=quantities,
            device=dev,
            measured_at=at,
            received_at=at if received_at is None else np.ascontiguousarray(received_at, dtype=np.int64),
            values=np.ascontiguousarray(values, dtype=np.float64).reshape(len(dev), len(quantities)),
            quality=np.zeros(len(dev), np.uint16)
            if quality is None
            else np.ascontiguousarray(quality, dtype=np.uint16),
            source=source,
            rejected=rejected,
        )


class SignalKind(StrEnum):
    LAST_GASP = "last_gasp"
    POWER_RESTORED = "power_restored"
    NO_ANSWER = "no_answer"  # a poll that timed out
    TARGET_FAILED = "target_failed"  # the concentrator answered that the meter did not: Modbus exception 0x0B
    CONNECTION_LOST = "connection_lost"  # TCP connection or will message
    CONNECTION_MADE = "connection_made"
    PING_OK = "ping_ok"
    PING_FAILED = "ping_failed"
    TAMPER = "tamper"
    METER_EVENT = "meter_event"  # `detail` begins with a name of MeterEventKind, then " end" where it ended
    GATEWAY_DOWN = "gateway_down"
    GATEWAY_UP = "gateway_up"


class Signal(Record, frozen=True, kw_only=True):
    """Something a device or the field side says or fails to say. `device` is GATEWAY for the gateway's own."""

    kind: SignalKind
    device: int
    received_at: int
    occurred_at: int | None = None  # by the device's own account
    reported_at: int | None = None  # when the device says it sent this
    source: str = ""
    detail: str = ""


class DeadLetter(Record, frozen=True, kw_only=True):
    """Input that could not be understood, kept whole with the reason."""

    received_at: int
    source: str
    topic: str
    payload: bytes
    reason: str


class Tick(Record, frozen=True, kw_only=True):
    """Time itself, as part of the stream: detectors conclude at ticks only, so a replay concludes the same."""

    at: int


class PlannedOutage(Record, frozen=True, kw_only=True):
    """A stretch of time [starts_at, ends_at) in which a node is to be without supply, as announced.

    A later entry with the same reference and node takes the place of the earlier one; `withdrawn` takes it away.
    """

    reference: str  # of the work order or the notice, as the operator knows it
    node: str
    starts_at: int
    ends_at: int
    received_at: int
    reason: str = ""
    by: str = ""  # who announced it
    withdrawn: bool = False


class Order(StrEnum):
    """What a person may tell the gateway to make of an incident."""

    CONFIRM = "confirm"  # it is real: nothing but a person takes it back or rolls it up
    CANCEL = "cancel"  # it is not real, whatever was heard so far
    MERGE = "merge"  # it is part of the incident `into`
    SPLIT = "split"  # its members at or below `node` are an incident of their own


class Instruction(Record, frozen=True, kw_only=True):
    """A person's word about an incident. What can no longer be done when it is read changes nothing."""

    id: str
    incident: str
    order: Order
    received_at: int
    by: str
    reason: str = ""
    into: str = ""  # incident id
    node: str = ""


class Drill(Record, frozen=True, kw_only=True):
    """An exercise: from `starts_at` to `ends_at` the detectors are shown an outage of `node` that is none."""

    id: str
    node: str
    starts_at: int
    ends_at: int
    received_at: int
    by: str
    reason: str = ""


class Reason(Record, frozen=True, kw_only=True):
    """One piece of evidence behind a suspicion."""

    rule: str  # its name in docs/usage.md: "lasting_drop", "energy_balance", "current_without_voltage", …
    weight: float  # what it adds to the log-odds; negative speaks for the customer
    words: str  # one sentence with its figures, for who goes there
    figures: dict[str, float] = msgspec.field(default_factory=dict)


class Suspicion(Record, frozen=True, kw_only=True):
    """What the daily look at meter data says of one metering point: the judgement of `until`, which takes the place of
    earlier ones. A later one with a low score says that nothing is left of it."""

    device: int
    received_at: int
    since: int  # when what it describes began, as well as can be told
    until: int  # end of the last day that it rests on
    score: float  # calibrated probability that an inspection finds something, 0 … 1
    reasons: tuple[Reason, ...]  # strongest first


Entry: TypeAlias = Batch | Signal | DeadLetter | Tick | PlannedOutage | Instruction | Drill | Suspicion


class IncidentKind(StrEnum):
    OUTAGE = "outage"
    PHASE_LOSS = "phase_loss"
    MOMENTARY = "momentary"
    PLANNED_OUTAGE = "planned_outage"
    COMMUNICATIONS_LOSS = "communications_loss"
    POWER_QUALITY = "power_quality"
    USAGE_ANOMALY = "usage_anomaly"


class IncidentState(StrEnum):
    OPEN = "open"
    RESTORED = "restored"  # supply is back by what we heard; a sample of members is still to be verified
    CLOSED = "closed"
    CANCELLED = "cancelled"  # withdrawn: the evidence was contradicted
    MERGED = "merged"  # absorbed by `parent`


class Incident(Record, frozen=True, kw_only=True):
    """An open-ended story with a cause node and members. Each change is a new record with a higher `revision`."""

    id: str
    kind: IncidentKind
    node: str
    phases: str  # like "ABC"
    state: IncidentState
    started_at: int
    detected_at: int
    restored_at: int | None = None
    ended_at: int | None = None
    customers: int
    devices: tuple[int, ...]
    parent: str = ""
    confidence: float
    direct: bool = False  # rests on direct evidence: its ticket needs no hold-off
    held_from: int | None = (
        None  # since when it is off again after a short restoration: a hold-off counts from then
    )
    relapsed_at: int | None = None  # when it was last found off again after supply had been back
    confirmed_by: str = ""  # the person who said that it is real
    ended_by: str = ""  # the person who withdrew it or said that it is part of another one
    ended_reason: str = ""  # as that person gave it
    drill: str = ""  # id of the exercise that it belongs to; empty for what is real
    summary: str  # the evidence in words an operator can check
    evidence: dict[str, Any] = msgspec.field(default_factory=dict)  # counts and times behind the words
    revision: int = 1


class SupplyState(StrEnum):
    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"


class Purpose(StrEnum):
    """Why a device is asked: to confirm what is uncertain, or to verify supply before an incident is closed."""

    CONFIRM = "confirm"
    CLOSE = "close"


class Question(Record, frozen=True, kw_only=True):
    """A detector wants a device asked now whether it has supply.

    The answer comes back in the stream, as a reading or as PING_OK, PING_FAILED or TARGET_FAILED.
    """

    device: int
    incident: str
    purpose: Purpose
    asked_at: int  # stream time


class Interruption(Record, frozen=True, kw_only=True):
    """One metering point's time off (or unknown) within an incident; `step` counts re-interruptions from 0."""

    incident: str
    device: int
    step: int
    state: SupplyState  # OFF or UNKNOWN
    started_at: int
    ended_at: int | None = None


class Change(StrEnum):
    OPENED = "opened"
    UPDATED = "updated"
    RESTORED = "restored"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    MERGED = "merged"


class Event(Record, frozen=True, kw_only=True):
    """What a detector concludes at `at`: the incident as it now is, and the interruptions that changed."""

    at: int
    change: Change
    incident: Incident
    interruptions: tuple[Interruption, ...] = ()


class MeterEventKind(StrEnum):
    """Events of a meter by DL/T 698.45, whoever finds them: the meter itself or we in its readings."""

    VOLTAGE_LOSS = "voltage_loss"
    UNDER_VOLTAGE = "under_voltage"
    OVER_VOLTAGE = "over_voltage"
    PHASE_BREAK = "phase_break"
    CURRENT_LOSS = "current_loss"
    REVERSE_POWER = "reverse_power"
    OVERLOAD = "overload"
    VOLTAGE_UNBALANCE = "voltage_unbalance"
    CURRENT_UNBALANCE = "current_unbalance"
    LOW_POWER_FACTOR = "low_power_factor"
    NEUTRAL_CURRENT = "neutral_current"
    CURRENT_WITHOUT_VOLTAGE = "current_without_voltage"
    COVER_OPEN = "cover_open"
    TERMINAL_COVER_OPEN = "terminal_cover_open"
    MAGNETIC_FIELD = "magnetic_field"
    CLOCK_FAULT = "clock_fault"


class MeterEvent(Record, frozen=True, kw_only=True):
    """A condition of one meter, or of one of its phases, from `started_at` to `ended_at` (None: it goes on).

    The same (device, kind, phase, started_at) again is its newer state.
    """

    device: int
    kind: MeterEventKind
    phase: str = ""  # "A", "B", "C", or empty for the whole meter
    started_at: int
    ended_at: int | None = None
    severe: bool = False
    extreme: float | None = None  # the value furthest beyond the limit, in the unit of `limit`
    limit: float | None = None
    source: str = "readings"  # or "device": the meter's own register or message


@dataclass(slots=True)
class Commit:
    """Everything that one stretch of the stream changes, written in a single transaction."""

    batches: list[Batch] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    planned: list[PlannedOutage] = field(default_factory=list)
    instructions: list[Instruction] = field(default_factory=list)
    drills: list[Drill] = field(default_factory=list)
    suspicions: list[Suspicion] = field(default_factory=list)
    meter_events: list[MeterEvent] = field(default_factory=list)
    at: int = 0  # stream time: the last tick within the stretch, 0 when there was none
    upto: int = 0  # last sequence number of the spool that it covers
