"""Every query of the dashboards on both kinds of database, with the rights Grafana has."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from dashboards import query
from dashboards.macros import Window, expand
from gateway.core.clock import DAY, HOUR, MINUTE, SystemClock, to_datetime
from tests.integration import story

INTERVALS_MS = {"raw": 30_000, "quarter hours": 1_200_000, "hours": 3_600_000, "days": 86_400_000}
ALWAYS_ONE_ROW = {"asai", "saidi_month", "targets", "customers_now", "collection_rate"}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[psycopg.AsyncConnection]:
    connection = await story.migrated(database_url)
    yield connection
    await connection.close()


async def _as_grafana(connection: psycopg.AsyncConnection) -> None:
    await connection.execute("set role feederline_grafana")
    await connection.execute("set default_transaction_read_only = on")
    await connection.execute("set search_path = public")  # the datasource sets none: names must stand whole


async def _rows(connection: psycopg.AsyncConnection, name: str, window: Window) -> Sequence[dict[str, Any]]:
    cursor = connection.cursor(row_factory=dict_row)
    return await (await cursor.execute(expand(query.text(name), window))).fetchall()


async def test_empty_database_is_no_error(database: psycopg.AsyncConnection) -> None:
    now = SystemClock().now()
    await _as_grafana(database)
    for name in query.names():
        for interval_ms in INTERVALS_MS.values():
            rows = await _rows(database, name, Window(low=now - DAY, high=now, interval_ms=interval_ms))
            assert (len(rows) == 1) == (name in ALWAYS_ONE_ROW), name


async def test_every_query_has_rows_where_there_are_data(database: psycopg.AsyncConnection) -> None:
    now = SystemClock().now()
    await story.tell(database, now)
    await _as_grafana(database)
    for name in query.names():
        rows = await _rows(database, name, Window(low=now - DAY, high=now, interval_ms=60_000))
        assert rows, name


async def test_figures_are_those_of_the_story(database: psycopg.AsyncConnection) -> None:
    now = SystemClock().now()
    await story.tell(database, now)
    await _as_grafana(database)
    window = Window(low=now - 5 * HOUR, high=now)
    (customers,) = await _rows(database, "customers_now", window)
    assert customers == {"Off": 50, "Unknown": 5, "On": 45, "Served": 100}
    shown = {row["Window"]: row for row in await _rows(database, "indices", window)}["Range shown"]
    assert shown["SAIDI"] == pytest.approx(50 * 30 / 100)
    assert shown["ASAI"] == pytest.approx(1 - 50 * 30 / (100 * 300), rel=1e-6)
    assert shown["Still off"] == 50
    assert shown["Customer minutes so far"] == pytest.approx(50 * 10, abs=50)
    incidents = await _rows(database, "open_incidents", window)
    assert [row["Kind"] for row in incidents] == ["outage", "communications_loss"]
    assert incidents[0]["Ticket"] == 2
    assert [row["Ticket"] for row in await _rows(database, "open_tickets", window)] == [2]


@pytest.mark.parametrize("interval_ms", INTERVALS_MS.values(), ids=list(INTERVALS_MS))
async def test_series_hold_for_every_step(database: psycopg.AsyncConnection, interval_ms: int) -> None:
    now = SystemClock().now()
    await story.tell(database, now)
    await _as_grafana(database)
    window = Window(low=now - 3 * DAY, high=now + 2 * DAY, interval_ms=interval_ms)
    rates = await _rows(database, "readings_per_minute", window)
    stored = sum(float(row["Readings per minute"]) for row in rates) * _step_ms(interval_ms) / 60_000
    assert stored == pytest.approx(story.DEVICES * 72)


def _step_ms(interval_ms: int) -> int:
    """The panel's step as a whole number of the rollup's."""
    source = max(s for s in (1000, 900_000, 3_600_000, 86_400_000) if s <= interval_ms)
    return math.ceil(interval_ms / source) * source


async def test_steps_that_the_range_cuts_are_left_out(database: psycopg.AsyncConnection) -> None:
    now = SystemClock().now() // HOUR * HOUR
    await story.tell(database, now)
    await _as_grafana(database)
    window = Window(low=now - 2 * HOUR + 7 * MINUTE, high=now - 13 * MINUTE, interval_ms=900_000)
    rates = await _rows(database, "readings_per_minute", window)
    assert {float(row["Readings per minute"]) for row in rates} == {story.DEVICES / 5}
    assert min(row["time"] for row in rates) >= to_datetime(window.low)


async def test_figures_of_meter_data_are_those_of_the_story(database: psycopg.AsyncConnection) -> None:
    now = SystemClock().now()
    await story.tell(database, now)
    await _as_grafana(database)
    window = Window(low=now - 3 * DAY, high=now)
    (rate,) = await _rows(database, "collection_rate", window)
    assert rate["Last whole day"] == pytest.approx(0.75)
    days = await _rows(database, "interval_daily", window)
    assert [(d["Measured"], d["Estimated"], d["Missing"]) for d in days] == [(0.75, 0.25, 0.0)] * 2
    assert {day["Target"] for day in await _rows(database, "collection_daily", window)} == {0.998}
    energy = {row["Status"]: row for row in await _rows(database, "energy_by_status", window)}
    assert set(energy) == {"Valid", "Estimated"}
    assert float(energy["Estimated"]["Share of intervals"]) == pytest.approx(0.25)
    assert energy["Estimated"]["Share of energy"] == pytest.approx(0.1)
    (gap,) = await _rows(database, "open_gaps", window)
    assert (gap["Cause"], gap["Gaps"], gap["Devices"], gap["Intervals"]) == ("communications", 2, 2, 47)
    for day in await _rows(database, "voltage_compliance_daily", window):
        assert day["Voltage compliance"] == pytest.approx(0.9)
    worst, *_ = await _rows(database, "voltage_worst", window)
    assert (worst["Transformer"], worst["Compliance"]) == ("T1", pytest.approx(0.8))
    (watched,) = await _rows(database, "usage_watchlist", window)
    assert (watched["Device"], watched["Strongest reason"], watched["Reasons"]) == ("M1", "It fell.", 1)
    (area,) = await _rows(database, "area_losses", window)
    assert (area["Transformer"], area["Found"], area["Loss"]) == ("T1", "high", pytest.approx(0.2))
    (risk,) = await _rows(database, "load_risk", window)
    assert (risk["Node"], risk["Expected share"], risk["By what is expected"]) == ("T1", 1.1, True)


async def test_grafana_may_not_write_nor_read_messages(database: psycopg.AsyncConnection) -> None:
    await _as_grafana(database)
    await database.execute("set default_transaction_read_only = off")
    for statement in (
        "delete from feederline.incident",
        "update feederline.setting set number = 1",
        "select body from feederline.delivery",
        "select payload from feederline.dead_letter",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await database.execute(statement)
