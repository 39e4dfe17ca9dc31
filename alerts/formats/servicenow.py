"""ServiceNow incidents through its Table API: created, updated and resolved, one for each ticket.

The incident carries our incident id in `correlation_id`, and the last step and state it was told of in
`correlation_display`. Both are looked up before anything is written: a step whose answer was lost is known when it is
sent again, and a state that was never told is told with the next step.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from pydantic import Field, field_validator

from alerts.exchange import Line, Reply
from alerts.formats import facts, words
from alerts.formats.notice import Format, Message, Notice
from alerts.formats.options import CallbackActions, checked_by
from alerts.formats.talk import TalkError, ask_object, failed
from gateway.core.settings import Settings
from gateway.core.ticket import ENDED, Delivery, TicketState

FIELDS = "sys_id,correlation_id,correlation_display,state"
_DESCRIPTION = 4000  # characters that the field holds
_TOLD = re.compile(r"Feederline .+ step (\d+) state (-?\d+)")
_SYS_ID = re.compile(r"[0-9a-f]{32}")

_STATES = {
    TicketState.PREDICTED: 1,
    TicketState.CONFIRMED: 1,
    TicketState.DISPATCHED: 2,
    TicketState.ON_SITE: 2,
    TicketState.ESTIMATED: 2,
    TicketState.RESTORED: 2,
    TicketState.REOPENED: 2,
    TicketState.CLOSED: 6,
    TicketState.MERGED: 6,
    TicketState.CANCELLED: 8,
}
_CLOSED_THERE = "7"
_REWORDED = frozenset({"update", "reopen"})  # steps after which title and severity may be others


class ServiceNowOptions(Settings):
    """`states`: state number of the incident by state of the ticket, where it is not the usual one.

    `fields`: more fields of the incident with constant values, set when it is created.
    """

    table: str = Field("incident", pattern=r"^[a-z][a-z0-9_]{0,79}$")
    caller_id: str = ""
    assignment_group: str = ""
    category: str = ""
    close_code: str = "Solution provided"
    merged_code: str = "Duplicate"
    states: dict[TicketState, Annotated[int, Field(ge=-100, le=1000)]] = Field(default_factory=dict)
    fields: dict[str, str] = Field(default_factory=dict)
    callback_actions: CallbackActions = Field(
        default_factory=lambda: {"2": "acknowledge", "6": "close", "7": "close", "8": "cancel"}
    )

    @field_validator("fields")
    @classmethod
    def _not_ours(cls, fields: dict[str, str]) -> dict[str, str]:
        ours = ("correlation_id", "correlation_display", "sys_id")
        if taken := [name for name in fields if name in ours]:
            raise ValueError(f"{', '.join(taken)}: set by the gateway")
        return fields


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A step as it waits in the outbox; whether it creates or updates is seen when it is sent."""

    table: str
    correlation_id: str
    step: int
    create: dict[str, str]
    update: dict[str, str]
    state: dict[str, str]  # what joins `update` where the state is to be written
    changed: bool  # this step changed it
    over: tuple[str, ...]  # numbers of states in which the incident is over, if the ticket is; else none


def _ticket(notice: Notice) -> Message:
    options = ServiceNowOptions.model_validate(dict(notice.options))
    ticket, step = notice.ticket, notice.transition
    state = _state(notice, options)
    shown = f"Feederline {ticket.id} step {ticket.revision} state {state['state']}"
    worded = {
        "short_description": facts.heading(ticket),
        "impact": str(ticket.severity),
        "urgency": str(ticket.severity),
    }
    before = step.from_state
    given = {
        "caller_id": options.caller_id,
        "assignment_group": options.assignment_group,
        "category": options.category,
        **options.fields,
    }
    stored = Stored(
        table=options.table,
        correlation_id=notice.incident.id,
        step=ticket.revision,
        create={
            **{name: value for name, value in given.items() if value},
            **worded,
            "description": words.description(notice)[:_DESCRIPTION],
            "correlation_id": notice.incident.id,
            "correlation_display": shown,
            **state,
        },
        update={
            **(worded if step.action in _REWORDED else {}),
            "work_notes": words.note(notice),
            "correlation_display": shown,
        },
        state=state,
        changed=before is None or _number(before, options) != _number(ticket.state, options),
        over=(*(str(_number(end, options)) for end in sorted(ENDED)), _CLOSED_THERE)
        if ticket.state in ENDED
        else (),
    )
    return Message(body=msgspec.json.encode(stored))


