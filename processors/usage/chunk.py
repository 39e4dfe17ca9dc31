"""Some customers while a day of theirs is judged: what is known, what is seen, what is found."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gateway.core.model import Bools
from processors.usage.baseline import AT, OF, Float32s
from processors.usage.day import CustomerFacts, UsageDay
from processors.usage.features import Features
from processors.usage.findings import Findings
from processors.usage.settings import UsageSettings


@dataclass(slots=True, kw_only=True, eq=False)
class Chunk:
    """m customers.

    rows: where they are in the day;  state: float32[m, WIDTH], with today's ratio, night and pending hours in it;
    scalars: float32[m, len(SCALARS)], settled ones on the way to become standing ones;  known: bool[m], judged by a
    baseline of their own;  expected: float32[m], kWh of today by profile and peers.
    """

    day: UsageDay
    rows: slice
    facts: CustomerFacts
    settings: UsageSettings
    seen: Features
    state: Float32s
    scalars: Float32s
    known: Bools
    expected: Float32s = field(init=False)
    found: Findings = field(init=False)

    def __post_init__(self) -> None:
        self.found = Findings(len(self.state))
        self.expected = self.profile.sum(axis=1)

    def __len__(self) -> int:
        return len(self.state)

    def scalar(self, name: str) -> Float32s:
        """A view of one of SCALARS."""
        return self.scalars[:, OF[name]]

    @property
    def profile(self) -> Float32s:
        """kWh of today's weekday by hour, weather apart: float32[m, 24]."""
        return self.state[:, AT["profile"]].reshape(-1, 7, 24)[:, self.day.weekday]

    def fade(self, name: str, today: npt.ArrayLike, pace: float = 0.85) -> Float32s:
        """Let a count of days fade and add today's (two in a row make 1.85); returns it as it is now."""
        column = self.scalar(name)
        column *= np.float32(pace)
        column += np.nan_to_num(np.asarray(today, np.float32))
        return column
