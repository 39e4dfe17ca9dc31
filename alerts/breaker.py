"""Leaves a target that fails alone for a while, but for one message at a time that tries it. Pure."""

from __future__ import annotations

from alerts.targets import BreakerSettings
from gateway.core.clock import SECOND


class Breaker:
    """Closed: everything goes. Open: nothing does until `tries_at`; then one message tries it, alone.

    When that fails, the time until the next trial doubles. Times are µs of any clock, always the same one.
    """

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self.failures = 0  # in a row
        self.tries_at: int | None = None  # None while closed
        self._opened_at = 0
        self._wait_s = 0.0

    @property
    def is_open(self) -> bool:
        return self.tries_at is not None

    def room(self, wanted: int, *, under_way: int, at: int) -> int:
        """How many of `wanted` messages may be taken up at `at` while `under_way` are being sent."""
        if self.tries_at is None:
            return wanted
        return min(wanted, 1) if at >= self.tries_at and not under_way else 0

    def succeeded(self) -> bool:
        """The target answered. True when that ends a time of leaving it alone."""
        was_open = self.is_open
        self.failures, self.tries_at = 0, None
        return was_open

    def failed(self, *, began: int, at: int) -> bool:
        """A try that began at `began` has failed. True when that starts a time of leaving it alone.

        Those that were under way already when it started say nothing new.
        """
        self.failures += 1
        if self.is_open:
            if began >= self._opened_at:
                self._open(at, min(2 * self._wait_s, self._longest_s))
            return False
        if self.failures >= self._settings.failures:
            self._open(at, self._settings.open_s)
            return True
        return False

    @property
    def _longest_s(self) -> float:
        return max(self._settings.open_s, self._settings.longest_s)

    def _open(self, at: int, wait_s: float) -> None:
        self._opened_at, self._wait_s = at, wait_s
        self.tries_at = at + round(wait_s * SECOND)
