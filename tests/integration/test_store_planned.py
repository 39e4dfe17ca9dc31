"""Announced outages in the database: every word is kept, the last one holds, feeding again changes nothing."""

from __future__ import annotations

from typing import Literal

import psycopg
import pytest

from alerts.desk import Desk
from gateway.core.clock import DAY, HOUR, MINUTE, SECOND
from gateway.core.errors import NotStorableError
from gateway.core.model import Commit, IncidentKind, PlannedOutage
from gateway.store import Store, Written
from tests.alerting import settings as alert_settings
from tests.integration.store_world import SPOOL, T0, PlainDesk, outage, ready_store, rows, small_inventory

DESK = PlainDesk()
OUTAGE, PLANNED = IncidentKind.OUTAGE, IncidentKind.PLANNED_OUTAGE


def window(
    reference: str = "WO1",
    node: str = "T0",
    *,
    starts_at: int = T0 + HOUR,
    hours: int = 2,
    told: int = 0,
    reason: str = "new switchgear",
    by: str = "Li Wei",
    withdrawn: bool = False,
) -> PlannedOutage:
    return PlannedOutage(
        reference=reference,
        node=node,
        starts_at=starts_at,
        ends_at=starts_at + hours * HOUR,
        received_at=T0 + told,
        reason=reason,
        by=by,
        withdrawn=withdrawn,
    )


async def told(store: Store, *planned: PlannedOutage, upto: int = 1) -> Written:
    return await store.write(Commit(planned=list(planned), upto=upto), DESK, SPOOL)


async def test_the_last_word_holds_and_every_word_is_kept(database_url: str) -> None:
    first = window(told=1)
    longer = window(told=2, hours=4, by="Chen Yu")
    gone = window(told=3, hours=4, by="Li Wei", withdrawn=True)
    other = window(node="T1", told=2)
    async with ready_store(database_url) as store:
        assert (await told(store, first)).planned == 1
        assert (await told(store, longer, other, gone)).planned == 3
        assert await store.planned_outages(since=T0) == [other, gone]
        assert await store.reports.planned_of(["WO1", "WO2"]) == [gone, other]
    assert await rows(
        database_url,
        "select node_id, revision, announced_by, withdrawn from planned_outage order by node_id, revision",
    ) == [
        ("T0", 1, "Li Wei", False), ("T0", 2, "Chen Yu", False), ("T0", 3, "Li Wei", True), ("T1", 1, "Li Wei", False)
    ]  # fmt: skip


async def test_feeding_again_in_other_stretches_changes_nothing(database_url: str) -> None:
    stream = [window(told=1), window(told=2, hours=3), window(told=3), window("WO2", told=3)]
    async with ready_store(database_url) as store:
        assert (await told(store, *stream)).planned == 4
        kept = await rows(database_url, "select * from planned_outage order by reference, revision")
        assert (await told(store, *stream)).planned == 0
        for one in stream:
            assert (await told(store, one)).planned == 0
        assert await store.planned_outages(since=0) == [stream[2], stream[3]]
    assert await rows(database_url, "select * from planned_outage order by reference, revision") == kept


async def test_two_words_of_the_same_moment_are_both_kept_in_order(database_url: str) -> None:
    one, two = window(told=1), window(told=1, withdrawn=True)
    async with ready_store(database_url) as store:
        await told(store, one, two)
        assert await store.planned_outages(since=0) == [two]
        assert (await told(store, two, one)).planned == 0


async def test_text_that_cannot_be_stored_as_it_is_stops_nothing(database_url: str) -> None:
    async with ready_store(database_url) as store:
        await told(store, window(reason="a\0b\ud800"))
        (found,) = await store.planned_outages(since=0)
        assert found.reason == "a␀b\\ud800"
        assert (await told(store, window(reason="a\0b\ud800"))).planned == 0


async def test_a_window_without_length_is_refused_alone(database_url: str) -> None:
    async with ready_store(database_url) as store:
        with pytest.raises(NotStorableError):
            await told(store, window(), window("WO2", hours=0))
        assert await store.planned_outages(since=0) == []


async def test_what_ended_is_left_out_of_what_detectors_need(database_url: str) -> None:
    over = window("over", starts_at=T0 - DAY)
    async with ready_store(database_url) as store:
        await told(store, over, window(told=1))
        assert await store.planned_outages(since=over.ends_at) == [window(told=1)]
        assert await store.planned_outages(since=over.ends_at - 1) == [over, window(told=1)]


