"""Completeness: what sources say they delivered against what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import psycopg
from psycopg.rows import dict_row

from gateway.core.clock import to_datetime
from gateway.store.queries import sql


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """The sources' own account of everything they delivered between `since` and `until`. Times are µs.

    mqtt: per device the times of readings whose receipt the broker confirmed;  modbus: per device how many polls it
    answered whole;  signals: (device, time, kind) of last gasps and restore messages, once per message.
    What a source sent and never saw confirmed is not in its account, and counts as extra where it is stored.
    """

    mqtt: Mapping[str, Sequence[int]]
    modbus: Mapping[str, int]
    signals: Sequence[tuple[str, int, str]]
    since: int = 0
    until: int = 0


class Completeness(msgspec.Struct, frozen=True, kw_only=True):
    """Both ways: missing was delivered and is not stored, extra is stored and nobody delivered it.

    Of answers to polls only the number is known: an extra row may hide a missing one of the same device, and one
    beyond the number may have been under way.
    """

    readings: int  # rows stored in all
    signals: int
    missing_messages: int
    missing_polls: int
    missing_signals: int
    extra_messages: int
    extra_polls: int
    extra_signals: int

    @property
    def missing(self) -> int:
        return self.missing_messages + self.missing_polls + self.missing_signals

    @property
    def duplicates(self) -> int:
        return self.extra_messages + self.extra_polls + self.extra_signals


async def compare(conn: psycopg.AsyncConnection, delivered: Delivered) -> Completeness:
    """Raises psycopg's errors."""
    messages = [(device, at) for device, times in delivered.mqtt.items() for at in times]
    given = {
        "message_device": [device for device, _ in messages],
        "message_at": [to_datetime(at) for _, at in messages],
        "polled": list(delivered.modbus),
        "polls": list(delivered.modbus.values()),
        "since": to_datetime(delivered.since),
        "until": to_datetime(delivered.until),
        "signal_device": [device for device, _, _ in delivered.signals],
        "signal_at": [to_datetime(at) for _, at, _ in delivered.signals],
        "signal_kind": [kind for _, _, kind in delivered.signals],
    }
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql("completeness"), given)
        row = await cursor.fetchone()
    return msgspec.convert(row, Completeness)
