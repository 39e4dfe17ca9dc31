"""Jira Service Management requests: created, commented and moved on, one for each ticket.

The request carries the ticket's id as a label (or in a text field), and every comment of ours begins with the step's
number. Both are looked up before anything is written: a step whose answer was lost is known when it is sent again.
"""

from __future__ import annotations

import logging
import re
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import msgspec
from pydantic import Field, field_validator

from alerts.exchange import Line, Reply
from alerts.formats import facts, words
from alerts.formats.notice import Format, Message, Notice
from alerts.formats.options import CallbackActions, checked_by
from alerts.formats.talk import TalkError, ask, ask_object, failed
from gateway.core.clock import SECOND
from gateway.core.settings import Settings
from gateway.core.ticket import Delivery, TicketState

log = logging.getLogger(__name__)

LABELS = "labels"
_KEY = re.compile(r"[A-Z][A-Z0-9_]*-[0-9]+")
_OURS = re.compile(r"(?:DRILL: )?Ticket \d+, step (\d+):")
_SEARCH_SETTLES = 10 * SECOND  # Atlassian: most writes are found within seconds
_COMMENTS_LOOKED_AT = 10
_Text = Annotated[str, Field(min_length=1, max_length=255)]


class Deployment(StrEnum):
    CLOUD = "cloud"
    DATA_CENTER = "data_center"


