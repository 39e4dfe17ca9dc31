"""Everything about incidents, tickets and what is sent of them, put together."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Protocol

from fastapi import FastAPI

from alerts import sla
from alerts.callbacks import callers
from alerts.settings import AlertSettings
from gateway.api.access import audit
from gateway.api.access.gate import Gate
from gateway.api.cases import callbacks, deliveries, events, incidentacts, incidents, ticketacts, tickets
from gateway.api.cases.callbacks import Desks
from gateway.api.cases.deliveries import Sending
from gateway.api.cases.hub import Hub
from gateway.api.cases.instruct import Instructor
from gateway.api.cases.ticketacts import Hands
from gateway.api.cases.tickets import ShownTicket
from gateway.api.lookup import Finder
from gateway.api.state import GatewayState
from gateway.core.clock import Clock
from gateway.core.network import Network
from gateway.core.ports import Sink, TicketDesk
from gateway.store.access import Access
from gateway.store.acts import TicketActs
from gateway.store.changes import Changes
from gateway.store.deliveries import Deliveries
from gateway.store.reports import Reports
from gateway.store.targets import TargetStates


class CaseStore(Protocol):
    """What this needs of `gateway.store.store.Store`."""

    @property
    def reports(self) -> Reports: ...

    @property
    def access(self) -> Access: ...

    @property
    def acts(self) -> TicketActs: ...

    @property
    def deliveries(self) -> Deliveries: ...

    @property
    def targets(self) -> TargetStates: ...

    @property
    def changes(self) -> Changes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What incidents and tickets are worked with: `desk` moves tickets, `sink` takes what people say of incidents."""

    gate: Gate
    clock: Clock
    network: Network
    state: GatewayState
    sink: Sink
    desk: TicketDesk
    alerts: AlertSettings


def include(app: FastAPI, store: CaseStore, office: Office) -> Hub:
    """Add the routes; the hub is to be ended when the application stops.

    Raises InvalidInputError when the secret that a target calls back with cannot be had.
    """
    gate, clock, network = office.gate, office.clock, office.network
    finder = Finder(store.reports, network, gate, clock)
    instructor = Instructor(store.reports, office.sink, clock, office.state, network)
    shown = ShownTicket(functools.partial(sla.clocks, settings=office.alerts.sla), clock)
    hands = Hands(store.acts, office.desk, instructor, clock)
    desks = Desks(callers(office.alerts.targets), office.alerts, network)
    sending = Sending(store.targets, office.alerts, clock)
    hub = Hub(store.changes)
    for router in (
        tickets.build(store.reports, finder, shown, gate),
        ticketacts.build(store.reports, finder, hands, shown, gate),
        incidents.build(store.reports, finder, clock, gate),
        incidentacts.build(store.reports, finder, instructor, gate),
        deliveries.build_deliveries(store.deliveries, sending, finder, gate),
        deliveries.build_targets(sending, gate),
        audit.build(store.access, gate),
        events.build(hub, network, gate),
        callbacks.build(desks, hands, gate),
    ):
        app.include_router(router)
    return hub
