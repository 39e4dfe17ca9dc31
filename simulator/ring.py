"""The load profile of a polled meter: a ring of records in its registers, the newest over the oldest.

The map is that of the profile `feederline-meter`, written down once more: seconds since 1970 and two registers of
0.01 kWh, each 32 bits wide; before the ring, how many records were ever written.
"""

from __future__ import annotations

import struct

from gateway.core.clock import SECOND
from simulator.history import History

PROFILE = "feederline-meter"
COUNT_AT, START, WORDS, CAPACITY = 0x0FFE, 0x1000, 6, 4000
_RECORD = struct.Struct(">3I")


class Ring:
    """That of one meter, out of `column` of the history."""

    def __init__(self, history: History, column: int) -> None:
        self._history = history
        self._column = column

    def read(self, start: int, count: int) -> bytes | None:
        """`count` registers from `start` on; None where there are none. A place without a record holds zeros."""
        written = len(self._history)
        if start >= COUNT_AT and start + count <= START:
            first = 2 * (start - COUNT_AT)
            return written.to_bytes(4)[first : first + 2 * count]
        first, end = start - START, start - START + count
        if first < 0 or end > WORDS * CAPACITY:
            return None
        places = range(first // WORDS, -(-end // WORDS))
        data = b"".join(self._record(place, written) for place in places)
        skip = 2 * (first - places.start * WORDS)
        return data[skip : skip + 2 * count]

    def _record(self, place: int, written: int) -> bytes:
        number = written - 1 - (written - 1 - place) % CAPACITY
        if number < 0:
            return bytes(2 * WORDS)
        at, energies = self._history.record(self._column, number)
        return _RECORD.pack(at // SECOND, *(min(round(kwh / 0.01), 0xFFFFFFFF) for kwh in energies))
