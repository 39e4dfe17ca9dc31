"""Reliability of one window, and the summary that the page shows on top."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, NamedTuple, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request

from gateway.api import shapes
from gateway.api.access.gate import Gate
from gateway.api.access.scope import whole
from gateway.api.drill.exercises import due_at
from gateway.api.inventory.field import Field
from gateway.api.parameters import WindowChoice
from gateway.api.problems import within
from gateway.api.shared import Shared
from gateway.api.state import GatewayState
from gateway.core.access import Actor, Role
from gateway.core.clock import Clock
from gateway.store.accounts import Accounts, TargetState
from gateway.store.drills import Drills
from gateway.store.reports import Reports
from gateway.store.supply import Supply
from gateway.store.targets import TargetState as SendingState
from processors.drill.settings import DrillSettings

SUMMARY_KEPT_S = 1.0
"""For how long a summary is good enough for the next viewer; pages ask every two seconds."""

TARGETS_KEPT_S = 15.0
"""The same for budgets: the rolling year is looked through for them."""

SENDING_KEPT_S = 5.0
"""The same for what is not delivered."""


class Days(NamedTuple):
    """What time it is, and where days and months begin."""

    clock: Clock
    zone: ZoneInfo


Sending: TypeAlias = Callable[[], Awaitable[list[SendingState]]]
"""How sending to each target stands."""


class SummaryStore(Protocol):
    """What this needs of `gateway.store.store.Store`."""

    @property
    def reports(self) -> Reports: ...

    @property
    def accounts(self) -> Accounts: ...

    @property
    def drills(self) -> Drills: ...

    @property
    def supply(self) -> Supply: ...


def build(
    store: SummaryStore,
    sending: Sending,
    state: GatewayState,
    days: Days,
    *,
    drill: DrillSettings,
    field: Field,
    gate: Gate,
) -> APIRouter:
    reports, accounts, drills = store.reports, store.accounts, store.drills
    clock, zone = days
    api = APIRouter(prefix="/api")
    viewer = Depends(gate.needs(Role.VIEWER))

    async def target_states() -> list[TargetState]:
        return await within(accounts.targets(clock.now()))

    shared_targets = Shared(target_states, keep_s=TARGETS_KEPT_S)
    shared_sending = Shared(sending, keep_s=SENDING_KEPT_S)

    @api.get("/reliability", summary="Reliability indices of one window", operation_id="get_reliability")
    async def reliability(
        asked: Annotated[WindowChoice, Query()], request: Request, actor: Actor = viewer
    ) -> shapes.ReliabilityOut:
        whole(gate, request, actor, "these are figures of the whole network (see /api/reliability/accounts)")
        at = clock.now()
        window = asked.resolve(at, zone)
        account = await within(reports.reliability(window.low, window.high, at=at))
        return shapes.reliability(account, await shared_targets.get(), window, at)

    async def summarise() -> shapes.SummaryOut:
        at = clock.now()
        window = WindowChoice().resolve(at, zone)
        account = await within(reports.reliability(window.low, window.high, at=at))
        now = await within(reports.supply_now())
        reasons = state.ready()
        last = await within(drills.last())
        due = due_at(last, drill.every_days)
        return shapes.SummaryOut(
            at=at,
            below=[],
            ready=not reasons,
            reasons=reasons,
            customers=shapes.customers(now),
            reliability=shapes.reliability(account, await shared_targets.get(), window, at),
            gateway=shapes.gateway(state.condition()),
            tickets=shapes.tickets(await within(reports.ticket_counts())),
            undelivered=shapes.undelivered(await shared_sending.get()),
            last_drill=shapes.drill(last),
            drill_due=due is None or at >= due,
        )

    shared_summary = Shared(summarise, keep_s=SUMMARY_KEPT_S)
    shared_loss = Shared(lambda: within(store.supply.without()), keep_s=SUMMARY_KEPT_S)

    async def of_a_part(actor: Actor) -> shapes.SummaryOut:
        of_all = await shared_summary.get()
        tops = field.tops(actor)
        lost = await asyncio.to_thread(field.lost, await shared_loss.get())
        served, off, unknown = (int(sums[tops].sum()) for sums in (field.customers, lost.off, lost.unknown))
        names = [field.network.ids[top] for top in tops]
        last = of_all.last_drill
        return of_all.model_copy(
            update={
                "below": names,
                "customers": shapes.CustomersOut(
                    served=served, on=served - off - unknown, off=off, unknown=unknown
                ),
                "reliability": None,
                "gateway": shapes.gateway(state.condition(), whole=False),
                "tickets": shapes.tickets(await within(reports.ticket_counts(names))),
                "undelivered": [],
                "last_drill": last if last and actor.reaches(last.node, field.network) else None,
            }
        )

    @api.get("/summary", summary="What the page shows on top", operation_id="get_summary")
    async def summary(actor: Actor = viewer) -> shapes.SummaryOut:
        return await of_a_part(actor) if actor.below else await shared_summary.get()

    return api
