"""One open incident with its members: who went off when, who is back, what has been published."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from msgspec import structs

from gateway.core.model import (
    Change,
    Event,
    Incident,
    IncidentKind,
    IncidentState,
    Int32s,
    Int64s,
    Interruption,
    SupplyState,
)

Keys = npt.NDArray[np.int64]

STALE = -2
_SURE = 0.99


@dataclass(slots=True, eq=False, kw_only=True)
class Story:
    """Columns have one row per member, sorted by key.

    keys int64[m];  start int64[m] µs;  end int64[m], 0 while off;  step int32[m];  due int64[m]: when the member
    would have reported next had it kept its supply;  told int64[m]: the end last published, −1 for a row not
    published yet, `STALE` for one whose published start is not right any more.
    """

    id: str
    kind: IncidentKind
    node: str
    phases: str
    state: IncidentState = IncidentState.OPEN
    started_at: int
    detected_at: int
    restored_at: int = 0
    parent: str = ""
    confidence: float
    path: str = ""  # of a communications loss: what went silent
    direct_by: str = ""  # device id of the terminal that shows it
    passed: list[str] = field(
        default_factory=list
    )  # ids of devices that a fault current passed on its way here
    alone: bool = False  # only these metering points, not what else hangs at the node or below it
    reference: str = ""  # of the announcement that explains it
    planned_node: str = ""  # for which that was made
    planned_from: int = 0
    planned_to: int = 0
    asked: int = 0  # members asked while they said nothing
    unanswered: int = 0  # of these, although others on their path were heard
    customers: int = 0  # as told last
    outlasted: int = 0  # members that stayed off after the announced end
    unverified: bool = False  # closed though no member showed a reading
    confirmed_by: str = ""  # the person who said what it is: inference leaves it as it is
    split_from: str = ""  # incident that a person took it out of
    overruled: bool = False  # ended by a person's word
    ended_by: str = ""  # that person
    ended_reason: str = ""
    revision: int = 0
    keys: Keys = field(default_factory=lambda: np.empty(0, np.int64))
    start: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    end: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    step: Int32s = field(default_factory=lambda: np.empty(0, np.int32))
    due: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    told: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    settled_at: int = 0  # tick at which it became restored
    doubted_at: int = (
        0  # tick of the first evidence against its state: life while open, or darkness once restored
    )
    returned_at: int = 0  # tick at which the last member came back
    review_at: int = 0  # when members left over after a restoration should have shown supply
    held_from: int = 0  # since when it is off again after a short restoration, 0 for never
    relapsed_at: int = 0  # when it was last found off again after supply had been back, 0 for never
    kept_answering: bool = (
        False  # withdrawn because the one meter that reported shows supply as if nothing were
    )
    published_at: int = 0
    signature: tuple[int, ...] = ()
    past: list[Interruption] = field(default_factory=list)  # rows of earlier steps and of members that left
    untold: int = 0  # `past` is published up to here

    @property
    def communications(self) -> bool:
        return self.kind is IncidentKind.COMMUNICATIONS_LOSS

    @property
    def planned(self) -> bool:
        return self.kind is IncidentKind.PLANNED_OUTAGE

    def sureness(self, unanswered: float) -> float:
        """Confidence with what asking added to it; `unanswered` is the log-likelihood of one unanswered question."""
        if self.confirmed_by:
            return 1.0
        if not self.unanswered or self.confidence >= _SURE:
            return self.confidence
        odds = math.log(self.confidence / (1.0 - self.confidence)) + self.unanswered * unanswered
        return round(min(_SURE, 1.0 / (1.0 + math.exp(-odds))), 3)

    @property
    def over(self) -> bool:
        return self.state in (IncidentState.CLOSED, IncidentState.CANCELLED, IncidentState.MERGED)

    @property
    def off(self) -> npt.NDArray[np.bool_]:
        found: npt.NDArray[np.bool_] = self.end == 0
        return found

    def add(self, keys: Keys, start: Int64s, due: Int64s) -> None:
        """Take in new members (none of them there already). Who was one before goes on with a further step."""
        self._insert(keys, start, np.zeros(len(keys), np.int64), due)

    def _insert(self, keys: Keys, start: Int64s, end: Int64s, due: Int64s) -> None:
        steps: dict[int, int] = {}
        for row in self.past:
            steps[row.device] = max(steps.get(row.device, 0), row.step + 1)
        columns = {
            "keys": keys,
            "start": start,
            "end": end,
            "step": np.array([steps.get(key, 0) for key in keys.tolist()], np.int32),
            "due": due,
            "told": np.full(len(keys), -1, np.int64),
        }
        order = np.argsort(np.concatenate([self.keys, keys]), kind="stable")
        for name, new in columns.items():
            setattr(self, name, np.concatenate([getattr(self, name), new])[order])

    def hand_over(self, which: npt.NDArray[np.bool_], other: Story) -> None:
        """Members `which` (bool[m]) are the other's from now on, with every row; `leave` or the end of this one voids
        the last of them here."""
        keys = self.keys[which]
        for row in sorted(self.void_past(keys.tolist()), key=lambda row: row.step):
            first = max((old.step + 1 for old in other.past if old.device == row.device), default=0)
            other.past.append(structs.replace(row, incident=other.id, step=first))
        other._insert(keys, self.start[which], self.end[which], self.due[which])

    def void_past(self, devices: Collection[int]) -> list[Interruption]:
        """Rows of these devices' earlier steps, void here from now on, in order."""
        mine = [row.device in devices for row in self.past]
        told = [row for row, gone in zip(self.past[: self.untold], mine, strict=False) if not gone]
        rest = [
            row for row, gone in zip(self.past[self.untold :], mine[self.untold :], strict=True) if not gone
        ]
        given = [row for row, gone in zip(self.past, mine, strict=True) if gone]
        void = [structs.replace(row, ended_at=row.started_at) for row in given]
        self.past, self.untold = [*told, *void, *rest], len(told)
        return [row for row in given if row.ended_at != row.started_at]

    def changed(self, *, void: bool = False) -> tuple[Interruption, ...]:
        """Rows that differ from what was published; they count as published now.

        `void`: every published row, with no length: the time belongs to another incident, or to none.
        """
        at = np.flatnonzero(self.told != (-1 if void else self.end))
        rows = (*self.past[self.untold :], *self._rows(at, self.start if void else self.end))
        self.untold = len(self.past)
        self.told[at] = self.end[at]
        return rows

    def untell(self) -> None:
        """Take nothing as published."""
        self.told[:] = STALE
        self.untold = 0
        self.signature = ()

    def relapse(self, at: npt.NDArray[np.int64], start: Int64s) -> None:
        """The members in rows `at` are off again: a further step."""
        self._shelve(at)
        self.step[at] += 1
        self.start[at] = start
        self.end[at] = 0
        self.told[at] = -1

    def leave(self, which: npt.NDArray[np.bool_], end: Int64s) -> None:
        """These belong here no more; their rows end at `end` (int64[m]), and are void where that is their start."""
        self.end = np.where(which, end, self.end)
        self._shelve(np.flatnonzero(which & ((self.told != -1) | (self.end > self.start))))
        for name in ("keys", "start", "end", "step", "due", "told"):
            setattr(self, name, getattr(self, name)[~which])

    def _shelve(self, at: npt.NDArray[np.int64]) -> None:
        known = self.told[at] == self.end[at]
        self.past[self.untold : self.untold] = self._rows(at[known], self.end)
        self.untold += int(np.count_nonzero(known))
        self.past += self._rows(at[~known], self.end)

    def _rows(self, at: npt.NDArray[np.int64], end: Int64s) -> tuple[Interruption, ...]:
        state = SupplyState.UNKNOWN if self.communications else SupplyState.OFF
        return tuple(
            Interruption(
                incident=self.id, device=key, step=step, state=state, started_at=start, ended_at=stop or None
            )
            for key, step, start, stop in zip(
                self.keys[at].tolist(),
                self.step[at].tolist(),
                self.start[at].tolist(),
                end[at].tolist(),
                strict=True,
            )
        )

    def event(
        self,
        at: int,
        change: Change,
        interruptions: tuple[Interruption, ...],
        *,
        customers: int,
        summary: str,
        confidence: float,
        evidence: dict[str, str | int | float | list[str]],
    ) -> Event:
        """The incident as it now is, as a new revision."""
        self.revision += 1
        self.published_at = at
        back = max(self.restored_at, self.started_at) if self.restored_at else None  # evidence of one moment
        incident = Incident(
            id=self.id,
            kind=self.kind,
            node=self.node,
            phases=self.phases,
            state=self.state,
            started_at=self.started_at,
            detected_at=self.detected_at,
            restored_at=back,
            ended_at=(back or at) if self.over else None,
            customers=customers,
            devices=tuple(self.keys.tolist()),
            parent=self.parent,
            confidence=confidence,
            direct=bool(self.direct_by),
            held_from=self.held_from or None,
            relapsed_at=self.relapsed_at or None,
            confirmed_by=self.confirmed_by,
            ended_by=self.ended_by,
            ended_reason=self.ended_reason,
            summary=summary,
            evidence=dict(evidence),
            revision=self.revision,
        )
        return Event(at=at, change=change, incident=incident, interruptions=interruptions)
