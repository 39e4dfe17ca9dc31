"""What a format is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from alerts.exchange import Exchange, post
from gateway.core.inventory import Inventory
from gateway.core.model import Incident
from gateway.core.ticket import Storm, Ticket, Transition

Options: TypeAlias = Mapping[str, Any]
"""What a target's configuration says under `options`; checked by its format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One of a ticket's clocks. Times are µs UTC; `stopped_at` is None while it runs."""

    name: str  # "response", "arrival", "restoration"
    due_at: int
    stopped_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One step of a ticket, with everything a message may say about it."""

    ticket: Ticket
    transition: Transition
    incident: Incident
    inventory: Inventory
    public_url: str
    max_devices: int
    first: bool = True  # the target has not heard of this ticket yet
    clocks: tuple[Clock, ...] = ()
    merged_into: str | None = None  # ticket id
    split_from: str | None = None  # ticket id
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StormNotice:
    """A summary in place of many updates: the tickets that live, most urgent first."""

    storm: Storm
    tickets: Sequence[Ticket]
    opened: int  # tickets opened since the last summary
    ended: int  # tickets that ended since then
    inventory: Inventory
    public_url: str
    at: int
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmNotice:
    """Messages to `late_target` do not get through; told to the other targets. `count` 0: they do again."""

    late_target: str
    count: int
    oldest_at: int
    error: str
    public_url: str
    at: int
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    body: bytes
    content_type: str = "application/json"


def _nothing(_: Any) -> None:
    return None


def _no_options(options: Options) -> list[str]:
    return [f"options.{name}: there is no such option" for name in options]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How steps become messages of one kind of receiver. All but `exchange` are pure; None is no message.

    signed: a signature is expected, so a target needs a secret.  check: faults of a target's `options`, each with the
    option's name and what is allowed.
    """

    ticket: Callable[[Notice], Message | None]
    storm: Callable[[StormNotice], Message | None] = _nothing
    alarm: Callable[[AlarmNotice], Message | None] = _nothing
    exchange: Exchange = post
    signed: bool = True
    check: Callable[[Options], list[str]] = _no_options
