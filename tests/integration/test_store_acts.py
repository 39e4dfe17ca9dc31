"""What people and service systems do with tickets, beside a stream that moves the same tickets on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.core.access import AuditEntry
from gateway.core.clock import DAY, MINUTE, SECOND
from gateway.core.errors import ImpossibleError, InvalidInputError, NotFoundError, StaleError
from gateway.core.model import Commit
from gateway.core.ticket import TicketRequest
from gateway.store import Store
from gateway.store.acts import Answered, BoundActs
from tests.integration.store_world import SPOOL, T0, PlainDesk, outage, ready_store, rows

OPENED = T0 + 10 * SECOND
LATER = OPENED + MINUTE
DESK = PlainDesk(0)


def ask(action: str = "acknowledge", crew: str = "") -> TicketRequest:
    return TicketRequest(action=action, by="li", origin="api", crew=crew)


def entry(action: str = "ticket.acknowledge") -> AuditEntry:
    return AuditEntry(at=LATER, actor="li", action=action, object="tkt-I1", outcome="done")


async def open_one(store: Store) -> None:
    await store.write(Commit(events=[outage()], at=OPENED), DESK, SPOOL)


async def counts(url: str) -> tuple[object, ...]:
    """Of transitions, messages and audit entries."""
    [row] = await rows(
        url,
        "select (select count(*) from ticket_transition), (select count(*) from delivery),"
        " (select count(*) from audit)",
    )
    return row


async def test_an_act_is_one_transition_its_messages_and_its_audit(database_url: str) -> None:
    clocked = PlainDesk(0, remind_after=MINUTE)
    async with ready_store(database_url) as store:
        await open_one(store)
        step = await store.acts.act(
            "tkt-I1",
            ask("dispatch", crew="7"),
            clocked,
            at=LATER,
            revision=1,
            audit=entry(),
            reaches=lambda node: node == "T0",
        )
        [view] = await store.reports.tickets()
    assert step.ticket == view.ticket
    made = view.transitions[-1]
    assert (made.by, made.origin, made.detail, made.revision) == ("li", "api", {"crew": "7"}, 2)
    assert await counts(database_url) == (2, 2, 1)
    again = await rows(database_url, "select look_again_at from ticket")
    assert again == await rows(database_url, "select opened_at + interval '1 minute' from ticket")


@pytest.mark.parametrize(
    ("ticket", "request_", "revision", "error"),
    [
        ("tkt-I9", ask("close"), None, NotFoundError),
        ("tkt-I1\0", ask("close"), None, NotFoundError),
        ("tkt-I2", ask("close"), None, NotFoundError),  # out of reach
        ("tkt-I1", ask("close"), 7, StaleError),
        ("tkt-I1", ask("fly"), 1, InvalidInputError),
    ],
)
async def test_what_is_refused_changes_nothing(
    postgres_url: str, ticket: str, request_: TicketRequest, revision: int | None, error: type[Exception]
) -> None:
    async with ready_store(postgres_url) as store:
        out_of_reach = outage("I2", node="T1", devices=(1,))
        await store.write(Commit(events=[outage(), out_of_reach], at=OPENED), DESK, SPOOL)
        with pytest.raises(error) as caught:
            await store.acts.act(
                ticket,
                request_,
                DESK,
                at=LATER,
                revision=revision,
                audit=entry(),
                reaches=lambda node: node == "T0",
            )
    if isinstance(caught.value, StaleError):
        assert caught.value.revision == 1
    assert await counts(postgres_url) == (2, 2, 0)


async def test_of_two_at_once_with_the_same_revision_one_is_stale(database_url: str) -> None:
    async with ready_store(database_url) as store:
        await open_one(store)
        done = await asyncio.gather(
            *(store.acts.act("tkt-I1", ask("comment"), DESK, at=LATER, revision=1) for _ in range(4)),
            return_exceptions=True,
        )
    stale = [error for error in done if isinstance(error, StaleError)]
    assert (len(stale), {error.revision for error in stale}) == (3, {2})
    assert (await counts(database_url))[:2] == (2, 2)


async def test_people_and_the_stream_move_the_same_tickets_at_once(database_url: str) -> None:
    """Both write every ticket many times; each step finds the one before it, none waits for another in a circle."""
    tickets, rounds = 6, 12
    names = [f"I{i}" for i in range(tickets)]
    clocked = PlainDesk(0, remind_after=SECOND)

    def all_of_them(revision: int) -> Commit:
        at = OPENED + revision
        return Commit(
            events=[
                outage(name, node=f"N{name}", devices=(0,), revision=revision, at=at)
                for name in (names if revision % 2 else names[::-1])
            ],
            at=at,
        )

    async with ready_store(database_url, pool_max=6) as store:
        await store.write(all_of_them(1), clocked, SPOOL)

        async def stream() -> None:
            for revision in range(2, rounds + 2):
                await store.write(all_of_them(revision), clocked, SPOOL)
            await store.write(Commit(at=OPENED + MINUTE), clocked, SPOOL)

        async def person(order: list[str]) -> None:
            for _ in range(rounds):
                for name in order:
                    await store.acts.act(f"tkt-{name}", ask("comment"), clocked, at=LATER, audit=entry())

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stream())
            tasks.create_task(person(names))
            tasks.create_task(person(names[::-1]))
    steps = 1 + rounds + 2 * rounds + 1  # open, updates, comments of two people, one clock
    found = await rows(
        database_url,
        "select t.revision, count(n.*), min(n.revision), max(n.revision) from ticket t"
        " join ticket_transition n using (ticket_id) group by t.ticket_id",
    )
    assert found == [(steps, steps, 1, steps)] * tickets


async def close(acts: BoundActs) -> tuple[int, dict[str, Any]]:
    ticket = await acts.find("I1")
    try:
        step = await acts.act(ticket, ask("close"), DESK, at=LATER, audit=entry("ticket.close"))
    except ImpossibleError as error:
        return 409, {"possible": list(error.possible)}
    return 200, {"state": step.ticket.state.value}


async def test_a_call_that_comes_again_has_no_second_effect_and_the_same_answer(database_url: str) -> None:
    async with ready_store(database_url) as store:
        await open_one(store)
        done = await asyncio.gather(*(store.acts.once("snow", "m1", at=LATER, work=close) for _ in range(4)))
        assert sorted(answer.again for answer in done) == [False, True, True, True]
        assert {(answer.status, answer.body["state"]) for answer in done} == {(200, "closed")}
        other = await store.acts.once("snow", "m2", at=LATER, work=close)
        assert other == Answered(status=409, body={"possible": ["reopen"]})
        same_id = await store.acts.once("another", "m1", at=LATER, work=close)
        assert (same_id.status, same_id.again) == (409, False)
        assert await store.acts.once("snow", "m2", at=LATER, work=close) == Answered(
            status=409, body={"possible": ["reopen"]}, again=True
        )
    assert await counts(database_url) == (2, 2, 1)


async def test_a_call_that_failed_midway_leaves_nothing_and_may_come_again(postgres_url: str) -> None:
    async def break_off(acts: BoundActs) -> tuple[int, dict[str, Any]]:
        await close(acts)
        raise ConnectionError("the gateway was killed here")

    async with ready_store(postgres_url) as store:
        await open_one(store)
        with pytest.raises(ConnectionError):
            await store.acts.once("snow", "m1", at=LATER, work=break_off)
        assert await counts(postgres_url) == (1, 1, 0)
        answer = await store.acts.once("snow", "m1", at=LATER, work=close)
        assert (answer.status, answer.again) == (200, False)


async def test_a_ticket_is_found_by_its_id_its_incident_and_what_the_target_calls_it(
    postgres_url: str,
) -> None:
    found: list[str] = []

    async def look(acts: BoundActs) -> tuple[int, dict[str, Any]]:
        await acts.refer("tkt-I1", target="snow", reference="")
        await acts.refer("tkt-I1", target="snow", reference="abc")
        await acts.refer("tkt-I1", target="snow", reference="INC007")
        for key, target in (("tkt-I1", "snow"), ("I1", ""), ("INC007", "snow")):
            found.append(await acts.find(key, target=target))
        for key, target in (("INC007", "jira"), ("abc", "snow"), ("", "snow")):
            with pytest.raises(NotFoundError):
                await acts.find(key, target=target)
        ticket, incident = await acts.case("tkt-I1")
        found.append(await acts.numbered(ticket.number))
        assert (incident.id, ticket.kind, ticket.revision) == ("I1", incident.kind, 1)
        with pytest.raises(NotFoundError):
            await acts.case("tkt-I2")
        with pytest.raises(NotFoundError):
            await acts.numbered(ticket.number + 1)
        return 200, {}

    async with ready_store(postgres_url) as store:
        await open_one(store)
        await store.acts.once("snow", "m1", at=LATER, work=look)
        [message] = await store.outbox(["desk"]).claim(at=LATER, lease=MINUTE, limit=9)
        assert message.reference == ""
    assert found == ["tkt-I1"] * 4


async def test_calls_are_remembered_for_thirty_days_and_tickets_for_good(database_url: str) -> None:
    now = LATER + 3000 * DAY
    async with ready_store(database_url) as store:
        await open_one(store)
        await store.acts.act("tkt-I1", ask("comment"), DESK, at=LATER, audit=entry())
        await store.acts.once("snow", "old", at=now - 31 * DAY, work=close)
        await store.acts.once("snow", "new", at=now - 29 * DAY, work=close)
        before = await counts(database_url)
        await store.maintain(now)
    assert await rows(database_url, "select message_id from callback") == [("new",)]
    assert await counts(database_url) == before
