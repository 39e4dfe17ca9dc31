"""The evidence in words an operator can check, and the counts behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.core.clock import format_clock, format_time
from gateway.core.model import IncidentKind, IncidentState

_NAMED = 3  # so many are named; of more only the count is told


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
    phases: str = ""  # lost ones, where some remain
    by: dict[str, int] = field(default_factory=dict)  # kind of dark evidence -> members
    first: int = 0
    last: int = 0
    verified: int = 0
    others: int = 0  # other open outages
    beside: int = 0  # those of them on the same feeder
    feeders: Sequence[str] = ()  # other feeders with open outages
    has_feeder: bool = False  # the place hangs on a feeder
    direct_by: str = ""
    alone: bool = False  # only these meters, not what else hangs at the place or below it
    passed: Sequence[str] = ()  # devices that the fault current passed
    direct_until: int = 0  # when the terminal reported the contrary
    breaker: bool = False
    shared_hop: bool = False  # all that reported did so through one concentrator's answers
    asked: int = 0  # members asked while they said nothing
    unanswered: int = 0  # of these, although others on their path were heard
    unverified: bool = False  # closed on restore messages alone
    kept_answering: bool = False  # the one that gasped went on showing supply
    confirmed: bool = False  # by a person
    overruled: bool = False  # ended by a person's word
    split_from: str = ""  # incident that a person took it out of
    outlasted: int = 0  # members that stayed off after the announced end
    reference: str = ""  # of the announcement
    planned_node: str = ""
    starts_at: int = 0
    ends_at: int = 0
    path: str = ""
    unheard: bool = False  # nobody along it was ever heard
    wider: bool = False  # what it was merged into is silent too
    since: int = 0
    started_at: int = 0
    customers_off: int = 0
    clock_faults: Sequence[str] = ()
    flapping: Sequence[str] = ()


_CONFIRMED = "confirmed by an operator"
_OVERRULED = {
    IncidentState.CANCELLED: "withdrawn by an operator",
    IncidentState.MERGED: "made part of another outage by an operator",
}


def place(kind: str, node: str, name: str) -> str:
    return f"{kind} {node}" if name in ("", node) else f"{kind} {node} ({name})"


def summary(facts: Facts) -> str:
    if facts.kind is IncidentKind.COMMUNICATIONS_LOSS:
        return _silence(facts)
    if facts.reference:
        return "; ".join([*_planned(facts), *_now(facts)]) + "."
    return "; ".join([*_reports(facts), *_now(facts), *_elsewhere(facts)]) + "."


def _reports(facts: Facts) -> list[str]:
    """What told of the loss."""
    parts: list[str] = []
    if facts.direct_by:
        what = "its breaker open" if facts.breaker else "a dead busbar"
        reports = "reports" if facts.state is IncidentState.OPEN and not facts.direct_until else "reported"
        until = f" until {format_clock(facts.direct_until)}" if facts.direct_until else ""
        parts.append(f"terminal {facts.direct_by} at {facts.place} {reports} {what}{until}")
    if facts.reported or not facts.direct_by:
        what = f"loss of {_phases(facts.phases)}" if facts.phases else "loss of supply"
        meters, where = f"{facts.reported} of {_count(facts.members, 'meter')}", "below"
        if facts.alone:
            where = "at"
            meters = _count(facts.members, "meter") if facts.reported == facts.members else meters
        told = f"reported {what} {_span(facts)}"
        if set(facts.by) == {"restore_message"}:
            told = f"told by restore messages that there had been a {what}"
        parts.append(f"{meters} {where} {facts.place} {told}")
    if facts.passed:
        parts.append(f"fault current passed {_list(facts.passed[:_NAMED])}")
    if facts.shared_hop:
        now = facts.state is IncidentState.OPEN
        may = "answers; its bus may be" if now else "answered; its bus may have been"
        parts.append(f"the concentrator {may} at fault")
    return parts


def _planned(facts: Facts) -> list[str]:
    window = f"{_minute(facts.starts_at)}-{_minute(facts.ends_at)}"
    off = facts.members if facts.state is not IncidentState.OPEN else facts.members - facts.back
    was = "off" if facts.state is IncidentState.OPEN else "were off"
    what = f"planned outage {facts.reference} at {facts.place}"
    parts = [f"{what}: {off} of {_count(facts.members, 'meter')} {was} as announced {window}"]
    if early := max(0, facts.starts_at - facts.started_at) // 1_000_000:
        parts.append(f"switched off {_duration(early)} before the announced time")
    if facts.direct_by:
        parts.append(
            f"terminal {facts.direct_by} reported {'its breaker open' if facts.breaker else 'a dead busbar'}"
        )
    if facts.reported:
        parts.append(f"{facts.reported} of them reported loss of supply {_span(facts)}")
    return parts


def _now(facts: Facts) -> list[str]:
    """How it stands with the members now."""
    parts: list[str] = []
    if facts.unanswered:
        parts.append(f"{facts.unanswered} of {facts.asked} asked did not answer")
    if facts.confirmed:
        parts.append(_CONFIRMED)
    if facts.overruled:
        parts.append(_OVERRULED[facts.state])
    elif facts.kept_answering:
        parts.append("withdrawn: the meter gave a last gasp and kept answering")
    elif facts.state is IncidentState.CANCELLED and set(facts.by) == {"target_failed"}:
        parts.append("withdrawn: it is reached again, and nothing but its last hop need have failed")
    elif facts.state is IncidentState.CANCELLED:
        parts.append("withdrawn: meters that should be dark have supply")
    elif facts.state is IncidentState.MERGED:
        parts.append("now part of a larger outage")
    elif facts.members == 0:
        parts.append("none of them is listed any more")
    elif facts.back == 0:
        parts.append("none answered since")
    elif facts.outlasted:
        parts.append(f"{facts.outlasted} of them stayed off after its end")
    elif facts.back == facts.members:
        shown = "shown by a reading" if facts.state is IncidentState.CLOSED else "of them by a reading so far"
        if facts.unverified:
            parts.append("all have supply again, verified by restore messages only")
        else:
            parts.append(f"all have supply again, {facts.verified} {shown}")
    else:
        parts.append(f"{facts.back} of {facts.members} have supply again")
    return parts


def _elsewhere(facts: Facts) -> list[str]:
    """Who else is off."""
    if not facts.has_feeder:
        others = "no other outage" if not facts.others else _count(facts.others, "other outage")
        return [f"{others} open"]
    parts = [f"{_count(facts.beside, 'other outage')} on the same feeder"] if facts.beside else []
    if not facts.feeders:
        return [*parts, "no other feeder affected"]
    if len(facts.feeders) > _NAMED:
        return [*parts, f"{len(facts.feeders)} other feeders affected"]
    return [*parts, f"{_list(facts.feeders)} affected too"]


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
        found |= {
            "verified": facts.verified,
            "other_outages": facts.others,
            "other_feeders": len(facts.feeders),
        }
    if facts.direct_by:
        found["direct"] = f"{facts.direct_by}: {'breaker open' if facts.breaker else 'busbar dead'}"
    if facts.alone:
        found["alone"] = facts.members
    if facts.passed:
        found["fault_indicators"] = list(facts.passed)
    if facts.asked:
        found |= {"asked": facts.asked, "unanswered": facts.unanswered}
    if facts.unverified:
        found["verified_by"] = "restore messages"
    if facts.reference:
        found |= {
            "reference": facts.reference,
            "planned_node": facts.planned_node,
            "planned_from": format_time(facts.starts_at),
            "planned_to": format_time(facts.ends_at),
        }
    if facts.split_from:
        found["split_from"] = facts.split_from
    if facts.outlasted:
        found["outlasted"] = facts.outlasted
    if facts.path:
        found["path"] = facts.path
    if facts.clock_faults:
        found["clock_faults"] = list(facts.clock_faults)
    if facts.flapping:
        found["flapping"] = list(facts.flapping)
    return found


def _silence(facts: Facts) -> str:
    since, devices = format_clock(facts.since), _count(facts.members, "device")
    if not facts.path:
        words = f"1 device at {facts.place} is silent since {since}; others on its path are heard"
    elif facts.path.startswith("unheard:"):
        heard = "never heard so far" if facts.unheard else "not heard"
        words = f"{devices} on {path(facts.path)} {heard}, expected since {since}"
    elif facts.members == 1:
        words = f"1 device, all that is heard through {path(facts.path)}, is silent since {since}"
    else:
        words = f"everything heard through {path(facts.path)} silent since {since}: {devices}"
    if facts.confirmed:
        words += f"; {_CONFIRMED}"
    if facts.overruled:
        return f"{words}; {_OVERRULED[facts.state]}."
    if facts.state is IncidentState.MERGED:
        return words + ("; part of a wider loss." if facts.wider else "; then found to be without supply.")
    if facts.back:
        words += f"; {facts.back} heard {'by now' if facts.path.startswith('unheard:') else 'again'}"
    supply = "they had supply meanwhile" if facts.state is IncidentState.CLOSED else "they have supply"
    return words + f"; none of them reported loss of supply; whether {supply} is unknown."


def path(name: str) -> str:
    """`via:C7` → `concentrator C7`; the protocol alone where no session is named."""
    if name.startswith("source:modbus:"):
        return f"endpoint {name.removeprefix('source:modbus:')}"
    how, _, rest = name.partition(":")
    if how == "unheard":
        return rest
    return f"{_HOPS.get(how, 'session')} {rest}"


_HOPS = {"via": "concentrator", "modem": "modem", "cell": "cell"}


def _span(facts: Facts) -> str:
    first, last = format_clock(facts.first), format_clock(facts.last)
    return f"at {first}" if first == last else f"between {first} and {last}"


def _minute(at: int) -> str:
    """Time of day as it is announced: without seconds where there are none."""
    return format_clock(at).removesuffix(":00")


def _duration(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min"


def _phases(letters: str) -> str:
    return f"phase {letters}" if len(letters) == 1 else f"phases {_list(letters)}"


def _list(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _count(count: int, word: str) -> str:
    return f"1 {word}" if count == 1 else f"{count} {word}s"
