"""How much of a line something may take that comes between polls. Pure: time is an argument."""

from __future__ import annotations

from gateway.core.clock import SECOND

_MOST_COST = 30 * SECOND  # what takes longer is a clock that jumped


class Share:
    """One part in `parts` of the line where polls are so dense that one more request holds one up; else all of it."""

    def __init__(self, parts: int) -> None:
        self._rest = parts - 1
        self._cost = 0  # of the last one, µs
        self._free_at = 0

    def next_at(self, now: int, next_poll: int | None) -> int:
        """When the next one may be taken, `now` at the earliest, given when the next poll is due."""
        pause = self._rest * self._cost
        if next_poll is None or next_poll > now + self._cost or self._free_at > now + pause:
            return now  # nobody is held up; or the clock was put back
        return max(now, self._free_at)

    def used(self, began: int, now: int) -> None:
        """One took the line from `began` until `now`."""
        self._cost = max(0, min(now - began, _MOST_COST))
        self._free_at = now + self._rest * self._cost
