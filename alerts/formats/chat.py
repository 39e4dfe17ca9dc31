"""A plain text post to a chat room: `{"text": "…"}`, or whatever the room wants the text to lie in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from pydantic import Field, field_validator

from alerts.exchange import Line, Reply
from alerts.formats import facts, words
from alerts.formats.notice import AlarmNotice, Format, Message, Notice, Options, StormNotice
from alerts.formats.options import checked_by
from gateway.core.settings import Settings
from gateway.core.ticket import Delivery

_LENGTH = 2000  # characters; the shortest limit of the usual rooms
_CALLS = re.compile(r"<(?=[!@#])|@(?=(?:all|channel|here|everyone)\b)", re.IGNORECASE)

N = TypeVar("N", Notice, StormNotice, AlarmNotice)


class ChatOptions(Settings):
    """`key`: where the text goes, with dots between the keys of objects in one another.

    `extra`: more top-level fields with constant values.  `skip`: types of messages that are not posted.
    """

    key: str = Field("text", pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$")
    extra: dict[str, Any] = Field(default_factory=dict)
    skip: tuple[str, ...] = ()

    @field_validator("skip")
    @classmethod
    def _types(cls, skip: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in skip if name not in facts.TICKET_TYPES]:
            raise ValueError(f"{', '.join(unknown)}: not one of {', '.join(facts.TICKET_TYPES)}")
        return skip


def _ticket(notice: Notice) -> Message | None:
    if facts.message_type(notice) in _options(notice.options).skip:
        return None
    return _posted(words.text)(notice)


def _posted(text: Callable[[N], str]) -> Callable[[N], Message]:
    def post(notice: N) -> Message:
        options = _options(notice.options)
        *outer, last = options.key.split(".")
        document: dict[str, Any] = dict(options.extra)
        inner = document
        for key in outer:
            below = inner.get(key)
            inner[key] = dict(below) if isinstance(below, dict) else {}
            inner = inner[key]
        inner[last] = quiet(text(notice))[:_LENGTH]
        return Message(body=msgspec.json.encode(document))

    return post


def quiet(text: str) -> str:
    """Free text calls nobody up: "@all" and "<!channel>" lose their meaning to the room."""
    return _CALLS.sub(lambda call: call[0] + " ", text)


def _options(options: Options) -> ChatOptions:
    return ChatOptions.model_validate(dict(options))


async def _exchange(line: Line, delivery: Delivery) -> Reply:
    answer = await line.request("POST", body=delivery.body, headers={"content-type": delivery.content_type})
    reply = line.judge(answer)
    return _inside(answer.body, reply) if reply.accepted else reply


def _inside(body: bytes, reply: Reply) -> Reply:
    """DingTalk, WeCom and Feishu refuse with status 200 and a code in the answer; other rooms answer no such object."""
    try:
        said = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        return reply
    for key in ("errcode", "code"):
        code = said.get(key)
        if isinstance(code, int) and code != 0:
            return Reply(
                status=reply.status, error=f"{key} {code}: {said.get('errmsg', said.get('msg', ''))}"[:200]
            )
    return reply


CHAT = Format(
    ticket=_ticket,
    storm=_posted(words.storm_text),
    alarm=_posted(words.alarm_text),
    exchange=_exchange,
    signed=False,
    check=checked_by(ChatOptions),
)
