"""Incidents of supply quality that are open, and how they are told."""

from __future__ import annotations

from hashlib import blake2b
from typing import TypeAlias

import msgspec

from gateway.core.model import Change, Event, Incident, IncidentKind, IncidentState
from processors.quality.conditions import Condition

Place: TypeAlias = tuple[int, str]
"""A condition and the node that the incident is kept under: there is one of these at a time."""


class Story(msgspec.Struct, kw_only=True):
    """One open incident. `group` stays as it is; `node` is what is shown, the lowest place above all members."""

    id: str
    condition: Condition
    group: str
    node: str
    whole: bool
    phases: str
    started_at: int
    detected_at: int
    members: list[int]
    observed: int
    customers: int
    worst: float  # in the unit of the condition
    worst_by: str
    limit: float
    confirmed_by: str = ""
    revision: int = 0
    told: str = ""  # signature of what was told last

    @property
    def place(self) -> Place:
        return int(self.condition), self.group

    @property
    def confidence(self) -> float:
        """The more devices agree, the surer."""
        if self.confirmed_by:
            return 1.0
        agree = self.observed if self.condition is Condition.FREQUENCY else len(self.members)
        return round(min(0.99, 1.0 - 0.3 * 0.5 ** max(0, agree - 1)), 3)

    def signature(self) -> str:
        """What is worth telling again when it changes."""
        parts = (self.node, self.whole, self.phases, self.members, round(self.worst, 1), self.confirmed_by)
        return blake2b(repr(parts).encode(), digest_size=8).hexdigest()

    def event(
        self,
        at: int,
        change: Change,
        *,
        summary: str,
        evidence: dict[str, str | int | float],
        restored: bool = False,
        parent: str = "",
        by: str = "",
        reason: str = "",
    ) -> Event:
        state = _STATES[change]
        over = state is not IncidentState.OPEN
        self.revision += 1
        self.told = self.signature()
        incident = Incident(
            id=self.id,
            kind=IncidentKind.POWER_QUALITY,
            node=self.node,
            phases=self.phases,
            state=state,
            started_at=self.started_at,
            detected_at=self.detected_at,
            restored_at=at if restored else None,
            ended_at=at if over else None,
            customers=self.customers,
            devices=tuple(self.members),
            parent=parent,
            confidence=self.confidence,
            confirmed_by=self.confirmed_by,
            ended_by=by,
            ended_reason=reason,
            summary=summary,
            evidence=dict(evidence),
            revision=self.revision,
        )
        return Event(at=at, change=change, incident=incident)


_STATES = {
    Change.OPENED: IncidentState.OPEN,
    Change.UPDATED: IncidentState.OPEN,
    Change.CLOSED: IncidentState.CLOSED,
    Change.CANCELLED: IncidentState.CANCELLED,
    Change.MERGED: IncidentState.MERGED,
}


def name_of(condition: Condition, group: str, detected_at: int) -> str:
    """Id of the incident that is made of this."""
    text = f"{IncidentKind.POWER_QUALITY}|{condition.word}|{group}|{detected_at}"
    return "inc-" + blake2b(text.encode(), digest_size=8).hexdigest()
