"""Time: whole microseconds since 1970 in UTC, everywhere. Domain code never asks; it is told."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?\s*(Z|z|[+-]\d\d:?\d\d)")


class Clock(Protocol):
    """Where the outermost layer gets the time from; tests hand in a clock that they move."""

    def now(self) -> int:
        """Microseconds since 1970, UTC."""
        ...


class SystemClock:
    def now(self) -> int:
        return time.time_ns() // 1000


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: int = 0) -> None:
        self.at = at

    def now(self) -> int:
        return self.at

    def advance(self, microseconds: int) -> int:
        self.at += microseconds
        return self.at


def to_datetime(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def from_datetime(when: datetime) -> int:
    """Raises ValueError for a naive datetime: a time without a zone is not a time."""
    if when.tzinfo is None:
        raise ValueError("time has no zone; write it with Z or an offset such as +08:00")
    delta = when - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds


def parse_time(text: str) -> int:
    """ISO 8601 with a zone to microseconds.

    Raises:
        ValueError: not such a time; the message says what is allowed.
    """
    if not _ISO.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is not an ISO 8601 time with a zone, such as 2026-03-01T08:00:04Z")
    return from_datetime(datetime.fromisoformat(text.strip().replace(",", ".")))


def format_time(at: int) -> str:
    """ISO 8601 in UTC; fractions only where there are any."""
    text = to_datetime(at - at % SECOND).isoformat()[:19]
    fraction = at % SECOND
    return f"{text}.{fraction:06d}".rstrip("0") + "Z" if fraction else text + "Z"


def format_clock(at: int) -> str:
    """Time of day in UTC, as operators read it in evidence; of any moment, beyond the years that have a date too."""
    minutes, second = divmod(at // SECOND % 86_400, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}"
