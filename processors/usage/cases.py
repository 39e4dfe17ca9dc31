"""One metering point's story: what is held against it, what of it was told, and when it rests."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import msgspec
from msgspec import structs

from gateway.core.clock import format_time, parse_time
from gateway.core.inventory import Inventory
from gateway.core.model import (
    Change,
    Event,
    Incident,
    IncidentKind,
    IncidentState,
    Reason,
    Suspicion,
)
from processors.usage.score import enough, evidence_of, score_of
from processors.usage.settings import UsageSettings

PREFIX = "use-"  # of the ids of its incidents
_TOLD = 4  # reasons in the summary
_MATERIAL = 0.1  # change of score that is worth telling


class Case(msgspec.Struct, kw_only=True):
    """Of one device; `incident` is the one that is open, as told last. Times are 0 for none."""

    device: int
    suspicion: Suspicion | None = None
    incident: Incident | None = None
    low_at: int = 0  # stream time since when the score is low
    low_day: int = 0  # the same by the days judged
    due: int = 0  # when to look again though nothing is heard
    rest_until: int = 0
    last_start: int = 0  # `started_at` of the last incident: no two share an id
    untold: bool = False  # to be told again, whole

    @property
    def idle(self) -> bool:
        return self.suspicion is None and self.incident is None and not (self.rest_until or self.last_start)


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """What the daily look and the readings say together."""

    score: float
    reasons: tuple[Reason, ...]
    opens: bool


def weigh(
    suspicion: Suspicion | None, live: Sequence[Reason], settings: UsageSettings, *, area: bool
) -> Weighed:
    """area: it is about what hangs below a transformer; then the balance alone is enough, and a score of its own."""
    daily = suspicion.reasons if suspicion else ()
    strongest: dict[str, Reason] = {}
    for reason in (*daily, *live):
        if reason.rule not in strongest or abs(reason.weight) > abs(strongest[reason.rule].weight):
            strongest[reason.rule] = reason
    reasons = tuple(sorted(strongest.values(), key=lambda each: -abs(each.weight)))
    if suspicion is not None and reasons == daily:
        score = suspicion.score
    elif suspicion is None:
        score = score_of(reasons, settings)
    else:
        score = score_of(reasons, settings, base=(suspicion.score, daily))
    least = settings.open_area_score if area else settings.open_score
    opens = score >= least and (area or enough(reasons))
    return Weighed(score=round(score, 4), reasons=reasons, opens=opens)


def opened(case: Case, weighed: Weighed, inventory: Inventory, at: int, *, since: int, until: int) -> Event:
    """A new incident of this case."""
    device = case.device
    start = at if since == case.last_start or since > at else since
    name = f"{inventory.ids[device]}/{start}"
    node = int(inventory.node[device])
    case.last_start, case.low_at, case.low_day, case.untold = start, 0, 0, False
    case.incident = Incident(
        id=PREFIX + blake2b(name.encode(), digest_size=8).hexdigest(),
        kind=IncidentKind.USAGE_ANOMALY,
        node=inventory.network.ids[node],
        phases=inventory.phase_letters(device),
        state=IncidentState.OPEN,
        started_at=start,
        detected_at=at,
        customers=_customers(inventory, device),
        devices=(device,),
        confidence=weighed.score,
        summary=summary(inventory.ids[device], weighed),
        evidence=evidence(inventory.ids[device], weighed, until),
    )
    return Event(at=at, change=Change.OPENED, incident=case.incident)


def retold(case: Case, weighed: Weighed | None, inventory: Inventory, at: int, *, until: int = 0) -> Event:
    """The open incident as it now is; None: as it was."""
    incident = _open(case)
    again = structs.replace(incident, revision=incident.revision + 1)
    if weighed is not None:
        device = inventory.ids[case.device]
        again = structs.replace(
            again,
            confidence=weighed.score,
            summary=summary(device, weighed),
            evidence=evidence(device, weighed, until),
        )
    case.incident, case.untold = again, False
    return Event(at=at, change=Change.UPDATED, incident=again)


def ended(  # noqa: PLR0917
    case: Case, state: IncidentState, at: int, words: str, by: str = "", reason: str = "", parent: str = ""
) -> Event:
    """The open incident comes to its end."""
    incident = _open(case)
    change = {
        IncidentState.CLOSED: Change.CLOSED,
        IncidentState.CANCELLED: Change.CANCELLED,
        IncidentState.MERGED: Change.MERGED,
    }[state]
    over = structs.replace(
        incident,
        state=state,
        ended_at=max(at, incident.started_at),
        parent=parent or incident.parent,
        ended_by=by,
        ended_reason=reason,
        summary=words or incident.summary,
        revision=incident.revision + 1,
    )
    case.incident, case.low_at, case.low_day, case.due, case.untold = None, 0, 0, 0, False
    return Event(at=at, change=change, incident=over)


def confirmed(case: Case, by: str, at: int) -> Event:
    case.incident = structs.replace(_open(case), confirmed_by=by)
    incident = structs.replace(case.incident, revision=case.incident.revision + 1)
    case.incident = incident
    return Event(at=at, change=Change.UPDATED, incident=incident)


def differs(case: Case, weighed: Weighed) -> bool:
    """Whether what is known now is worth telling beside what was told."""
    incident = _open(case)
    told = {str(each["rule"]) for each in incident.evidence.get("reasons", [])}
    rules = {each.rule for each in weighed.reasons}
    return case.untold or abs(weighed.score - incident.confidence) >= _MATERIAL or rules != told


def summary(device: str, weighed: Weighed) -> str:
    """What a crew is to look at; nobody is accused."""
    words = [each.words for each in weighed.reasons[:_TOLD]]
    more = len(weighed.reasons) - len(words)
    rest = f" And {more} more." if more > 0 else ""
    return f"Inspection advised at {device}, score {weighed.score:.2f}. {' '.join(words)}{rest}"


def evidence(device: str, weighed: Weighed, until: int) -> dict[str, object]:
    return {
        "device": device,
        "score": weighed.score,
        "until": format_time(until),
        "groups": {name: round(weight, 3) for name, weight in evidence_of(weighed.reasons).items()},
        "reasons": [msgspec.to_builtins(each) for each in weighed.reasons],
    }


def recalled(incident: Incident, device: int) -> Suspicion | None:
    """What the incident rests on, as its evidence tells; None where it does not."""
    try:
        reasons = msgspec.convert(incident.evidence["reasons"], tuple[Reason, ...], strict=False)
        until = parse_time(str(incident.evidence["until"]))
    except (KeyError, TypeError, ValueError):
        return None
    return Suspicion(
        device=device,
        received_at=incident.detected_at,
        since=incident.started_at,
        until=until,
        score=incident.confidence,
        reasons=reasons,
    )


def _open(case: Case) -> Incident:
    assert case.incident is not None
    return case.incident


def _customers(inventory: Inventory, device: int) -> int:
    """Of a meter those that it serves; of what measures a transformer's supply all below it."""
    own = int(inventory.customers[device])
    if own:
        return own
    below = inventory.network.subtree(int(inventory.node[device]))
    return int(inventory.customers[(inventory.node >= below.start) & (inventory.node < below.stop)].sum())
