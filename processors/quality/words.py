"""What is out of limits in words an operator can check, and the figures behind them."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.clock import format_clock
from processors.quality.conditions import Condition

_WHAT = {
    Condition.LOW_VOLTAGE: "voltage below its limit",
    Condition.HIGH_VOLTAGE: "voltage above its limit",
    Condition.UNBALANCE: "voltage unbalance above its limit",
    Condition.OVERLOAD: "overloaded",
    Condition.REVERSE_POWER: "feeds power back",
    Condition.OVERHEATING: "too hot",
    Condition.FREQUENCY: "frequency outside its limits",
}
_EXTREME = {
    Condition.LOW_VOLTAGE: "the lowest {value} at {device}, limit {limit}",
    Condition.HIGH_VOLTAGE: "the highest {value} at {device}, limit {limit}",
    Condition.UNBALANCE: "the highest {value} at {device}, limit {limit}",
    Condition.OVERLOAD: "up to {value} measured by {device}, limit {limit}",
    Condition.REVERSE_POWER: "up to {value} measured by {device}, limit {limit}",
    Condition.OVERHEATING: "up to {value} measured by {device}, limit {limit}",
    Condition.FREQUENCY: "furthest off {value}, limit {limit}",
}
_UNIT = {
    Condition.LOW_VOLTAGE: "V",
    Condition.HIGH_VOLTAGE: "V",
    Condition.UNBALANCE: "%",
    Condition.OVERLOAD: "kVA",
    Condition.REVERSE_POWER: "kW",
    Condition.OVERHEATING: "°C",
    Condition.FREQUENCY: "Hz",
}
OF_POINTS = (Condition.LOW_VOLTAGE, Condition.HIGH_VOLTAGE, Condition.UNBALANCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about an incident. Values are in the unit of the condition."""

    condition: Condition
    place: str  # "transformer T12 (Market Street)"
    group: str  # id of the node that it is kept under
    whole: bool
    members: int
    observed: int  # points below the place that were heard
    worst: float
    worst_by: str
    limit: float
    since: int
    minutes: int  # of the means
    now: float = 0.0
    over: str = ""  # why it is over, in words
    confirmed: bool = False


def unit(condition: Condition) -> str:
    return _UNIT[condition]


def summary(facts: Facts) -> str:
    what = _WHAT[facts.condition]
    if facts.condition in OF_POINTS:
        many = f"{facts.members} of {facts.observed} observed points"
        points = many if facts.observed != 1 else "the only observed point"
        text = f"{what} at {points} {'below' if facts.whole else 'at or below'} {facts.place}"
    elif facts.condition is Condition.FREQUENCY:
        text = f"{what} at {facts.place}, by {facts.observed} devices"
    else:
        text = f"{facts.place} {what}"
    name = _UNIT[facts.condition]
    digits = 2 if facts.condition is Condition.FREQUENCY else 1
    extreme = _EXTREME[facts.condition].format(
        value=f"{facts.worst:.{digits}f} {name}",
        device=facts.worst_by,
        limit=f"{facts.limit:.{digits}f} {name}",
    )
    parts = [f"{text} since {format_clock(facts.since)}", f"{extreme} ({facts.minutes}-min means)"]
    if facts.confirmed:
        parts.append("confirmed by an operator")
    if facts.over:
        parts.append(facts.over)
    sentence = "; ".join(parts) + "."
    return sentence[0].upper() + sentence[1:]


def evidence(facts: Facts) -> dict[str, str | int | float]:
    found: dict[str, str | int | float] = {
        "condition": facts.condition.word,
        "group": facts.group,
        "members": facts.members,
        "observed": facts.observed,
        "worst": round(facts.worst, 3),
        "limit": round(facts.limit, 3),
        "unit": _UNIT[facts.condition],
        "whole": int(facts.whole),
    }
    if facts.worst_by:
        found["worst_by"] = facts.worst_by
    return found