def _number(state: TicketState, options: ServiceNowOptions) -> int:
    return options.states.get(state, _STATES[state])


def _state(notice: Notice, options: ServiceNowOptions) -> dict[str, str]:
    state = notice.ticket.state
    fields = {"state": str(_number(state, options))}
    if state in ENDED:
        fields["close_code"] = options.merged_code if state is TicketState.MERGED else options.close_code
        fields["close_notes"] = words.note(notice)
    return fields


async def _exchange(line: Line, delivery: Delivery) -> Reply:
    stored = msgspec.json.decode(delivery.body, type=Stored)
    table = f"api/now/table/{stored.table}"
    try:
        found = await _known(line, table, delivery.reference, stored)
        if found is None:
            made = await ask_object(
                line, "POST", table, query={"sysparm_fields": FIELDS}, document=stored.create
            )
            return Reply(status=201, reference=_sys_id(_result(made)))
        name = _sys_id(found)
        step, state = _told(found)
        if step >= stored.step:
            return Reply(status=200, reference=name)
        changes = {**stored.update, **(stored.state if _is_to_write(stored, found, state) else {})}
        await ask_object(line, "PATCH", f"{table}/{name}", query={"sysparm_fields": FIELDS}, document=changes)
        return Reply(status=200, reference=name)
    except TalkError as exc:
        return exc.reply


async def _known(line: Line, table: str, reference: str, stored: Stored) -> dict[str, Any] | None:
    """The incident over there: by the id that it gave, else by ours."""
    if reference:
        answer = await ask_object(
            line,
            "GET",
            f"{table}/{reference}",
            query={"sysparm_fields": FIELDS},
            missing=True,
        )
        if answer is not None:
            return _result(answer)
    query = f"correlation_id={in_query(stored.correlation_id)}^ORDERBYDESCsys_created_on"
    answer = await ask_object(
        line, "GET", table, query={"sysparm_query": query, "sysparm_fields": FIELDS, "sysparm_limit": "1"}
    )
    rows = (answer or {}).get("result")
    if not isinstance(rows, list):
        raise failed(200, "the answer to the look-up has no list `result`")
    if not rows:
        return None
    row = rows[0]
    # A condition on a field that may not be read is left out by ServiceNow, and any incident is the answer.
    if not isinstance(row, dict) or row.get("correlation_id") != stored.correlation_id:
        raise failed(
            200, "the look-up by correlation_id gave another incident: may this user read the field?"
        )
    return row


def in_query(value: str) -> str:
    """A value in an encoded query: ^ separates conditions, and is doubled to stand for itself."""
    return value.replace("^", "^^")


def _result(answer: dict[str, Any] | None) -> dict[str, Any]:
    row = (answer or {}).get("result")
    if not isinstance(row, dict):
        raise failed(200, "the answer has no object `result`")
    return row


def _sys_id(row: dict[str, Any]) -> str:
    name = row.get("sys_id")
    if not isinstance(name, str) or not _SYS_ID.fullmatch(name):
        raise failed(200, "the answer names no sys_id")
    return name


def _told(row: dict[str, Any]) -> tuple[int, str]:
    """The last step that the incident was told of, and the state with it; 0 and "" when that cannot be seen."""
    shown = _TOLD.fullmatch(str(row.get("correlation_display", "")))
    return (int(shown[1]), shown[2]) if shown else (0, "")


def _is_to_write(stored: Stored, found: dict[str, Any], told: str) -> bool:
    """Whether the state is: people there may have moved the incident on, which is left alone if nothing changed here.

    A state whose own message was given up is caught up with, unless the incident has left the one it was told last.
    """
    there, ours = str(found.get("state", "")), stored.state["state"]
    if there in stored.over:
        return False
    return stored.changed or (told not in ("", ours) and there == told)


SERVICENOW = Format(ticket=_ticket, exchange=_exchange, signed=False, check=checked_by(ServiceNowOptions))
