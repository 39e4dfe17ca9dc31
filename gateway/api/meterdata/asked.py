"""What is asked about meter data, and what people say of it."""

from __future__ import annotations

import math
from typing import Annotated, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from gateway.api.parameters import Cursor, Name, Page, Time, WindowChoice, cursor
from gateway.core.clock import DAY, format_time
from gateway.core.meterdata import ChangeOf, GapCause
from gateway.core.model import MeterEventKind

Register: TypeAlias = Literal[
    "energy_import", "energy_export", "reactive_energy_import", "reactive_energy_export"
]
Text = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S")]
Who = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Limit = Annotated[int, Field(ge=1, le=500)]
LONGEST_EDIT = 366 * DAY
_MOST = 1e12  # of a register


def _written(given: object) -> object:
    """A body's time is text: a bare number would be taken for microseconds."""
    if isinstance(given, str):
        return given
    raise ValueError("is not an ISO 8601 time with a zone, such as 2026-03-01T08:00:00Z")


def _numbered(text: str) -> str:
    if not cursor(text)[1].isdecimal() or len(text) > 60:
        raise ValueError(f"{text[:60]!r} is not what next told")
    return text


Written = Annotated[Time, BeforeValidator(_written)]
Figure = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-_MOST, le=_MOST)]
Energy = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=_MOST)]
NumberCursor = Annotated[Cursor, AfterValidator(_numbered)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OneInterval(_Strict):
    """The interval of `device` that begins at `start`."""

    device: Name
    quantity: Register = "energy_import"
    start: Time


class IntervalPage(WindowChoice):
    """Intervals that begin in the window; `after`: only those that begin later."""

    device: Name
    quantity: Register = "energy_import"
    limit: Limit = 100
    after: Time | None = None


class EditPage(Page):
    """`below`: of devices at or below this node; pages go by when it was said."""

    device: Name | None = None
    below: Name | None = None


class EditIn(_Strict):
    """The energy of a stretch of whole intervals, in kWh (kvarh), as a person has it; null takes back what was said
    before."""

    device: Name
    quantity: Register = "energy_import"
    start: Written
    end: Written
    value: Energy | None
    reason: Text
    by: Who | None = None

    @field_validator("end")
    @classmethod
    def _later(cls, end: int, info: ValidationInfo) -> int:
        start = info.data.get("start")
        if start is not None and end <= start:
            raise ValueError("must be later than start")
        if start is not None and end - start > LONGEST_EDIT:
            raise ValueError("lies more than a year after start")
        return end


class ChangeIn(_Strict):
    """`before`, `after`: of an exchange or reset the register's last and first reading where they are known, of a
    multiplier ct_ratio × pt_ratio, of a clock what it showed before and after, in seconds."""

    device: Name
    of: Literal["exchange", "multiplier", "clock", "reset"]
    at: Written
    before: Annotated[Figure | None, Field(validate_default=True)] = None
    after: Annotated[Figure | None, Field(validate_default=True)] = None
    reason: Text
    by: Who | None = None

    @field_validator("at")
    @classmethod
    def _past(cls, at: int, info: ValidationInfo) -> int:
        """`now` of the context is the time by our clock."""
        now = (info.context or {}).get("now", math.inf)
        if at > now:
            raise ValueError(f"lies ahead; it is {format_time(now)} now")
        return at

    @field_validator("before", "after")
    @classmethod
    def _possible(cls, figure: float | None, info: ValidationInfo) -> float | None:
        of = info.data.get("of")
        if of == ChangeOf.MULTIPLIER and (figure is None or figure <= 0):
            raise ValueError("a multiplier needs a number above 0: ct_ratio × pt_ratio")
        if of in (ChangeOf.EXCHANGE, ChangeOf.RESET) and figure is not None and figure < 0:
            raise ValueError("a register reads no less than 0")
        return figure


class WithdrawIn(_Strict):
    """`change`: the number of a change that was registered by mistake."""

    change: Annotated[int, Field(strict=True, ge=1, lt=2**63)]
    reason: Text
    by: Who | None = None


class ChangePage(_Strict):
    """`after`: only changes at or after that time."""

    device: Name
    after: Time | None = None


class CollectionChoice(WindowChoice):
    """Of days that begin in the window; `period`: each day by itself. Worst rate first, within each day."""

    place: Literal["all", "area", "feeder", "transformer", "concentrator", "device"] = "all"
    period: Literal["day"] | None = None
    below: Name | None = None
    limit: Limit = 100


class GapPage(_Strict):
    """Latest start first; `before` is what `next` told."""

    state: Literal["any", "open", "filled"] = "any"
    cause: GapCause | None = None
    device: Name | None = None
    below: Name | None = None
    limit: Limit = 100
    before: NumberCursor | None = None


class EventPage(WindowChoice):
    """Events that went on within the window, latest start first; `live`: going on; `before`: begun before that."""

    state: Literal["any", "live", "ended"] = "any"
    kind: MeterEventKind | None = None
    device: Name | None = None
    below: Name | None = None
    limit: Limit = 100
    before: Time | None = None


class VoltageChoice(WindowChoice):
    """Of days that begin in the window; the least compliance first."""

    place: Literal["all", "feeder", "transformer", "node", "district", "customer_class", "device"] = "all"
    below: Name | None = None
    limit: Limit = 100


class PlaceChoice(WindowChoice):
    """Of days that begin in the window, at or below a node; the worst first."""

    below: Name | None = None
    limit: Limit = 100


class WeekChoice(_Strict):
    """The seven days from the one on which `from` lies; by default the last seven that are over."""

    from_: Annotated[Time | None, Field(alias="from")] = None
    below: Name | None = None
    limit: Limit = 100


class WatchChoice(_Strict):
    """Those of at least this score, highest first."""

    score: Annotated[float, Field(ge=0, le=1)] = 0.0
    below: Name | None = None
    limit: Limit = 100


class BelowChoice(_Strict):
    below: Name | None = None
    limit: Limit = 100


class NodeChoice(_Strict):
    node: Name


class DayPage(WindowChoice):
    """Judged days of a device, latest first."""

    device: Name
    limit: Limit = 100
