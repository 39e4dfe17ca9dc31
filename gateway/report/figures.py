"""Figures as people read them. Nothing is rounded in our favour: good shares are cut, bad news is rounded up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from math import ceil, floor, isfinite

from gateway.core.clock import MINUTE, to_datetime

GAP = "\u00a0"
NONE = "–"
_SLACK = 1e-6  # of the last digit: what floating point left of a whole number is no trace of more


def up(value: float | None, digits: int = 0, unit: str = "") -> str:
    """For what is bad: the least trace stays visible."""
    return _cut(value, digits, unit, ceil, -_SLACK)


def down(value: float | None, digits: int = 0, unit: str = "") -> str:
    """For what is good: 99.9996 must not read as 100."""
    return _cut(value, digits, unit, floor, _SLACK)


def percent(share: float | None, digits: int = 4) -> str:
    text = down(None if share is None else share * 100, digits, "%")
    short = share is not None and share < 1 and text == down(100.0, digits, "%")
    return down(100 - 10.0**-digits, digits, "%") if short else text


def percent_at_most(share: float | None, digits: int = 4) -> str:
    return up(None if share is None else share * 100, digits, "%")


def count(value: float | None) -> str:
    return NONE if value is None else f"{value:,.0f}"


def minutes(value: float | None, digits: int = 2) -> str:
    return up(value, digits, "min")


def length(micros: int | None) -> str:
    """A duration that is bad news: whole minutes, rounded up."""
    if micros is None:
        return NONE
    total = -(-micros // MINUTE)
    hours, left = divmod(total, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}{GAP}d {hours}{GAP}h"
    return f"{hours}{GAP}h {left}{GAP}min" if hours else f"{left}{GAP}min"


def moment(at: int | None, zone: tzinfo) -> str:
    return NONE if at is None else to_datetime(at).astimezone(zone).strftime("%Y-%m-%d %H:%M")


def day(at: int | None, zone: tzinfo) -> str:
    return NONE if at is None else to_datetime(at).astimezone(zone).strftime("%Y-%m-%d")


def _cut(value: float | None, digits: int, unit: str, toward: Callable[[float], int], slack: float) -> str:
    scale = 10**digits
    if value is None or not isfinite(value * scale):
        return NONE
    whole = toward(value * scale + slack)
    if value > 0 and toward is ceil:
        whole = max(whole, 1)
    text = f"{whole / scale:,.{digits}f}".replace("-", "−")
    return f"{text}{GAP}{unit}" if unit else text
