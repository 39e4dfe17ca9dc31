"""The evidence in words an operator can check, and the counts behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.core.clock import format_clock, format_time
from gateway.core.model import IncidentKind, IncidentState


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about an incident. Times are µs UTC, 0 for none."""

    kind: IncidentKind
    state: IncidentState
    place: str  # "transformer T12 (Market Street)"
    members: int
    reported: int  # members with dark evidence of their own
    back: int  # members shown to have supply again, or heard again
    silent: int
    by: dict[str, int] = field(default_factory=dict)  # kind of dark evidence -> members
    first: int = 0
    last: int = 0
    verified: int = 0
    others: int = 0  # other open outages
    direct_by: str = ""
    direct_until: int = 0  # when the terminal reported the contrary
    breaker: bool = False
    shared_hop: bool = False  # all that reported did so through one concentrator's answers
    path: str = ""
    since: int = 0
    customers_off: int = 0
    clock_faults: Sequence[str] = ()
    flapping: Sequence[str] = ()


def place(kind: str, node: str, name: str) -> str:
    return f"{kind} {node}" if name in ("", node) else f"{kind} {node} ({name})"


def summary(facts: Facts) -> str:
    if facts.kind is IncidentKind.COMMUNICATIONS_LOSS:
        return _silence(facts)
    parts: list[str] = []
    if facts.direct_by:
        what = "its breaker open" if facts.breaker else "a dead busbar"
        reports = "reports" if facts.state is IncidentState.OPEN and not facts.direct_until else "reported"
        until = f" until {format_clock(facts.direct_until)}" if facts.direct_until else ""
        parts.append(f"terminal {facts.direct_by} at {facts.place} {reports} {what}{until}")
    if facts.reported or not facts.direct_by:
        span = f"at {format_clock(facts.first)}"
        if format_clock(facts.last) != format_clock(facts.first):
            span = f"between {format_clock(facts.first)} and {format_clock(facts.last)}"
        parts.append(
            f"{facts.reported} of {_count(facts.members, 'meter')} below {facts.place} reported loss of supply {span}"
        )
    if facts.shared_hop:
        now = facts.state is IncidentState.OPEN
        may = "answers; its bus may be" if now else "answered; its bus may have been"
        parts.append(f"the concentrator {may} at fault")
    if facts.state is IncidentState.CANCELLED:
        parts.append("withdrawn: meters that should be dark have supply")
    elif facts.state is IncidentState.MERGED:
        parts.append("now part of a larger outage")
    elif facts.members == 0:
        parts.append("none of them is listed any more")
    elif facts.back == 0:
        parts.append("none answered since")
    elif facts.back == facts.members:
        shown = "shown by a reading" if facts.state is IncidentState.CLOSED else "of them by a reading so far"
        parts.append(f"all have supply again, {facts.verified} {shown}")
    else:
        parts.append(f"{facts.back} of {facts.members} have supply again")
    others = "no other outage" if not facts.others else _count(facts.others, "other outage")
    parts.append(f"{others} open")
    return "; ".join(parts) + "."


def evidence(facts: Facts) -> dict[str, str | int | float | list[str]]:
    found: dict[str, str | int | float | list[str]] = {
        "members": facts.members,
        "reported": facts.reported,
        "back": facts.back,
        "silent": facts.silent,
        "customers_off": facts.customers_off,
    }
    found |= facts.by
    if facts.first:
        found |= {"first_report": format_time(facts.first), "last_report": format_time(facts.last)}
    if facts.kind is not IncidentKind.COMMUNICATIONS_LOSS:
        found |= {"verified": facts.verified, "other_outages": facts.others}
    if facts.direct_by:
        found["direct"] = f"{facts.direct_by}: {'breaker open' if facts.breaker else 'busbar dead'}"
    if facts.path:
        found["path"] = facts.path
    if facts.clock_faults:
        found["clock_faults"] = list(facts.clock_faults)
    if facts.flapping:
        found["flapping"] = list(facts.flapping)
    return found


def _silence(facts: Facts) -> str:
    since = format_clock(facts.since)
    if not facts.path:
        words = f"1 device at {facts.place} is silent since {since}; others on its path are heard"
    else:
        words = (
            f"all of {_count(facts.members, 'device')} heard through {path(facts.path)} silent since {since}"
        )
    if facts.state is IncidentState.MERGED:
        return words + "; then found to be without supply."
    if facts.back:
        words += f"; {facts.back} heard again"
    return words + "; none of them reported loss of supply; whether they have supply is unknown."


def path(name: str) -> str:
    """`via:C7` → `concentrator C7`."""
    if name.startswith("source:modbus:"):
        return f"endpoint {name.removeprefix('source:modbus:')}"
    how, _, rest = name.partition(":")
    if how == "unheard":
        return f"{rest}, never heard so far,"
    return f"{'concentrator' if how == 'via' else 'session'} {rest}"


def _count(count: int, word: str) -> str:
    return f"1 {word}" if count == 1 else f"{count} {word}s"
