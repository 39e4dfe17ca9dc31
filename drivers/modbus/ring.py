"""A ring of records as register answers: which registers to read, and what they say. No sockets.

Records are called by their age: 0 is the newest, `capacity - 1` the oldest that the ring can hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivers.modbus.decode import Decoder, UInt8s
from drivers.modbus.plan import Read
from drivers.modbus.stamps import times
from drivers.profile import MAX_WORDS, Profile
from gateway.core.clock import HOUR, SECOND
from gateway.core.model import Bools, Int64s

_EARLIEST = 946_684_800 * SECOND  # 2000-01-01: no meter with a load profile is older


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Records:
    """n neighbouring records, newest first.

    at: int64[n] µs UTC, what no time is being anything;  known: bool[n], there is a record with a possible time;
    empty: bool[n], there is none;  words: uint8[n, 2 * words] as they came.
    """

    at: Int64s
    known: Bools
    empty: Bools
    words: UInt8s

    def __len__(self) -> int:
        return len(self.at)


class Ring:
    """The ring of one profile.  decoder: of the registers within a record;  interval: µs, a guess."""

    def __init__(self, profile: Profile) -> None:
        """Raises ValueError for a profile without one."""
        kept = profile.load_profile
        if kept is None:
            raise ValueError(f"profile {profile.name!r} has no load_profile")
        self._kept = kept
        self._profile = profile
        self.capacity = kept.capacity
        self.interval = kept.interval_s * SECOND
        self.most = profile.max_read // kept.words
        self.decoder = Decoder(
            Profile(
                title=profile.title,
                comment=profile.comment,
                order=profile.order,
                max_gap=MAX_WORDS,  # a record is read whole
                measures=profile.measures,
                registers=kept.columns,
            )
        )
        newest = kept.newest
        self.pointer = Read(kept.newest_table, newest.address, newest.type.words)

    def newest(self, data: bytes) -> int | None:
        """The place of the newest record by what the pointer says; None while there is none. Raises ValueError."""
        newest = self._kept.newest
        order = (newest.order or self._profile.order).permutation(newest.type.words)
        raw = bytes(data[i] for i in order)
        told = int.from_bytes(raw)
        if all(byte == 0xFF for byte in raw) or (newest.holds == "count" and told == 0):
            return None
        if newest.holds == "count":
            return (told - 1) % self.capacity
        place = told - newest.first
        if not 0 <= place < self.capacity:
            raise ValueError(f"place {told} is none of {self.capacity}")
        return place if newest.holds == "place" else (place - 1) % self.capacity

    def window(self, newest: int, age: int, most: int) -> Read:
        """Of up to `most` records from `age` on towards older ones, fewer at the seam of the ring."""
        place = (newest - age) % self.capacity
        count = min(most, place + 1, self.capacity - age)
        first = self._kept.address + (place - count + 1) * self._kept.words
        return Read(self._kept.table, first, count * self._kept.words)

    def count(self, read: Read) -> int:
        """How many records a window holds."""
        return read.length // self._kept.words

    def records(self, data: bytes, now: int) -> Records:
        """What a window holds; times before 2000 and more than an hour after `now` are none."""
        words = np.frombuffer(data, np.uint8).reshape(-1, 2 * self._kept.words)[::-1]
        start = 2 * self._kept.time.address
        raw = words[:, start : start + 2 * self._kept.time.words]
        at, possible = times(self._kept.time, self._profile.order, raw)
        empty: Bools = (raw == 0).all(axis=1) | (raw == 0xFF).all(axis=1)
        known: Bools = possible & ~empty & (at >= _EARLIEST) & (at <= now + HOUR)
        return Records(at=at, known=known, empty=empty, words=words)

    def nothing(self) -> Records:
        """One place that the meter does not give."""
        none = np.zeros(1, np.bool_)
        return Records(
            at=np.zeros(1, np.int64),
            known=none,
            empty=~none,
            words=np.zeros((1, 2 * self._kept.words), np.uint8),
        )

    def images(self, words: UInt8s) -> UInt8s:
        """uint8[n, size] for the decoder, of records uint8[n, 2 * words]."""
        (read,) = self.decoder.reads
        return np.ascontiguousarray(words[:, 2 * read.address : 2 * read.end])
