"""The account of supply in detail: by place and time, DL/T 836, major event days, targets; and wrong clocks."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from msgspec import structs
from pydantic import Field

from gateway.api.access.gate import Gate
from gateway.api.parameters import Window, WindowChoice
from gateway.api.problems import within
from gateway.api.shapes import ClockFaultOut, Shape, TargetStateOut, Time, WindowOut
from gateway.core.access import Actor, Role
from gateway.core.clock import Clock
from gateway.core.model import Record
from gateway.core.network import Network
from gateway.store.accounts import Accounts

MOST_ACCOUNTS = 10_000
_NODES = ("node", "feeder", "transformer")  # whose keys are nodes
_WHOLE = (
    "these are figures of the whole network, and this token is for a part of it; "
    "ask by node, feeder or transformer"
)


class AccountChoice(WindowChoice):
    """`place` says by what to group; `period` also by day, month or year; `limit`: worst first within each period."""

    place: Literal["all", "node", "feeder", "transformer", "district", "customer_class"] = "all"
    period: Literal["day", "month", "year"] | None = None
    kind: Literal["all", "fault", "planned"] = "all"
    basis: Literal["lv", "mv"] = "lv"
    limit: Annotated[int, Field(ge=1, le=MOST_ACCOUNTS)] = 500


class BasisChoice(WindowChoice):
    basis: Literal["lv", "mv"] = "lv"


class AccountOut(Shape):
    """`key` is the id of a node, a district or a class, empty where there is none. On the basis `mv` users are
    transformers and momentary events are not told."""

    key: str
    name: str | None
    kind: str | None
    period_from: Time = Field(serialization_alias="from")
    period_to: Time = Field(serialization_alias="to")
    served: int
    customer_interruptions: int
    customer_minutes: float
    momentary_interruptions: int
    momentary_events: int | None
    open_customers: int
    open_customer_minutes: float
    unknown_customer_minutes: float
    saifi: float | None
    saidi_minutes: float | None
    caidi_minutes: float | None
    asai: float | None
    maifi: float | None
    maifi_e: float | None
    unknown_share: float | None


class AccountsOut(Shape):
    at: Time
    window: WindowOut
    place: str
    kind: str
    basis: str
    accounts: list[AccountOut]


class Dlt836Out(Shape):
    at: Time
    window: WindowOut
    basis: str
    threshold_s: float
    saidi_1_hours: float | None
    saidi_s_hours: float | None
    saidi_f_hours: float | None
    saifi_1: float | None
    saifi_s: float | None
    saifi_f: float | None
    asai_1: float | None
    customer_hours: float
    customer_hours_s: float
    customer_hours_f: float


class EventDayOut(Shape):
    day: Time
    customer_interruptions: int
    customer_minutes: float
    saifi: float | None
    saidi_minutes: float | None
    major: bool


class SplitOut(Shape):
    customer_interruptions: int
    customer_minutes: float
    saifi: float
    saidi_minutes: float
    caidi_minutes: float | None


class MajorEventsOut(Shape):
    """Days that had interruptions, and the window with (`all`) and without (`normal`) major event days."""

    at: Time
    window: WindowOut
    alpha: float | None
    beta: float | None
    t_med_minutes: float | None
    history_from: Time
    history_days: int
    provisional: bool
    days: list[EventDayOut]
    all: SplitOut
    normal: SplitOut
    major: SplitOut


class TargetsStateOut(Shape):
    at: Time
    targets: list[TargetStateOut]


class ClockFaultsOut(Shape):
    at: Time
    devices: list[ClockFaultOut]


def build(accounts: Accounts, clock: Clock, zone: ZoneInfo, gate: Gate, network: Network) -> APIRouter:
    api = APIRouter(prefix="/api")
    viewer = Depends(gate.needs(Role.VIEWER))

    async def of_the_whole(request: Request, actor: Actor = viewer) -> None:
        """Figures of the whole network are not for those who have a part of it."""
        if actor.below:
            gate.deny(request, "area", actor)
            raise HTTPException(403, _WHOLE)

    whole = [Depends(of_the_whole)]

    @api.get("/reliability/accounts", summary="Accounts by place and time")
    async def by(
        request: Request, asked: Annotated[AccountChoice, Query()], actor: Actor = viewer
    ) -> AccountsOut:
        if asked.place not in _NODES:
            await of_the_whole(request, actor)
        at = clock.now()
        window = asked.resolve(at, zone)
        found = await within(
            accounts.by(
                asked.place,
                window.low,
                window.high,
                at=at,
                of=asked.kind,
                basis=asked.basis,
                period=asked.period,
                limit=MOST_ACCOUNTS if actor.below else asked.limit,
            )
        )
        if actor.below:
            found = [account for account in found if actor.reaches(account.key, network)][: asked.limit]
        return AccountsOut(
            at=at,
            window=_window(window),
            place=asked.place,
            kind=asked.kind,
            basis=asked.basis,
            accounts=[AccountOut.model_validate(account) for account in found],
        )

    @api.get(
        "/reliability/dlt-836",
        summary="Indices by the names and in the hours of DL/T 836",
        dependencies=whole,
    )
    async def dlt_836(asked: Annotated[BasisChoice, Query()]) -> Dlt836Out:
        at = clock.now()
        window = asked.resolve(at, zone)
        found = await within(accounts.dlt_836(window.low, window.high, at=at, basis=asked.basis))
        return Dlt836Out(at=at, window=_window(window), basis=asked.basis, **_fields(found))

    @api.get(
        "/reliability/major-events",
        summary="Major event days, and the window with and without them",
        dependencies=whole,
    )
    async def major_events(asked: Annotated[WindowChoice, Query()]) -> MajorEventsOut:
        at = clock.now()
        window = asked.resolve(at, zone)
        found = await within(accounts.major_events(window.low, window.high, at=at))
        return MajorEventsOut(at=at, window=_window(window), **_fields(found))

    @api.get(
        "/reliability/targets",
        summary="Budgets of the targets: spent, left, burn rate, forecast",
        dependencies=whole,
    )
    async def targets() -> TargetsStateOut:
        at = clock.now()
        found = await within(accounts.targets(at))
        return TargetsStateOut(at=at, targets=[TargetStateOut.model_validate(state) for state in found])

    @api.get("/devices/clock-faults", summary="Devices whose clocks were wrong within the last day")
    async def clock_faults(actor: Actor = viewer) -> ClockFaultsOut:
        at = clock.now()
        found = [
            fault
            for fault in await within(accounts.clock_faults(at))
            if actor.reaches(fault.node or "", network)
        ]
        return ClockFaultsOut(at=at, devices=[ClockFaultOut.model_validate(fault) for fault in found])

    return api


def _window(window: Window) -> WindowOut:
    return WindowOut(name=window.name, from_=window.low, to=window.high)


def _fields(record: Record) -> dict[str, Any]:
    return structs.asdict(record)
