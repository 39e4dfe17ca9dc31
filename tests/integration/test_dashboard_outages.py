"""What the dashboards of outages and reliability work out themselves: clocks, curves, budgets, worst first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from alerts.settings import SlaSettings
from dashboards import query
from dashboards.macros import ALL, Value, Window, expand
from gateway.core.clock import DAY, HOUR, MINUTE, SystemClock, to_datetime
from tests.integration import story

EVERYTHING: dict[str, Value] = {"feeder": ALL, "incident": ALL}


class Asking:
    """Runs queries as Grafana would, over the five hours before `now`."""

    def __init__(self, connection: psycopg.AsyncConnection, now: int) -> None:
        self.connection = connection
        self.now = now

    async def rows(self, name: str, low: int | None = None, **variables: Value) -> Sequence[dict[str, Any]]:
        window = Window(low=self.now - 5 * HOUR if low is None else low, high=self.now, interval_ms=60_000)
        sql = expand(query.text(name), window, variables=EVERYTHING | variables)
        cursor = self.connection.cursor(row_factory=dict_row)
        return await (await cursor.execute(sql)).fetchall()


@asynccontextmanager
async def told(url: str) -> AsyncIterator[Asking]:
    """A database with the story in it."""
    connection = await story.migrated(url)
    now = SystemClock().now()
    await story.tell_all(connection, now)
    yield Asking(connection, now)
    await connection.close()


@pytest.fixture
async def asking(database_url: str) -> AsyncIterator[Asking]:
    async with told(database_url) as there:
        yield there


async def _ticket(asking: Asking, **columns: object) -> None:
    assignments = ", ".join(f"{name} = %({name})s" for name in columns)
    await asking.connection.execute(
        f"update feederline.ticket set {assignments} where ticket_id = 'tic-2'".encode(), columns
    )


async def test_every_panel_tells_of_the_same_interruptions(asking: Asking) -> None:
    *_, all_of_it = await asking.rows("restoration")
    assert (all_of_it["Lost supply"], all_of_it["Have it again"], all_of_it["Still off"]) == (100, 50, 50)
    late = asking.now - HOUR  # the incident began before the range that is shown
    told = await asking.rows("restoration", low=late, incident="inc-1")
    assert (told[-1]["Lost supply"], told[-1]["Have it again"], told[-1]["Still off"]) == (50, 50, 0)
    assert max(row["Still off"] for row in told) == 50
    assert await asking.rows("restoration", incident="'; drop table feederline.incident; --")
    *_, at_last = await asking.rows("supply_over_time")
    assert (at_last["Off"], at_last["Unknown"]) == (50, 5)
    (feeder,) = await asking.rows("off_by_feeder")
    assert (feeder["Feeder"], feeder["Off"], feeder["Unknown"]) == ("North 1", 50, 5)

    budgets = {(row["Window"], row["Target of"]): row for row in await asking.rows("budgets")}
    spent = budgets["month", "SAIDI"]["Spent"]
    burn = await asking.rows("budget_burn")
    assert burn[0]["Spent"] == 0
    assert burn[-1]["Spent"] == pytest.approx(spent, rel=0.01)
    assert burn[-1]["Allowed by SAIDI"] == budgets["month", "SAIDI"]["Allowed"]
    assert burn[-1]["Allowed by ASAI"] == budgets["month", "ASAI"]["Allowed"]
    by_feeder = await asking.rows("worst_feeders", low=asking.now - DAY)
    by_day = await asking.rows("feeder_heat", low=asking.now - DAY)
    in_range = pytest.approx(50 * 30 + 50 * 10, rel=0.01)
    assert sum(row["Customer minutes"] for row in by_feeder) == in_range
    assert sum(row["Customer minutes"] for row in by_day) == in_range
    assert {row["metric"] for row in by_day} == {"North 1"}
    assert await asking.rows("worst_feeders", feeder=["F2", "F3"]) == []
    assert await asking.rows("feeder_heat", feeder=["F2"]) == []
    days = await asking.rows("saidi_daily", low=asking.now - DAY)
    assert sum(row["Faults"] for row in days) == pytest.approx(15)
    assert sum(row["Planned"] for row in days) == 0
    kinds = {row["Interruptions"]: row for row in await asking.rows("indices_by_kind")}
    assert (kinds["fault"]["SAIDI"], kinds["planned"]["SAIDI"]) == (pytest.approx(15), 0)
    major = {row["Which days"]: row["SAIDI"] for row in await asking.rows("major_event_split")}
    assert major == {"all": pytest.approx(15), "normal": pytest.approx(15), "major": 0}


async def test_clocks_stand_as_the_limits_of_the_configuration_say(postgres_url: str) -> None:
    async with told(postgres_url) as asking:
        await _hold_clocks(asking)


async def _hold_clocks(asking: Asking) -> None:
    limits = SlaSettings()
    await asking.connection.execute("delete from feederline.setting where name = 'sla'")
    assert await asking.rows("ticket_clocks") == []  # of a gateway that has not told its limits

    await asking.connection.execute(
        "insert into feederline.setting (name, value) values ('sla', %s)", (limits.model_dump_json(),)
    )
    opened = asking.now - 10 * MINUTE
    running = await asking.rows("ticket_clocks")
    assert {row["Clock"] for row in running} == {"arrival", "arrival_limit", "response", "restoration"}
    assert {(row["Ticket"], row["Standing"]) for row in running} == {(2, "running")}
    for row in running:
        minutes = limits.limit(row["Clock"], severity=1, area="urban")
        assert minutes is not None
        assert row["Due at"] == to_datetime(opened + round(minutes * MINUTE)), row["Clock"]

    await _ticket(asking, area="rural", severity=3, clocks_from=to_datetime(asking.now - 95 * MINUTE))
    standing = {row["Clock"]: row["Standing"] for row in await asking.rows("ticket_clocks")}
    assert standing == {"arrival": "late", "arrival_limit": "due", "response": "due", "restoration": "due"}

    await _ticket(asking, arrived_at=to_datetime(asking.now), warned=["restoration", "restoration!"])
    assert {row["Clock"]: row["Standing"] for row in await asking.rows("ticket_clocks")} == {
        "restoration": "late"
    }
    (state,) = await asking.rows("tickets_by_state")
    assert state == {"State": "predicted", "Late": 1, "Due soon": 0, "In time": 0}
    (work,) = await asking.rows("open_work")
    assert (work["Outages"], work["Tickets"], work["Late tickets"]) == (1, 1, 1)

    await _ticket(asking, restored_at=to_datetime(asking.now), state="restored")
    assert await asking.rows("ticket_clocks") == []
    assert await asking.rows("tickets_by_state") == [
        {"State": "restored", "Late": 0, "Due soon": 0, "In time": 1}
    ]
