"""How fast a target is sent to: a bucket of messages that fills at a steady rate. Pure."""

from __future__ import annotations

import math

from gateway.core.clock import SECOND


class Pace:
    """At most `rate_per_s` messages a second in the long run, and a second's worth (at least one) at once."""

    def __init__(self, rate_per_s: float, *, at: int) -> None:
        self._rate = rate_per_s
        self._size = max(1.0, rate_per_s)
        self._left = self._size
        self._at = at

    def room(self, wanted: int, *, at: int) -> int:
        """How many of `wanted` messages may go at `at`; a clock that was set back fills nothing."""
        gained = max(0, at - self._at) * self._rate / SECOND
        self._left = min(self._size, self._left + gained)
        self._at = at
        return min(wanted, int(self._left + 1e-9))

    def spend(self, count: int) -> None:
        self._left -= count

    @property
    def next_at(self) -> int:
        """When there is room for one, by what is left now."""
        missing = max(0.0, 1.0 - self._left)
        return self._at + math.ceil(missing / self._rate * SECOND)
