"""Interruption records for tests, and what the rules say of them one minute, one customer at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.core.clock import MINUTE, format_time, parse_time
from processors.interruptions.records import Records, read_records

T0 = parse_time("2026-03-01T00:00:00Z")


@dataclass(frozen=True)
class Row:
    """Minutes after T0; `end` None while still off; `device` empty where none is named."""

    start: float
    end: float | None
    customers: int = 1
    event: str = "E1"
    kind: str = "fault"
    device: str = ""

    def split(self, first: int) -> tuple[Row, Row]:
        return replace(self, customers=first), replace(self, customers=self.customers - first)


def moment(minutes: float) -> int:
    return T0 + round(minutes * MINUTE)


def csv_of(rows: Iterable[Row]) -> str:
    lines = ["event_id,start,end,customers,kind,device"]
    for row in rows:
        end = "" if row.end is None else format_time(moment(row.end))
        lines.append(
            f"{row.event},{format_time(moment(row.start))},{end},{row.customers},{row.kind},{row.device}"
        )
    return "\n".join(lines) + "\n"


def records_of(rows: Iterable[Row]) -> Records:
    return read_records(csv_of(rows).encode(), "records.csv")
