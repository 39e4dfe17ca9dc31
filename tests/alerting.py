"""What the tests of alerts share: a small district, incidents in it, and an outbox in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import msgspec

from alerts.settings import AlertSettings
from alerts.targets import TargetSettings
from gateway.core.clock import SECOND, parse_time
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Incident, IncidentKind, IncidentState
from gateway.core.network import Network
from gateway.core.ticket import Delivery

AT = parse_time("2026-03-01T08:00:00Z")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_" + "QUJD" * 8


def district(meters: int = 60) -> Inventory:
    """One substation, feeder and two transformers; all meters but the last two hang below T12."""
    network = Network(
        ["S", "F", "T12", "T13", "V1"],
        ["", "S", "F", "F", "T12"],
        ["substation", "feeder", "transformer", "transformer", "service"],
        names=["North", "F", "Market Street", "T13", "V1"],
        lat=[52.0, float("nan"), 52.1, float("nan"), float("nan")],
        lon=[4.0, float("nan"), 4.1, float("nan"), float("nan")],
    )
    devices = [Device(id=f"M{i}", node="T12" if i < meters - 2 else "T13") for i in range(meters)]
    devices[0] = Device(id="M0", node="T12", priority="important", customers=3)
    devices[-1] = Device(id=f"M{meters - 1}", node="T13", priority="critical")
    return Inventory(devices, network)


def outage(
    kind: IncidentKind = IncidentKind.OUTAGE,
    state: IncidentState = IncidentState.OPEN,
    *,
    id: str = "inc-1",  # noqa: A002
    node: str = "T12",
    customers: int = 48,
    devices: tuple[int, ...] = tuple(range(1, 49)),
    revision: int = 1,
    direct: bool = False,
    confidence: float = 0.9,
    started_at: int = AT - 5 * SECOND,
    restored_at: int | None = None,
    parent: str = "",
    phases: str = "ABC",
) -> Incident:
    return Incident(
        id=id,
        kind=kind,
        node=node,
        phases=phases,
        state=state,
        started_at=started_at,
        detected_at=AT,
        restored_at=restored_at,
        customers=customers,
        devices=devices,
        parent=parent,
        confidence=confidence,
        direct=direct,
        summary="31 of 48 meters sent a last gasp within 12 s",
        evidence={"last_gasps": 31, "share": 0.65, "first": "M4", "score": float("nan")},
        revision=revision,
    )


NO_CLOCKS = {
    clock: dict.fromkeys(("urban", "rural", "remote"), (None, None, None))
    for clock in ("response", "arrival", "arrival_limit", "restoration")
}
"""Limits for `alerts.sla` under which no clock runs."""


def settings(*targets: TargetSettings, **changes: object) -> AlertSettings:
    return AlertSettings.model_validate({"targets": targets, **changes})


def target(url: str = "https://desk.example/hook", name: str = "desk", **changes: object) -> TargetSettings:
    return TargetSettings.model_validate(
        {"name": name, "url": url, "secret": {"env": "DESK_SECRET"}, **changes}
    )


@dataclass(slots=True)
class Row:
    delivery: Delivery
    next_at: int
    lease_until: int = 0
    state: str = "pending"
    status: int = 0
    errors: list[str] = field(default_factory=list)
    retries: list[int] = field(default_factory=list)  # next_at of every failure


class MemoryOutbox:
    """Behaves as the table does: leases, order per ticket and target, retries when due."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.references: dict[tuple[str, str], str] = {}  # subject, target → what the target calls it
        self.disabled: dict[str, str] = {}  # target → why
        self.faults: list[Exception] = []  # raised by the next calls, one each
        self._added = asyncio.Event()

    def add(self, *deliveries: Delivery) -> None:
        for delivery in deliveries:
            self.rows[delivery.id] = Row(delivery, next_at=delivery.created_at)
        self.poke()

    def poke(self) -> None:
        """Wake the dispatcher, as an insert does; for when the clock was moved."""
        self._added.set()

    def states(self) -> list[str]:
        return [row.state for row in self.rows.values()]

    def _fail(self) -> None:
        if self.faults:
            raise self.faults.pop(0)

    async def claim(self, *, at: int, lease: int, limit: int) -> list[Delivery]:
        self._fail()
        first: dict[tuple[str, str], Row] = {}
        for row in sorted(self.rows.values(), key=lambda row: row.delivery.revision):
            if row.state == "pending" and row.delivery.target not in self.disabled:
                first.setdefault((row.delivery.subject, row.delivery.target), row)
        due = [row for row in first.values() if row.next_at <= at and row.lease_until <= at][:limit]
        for row in due:
            row.lease_until = at + lease
        return [
            msgspec.structs.replace(
                row.delivery,
                reference=self.references.get((row.delivery.subject, row.delivery.target), ""),
            )
            for row in due
        ]

    async def delivered(self, delivery: Delivery, *, at: int, status: int, reference: str = "") -> None:
        self._fail()
        row = self.rows[delivery.id]
        row.state, row.status = "delivered", status
        if reference:
            self.references[delivery.subject, delivery.target] = reference

    async def failed(self, delivery: Delivery, *, at: int, next_at: int | None, error: str) -> None:
        self._fail()
        row = self.rows[delivery.id]
        row.errors.append(error)
        row.lease_until = 0
        row.delivery = msgspec.structs.replace(delivery, attempts=delivery.attempts + 1)
        if next_at is None:
            row.state = "dead"
        else:
            row.next_at = next_at
            row.retries.append(next_at)

    async def disable(self, target: str, *, at: int, reason: str) -> None:
        self._fail()
        self.disabled[target] = reason
        for row in self.rows.values():
            if row.delivery.target == target and row.state == "pending":
                row.state = "dead"

    async def wait(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._added.wait()
        except TimeoutError:
            return
        self._added.clear()
