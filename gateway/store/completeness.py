"""Completeness: what sources say they delivered against what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import psycopg
from psycopg.rows import dict_row

from gateway.core.clock import to_datetime
from gateway.store.queries import sql


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """A source's own account. Times are µs.

    mqtt: per device the times of readings whose receipt the broker confirmed;  modbus: per device how many polls it
    answered whole until `until`;  signals: (device, time, kind).
    """

    mqtt: Mapping[str, Sequence[int]]
    modbus: Mapping[str, int]
    signals: Sequence[tuple[str, int, str]]
    until: int = 0


class Completeness(msgspec.Struct, frozen=True, kw_only=True):
    readings: int  # rows stored in all
    signals: int
    missing_messages: int
    missing_polls: int
    missing_signals: int
    duplicates: int

    @property
    def missing(self) -> int:
        return self.missing_messages + self.missing_polls + self.missing_signals


async def compare(conn: psycopg.AsyncConnection, delivered: Delivered) -> Completeness:
    """Raises psycopg's errors."""
    messages = [(device, at) for device, times in delivered.mqtt.items() for at in times]
    given = {
        "message_device": [device for device, _ in messages],
        "message_at": [to_datetime(at) for _, at in messages],
        "polled": list(delivered.modbus),
        "polls": list(delivered.modbus.values()),
        "until": to_datetime(delivered.until),
        "signal_device": [device for device, _, _ in delivered.signals],
        "signal_at": [to_datetime(at) for _, at, _ in delivered.signals],
        "signal_kind": [kind for _, _, kind in delivered.signals],
    }
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql("completeness"), given)
        row = await cursor.fetchone()
    return msgspec.convert(row, Completeness)
