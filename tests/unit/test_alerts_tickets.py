from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.tickets import ENDED, TABLE, Action, ImpossibleActionError, next_state, possible
from gateway.core.model import TicketState


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(TABLE) == {None, *TicketState}
    reached = {state for steps in TABLE.values() for state in steps.values()}
    assert reached == set(TicketState)


def test_an_ordinary_life() -> None:
    state: TicketState | None = None
    lived = []
    for action in (
        Action.OPEN,
        Action.CONFIRM,
        Action.DISPATCH,
        Action.ARRIVE,
        Action.ESTIMATE,
        Action.RESTORE,
    ):
        state = next_state(state, action)
        lived.append(state.value)
    assert lived == ["predicted", "confirmed", "dispatched", "on_site", "estimated", "restored"]
    assert next_state(state, Action.CLOSE) is TicketState.CLOSED
    assert next_state(state, Action.REOPEN) is TicketState.REOPENED


def test_the_error_names_what_is_possible() -> None:
    with pytest.raises(ImpossibleActionError) as caught:
        next_state(TicketState.CLOSED, Action.DISPATCH)
    assert str(caught.value) == "dispatch is not possible for a ticket that is closed; possible: reopen"
    assert caught.value.possible == (Action.REOPEN,)
    with pytest.raises(ImpossibleActionError, match="does not exist yet; possible: open"):
        next_state(None, Action.CLOSE)


def test_an_update_never_changes_the_state() -> None:
    for state in TicketState:
        if Action.UPDATE in possible(state):
            assert next_state(state, Action.UPDATE) is state


@given(st.lists(st.sampled_from(Action), max_size=30))
def test_every_ticket_that_has_not_ended_can_be_ended(actions: list[Action]) -> None:
    state = next_state(None, Action.OPEN)
    for action in actions:
        if action in possible(state):
            state = next_state(state, action)
    if state in ENDED:
        assert possible(state) == (Action.REOPEN,)
    else:
        assert {Action.CLOSE, Action.CANCEL, Action.MERGE} <= set(possible(state))
