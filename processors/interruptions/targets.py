"""Targets per window: how much of the allowed customer minutes is spent, how fast, and where the window will end."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from gateway.core.clock import MINUTE
from gateway.core.model import Record


class Span(StrEnum):
    MONTH = "month"
    YEAR = "year"
    ROLLING_YEAR = "rolling_year"


class State(StrEnum):
    MET = "met"  # the budget holds, at today's rate until the window's end too
    AT_RISK = "at_risk"  # it still holds, but will not at today's rate
    MISSED = "missed"


class Target(Record, frozen=True, kw_only=True):
    """`value` is a share for asai, minutes per customer and window for saidi."""

    index: Literal["asai", "saidi"]
    span: Span
    value: float

    def budget(self, served: float, length: int) -> float:
        """Customer minutes that a window of `length` µs allows: (1 − ASAI)·N_T·T, or SAIDI·N_T."""
        time = served * (length / MINUTE)
        return time - self.value * time if self.index == "asai" else self.value * served


DEFAULTS = (
    Target(index="asai", span=Span.MONTH, value=0.999),
    Target(index="asai", span=Span.ROLLING_YEAR, value=0.999),
    Target(index="saidi", span=Span.MONTH, value=15.0),
)


class Spent(Record, frozen=True, kw_only=True):
    """A window so far: customers served, its whole and its elapsed length (µs), minutes ended and still going on."""

    served: float
    length: int
    elapsed: int
    customer_minutes: float
    open_customer_minutes: float = 0.0


class Standing(Record, frozen=True, kw_only=True):
    """Where a window stands against one target. Minutes are customer minutes.

    spent holds what goes on too: that supply is gone already.  left = budget − spent, negative when overspent;
    burn_rate = (spent / budget) / (elapsed / length), 1 when the budget will just last, None while it cannot be told;
    forecast_minutes = spent · length / elapsed;  forecast: the index itself at the window's end, at that rate.
    """

    target: Target
    budget_minutes: float
    spent_minutes: float
    open_minutes: float
    left_minutes: float
    spent_share: float | None
    elapsed_share: float
    burn_rate: float | None
    forecast_minutes: float | None
    forecast: float | None
    state: State


def standing(target: Target, spent: Spent) -> Standing:
    """Raises ValueError where nobody is served or the window has no length: there is nothing to hold to a target."""
    if spent.served <= 0 or not 0 <= spent.elapsed <= spent.length or not spent.length:
        raise ValueError("a target needs customers served and a window with a length")
    budget = target.budget(spent.served, spent.length)
    used = spent.customer_minutes + spent.open_customer_minutes
    elapsed_share = spent.elapsed / spent.length
    spent_share = used / budget if budget > 0 else None
    ahead = used / elapsed_share if elapsed_share else None
    return Standing(
        target=target,
        budget_minutes=budget,
        spent_minutes=used,
        open_minutes=spent.open_customer_minutes,
        left_minutes=budget - used,
        spent_share=spent_share,
        elapsed_share=elapsed_share,
        burn_rate=None if spent_share is None or not elapsed_share else spent_share / elapsed_share,
        forecast_minutes=ahead,
        forecast=None if ahead is None else _index(target, ahead, spent),
        state=_state(budget, used, ahead),
    )


def _index(target: Target, minutes: float, spent: Spent) -> float:
    per_customer = minutes / spent.served
    return 1 - per_customer / (spent.length / MINUTE) if target.index == "asai" else per_customer


def _state(budget: float, used: float, ahead: float | None) -> State:
    if used > budget:
        return State.MISSED
    return State.AT_RISK if ahead is not None and ahead > budget else State.MET
