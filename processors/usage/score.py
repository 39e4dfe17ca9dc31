"""Evidence to one calibrated probability per customer, with its reasons in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from gateway.core.model import Bools, Float64s, Int32s, Reason, Suspicion
from processors.usage.judge import Judged
from processors.usage.settings import UsageSettings


class AreaEvidence(Protocol):
    """What the energy balance says of customers below transformers (`processors.balance.suspects`)."""

    @property
    def device(self) -> Int32s:
        """Customers that it says something of: int32[m]."""
        ...

    @property
    def weight(self) -> Float64s:
        """Log-odds of each: float64[m]; negative where the balance speaks for the customer."""
        ...

    def reasons(self, device: int) -> tuple[Reason, ...]:
        """The words and figures for one of them; empty for others."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """score: float64[n], calibrated probability;  log_odds: float64[n];  groups: int32[n], independent kinds of
    evidence that speak against the customer;  opens: bool[n], score and kinds are enough for an inspection."""

    devices: Int32s
    score: Float64s
    log_odds: Float64s
    groups: Int32s
    opens: Bools


def combine(judged: Judged, area: AreaEvidence | None, settings: UsageSettings) -> Scores:
    """Correlated rules count once: of each group the strongest, and a share of the others."""
    raise NotImplementedError


def suspicions(
    judged: Judged,
    scores: Scores,
    area: AreaEvidence | None,
    *,
    at: int,
    settings: UsageSettings,
    also: Iterable[int] = (),
) -> list[Suspicion]:
    """Customers from `tell_score` on, and `also` those (of whom the stream was told before, or who have an open
    incident) whatever is left of it; strongest first.

    at: `received_at` of what is put into the stream.  Reasons that weigh nothing are left out.
    """
    raise NotImplementedError


def enough(reasons: Iterable[Reason]) -> bool:
    """Whether at least two independent kinds of evidence speak against the customer; the balance of the area is one."""
    raise NotImplementedError
