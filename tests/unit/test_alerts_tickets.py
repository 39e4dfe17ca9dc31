"""The table of a ticket's life, and that docs/tickets.md says the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.tickets import (
    RULES,
    TABLE,
    Action,
    ImpossibleActionError,
    Party,
    Rule,
    next_state,
    possible,
)
from gateway.core.access import Role
from gateway.core.ticket import ENDED, Ticket, TicketRequest, TicketState

PAGE = (Path(__file__).parents[2] / "docs" / "tickets.md").read_text(encoding="utf-8")
ASKED = {Party.PERSON, Party.SYSTEM}


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(TABLE) == {None, *TicketState}
    reached = {state for steps in TABLE.values() for state in steps.values()}
    assert reached == set(TicketState)


def test_every_action_has_a_rule_and_a_place_in_the_table() -> None:
    assert set(RULES) == set(Action) == {action for steps in TABLE.values() for action in steps}


def test_what_rules_name_are_fields() -> None:
    for rule in RULES.values():
        assert {*rule.needs, *rule.may} <= set(TicketRequest.__struct_fields__)
        assert set(rule.records) <= set(Ticket.__struct_fields__)
        assert rule.role >= Role.OPERATOR
        assert rule.parties


def test_an_ordinary_life() -> None:
    state: TicketState | None = None
    lived = []
    for action in (
        Action.OPEN,
        Action.ACKNOWLEDGE,
        Action.CONFIRM,
        Action.DISPATCH,
        Action.ARRIVE,
        Action.ESTIMATE,
        Action.RESTORE,
    ):
        state = next_state(state, action)
        lived.append(state.value)
    assert lived == ["predicted", "predicted", "confirmed", "dispatched", "on_site", "estimated", "restored"]
    assert next_state(state, Action.CLOSE) is TicketState.CLOSED
    assert next_state(state, Action.REOPEN) is TicketState.REOPENED


@pytest.mark.parametrize("party", [None, *Party])
@pytest.mark.parametrize("state", [None, *TicketState])
def test_every_step_is_in_the_table_or_refused_with_what_is_possible(
    state: TicketState | None, party: Party | None
) -> None:
    offered = possible(state, party)
    for action in Action:
        if action in TABLE[state] and (party is None or party in RULES[action].parties):
            assert action in offered
            assert next_state(state, action, party) is TABLE[state][action]
        else:
            with pytest.raises(ImpossibleActionError) as caught:
                next_state(state, action, party)
            assert caught.value.possible == offered


def test_the_error_names_what_is_possible() -> None:
    with pytest.raises(ImpossibleActionError) as caught:
        next_state(TicketState.CLOSED, Action.DISPATCH)
    assert str(caught.value) == (
        "dispatch is not possible for a ticket that is closed; possible: reopen, comment"
    )
    assert caught.value.possible == (Action.REOPEN, Action.COMMENT)
    with pytest.raises(ImpossibleActionError, match="does not exist yet; possible: open"):
        next_state(None, Action.CLOSE)
    with pytest.raises(ImpossibleActionError, match="confirmed; possible: acknowledge, dispatch, "):
        next_state(TicketState.CONFIRMED, Action.UPDATE, Party.PERSON)


def test_what_tells_without_moving_leaves_the_state() -> None:
    staying = (Action.UPDATE, Action.ACKNOWLEDGE, Action.COMMENT, Action.WARN, Action.ESCALATE)
    for state in TicketState:
        for action in staying:
            if action in possible(state):
                assert next_state(state, action) is state


def test_a_word_on_record_is_always_possible() -> None:
    for state in TicketState:
        assert Action.COMMENT in possible(state, Party.PERSON)
        assert Action.COMMENT in possible(state, Party.SYSTEM)


def test_people_and_service_systems_may_do_the_same() -> None:
    for rule in RULES.values():
        assert rule.parties & ASKED in (set(), ASKED)


@given(st.lists(st.sampled_from(Action), max_size=30))
def test_every_ticket_that_has_not_ended_can_be_ended(actions: list[Action]) -> None:
    state = next_state(None, Action.OPEN)
    for action in actions:
        if action in possible(state):
            state = next_state(state, action)
    if state in ENDED:
        assert possible(state) == (Action.REOPEN, Action.COMMENT)
    else:
        assert {Action.CLOSE, Action.CANCEL, Action.MERGE} <= set(possible(state, Party.DETECTOR))
        assert {Action.CLOSE, Action.CANCEL} <= set(possible(state, Party.PERSON))


# The page


def steps(state: TicketState | None, *parties: Party) -> str:
    told = []
    for action, leads_to in TABLE[state].items():
        if RULES[action].parties & set(parties):
            told.append(action if leads_to is state else f"{action} → **{leads_to}**")
    return ", ".join(told)


def state_row(state: TicketState | None) -> str:
    cells = steps(state, Party.DETECTOR), steps(state, *ASKED), steps(state, Party.CLOCK)
    return f"| {state or 'none yet'} | {' | '.join(cells)} |"


def rule_row(action: Action, rule: Rule) -> str:
    who = ", ".join(party for party in Party if party in rule.parties)
    needs, may, records = (
        ", ".join(f"`{name}`" for name in names) for names in (rule.needs, rule.may, rule.records)
    )
    return f"| {action} | {who} | {needs} | {may} | {records} |"


def test_the_page_has_the_rows_of_all_states_and_actions() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    states, actions = rows.index(state_row(None)), rows.index(rule_row(Action.OPEN, RULES[Action.OPEN]))
    assert rows[states:][: len(TABLE)] == [state_row(state) for state in TABLE]
    assert rows[actions:][: len(RULES)] == [rule_row(action, rule) for action, rule in RULES.items()]