async def test_windows_are_listed_by_state_place_and_reference(database_url: str) -> None:
    now = T0 + 90 * MINUTE
    active, upcoming = window("A"), window("U", "T1", starts_at=T0 + DAY)
    past, gone = window("P", "T2", starts_at=T0 - DAY), window("W", starts_at=T0 + DAY, withdrawn=True)
    async with ready_store(database_url) as store:
        await told(store, active, upcoming, past, gone)

        async def listed(
            state: Literal["active", "upcoming", "past", "withdrawn"] | None = None,
            *,
            at: int = now,
            reference: str | None = None,
            node: str | None = None,
            before: int | None = None,
            limit: int = 100,
        ) -> list[str]:
            found = await store.reports.planned_outages(
                state, at=at, reference=reference, node=node, before=before, limit=limit
            )
            return [view.planned.reference for view in found]

        assert await listed() == ["U", "W", "A", "P"]
        assert await listed("active") == ["A"]
        assert await listed("upcoming") == ["U"]
        assert await listed("past") == ["P"]
        assert await listed("withdrawn") == ["W"]
        assert await listed("active", at=active.starts_at - 1) == []
        assert await listed("active", at=active.starts_at) == ["A"]
        assert await listed("active", at=active.ends_at) == []
        assert await listed("past", at=active.ends_at) == ["A", "P"]
        assert await listed(node="T2") == ["P"]
        assert await listed(reference="W") == ["W"]
        assert await listed(before=T0 + DAY, limit=1) == ["A"]
        (view,) = await store.reports.planned_outages(at=now, reference="A")
        assert (view.planned, view.revision, view.node_name, view.path) == (active, 1, "T0", "S/F/T0")


async def test_an_announced_outage_may_be_written_by_the_gateway_and_changed_by_nobody(
    database_url: str,
) -> None:
    async with ready_store(database_url) as store:
        await told(store, window())
    for statement in (
        "update feederline.planned_outage set ends_at = now()",
        "delete from feederline.planned_outage",
    ):
        async with await psycopg.AsyncConnection.connect(database_url) as conn:
            await conn.execute("set role feederline_writer")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await conn.execute(statement.encode())


DESK_OF_ALERTS = Desk(small_inventory(), alert_settings(hold_off_s=60, update_s=0))


async def followed(url: str, *story: tuple[int, IncidentKind]) -> list[tuple[str, list[str]]]:
    """Tickets and what moved them from state to state, when an outage at T0 was told to be of these kinds at these
    seconds."""
    async with ready_store(url) as store:
        for revision, (second, kind) in enumerate(story, 1):
            event = outage(revision=revision, kind=kind, at=T0 + second * SECOND)
            await store.write(Commit(events=[event], at=event.at), DESK_OF_ALERTS, SPOOL)
        await store.write(Commit(at=T0 + DAY), DESK_OF_ALERTS, SPOOL)
        return [
            (
                view.ticket.state.value,
                [step.action for step in view.transitions if step.from_state != step.to_state],
            )
            for view in await store.reports.tickets()
        ]


async def test_a_planned_outage_never_opens_a_ticket(database_url: str) -> None:
    assert await followed(database_url, (5, PLANNED), (600, PLANNED)) == []
    assert await rows(database_url, "select distinct kind from interruption") == [("planned",)]


async def test_an_outage_that_turns_out_planned_in_its_hold_off_opens_none(database_url: str) -> None:
    assert await followed(database_url, (5, OUTAGE), (30, PLANNED)) == []
    assert await rows(database_url, "select distinct kind from interruption") == [("planned",)]


async def test_an_outage_that_turns_out_planned_takes_its_ticket_back(database_url: str) -> None:
    story = ((5, OUTAGE), (70, OUTAGE), (600, PLANNED), (700, PLANNED))
    assert await followed(database_url, *story) == [("cancelled", ["open", "cancel"])]


async def test_a_planned_outage_that_outlasts_its_window_opens_a_ticket_then(database_url: str) -> None:
    assert await followed(database_url, (5, PLANNED), (7200, OUTAGE)) == [("predicted", ["open"])]
    (opened,) = await rows(database_url, "select extract(epoch from opened_at) * 1000000 from ticket")
    assert opened == (T0 + 7200 * SECOND,)


async def test_what_was_called_planned_and_is_not_reopens_its_ticket(database_url: str) -> None:
    story = ((5, OUTAGE), (70, OUTAGE), (600, PLANNED), (7200, OUTAGE))
    assert await followed(database_url, *story) == [("reopened", ["open", "cancel", "reopen"])]
