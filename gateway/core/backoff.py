"""Waiting longer after each failure, with jitter so that many do not come back at once."""

from __future__ import annotations

import asyncio
import random


class Backoff:
    """Doubles from `base_s` up to `cap_s`; each pause is drawn between half of that and all of it."""

    def __init__(self, *, base_s: float, cap_s: float, rng: random.Random | None = None) -> None:
        self.base_s = base_s
        self.cap_s = cap_s
        self.failures = 0
        self._rng = rng or random.Random()

    def reset(self) -> None:
        self.failures = 0

    def next_s(self) -> float:
        """Seconds to wait after one more failure."""
        full = min(self.cap_s, self.base_s * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return full * self._rng.uniform(0.5, 1.0)

    async def sleep(self) -> None:
        await asyncio.sleep(self.next_s())
