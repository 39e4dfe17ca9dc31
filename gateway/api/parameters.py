"""Query parameters, strictly: an unknown name, a value out of range or a time without a zone is refused by name."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gateway.core.clock import DAY, from_datetime, parse_time, to_datetime
from gateway.core.model import IncidentKind

_LONGEST = 10 * 366 * DAY


def _time(text: object) -> object:
    """ISO 8601 to µs. A plus sign that was not escaped arrives as a space."""
    if not isinstance(text, str):
        return text
    try:
        at = parse_time(text)
        to_datetime(at)  # an offset may carry a year that can be written beyond those that can be meant
        return at
    except OverflowError:
        raise ValueError(f"{text!r} lies outside the years 1 to 9999 in UTC") from None
    except ValueError as exc:
        hint = "; write + as %2B" if " " in text.strip() else ""
        raise ValueError(f"{exc}{hint}") from None


Time = Annotated[
    int,
    BeforeValidator(_time),
    Field(json_schema_extra={"type": "string", "format": "date-time", "example": "2026-03-01T08:00:00Z"}),
]


def cursor(text: str) -> tuple[int, str]:
    """A time and an id, as `next` told them. Raises ValueError."""
    at, _, name = text.partition("_")
    if not name:
        raise ValueError(f"{text[:60]!r} is not what next told")
    found = _time(at)
    assert isinstance(found, int)
    return found, name


def _checked(text: str) -> str:
    cursor(text)
    return text


Cursor = Annotated[str, Field(max_length=300), AfterValidator(_checked)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Page(_Strict):
    """Part of a list, newest first: about `limit` rows that began before `before` and after `after`."""

    limit: Annotated[int, Field(ge=1, le=500)] = 100
    before: Time | None = None
    after: Time | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Page:
        if self.before is not None and self.after is not None and self.before <= self.after:
            raise ValueError("before: must be later than after")
        return self


# fmt: off
IncidentFilter = Literal["any", "live", "open", "restored", "closed", "cancelled", "merged"]
TicketFilter = Literal[
    "any", "live", "predicted", "confirmed", "dispatched", "on_site", "estimated", "restored", "closed", "merged",
    "cancelled", "reopened",
]
# fmt: on


AreaFilter = Literal["urban", "rural", "remote"]
Name = Annotated[str, Field(min_length=1, max_length=200)]
ENDED_TICKETS = ("closed", "merged", "cancelled")


class CasePage(Page):
    """`below`: at or below this node; `text`: part of a name, a title or the evidence; `drill`: exercises or not."""

    kind: IncidentKind | None = None
    drill: bool | None = None
    below: Name | None = None
    text: Name | None = None


class IncidentPage(CasePage):
    """`live`: open, or restored and still to be verified; `parent`: those that became part of this incident."""

    state: IncidentFilter = "any"
    parent: Name | None = None


class MemberPage(_Strict):
    """`after`: only devices whose id comes behind this one."""

    limit: Annotated[int, Field(ge=1, le=500)] = 100
    after: Name | None = None


class TicketPage(CasePage):
    """`live`: not closed, merged or cancelled; `late`: with a clock that ran out and still runs.

    `rank`: most urgent first, of tickets that live; its pages go by `skip`.
    """

    state: TicketFilter = "any"
    severity: Annotated[tuple[Annotated[int, Field(ge=1, le=3)], ...], Field(max_length=3)] = ()
    area: AreaFilter | None = None
    late: bool | None = None
    order: Literal["newest", "rank"] = "newest"
    skip: Annotated[int, Field(ge=0, le=100_000)] = 0

    @model_validator(mode="after")
    def _one_order(self) -> TicketPage:
        if self.order == "rank":
            if self.before is not None or self.after is not None:
                raise ValueError("before: pages of ranked tickets go by skip")
            if self.state in ENDED_TICKETS:
                raise ValueError("state: only tickets that live are ranked")
        elif self.skip:
            raise ValueError("skip: pages of the newest go by before")
        return self


PlannedFilter = Literal["any", "active", "upcoming", "past", "withdrawn"]


class PlannedPage(Page):
    """Pages go by the start of the windows; `active`, `upcoming` and `past` are those of now, and not withdrawn."""

    state: PlannedFilter = "any"
    reference: Name | None = None
    node: Name | None = None


class WindowName(StrEnum):
    DAY = "day"
    MONTH = "month"
    YEAR = "year"


class Window(NamedTuple):
    name: str
    low: int
    high: int


class WindowChoice(_Strict):
    """Either a window by name (default: month) or both its bounds.

    `day` and `month` are those of the calendar so far; `year` is the twelve months that end now.
    """

    window: WindowName | None = None
    from_: Annotated[Time | None, Field(alias="from")] = None
    to: Time | None = None

    @model_validator(mode="after")
    def _one(self) -> WindowChoice:
        if (self.from_ is None) != (self.to is None):
            raise ValueError(f"{'from' if self.from_ is None else 'to'}: from and to go together")
        if self.from_ is not None and self.to is not None:
            if self.window is not None:
                raise ValueError("window: either window, or from and to")
            if self.to <= self.from_:
                raise ValueError("to: must be later than from")
            if self.to - self.from_ > _LONGEST:
                raise ValueError("to: more than ten years after from")
        return self

    def resolve(self, now: int, zone: ZoneInfo) -> Window:
        if self.from_ is not None and self.to is not None:
            return Window("given", self.from_, self.to)
        name = self.window or WindowName.MONTH
        return Window(name.value, _start(name, now, zone), now)


def _start(name: WindowName, now: int, zone: ZoneInfo) -> int:
    local = to_datetime(now).astimezone(zone)
    if name == WindowName.YEAR:
        return from_datetime(_year_before(local))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return from_datetime(midnight.replace(day=1) if name == WindowName.MONTH else midnight)


def _year_before(local: datetime) -> datetime:
    try:
        return local.replace(year=local.year - 1)
    except ValueError:  # 29 February
        return local.replace(year=local.year - 1, day=28)
