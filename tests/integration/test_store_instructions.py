"""What people told the gateway and the exercises they held: in the stream's transaction, once, and for good."""

from __future__ import annotations

import pytest
from msgspec import structs

from gateway.core.clock import HOUR, MINUTE, SECOND, to_datetime
from gateway.core.errors import NotStorableError
from gateway.core.model import Commit, Drill, Instruction, Order
from gateway.core.ticket import TicketRequest
from gateway.store.drills import DrillReport
from tests.integration.store_world import SPOOL, T0, PlainDesk, outage, ready_store, rows

OPENED = T0 + 10 * SECOND
MERGE = Instruction(
    id="w1", incident="I1", order=Order.MERGE, received_at=T0, by="li", reason="one tree", into="I2"
)
SPLIT = Instruction(id="w2", incident="I2", order=Order.SPLIT, received_at=T0 + 1, by="wu", node="T1")
DRILL = Drill(
    id="d1", node="T0", starts_at=T0, ends_at=T0 + HOUR, received_at=T0 - 1, by="wu", reason="half year"
)


async def test_instructions_are_written_once_and_read_back(database_url: str) -> None:
    async with ready_store(database_url) as store:
        assert await store.instructions.one("w1") is None
        first = await store.write(Commit(instructions=[MERGE, SPLIT, MERGE]), PlainDesk(), SPOOL)
        again = await store.write(Commit(instructions=[MERGE, SPLIT]), PlainDesk(), SPOOL)
        assert (first.instructions, again.instructions) == (2, 0)
        assert await store.instructions.one("w1") == MERGE
        assert await store.instructions.of("I2") == [MERGE, SPLIT]
        assert await store.instructions.of("I1") == [MERGE]


async def test_what_is_no_exercise_is_refused_whole(postgres_url: str) -> None:
    backwards = Drill(id="d2", node="T0", starts_at=T0, ends_at=T0, received_at=T0, by="wu")
    async with ready_store(postgres_url) as store:
        with pytest.raises(NotStorableError):
            await store.write(Commit(drills=[DRILL, backwards]), PlainDesk(), SPOOL)
        assert await store.drills.recent() == []


async def test_the_report_of_an_exercise_grows_with_it(database_url: str) -> None:
    desk = PlainDesk(0)
    async with ready_store(database_url) as store:
        assert await store.drills.report("d1") is None
        assert await store.drills.last() is None
        assert (await store.write(Commit(drills=[DRILL, DRILL]), desk, SPOOL)).drills == 1
        assert (await store.write(Commit(drills=[DRILL]), desk, SPOOL)).drills == 0
        earlier = Drill(id="d0", node="T1", starts_at=T0 - HOUR, ends_at=T0, received_at=T0, by="wu")
        await store.write(Commit(drills=[earlier]), desk, SPOOL)
        assert await store.drills.recent(5) == [DRILL, earlier]
        assert await store.drills.last() == DRILL
        assert await store.drills.report("d1") == DrillReport(drill=DRILL)

        ended = structs.replace(DRILL, ends_at=T0 + MINUTE)
        assert (await store.write(Commit(drills=[ended]), desk, SPOOL)).drills == 1
        assert (await store.write(Commit(drills=[DRILL, ended]), desk, SPOOL)).drills == 0
        assert await store.drills.recent(5) == [ended, earlier]
        assert await store.drills.report("d1") == DrillReport(drill=ended)
        assert await rows(database_url, "select ends_at from drill where drill_id = 'd1' order by 1") == [
            (to_datetime(T0 + MINUTE),),
            (to_datetime(T0 + HOUR),),
        ]

        await store.write(Commit(events=[outage("D1", drill="d1", at=OPENED)], at=OPENED), desk, SPOOL)
        outbox = store.outbox(["desk"])
        [message] = await outbox.claim(at=OPENED, lease=MINUTE, limit=9)
        await outbox.delivered(message, at=OPENED + SECOND, status=200)
        asked = TicketRequest(action="acknowledge", by="li", origin="api")
        await store.acts.act("tkt-D1", asked, desk, at=OPENED + MINUTE)
        report = await store.drills.report("d1")
        assert report is not None
        assert (report.incident, report.detected_at, report.opened_at) == ("D1", T0 + 5 * SECOND, OPENED)
        assert (report.acknowledged_at, report.acknowledged_by) == (OPENED + MINUTE, "li")
        opened, acknowledged = report.deliveries
        assert (opened.target, opened.action, opened.delivered_at) == ("desk", "open", OPENED + SECOND)
        assert (acknowledged.action, acknowledged.state, acknowledged.delivered_at) == (
            "acknowledge",
            "pending",
            None,
        )
