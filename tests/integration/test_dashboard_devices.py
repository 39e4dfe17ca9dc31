"""What the dashboards of one device, one transformer and the gateway say of the district of story.py."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from dashboards import query
from dashboards.macros import ALL, Window, expand
from gateway.core.clock import DAY, HOUR, MINUTE, SystemClock, to_datetime
from tests.integration import story

VARIABLES = {"device": "M1", "feeder": ALL, "transformer": "T1"}


class Grafana:
    """Asks the database at the moment of the story, with Grafana's rights."""

    def __init__(self, connection: psycopg.AsyncConnection, now: int) -> None:
        self._connection = connection
        self.now = now

    async def rows(
        self, name: str, *, days: int = 1, interval_ms: int = 60_000, **variables: str
    ) -> Sequence[dict[str, Any]]:
        window = Window(low=self.now - days * DAY, high=self.now, interval_ms=interval_ms)
        sql = expand(query.text(name), window, variables=VARIABLES | variables)
        return await (await self._connection.cursor(row_factory=dict_row).execute(sql)).fetchall()


@pytest.fixture
async def grafana(database_url: str) -> AsyncIterator[Grafana]:
    connection = await story.migrated(database_url)
    now = SystemClock().now()
    await story.tell_all(connection, now)
    await connection.execute("set role feederline_grafana")
    yield Grafana(connection, now)
    await connection.close()


async def test_figures_of_devices_are_those_of_the_story(grafana: Grafana) -> None:
    await _supply(grafana)
    await _meter(grafana)
    await _transformer(grafana)
    await _gateway(grafana)


async def _supply(grafana: Grafana) -> None:
    """M1 was off for half an hour four hours ago, and nothing is heard of it now; the gateway was away before."""
    told = await grafana.rows("meter_supply")
    at = {row["time"]: row["Supply"] for row in told}
    assert at[to_datetime(grafana.now - 4 * HOUR)] == "off"
    assert at[to_datetime(grafana.now - 3 * HOUR - 30 * MINUTE)] == "on"
    assert [row["Supply"] for row in told] == ["on", "unknown", "on", "off", "on", "unknown"]
    assert await grafana.rows("meter_supply", device="nobody's") == []
    unknown, off = await grafana.rows("meter_spells")
    assert (unknown["Supply"], unknown["To"]) == ("unknown", None)
    assert (off["Supply"], off["Duration"], off["incident_id"]) == ("off", 1800, "inc-1")
    below = await grafana.rows("transformer_supply", transformer="T2")
    assert [(row["Off"], row["Unknown"]) for row in below] == [(0, 0), (50, 0), (50, 0)]
    assert max(row["Off"] for row in await grafana.rows("transformer_supply")) == 50


async def _meter(grafana: Grafana) -> None:
    (now,) = await grafana.rows("meter_now")
    assert (now["Supply"], now["Open incidents"], now["Usage score"]) == ("unknown", 1, 0.7)
    assert now["Collected, last whole day"] == pytest.approx(0.5)
    voltage = await grafana.rows("meter_voltage")
    assert {(row["Phase A"], row["Phase C"], row["Lowest"]) for row in voltage} == {(230, 0, 0)}
    last = {row["Quantity"]: (row["Value"], row["Unit"]) for row in await grafana.rows("meter_last")}
    assert last["voltage_a"] == (230, "V")
    assert last["energy_import"][1] == "kWh"
    interval, *_ = await grafana.rows("meter_intervals")
    assert (interval["Status"], interval["Rules"], interval["Final"]) == ("estimated", "interpolated", False)
    (gasp,) = await grafana.rows("meter_signals")
    assert (gasp["Signal"], gasp["On the way"]) == ("last_gasp", 3600)
    wrong = [row["Of"] for row in await grafana.rows("meter_clock")]
    assert wrong.count("signal") == 1
    assert set(wrong) == {"signal", "reading"}
    energy = await grafana.rows("meter_energy", days=3, interval_ms=86_400_000)
    assert [(row["Valid"], row["Estimated"]) for row in energy] == [(27, 3), (None, 0.4)]


async def _transformer(grafana: Grafana) -> None:
    (now,) = await grafana.rows("transformer_now")
    assert (now["Customers"], now["Off"], now["Unknown"], now["Loss"]) == (50, 0, 5, 0.2)
    assert now["Of rating"] == pytest.approx((60**2 + 8**2) ** 0.5 / 100)
    load = await grafana.rows("transformer_load")
    assert {row["Overload"] for row in load} == {100}
    unbalance = await grafana.rows("transformer_unbalance")
    assert {round(row["Current unbalance"], 6) for row in unbalance} == {10}
    points = await grafana.rows("transformer_points")
    assert points[0]["Device"] == "M1"
    assert len(points) == 10
    rows = {row["Transformer"]: row for row in await grafana.rows("feeder_transformers")}
    assert (rows["T2"]["Off"], rows["T1"]["Unknown"], rows["T1"]["Peak of rating"]) == (
        50,
        5,
        pytest.approx(1.05),
    )
    assert await grafana.rows("feeder_transformers", feeder="F9") == []
    feeders = await grafana.rows("feeder_load")
    assert {(row["metric"], row["value"]) for row in feeders} == {("North 1", 60)}


async def _gateway(grafana: Grafana) -> None:
    (now,) = await grafana.rows("gateway_now")
    assert (now["Ready"], now["Behind"], now["Spool"]) == (True, 2, 4096)
    (first, *_) = await grafana.rows("gateway_ready")
    assert first["Gateway"] == "ready"
    letters, refused = sorted(await grafana.rows("unreadable"), key=lambda row: row["Reason"], reverse=True)
    assert (letters["Source"], letters["Reason"]) == ("mqtt:field", "not JSON")  # not what it quotes
    assert (refused["Quantity"], refused["Reason"], refused["Device"]) == ("voltage_c", "no_value", "M1")
    steps = {row["Step"]: row for row in await grafana.rows("book_progress")}
    assert steps["closed"]["Done until"] == to_datetime(grafana.now - grafana.now % DAY)
    assert steps["closed"]["Days to be done again"] == 1
    states = {row["Kind"]: row for row in await grafana.rows("devices_by_state")}
    assert (states["sensor"]["Silent"], states["meter"]["Off"]) == (1, 10)
