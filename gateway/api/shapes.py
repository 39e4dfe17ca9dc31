"""What the API answers with. Times are ISO 8601 in UTC, devices are named by their ids, shares lie between 0 and 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from gateway.api.parameters import Window
from gateway.api.state import Condition
from gateway.core.clock import format_time
from gateway.core.model import Transition
from gateway.store.accounts import TargetState
from gateway.store.views import DeliveryView, IncidentView, Indices, Reliability, SupplyNow, TicketView

Time = Annotated[
    int,
    PlainSerializer(format_time, return_type=str),
    Field(json_schema_extra={"format": "date-time"}),
]


class Shape(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class IncidentOut(Shape):
    """`devices` names the first hundred members at most; `device_count` is the full number."""

    id: str
    kind: str
    node: str
    node_name: str | None
    phases: str
    state: str
    started_at: Time
    detected_at: Time
    restored_at: Time | None
    ended_at: Time | None
    customers: int
    device_count: int
    devices: tuple[str, ...]
    parent: str
    confidence: float
    direct: bool
    summary: str
    evidence: dict[str, Any]
    revision: int
    ticket: str | None
    ticket_number: int | None


class IncidentsOut(Shape):
    """`next` is the `before` of the page that follows; null on the last one."""

    incidents: list[IncidentOut]
    next: str | None


class TransitionOut(Shape):
    revision: int
    at: Time
    action: str
    from_state: str | None
    to_state: str
    by: str
    reason: str


class DeliveryOut(Shape):
    id: str
    revision: int
    target: str
    state: str
    attempts: int
    status: int | None
    last_error: str | None
    created_at: Time
    next_at: Time
    delivered_at: Time | None


class TicketOut(Shape):
    id: str
    number: int
    incident: str
    state: str
    severity: int
    node: str
    node_name: str | None
    title: str
    customers: int
    opened_at: Time
    updated_at: Time
    closed_at: Time | None
    revision: int
    transitions: list[TransitionOut]
    deliveries: list[DeliveryOut]


class TicketsOut(Shape):
    """`next` is the `before` of the page that follows; null on the last one."""

    tickets: list[TicketOut]
    next: str | None


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


class SummaryOut(Shape):
    at: Time
    ready: bool
    reasons: list[str]
    customers: CustomersOut
    reliability: ReliabilityOut
    gateway: GatewayOut


class ReadyOut(Shape):
    ready: bool
    reasons: list[str]


def incident(view: IncidentView) -> IncidentOut:
    of = view.incident
    return IncidentOut(
        id=of.id,
        kind=of.kind,
        node=of.node,
        node_name=view.node_name,
        phases=of.phases,
        state=of.state,
        started_at=of.started_at,
        detected_at=of.detected_at,
        restored_at=of.restored_at,
        ended_at=of.ended_at,
        customers=of.customers,
        device_count=view.device_count,
        devices=view.devices,
        parent=of.parent,
        confidence=of.confidence,
        direct=of.direct,
        summary=of.summary,
        evidence=of.evidence,
        revision=of.revision,
        ticket=view.ticket,
        ticket_number=view.ticket_number,
    )


def ticket(view: TicketView) -> TicketOut:
    of = view.ticket
    return TicketOut(
        id=of.id,
        number=of.number,
        incident=of.incident,
        state=of.state,
        severity=of.severity,
        node=of.node,
        node_name=view.node_name,
        title=of.title,
        customers=of.customers,
        opened_at=of.opened_at,
        updated_at=of.updated_at,
        closed_at=of.closed_at,
        revision=of.revision,
        transitions=[_transition(step) for step in view.transitions],
        deliveries=[_delivery(message) for message in view.deliveries],
    )


def _transition(step: Transition) -> TransitionOut:
    return TransitionOut.model_validate(step)


def _delivery(message: DeliveryView) -> DeliveryOut:
    return DeliveryOut.model_validate(message)


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


def gateway(condition: Condition) -> GatewayOut:
    return GatewayOut(
        started_at=condition.started_at,
        stream_at=condition.stream_at or None,
        spool_bytes=condition.spool_bytes,
        lag_entries=condition.lag_entries,
        drivers=[DriverOut.model_validate(driver) for driver in condition.drivers],
    )
