"""The life of a ticket as one table: state × action → state."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway.core.errors import ImpossibleError
from gateway.core.model import TicketState


class Action(StrEnum):
    OPEN = "open"
    UPDATE = "update"
    CONFIRM = "confirm"
    DISPATCH = "dispatch"
    ARRIVE = "arrive"
    ESTIMATE = "estimate"
    RESTORE = "restore"
    CLOSE = "close"
    CANCEL = "cancel"
    MERGE = "merge"
    REOPEN = "reopen"


class ImpossibleActionError(ImpossibleError):
    """The ticket's state does not allow the action. `possible` are the actions that it allows."""

    def __init__(self, state: TicketState | None, action: Action) -> None:
        self.state = state
        self.action = action
        named = "a ticket that does not exist yet" if state is None else f"a ticket that is {state.value}"
        allowed = possible(state)
        told = ", ".join(allowed) or "nothing"
        super().__init__(f"{action.value} is not possible for {named}; possible: {told}", allowed)


_S, _A = TicketState, Action

_END: Mapping[Action, TicketState] = {
    _A.CLOSE: _S.CLOSED,
    _A.CANCEL: _S.CANCELLED,
    _A.MERGE: _S.MERGED,
}
_AT_WORK: Mapping[Action, TicketState] = {_A.RESTORE: _S.RESTORED, **_END}
_ENDED: Mapping[Action, TicketState] = {_A.REOPEN: _S.REOPENED}

TABLE: Mapping[TicketState | None, Mapping[Action, TicketState]] = {
    None: {_A.OPEN: _S.PREDICTED},
    _S.PREDICTED: {
        _A.UPDATE: _S.PREDICTED,
        _A.CONFIRM: _S.CONFIRMED,
        _A.DISPATCH: _S.DISPATCHED,
        **_AT_WORK,
    },
    _S.CONFIRMED: {_A.UPDATE: _S.CONFIRMED, _A.DISPATCH: _S.DISPATCHED, **_AT_WORK},
    _S.DISPATCHED: {
        _A.UPDATE: _S.DISPATCHED,
        _A.ARRIVE: _S.ON_SITE,
        _A.ESTIMATE: _S.ESTIMATED,
        **_AT_WORK,
    },
    _S.ON_SITE: {_A.UPDATE: _S.ON_SITE, _A.ESTIMATE: _S.ESTIMATED, **_AT_WORK},
    _S.ESTIMATED: {
        _A.UPDATE: _S.ESTIMATED,
        _A.ARRIVE: _S.ON_SITE,
        _A.ESTIMATE: _S.ESTIMATED,
        **_AT_WORK,
    },
    _S.RESTORED: {_A.UPDATE: _S.RESTORED, _A.REOPEN: _S.REOPENED, **_END},
    _S.REOPENED: {
        _A.UPDATE: _S.REOPENED,
        _A.CONFIRM: _S.CONFIRMED,
        _A.DISPATCH: _S.DISPATCHED,
        **_AT_WORK,
    },
    _S.CLOSED: _ENDED,
    _S.CANCELLED: _ENDED,
    _S.MERGED: _ENDED,
}
"""Every state with what may be done in it, and where that leads. None is a ticket that is not there yet."""

ENDED = frozenset({_S.CLOSED, _S.CANCELLED, _S.MERGED})


def possible(state: TicketState | None) -> tuple[Action, ...]:
    return tuple(TABLE[state])


def next_state(state: TicketState | None, action: Action) -> TicketState:
    """Return the state that `action` leads to.

    Raises:
        ImpossibleActionError: the table has no such step; the error names what is possible.
    """
    try:
        return TABLE[state][action]
    except KeyError:
        raise ImpossibleActionError(state, action) from None
