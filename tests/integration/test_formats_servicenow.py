"""ServiceNow over real HTTP: one incident per ticket and one effect per step, whatever happens to the answers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from alerts.exchange import Reply
from gateway.core.ticket import TicketState
from simulator.desks import PASSWORD, ServiceNow
from simulator.receiver import Behaviour
from tests.alerting import outage
from tests.notices import Sender, desk_target, notice

S = TicketState


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_PASSWORD", PASSWORD)


@pytest.fixture
async def desk() -> AsyncIterator[ServiceNow]:
    async with ServiceNow() as server:
        yield server


def sender(desk: ServiceNow, **options: object) -> Sender:
    return Sender(desk_target(desk, "servicenow", options))


async def test_a_life(desk: ServiceNow) -> None:
    by = sender(desk, caller_id="feederline", assignment_group="Network", category="Outage")
    opened = await by.bring(notice())
    row = desk.only
    assert opened == Reply(status=201, reference=row["sys_id"])
    assert (row["correlation_id"], row["state"], row["impact"], row["urgency"]) == ("inc-1", "1", "2", "2")
    assert row["short_description"] == "Outage below transformer T12 (Market Street), 48 customers"
    assert (row["caller_id"], row["assignment_group"], row["category"]) == (
        "feederline",
        "Network",
        "Outage",
    )
    assert "North / F / Market Street" in row["description"]
    assert "31 of 48 meters" in row["description"]
    assert desk.notes == {}

    await by.bring(notice("dispatch", S.DISPATCHED, before=S.PREDICTED, revision=2, ticket={"crew": "C7"}))
    assert row["state"] == "2"
    assert "Crew: C7." in desk.notes[row["sys_id"]][-1]

    await by.bring(notice("close", S.CLOSED, before=S.RESTORED, revision=3, reason="sample verified"))
    assert (row["state"], row["close_code"]) == ("6", "Solution provided")
    assert "sample verified" in row["close_notes"]

    await by.bring(notice("reopen", S.REOPENED, before=S.CLOSED, revision=4))
    assert row["state"] == "2"
    assert [text.splitlines()[0] for text in desk.notes[row["sys_id"]]] == [
        "Ticket 1017, step 2: crew dispatched",
        "Ticket 1017, step 3: closed",
        "Ticket 1017, step 4: reopened",
    ]
    assert len(desk.incidents) == 1


@pytest.mark.parametrize("drop", ["before", "after"])
async def test_a_lost_answer_to_the_creation_makes_no_second_incident(desk: ServiceNow, drop: str) -> None:
    by = sender(desk)
    desk.misbehave(Behaviour(drop=drop), Behaviour(status=503))  # type: ignore[arg-type]
    await by.bring(notice())
    assert len(desk.incidents) == 1
    assert by.reference == desk.only["sys_id"]


async def test_a_lost_answer_to_an_update_makes_no_second_note(desk: ServiceNow) -> None:
    by = sender(desk)
    await by.bring(notice())
    desk.misbehave(Behaviour(drop="after"), method="PATCH")
    await by.bring(notice("comment", revision=2, before=S.PREDICTED, reason="cable fault suspected"))
    assert len(desk.notes[desk.only["sys_id"]]) == 1
    assert [reply.accepted for reply in by.replies] == [True, False, True]


async def test_our_own_death_between_answer_and_record_has_no_second_effect(desk: ServiceNow) -> None:
    """The outbox then knows neither of the try nor of the reference."""
    by = sender(desk)
    await by.once(notice())
    by.reference = ""
    await by.once(notice())
    assert len(desk.incidents) == 1
    assert len(desk.writes) == 1


async def test_mere_updates_leave_alone_what_people_there_changed(desk: ServiceNow) -> None:
    by = sender(desk)
    await by.bring(notice())
    desk.only.update(state="3", impact="1")
    await by.bring(notice("comment", revision=2, before=S.PREDICTED))
    assert (desk.only["state"], desk.only["impact"]) == ("3", "1")
    more = notice("update", revision=3, before=S.PREDICTED, ticket={"severity": 1, "title": "Outage, 90"})
    await by.bring(more)
    assert (desk.only["state"], desk.only["impact"]) == ("3", "1")
    assert desk.only["short_description"] == "Outage, 90"


async def test_a_target_that_hears_of_a_ticket_late_gets_it_as_it_is(desk: ServiceNow) -> None:
    by = sender(desk)
    await by.bring(notice("close", S.CLOSED, before=S.RESTORED, revision=5))
    assert desk.only["state"] == "6"
    assert desk.only["close_notes"]
    await by.bring(notice("comment", S.CLOSED, revision=6, before=S.CLOSED))
    desk.only["state"] = "7"
    await by.bring(notice("comment", S.CLOSED, revision=7, before=S.CLOSED))
    assert desk.only["state"] == "7"


async def test_a_state_whose_message_was_given_up_is_told_with_the_next_step(desk: ServiceNow) -> None:
    by = sender(desk)
    await by.bring(notice())
    close = notice("close", S.CLOSED, before=S.RESTORED, revision=3)
    await by.bring(notice("comment", S.CLOSED, before=S.CLOSED, revision=4))
    assert desk.only["state"] == "6"
    await by.bring(close)  # replayed by a person: it is known to be told by now
    assert len(desk.notes[desk.only["sys_id"]]) == 1
    await by.bring(notice("comment", S.DISPATCHED, before=S.DISPATCHED, revision=7))
    assert desk.only["state"] == "2"


async def test_what_was_moved_on_there_is_not_moved_back(desk: ServiceNow) -> None:
    by = sender(desk)
    await by.bring(notice())
    desk.only.update(state="7", close_code="Done", close_notes="by an agent")  # asked for here by a callback
    await by.bring(notice("comment", S.CLOSED, before=S.CLOSED, revision=3))
    await by.bring(notice("close", S.CLOSED, before=S.RESTORED, revision=4))
    assert (desk.only["state"], desk.only["close_notes"]) == ("7", "by an agent")
    await by.bring(notice("reopen", S.REOPENED, before=S.CLOSED, revision=5))
    assert desk.only["state"] == "2"
    desk.only["state"] = "3"  # on hold
    await by.bring(notice("comment", S.CONFIRMED, before=S.CONFIRMED, revision=7))
    assert desk.only["state"] == "3"


@pytest.mark.parametrize(
    ("state", "number", "code"),
    [(S.MERGED, "6", "Duplicate"), (S.CANCELLED, "8", "Solution provided"), (S.CLOSED, "7", "Done")],
)
async def test_ends(desk: ServiceNow, state: S, number: str, code: str) -> None:
    changed: dict[str, object] = {"states": {"closed": 7}, "close_code": "Done"} if code == "Done" else {}
    by = sender(desk, **changed)
    await by.bring(notice())
    await by.bring(notice("close", state, before=S.PREDICTED, revision=2, merged_into=None))
    assert (desk.only["state"], desk.only["close_code"]) == (number, code)


async def test_an_incident_that_was_deleted_there_is_made_again(desk: ServiceNow) -> None:
    by = sender(desk)
    await by.bring(notice())
    desk.incidents.clear()
    await by.bring(notice("update", revision=2, before=S.PREDICTED))
    assert by.reference == desk.only["sys_id"]


async def test_two_tickets_are_two_incidents_also_with_strange_ids(desk: ServiceNow) -> None:
    by = sender(desk)
    for name in ("inc-1", "a^ORsys_idISNOTEMPTY", "a=b^^c"):
        for _ in range(2):
            by.reference = ""
            await by.bring(notice(incident=outage(id=name)))
    assert [row["correlation_id"] for row in desk.incidents.values()] == [
        "inc-1",
        "a^ORsys_idISNOTEMPTY",
        "a=b^^c",
    ]


async def test_another_incident_is_never_written_to(desk: ServiceNow) -> None:
    """Where correlation_id may not be read, ServiceNow leaves the condition out and gives any incident."""
    by = sender(desk)
    await by.bring(notice(incident=outage(id="inc-other")))
    desk.hidden.add("correlation_id")
    by.reference = ""
    reply = await by.once(notice())
    assert "may this user read the field?" in reply.error
    assert len(desk.writes) == 1


async def test_refusals_and_pages_that_are_no_answers_are_failures(
    desk: ServiceNow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK_PASSWORD", "another")
    assert (await sender(desk).once(notice())).status == 401
    monkeypatch.setenv("DESK_PASSWORD", PASSWORD)
    by = sender(desk)
    desk.misbehave(Behaviour(status=429, headers={"retry-after": "7"}), method="GET")
    assert (await by.once(notice())).retry_after == 7_000_000
    desk.misbehave(Behaviour(status=410), method="GET")
    assert (await by.once(notice())).gone
    reply = await sender(desk, fields={"no_such_field": "x"}).once(notice())
    assert (reply.status, desk.incidents) == (400, {})


async def test_an_exercise_says_so_everywhere(desk: ServiceNow) -> None:
    by = sender(desk)
    await by.bring(notice(ticket={"drill": "drl-1"}))
    await by.bring(notice("comment", before=S.PREDICTED, revision=2, ticket={"drill": "drl-1"}))
    row = desk.only
    assert row["short_description"].startswith("DRILL: ")
    assert row["description"].startswith("DRILL: ")
    assert desk.notes[row["sys_id"]][0].startswith("DRILL: ")
