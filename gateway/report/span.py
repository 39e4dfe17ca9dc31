"""Which stretch of the calendar a report is about."""

from __future__ import annotations

import re
from datetime import date, tzinfo
from typing import Literal, TypeAlias

from gateway.core.model import Record
from processors.interruptions.periods import midnight

SpanKind: TypeAlias = Literal["month", "quarter", "year"]

_FORMS: dict[SpanKind, tuple[str, str]] = {
    "month": (r"(\d{4})-(0[1-9]|1[0-2])", "a month such as 2026-03"),
    "quarter": (r"(\d{4})-Q([1-4])", "a quarter such as 2026-Q1"),
    "year": (r"(\d{4})()", "a year such as 2026"),
}
_MONTHS: dict[SpanKind, int] = {"month": 1, "quarter": 3, "year": 12}
_YEARS = range(2000, 2200)  # beyond these it is a slip of the pen


class Span(Record, frozen=True, kw_only=True):
    """Whole months of the calendar; `first` is the first day. Bounds in µs depend on the time zone."""

    kind: SpanKind
    first: date

    @property
    def label(self) -> str:
        """As it is written on the command line: 2026-03, 2026-Q1, 2026."""
        year = f"{self.first.year:04}"
        if self.kind == "month":
            return f"{year}-{self.first.month:02}"
        return f"{year}-Q{(self.first.month + 2) // 3}" if self.kind == "quarter" else year

    @property
    def end(self) -> date:
        """The day after its last."""
        return _months_on(self.first, _MONTHS[self.kind])

    def bounds(self, zone: tzinfo) -> tuple[int, int]:
        return midnight(self.first, zone), midnight(self.end, zone)

    def months(self) -> list[Span]:
        return [Span(kind="month", first=_months_on(self.first, i)) for i in range(_MONTHS[self.kind])]

    def before(self) -> Span:
        """The one of the same kind that ended as this one begins."""
        return Span(kind=self.kind, first=_months_on(self.first, -_MONTHS[self.kind]))

    def year_before(self) -> Span:
        return Span(kind=self.kind, first=_months_on(self.first, -12))


def span_of(kind: SpanKind, text: str) -> Span:
    """Raises ValueError, saying what it should look like."""
    form, such = _FORMS[kind]
    match = re.fullmatch(form, text, re.ASCII)
    if match is None or int(match[1]) not in _YEARS:
        raise ValueError(f"{text!r} is not {such}, of the years {_YEARS[0]} to {_YEARS[-1]}")
    month = {"month": match[2], "quarter": match[2] and 3 * int(match[2]) - 2, "year": 1}[kind]
    return Span(kind=kind, first=date(int(match[1]), int(month), 1))


def _months_on(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)
