"""Jira Service Management requests: created, commented and moved on, one for each ticket.

The request carries the ticket's id as a label (or in a text field), and every comment of ours begins with the step's
number. Both are looked up before anything is written: a step whose answer was lost is known when it is sent again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from enum import Enum, StrEnum
from typing import Annotated, Any

import msgspec
from pydantic import Field, field_validator

from alerts.exchange import Line, Reply
from alerts.formats import facts, words
from alerts.formats.notice import Format, Message, Notice
from alerts.formats.options import CallbackActions, checked_by
from alerts.formats.talk import TalkError, ask, ask_object, failed
from gateway.core.clock import SECOND
from gateway.core.model import Delivery, TicketState
from gateway.core.settings import Settings

log = logging.getLogger(__name__)

LABELS = "labels"
_KEY = re.compile(r"[A-Z][A-Z0-9_]*-[0-9]+")
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
    create: dict[str, Any]
    comment: dict[str, Any]
    transition: str | None


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
    moved = step.from_state is not ticket.state or notice.first
    stored = Stored(
        deployment=options.deployment,
        project=options.project,
        id_field=options.id_field,
        id=ticket.id,
        mark=words.mark(notice),
        create={
            "serviceDeskId": options.service_desk_id,
            "requestTypeId": options.request_type_id,
            "requestFieldValues": values,
        },
        comment={"body": words.note(notice), "public": options.public_comments},
        transition=options.transitions.get(ticket.state) if moved else None,
    )
    return Message(body=msgspec.json.encode(stored))


class _Told(Enum):
    """What the request over there knows of a step."""

    NOTHING = 0
    MADE = 1  # it was created by this step; its transition may be missing
    ALL = 2


async def _exchange(line: Line, delivery: Delivery) -> Reply:
    stored = msgspec.json.decode(delivery.body, type=Stored)
    try:
        comments = await _comments(line, delivery.reference) if delivery.reference else None
        if comments is None:
            key, told = await _found_or_made(line, stored, delivery)
        else:
            key, told = delivery.reference, _told(comments, stored)
        if told is not _Told.ALL:
            await _move(line, key, stored, delivery)
        if told is _Told.NOTHING:
            await ask(line, "POST", f"rest/servicedeskapi/request/{key}/comment", document=stored.comment)
        return Reply(status=200, reference=key)
    except TalkError as exc:
        return exc.reply


def _told(comments: Sequence[str], stored: Stored) -> _Told:
    """The comment comes last: where it stands, all is done."""
    return _Told.ALL if any(text.startswith(stored.mark) for text in comments) else _Told.NOTHING


async def _found_or_made(line: Line, stored: Stored, delivery: Delivery) -> tuple[str, _Told]:
    issue = await _search(line, stored)
    if issue is not None:
        key = _key(issue.get("key"))
        if stored.mark in str(_fields(issue).get("description", "")):
            return key, _Told.MADE
        return key, _told(await _comments(line, key) or (), stored)
    if stored.deployment is Deployment.CLOUD and delivery.attempts % 2:
        # The search of Jira Cloud lags behind: after a try whose end is not known it is asked twice before creating.
        raise TalkError(
            Reply(
                status=200,
                error="not found yet; looked up once more before it is created",
                retry_after=_SEARCH_SETTLES,
            )
        )
    made = await ask_object(line, "POST", "rest/servicedeskapi/request", document=stored.create)
    return _key((made or {}).get("issueKey")), _Told.MADE


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


async def _comments(line: Line, key: str) -> list[str] | None:
    """The latest comments of the request; None when it is not there any more."""
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
    return [str(comment.get("body", "")) for comment in comments if isinstance(comment, dict)]


async def _move(line: Line, key: str, stored: Stored, delivery: Delivery) -> None:
    """Take the transition where it is open to the request now: people there may have moved it on already."""
    if stored.transition is None:
        return
    path = f"rest/api/2/issue/{key}/transitions"
    answer = await ask_object(line, "GET", path)
    offered = (answer or {}).get("transitions")
    if not isinstance(offered, list):
        raise failed(200, "the answer has no list `transitions`")
    if stored.transition in [str(one.get("id")) for one in offered if isinstance(one, dict)]:
        await ask(line, "POST", path, document={"transition": {"id": stored.transition}})
    else:
        log.warning(
            "transition is not open to the request; it was commented only",
            extra={"target": delivery.target, "request": key, "transition": stored.transition},
        )


def _fields(issue: object) -> dict[str, Any]:
    fields = issue.get("fields") if isinstance(issue, dict) else None
    return fields if isinstance(fields, dict) else {}


def _key(value: object) -> str:
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise failed(200, "the answer names no issue key")
    return value


JIRA = Format(ticket=_ticket, exchange=_exchange, signed=False, check=checked_by(JiraOptions))