class JiraOptions(Settings):
    """`transitions`: id of the workflow's transition to take when the ticket gets into a state; none where not named.

    `fields`: more `requestFieldValues` with constant values.
    """

    deployment: Deployment
    service_desk_id: str = Field(pattern=r"^[0-9]+$")
    request_type_id: str = Field(pattern=r"^[0-9]+$")
    project: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    id_field: str = Field(LABELS, pattern=r"^(labels|customfield_[0-9]+)$")
    priorities: dict[int, _Text] = Field(default_factory=dict)
    transitions: dict[TicketState, Annotated[str, Field(pattern=r"^[0-9]+$")]] = Field(default_factory=dict)
    public_comments: bool = False
    fields: dict[str, Any] = Field(default_factory=dict)
    callback_actions: CallbackActions = Field(default_factory=dict)

    @field_validator("fields")
    @classmethod
    def _beside_ours(cls, fields: dict[str, Any]) -> dict[str, Any]:
        if taken := [name for name in fields if name in ("summary", "description", "priority")]:
            raise ValueError(f"{', '.join(taken)}: set by the gateway")
        labels = fields.get(LABELS, [])
        if not isinstance(labels, list) or any(
            not isinstance(one, str) or not one or " " in one for one in labels
        ):
            raise ValueError("labels: must be a list of texts without spaces")
        return fields

    @field_validator("priorities")
    @classmethod
    def _severities(cls, priorities: dict[int, str]) -> dict[int, str]:
        if priorities and set(priorities) != {1, 2, 3}:
            raise ValueError("name one for each severity: 1, 2 and 3")
        return priorities


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A step as it waits in the outbox; whether it creates or comments is seen when it is sent."""

    deployment: Deployment
    project: str
    id_field: str
    id: str
    mark: str
    step: int
    create: dict[str, Any]
    comment: dict[str, Any]
    transition: str | None
    moved: bool  # this step changed the ticket's state


def _ticket(notice: Notice) -> Message:
    options = JiraOptions.model_validate(dict(notice.options))
    ticket, step = notice.ticket, notice.transition
    values: dict[str, Any] = {
        **options.fields,
        "summary": facts.heading(ticket),
        "description": words.description(notice),
    }
    if options.id_field == LABELS:
        values[LABELS] = [*options.fields.get(LABELS, ()), ticket.id]
    else:
        values[options.id_field] = ticket.id
    if options.priorities:
        values["priority"] = {"name": options.priorities[ticket.severity]}
    stored = Stored(
        deployment=options.deployment,
        project=options.project,
        id_field=options.id_field,
        id=ticket.id,
        mark=words.mark(notice),
        step=ticket.revision,
        create={
            "serviceDeskId": options.service_desk_id,
            "requestTypeId": options.request_type_id,
            "requestFieldValues": values,
        },
        comment={"body": words.note(notice), "public": options.public_comments},
        transition=options.transitions.get(ticket.state),
        moved=step.from_state is not ticket.state or notice.first,
    )
    return Message(body=msgspec.json.encode(stored))


class _Known(NamedTuple):
    """What the request over there knows of our steps. `latest` is the last one commented, 0 when none is seen."""

    key: str
    made_by: bool = False  # it was created by this step
    commented: bool = False
    latest: int = 0


async def _exchange(line: Line, delivery: Delivery) -> Reply:
    stored = msgspec.json.decode(delivery.body, type=Stored)
    try:
        known = await _commented(line, delivery.reference, stored) if delivery.reference else None
        if known is None:
            known = await _found_or_made(line, stored, delivery)
        if not known.commented:  # the comment comes last: where it stands, all is done
            await _move(line, known, stored, delivery)
            if not known.made_by:
                path = f"rest/servicedeskapi/request/{known.key}/comment"
                await ask(line, "POST", path, document=stored.comment)
        return Reply(status=200, reference=known.key)
    except TalkError as exc:
        return exc.reply


async def _found_or_made(line: Line, stored: Stored, delivery: Delivery) -> _Known:
    issue = await _search(line, stored)
    if issue is not None:
        key = _key(issue.get("key"))
        if stored.mark in str(_fields(issue).get("description", "")):
            return _Known(key, made_by=True)
        return await _commented(line, key, stored) or _Known(key)
    if stored.deployment is Deployment.CLOUD and delivery.attempts % 2:
        # The search of Jira Cloud lags behind: after a try whose end is not known it is asked twice before creating.
        raise TalkError(
            Reply(
                status=200,
                error="not found yet; looked up once more before it is created",
                retry_after=_SEARCH_SETTLES,
                by_design=True,
            )
        )
    made = await ask_object(line, "POST", "rest/servicedeskapi/request", document=stored.create)
    return _Known(_key((made or {}).get("issueKey")), made_by=True)


async def _search(line: Line, stored: Stored) -> dict[str, Any] | None:
    field = stored.id_field
    if field == LABELS:
        condition = f'labels = "{stored.id}"'
    else:
        condition = f'cf[{field.removeprefix("customfield_")}] ~ "\\"{stored.id}\\""'
    query = {
        "jql": f'project = "{stored.project}" AND {condition} ORDER BY created ASC',
        "fields": f"{field},description",
        "maxResults": "1",
    }
    cloud = stored.deployment is Deployment.CLOUD
    answer = await ask_object(line, "GET", f"rest/api/2/search{'/jql' if cloud else ''}", query=query)
    issues = (answer or {}).get("issues")
    if not isinstance(issues, list):
        raise failed(200, "the answer to the search has no list `issues`")
    if not issues:
        return None
    held = _fields(issues[0]).get(field)
    if stored.id not in (held if isinstance(held, list) else [held]):
        raise failed(200, f"the search gave another request: may this user read {field}?")
    issue: dict[str, Any] = issues[0]
    return issue


async def _commented(line: Line, key: str, stored: Stored) -> _Known | None:
    """By the latest comments of the request; None when it is not there any more."""
    answer = await ask_object(
        line,
        "GET",
        f"rest/api/2/issue/{key}/comment",
        query={"orderBy": "-created", "maxResults": str(_COMMENTS_LOOKED_AT)},
        missing=True,
    )
    if answer is None:
        return None
    comments = answer.get("comments")
    if not isinstance(comments, list):
        raise failed(200, "the answer has no list `comments`")
    texts = [str(comment.get("body", "")) for comment in comments if isinstance(comment, dict)]
    steps = [int(ours[1]) for text in texts if (ours := _OURS.match(text))]
    return _Known(
        key, commented=any(text.startswith(stored.mark) for text in texts), latest=max(steps, default=0)
    )


async def _move(line: Line, known: _Known, stored: Stored, delivery: Delivery) -> None:
    """Take the transition where it is open to the request now: people there may have moved it on already.

    One whose own message was given up is caught up with; a step sent late does not undo what came after it.
    """
    missed = 0 < known.latest < stored.step - 1
    if stored.transition is None or known.latest > stored.step or not (stored.moved or missed):
        return
    path = f"rest/api/2/issue/{known.key}/transitions"
    answer = await ask_object(line, "GET", path)
    offered = (answer or {}).get("transitions")
    if not isinstance(offered, list):
        raise failed(200, "the answer has no list `transitions`")
    if stored.transition in [str(one.get("id")) for one in offered if isinstance(one, dict)]:
        await ask(line, "POST", path, document={"transition": {"id": stored.transition}})
    elif stored.moved:
        log.warning(
            "transition is not open to the request; it was commented only",
            extra={"target": delivery.target, "request": known.key, "transition": stored.transition},
        )


def _fields(issue: object) -> dict[str, Any]:
    fields = issue.get("fields") if isinstance(issue, dict) else None
    return fields if isinstance(fields, dict) else {}


def _key(value: object) -> str:
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise failed(200, "the answer names no issue key")
    return value


JIRA = Format(ticket=_ticket, exchange=_exchange, signed=False, check=checked_by(JiraOptions))
