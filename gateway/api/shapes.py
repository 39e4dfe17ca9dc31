"""What the API answers with. Times are ISO 8601 in UTC, devices are named by their ids, shares lie between 0 and 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from gateway.api.parameters import Window
from gateway.api.state import Condition
from gateway.core.clock import format_time
from gateway.core.model import Drill
from gateway.store.accounts import TargetState
from gateway.store.targets import TargetState as SendingState
from gateway.store.views import Indices, Reliability, SupplyNow, TicketCount

Time = Annotated[
    int,
    PlainSerializer(format_time, return_type=str),
    Field(json_schema_extra={"format": "date-time"}),
]


class Shape(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class WindowOut(Shape):
    name: str
    from_: Time = Field(serialization_alias="from")
    to: Time


class OpenOut(Shape):
    customers: int
    customer_minutes: float


class IndicesOut(Shape):
    """IEEE 1366. Null where nobody is served, the window is empty, or (CAIDI) nobody was interrupted."""

    customer_interruptions: int
    customer_minutes: float
    saifi: float | None
    saidi_minutes: float | None
    caidi_minutes: float | None
    asai: float | None
    maifi: float | None
    maifi_e: float | None
    caifi: float | None
    cemi: dict[str, float | None]
    celid_s: dict[str, float | None]
    celid_t: dict[str, float | None]
    open: OpenOut


class UnknownOut(Shape):
    customer_minutes: float
    share: float | None


class BasisOut(Shape):
    threshold_s: float
    comparator: str


class TargetsOut(Shape):
    asai: float
    saidi_minutes: float


class TargetStateOut(Shape):
    """Where a window stands against one target; minutes are customer minutes, spent holds what still goes on."""

    span: str
    index: str
    target: float
    window_from: Time = Field(serialization_alias="from")
    window_to: Time = Field(serialization_alias="to")
    served: int
    budget_minutes: float
    spent_minutes: float
    open_minutes: float
    left_minutes: float
    spent_share: float | None
    elapsed_share: float
    burn_rate: float | None
    forecast_minutes: float | None
    forecast: float | None
    state: str


class ClockFaultOut(Shape):
    """`error_s`: by how much the last signal's own time was ahead of its reception; null where only readings tell."""

    device: str
    node: str | None
    signals: int
    readings: int
    last_at: Time
    error_s: float | None


class ReliabilityOut(Shape):
    """Without (`fault`), with only (`planned`) and with planned interruptions (`all`)."""

    at: Time
    window: WindowOut
    served: int
    all: IndicesOut
    fault: IndicesOut
    planned: IndicesOut
    unknown: UnknownOut
    basis: BasisOut
    targets: TargetsOut
    target_states: list[TargetStateOut]


class CustomersOut(Shape):
    served: int
    on: int
    off: int
    unknown: int


class DriverOut(Shape):
    name: str
    state: str
    detail: str


class GatewayOut(Shape):
    started_at: Time
    stream_at: Time | None
    spool_bytes: int
    lag_entries: int
    drivers: list[DriverOut]
    alarms: list[str]


class TicketCountOut(Shape):
    """`late`: with a clock that ran out and still runs."""

    tickets: int
    late: int


class TicketsNowOut(TicketCountOut):
    """Tickets that live, exercises apart, in all and by state."""

    states: dict[str, TicketCountOut]


class LastDrillOut(Shape):
    id: str
    node: str
    starts_at: Time
    ends_at: Time
    by: str


class UndeliveredOut(Shape):
    """A target that does not get its messages: it is late, or it wants no more."""

    target: str
    state: str
    late: int
    dead: int
    since: Time | None
    reason: str


class SummaryOut(Shape):
    """`below`: what it is told of lies at or below these nodes; empty for the whole network. For a part of it
    `reliability` and `last_drill` elsewhere are null, and of targets nothing is told."""

    at: Time
    below: list[str]
    ready: bool
    reasons: list[str]
    customers: CustomersOut
    reliability: ReliabilityOut | None
    gateway: GatewayOut
    tickets: TicketsNowOut
    undelivered: list[UndeliveredOut]
    last_drill: LastDrillOut | None
    drill_due: bool


class ReadyOut(Shape):
    ready: bool
    reasons: list[str]


def _indices(indices: Indices) -> IndicesOut:
    return IndicesOut.model_validate(indices)


def reliability(
    account: Reliability, states: Sequence[TargetState], window: Window, at: int
) -> ReliabilityOut:
    return ReliabilityOut(
        at=at,
        window=WindowOut(name=window.name, from_=account.window_from, to=account.window_to),
        served=account.served,
        all=_indices(account.all),
        fault=_indices(account.fault),
        planned=_indices(account.planned),
        unknown=UnknownOut(customer_minutes=account.unknown_customer_minutes, share=account.unknown_share),
        basis=BasisOut(threshold_s=account.threshold_s, comparator=account.comparator),
        targets=TargetsOut(asai=account.asai_target, saidi_minutes=account.saidi_target_minutes),
        target_states=[TargetStateOut.model_validate(state) for state in states],
    )


def customers(now: SupplyNow) -> CustomersOut:
    return CustomersOut.model_validate(now)


def gateway(condition: Condition, *, whole: bool = True) -> GatewayOut:
    return GatewayOut(
        started_at=condition.started_at,
        stream_at=condition.stream_at or None,
        spool_bytes=condition.spool_bytes,
        lag_entries=condition.lag_entries,
        drivers=[DriverOut.model_validate(driver) for driver in condition.drivers],
        alarms=list(condition.alarms) if whole else [],
    )


def tickets(counts: Sequence[TicketCount]) -> TicketsNowOut:
    return TicketsNowOut(
        tickets=sum(count.tickets for count in counts),
        late=sum(count.late for count in counts),
        states={count.state: TicketCountOut(tickets=count.tickets, late=count.late) for count in counts},
    )


def drill(last: Drill | None) -> LastDrillOut | None:
    return None if last is None else LastDrillOut.model_validate(last)


def undelivered(states: Sequence[SendingState]) -> list[UndeliveredOut]:
    """Those of the targets that are late or disabled."""
    return [
        UndeliveredOut(
            target=state.target,
            state="late" if state.disabled_at is None else "disabled",
            late=state.late,
            dead=state.dead,
            since=state.disabled_at or state.late_since or state.oldest_pending_at,
            reason=state.reason,
        )
        for state in states
        if state.disabled_at is not None or state.late_since is not None or state.late
    ]


class PlaceOut(Shape):
    """A node as people know it."""

    id: str
    name: str
    kind: str
