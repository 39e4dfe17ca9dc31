"""The log of a gateway at work: one line for each incident and ticket that comes or ends, few in a storm, no names."""

from __future__ import annotations

import logging

import msgspec
import pytest

from gateway.core.clock import MINUTE, SECOND
from gateway.core.model import Change, Commit, IncidentState
from gateway.core.ticket import TicketRequest
from gateway.store.told import PER_SECOND, Happening, Teller
from tests.integration.store_world import SPOOL, T0, PlainDesk, outage, ready_store

OPENED = T0 + 10 * SECOND
LATER = OPENED + MINUTE


def lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "gateway.store.told"]


async def test_each_comes_and_ends_once(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    desk = PlainDesk(0)
    first = Commit(events=[outage(at=OPENED)], at=OPENED, upto=1)
    end = outage(revision=2, state=IncidentState.CLOSED, at=LATER, ended_at=LATER)
    end = msgspec.structs.replace(end, change=Change.CLOSED)
    async with ready_store(database_url) as store:
        for _ in range(2):
            await store.write(first, desk, SPOOL)
        for action in ("dispatch", "close"):
            said = TicketRequest(action=action, by="Li Bright", origin="api", reason="Bright says so")
            await store.acts.act("tkt-I1", said, desk, at=OPENED)
        for _ in range(2):
            await store.write(Commit(events=[end], at=LATER, upto=2), desk, SPOOL)
    found = lines(caplog)
    assert [record.message for record in found] == [
        "incident opened",
        "ticket opened",
        "ticket closed",
        "incident closed",
    ]
    assert {vars(record)["incident"] for record in found} == {"I1"}
    assert {vars(record)["number"] for record in found if "ticket" in record.message} == {1}
    assert not any("Bright" in str(vars(record)) for record in found)


def test_a_storm_is_counted_and_not_told_line_by_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = 0.0
    teller = Teller(lambda: now)
    storm = [Happening("incident opened", {"incident": str(i)}) for i in range(500)]
    teller.tell(storm[:5])
    teller.tell([*storm, Happening("ticket opened", {"ticket": "t"})])
    found = lines(caplog)
    assert len(found) == PER_SECOND + 1
    assert found[-1].message == "more happened than is told one by one"
    assert (vars(found[-1])["incident_opened"], vars(found[-1])["ticket_opened"]) == (500 + 5 - PER_SECOND, 1)
    now = 1.0
    teller.tell(storm[:3])
    assert len(lines(caplog)) == PER_SECOND + 4
