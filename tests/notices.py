"""Steps of a ticket as formats are given them, and a target that can be spoken to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from alerts.exchange import Reply
from alerts.formats import FORMATS, AlarmNotice, Clock, Notice, StormNotice
from alerts.targets import TargetSettings
from alerts.webhook import Endpoint, open_session
from gateway.core.clock import MINUTE, SECOND, SystemClock
from gateway.core.clock import Clock as TimeSource
from gateway.core.model import Incident
from gateway.core.ticket import Delivery, Storm, Ticket, TicketState, Transition
from simulator.desks import USER, DeskServer
from tests.alerting import AT, district, outage

INVENTORY = district()
TICKET = Ticket(
    id="tkt-a34a84587bc9d446af0aecb8",
    number=1017,
    incident="inc-1",
    state=TicketState.PREDICTED,
    severity=2,
    node="T12",
    title="Outage below transformer T12 (Market Street), 48 customers",
    customers=48,
    opened_at=AT,
    updated_at=AT,
    started_at=AT - 5 * SECOND,
    area="urban",
)


def notice(
    action: str = "open",
    state: TicketState = TicketState.PREDICTED,
    *,
    before: TicketState | None = None,
    revision: int = 1,
    first: bool | None = None,
    reason: str = "31 of 48 meters sent a last gasp within 12 s",
    origin: str = "detector",
    by: str = "detector",
    incident: Incident | None = None,
    public_url: str = "https://ops.example/",
    max_devices: int = 50,
    detail: dict[str, Any] | None = None,
    ticket: dict[str, Any] | None = None,
    **changes: Any,
) -> Notice:
    at = AT + (revision - 1) * MINUTE
    stood = msgspec.structs.replace(TICKET, state=state, revision=revision, updated_at=at, **(ticket or {}))
    step = Transition(
        ticket=stood.id,
        revision=revision,
        at=at,
        action=action,
        from_state=before,
        to_state=state,
        by=by,
        reason=reason,
        origin=origin,
        detail=detail or {},
    )
    made = Notice(
        ticket=stood,
        transition=step,
        incident=incident or outage(),
        inventory=INVENTORY,
        public_url=public_url,
        max_devices=max_devices,
        first=action == "open" if first is None else first,
        clocks=(Clock(name="arrival", due_at=AT + 45 * MINUTE, stopped_at=None),),
    )
    return replace(made, **changes)


def storm(count: int = 2, *, ended_at: int | None = None, **changes: Any) -> StormNotice:
    tickets = [
        msgspec.structs.replace(TICKET, number=n, severity=1 + n % 3, drill="drl-1" if n == 1 else "")
        for n in range(count)
    ]
    return replace(
        StormNotice(
            storm=Storm(id="storm-1", began_at=AT, summaries=3, told_at=AT, ended_at=ended_at),
            tickets=tickets,
            opened=4,
            ended=1,
            inventory=INVENTORY,
            public_url="https://ops.example",
            at=AT + MINUTE,
        ),
        **changes,
    )


def alarm(count: int = 2, **changes: Any) -> AlarmNotice:
    return replace(
        AlarmNotice(
            late_target="desk",
            count=count,
            oldest_at=AT,
            error="503: try later",
            public_url="https://ops.example",
            at=AT + 3 * MINUTE,
        ),
        **changes,
    )


def delivery(made: Notice, target: TargetSettings, *, reference: str = "", attempts: int = 0) -> Delivery:
    """The step as it waits in the outbox for this target."""
    message = FORMATS.get(target.format).ticket(replace(made, options=target.options))
    assert message is not None
    return Delivery(
        id=f"msg_{made.ticket.revision:024x}",
        subject=made.ticket.id,
        ticket=made.ticket.id,
        revision=made.ticket.revision,
        target=target.name,
        created_at=made.transition.at,
        body=message.body,
        content_type=message.content_type,
        reference=reference,
        attempts=attempts,
    )


def desk_target(server: DeskServer, form: str, options: dict[str, Any]) -> TargetSettings:
    """Needs the environment variable DESK_PASSWORD."""
    return TargetSettings.model_validate(
        {
            "name": "desk",
            "url": server.url,
            "format": form,
            "options": options,
            "basic_auth": {"user": USER, "password": {"env": "DESK_PASSWORD"}},
            "timeout_s": 5,
        }
    )


class Sender:
    """Sends steps as a dispatcher does: again until accepted, and with the reference once it is known."""

    def __init__(self, target: TargetSettings, clock: TimeSource | None = None) -> None:
        self.target = target
        self.reference = ""
        self.replies: list[Reply] = []
        self._endpoint = Endpoint(target, frozenset({target.host}), clock or SystemClock())

    async def once(self, made: Notice, *, attempts: int = 0) -> Reply:
        async with open_session(1) as session:
            waiting = delivery(made, self.target, reference=self.reference, attempts=attempts)
            reply = await self._endpoint.send(session, waiting)
        self.replies.append(reply)
        if reply.accepted and reply.reference:
            self.reference = reply.reference
        return reply

    async def bring(self, made: Notice, tries: int = 6) -> Reply:
        for attempts in range(tries):
            reply = await self.once(made, attempts=attempts)
            if reply.accepted:
                return reply
        raise AssertionError(f"not accepted after {tries} tries: {self.replies}")
