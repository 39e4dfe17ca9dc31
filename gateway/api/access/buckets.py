"""How often somebody may do something: buckets that drip empty."""

from __future__ import annotations

from collections import OrderedDict

_MOST = 20_000  # callers remembered at once; who has not come for longest is forgotten first


class Buckets:
    """One bucket per key, which takes `burst` at once and drips by `per_s`. Times are seconds of any steady clock."""

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = max(1.0, burst)
        self._full: OrderedDict[str, tuple[float, float]] = OrderedDict()  # level and when

    def wait_s(self, key: str, now: float) -> float:
        """How long until there is room for one more; 0 when there is."""
        return max(0.0, (self._level(key, now) + 1.0 - self._burst) / self._per_s)

    def add(self, key: str, now: float) -> None:
        self._full[key] = (self._level(key, now) + 1.0, now)
        self._full.move_to_end(key)
        if len(self._full) > _MOST:
            self._full.popitem(last=False)

    def take(self, key: str, now: float) -> float:
        """Put one in if there is room; how long to wait otherwise."""
        wait = self.wait_s(key, now)
        if wait <= 0:
            self.add(key, now)
        return wait

    def _level(self, key: str, now: float) -> float:
        level, at = self._full.get(key, (0.0, now))
        return max(0.0, level - (now - at) * self._per_s)
