"""The life of a ticket as one table: state × action → state; and who may do what, saying what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.core.access import Role
from gateway.core.errors import ImpossibleError
from gateway.core.ticket import TicketState


class Action(StrEnum):
    OPEN = "open"
    UPDATE = "update"
    ACKNOWLEDGE = "acknowledge"
    CONFIRM = "confirm"
    DISPATCH = "dispatch"
    ARRIVE = "arrive"
    ESTIMATE = "estimate"
    RESTORE = "restore"
    CLOSE = "close"
    CANCEL = "cancel"
    MERGE = "merge"
    REOPEN = "reopen"
    COMMENT = "comment"
    WARN = "warn"  # a clock is about to run out
    ESCALATE = "escalate"  # a clock ran out


class Party(StrEnum):
    """Who takes a step."""

    DETECTOR = "detector"
    CLOCK = "clock"
    PERSON = "person"
    SYSTEM = "system"  # a service system that calls back


_S, _A, _P = TicketState, Action, Party

_END: Mapping[Action, TicketState] = {
    _A.CLOSE: _S.CLOSED,
    _A.CANCEL: _S.CANCELLED,
    _A.MERGE: _S.MERGED,
}


def _stay(state: TicketState, *actions: Action) -> Mapping[Action, TicketState]:
    return dict.fromkeys(actions, state)


def _waiting(state: TicketState) -> Mapping[Action, TicketState]:
    """Nobody is on the way yet."""
    return {
        **_stay(state, _A.UPDATE, _A.ACKNOWLEDGE),
        **({} if state is _S.CONFIRMED else {_A.CONFIRM: _S.CONFIRMED}),
        _A.DISPATCH: _S.DISPATCHED,
        _A.ARRIVE: _S.ON_SITE,
        _A.RESTORE: _S.RESTORED,
        **_END,
        **_stay(state, _A.COMMENT, _A.WARN, _A.ESCALATE),
    }


def _at_work(state: TicketState, steps: Mapping[Action, TicketState]) -> Mapping[Action, TicketState]:
    return {
        **_stay(state, _A.UPDATE),
        **steps,
        _A.RESTORE: _S.RESTORED,
        **_END,
        **_stay(state, _A.COMMENT, _A.WARN, _A.ESCALATE),
    }


def _ended(state: TicketState) -> Mapping[Action, TicketState]:
    return {_A.REOPEN: _S.REOPENED, _A.COMMENT: state}


TABLE: Mapping[TicketState | None, Mapping[Action, TicketState]] = {
    None: {_A.OPEN: _S.PREDICTED},
    _S.PREDICTED: _waiting(_S.PREDICTED),
    _S.CONFIRMED: _waiting(_S.CONFIRMED),
    _S.DISPATCHED: _at_work(
        _S.DISPATCHED,
        {_A.DISPATCH: _S.DISPATCHED, _A.ARRIVE: _S.ON_SITE, _A.ESTIMATE: _S.ESTIMATED},
    ),
    _S.ON_SITE: _at_work(_S.ON_SITE, {_A.ESTIMATE: _S.ESTIMATED}),
    _S.ESTIMATED: _at_work(_S.ESTIMATED, {_A.ARRIVE: _S.ON_SITE, _A.ESTIMATE: _S.ESTIMATED}),
    _S.RESTORED: {
        _A.UPDATE: _S.RESTORED,
        **_END,
        _A.REOPEN: _S.REOPENED,
        _A.COMMENT: _S.RESTORED,
    },
    _S.CLOSED: _ended(_S.CLOSED),
    _S.MERGED: _ended(_S.MERGED),
    _S.CANCELLED: _ended(_S.CANCELLED),
    _S.REOPENED: _waiting(_S.REOPENED),
}
"""Every state with what may be done in it, and where that leads. None is a ticket that is not there yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who may do an action, and which fields of a `TicketRequest` it needs or may have besides `reason`.

    role: what a person has to be at least.  records: the fields of the ticket that it fills, where they are empty yet.
    """

    parties: frozenset[Party]
    role: Role = Role.OPERATOR
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    records: tuple[str, ...] = ()


_DETECTOR = frozenset({_P.DETECTOR})
_CLOCK = frozenset({_P.CLOCK})
_ASKED = frozenset({_P.PERSON, _P.SYSTEM})
_ALL = _DETECTOR | _ASKED

RULES: Mapping[Action, Rule] = {
    _A.OPEN: Rule(parties=_DETECTOR, records=("opened_at", "clocks_from")),
    _A.UPDATE: Rule(parties=_DETECTOR),
    _A.ACKNOWLEDGE: Rule(parties=_ASKED, records=("acknowledged_at",)),
    _A.CONFIRM: Rule(parties=_DETECTOR),
    _A.DISPATCH: Rule(parties=_ASKED, may=("crew",), records=("acknowledged_at", "dispatched_at")),
    _A.ARRIVE: Rule(
        parties=_ASKED, may=("crew",), records=("acknowledged_at", "dispatched_at", "arrived_at")
    ),
    _A.ESTIMATE: Rule(parties=_ASKED, needs=("restoration_estimated_at",), may=("cause",)),
    _A.RESTORE: Rule(parties=_ALL, may=("cause",), records=("restored_at", "ended_by")),
    _A.CLOSE: Rule(parties=_ALL, may=("cause",), records=("closed_at", "ended_by")),
    _A.CANCEL: Rule(parties=_ALL, needs=("reason",), records=("closed_at", "ended_by")),
    _A.MERGE: Rule(parties=_DETECTOR, records=("closed_at", "ended_by")),
    _A.REOPEN: Rule(parties=_ALL, needs=("reason",)),
    _A.COMMENT: Rule(parties=_ASKED, needs=("reason",)),
    _A.WARN: Rule(parties=_CLOCK),
    _A.ESCALATE: Rule(parties=_CLOCK),
}
"""A person confirms the incident and not the ticket, which follows: what is confirmed is not rolled up any more."""


class ImpossibleActionError(ImpossibleError):
    """The ticket's state does not allow the action. `possible` are the actions that it allows the one who asked."""

    def __init__(self, state: TicketState | None, action: Action, party: Party | None = None) -> None:
        self.state = state
        self.action = action
        named = "a ticket that does not exist yet" if state is None else f"a ticket that is {state.value}"
        allowed = possible(state, party)
        told = ", ".join(allowed) or "nothing"
        super().__init__(f"{action.value} is not possible for {named}; possible: {told}", allowed)


def possible(state: TicketState | None, party: Party | None = None) -> tuple[Action, ...]:
    """What the state allows: anybody, or this party."""
    return tuple(action for action in TABLE[state] if party is None or party in RULES[action].parties)


def next_state(state: TicketState | None, action: Action, party: Party | None = None) -> TicketState:
    """Return the state that `action` leads to.

    Raises:
        ImpossibleActionError: the table has no such step, or not for this party; the error names what is possible.
    """
    if action not in possible(state, party):
        raise ImpossibleActionError(state, action, party)
    return TABLE[state][action]
