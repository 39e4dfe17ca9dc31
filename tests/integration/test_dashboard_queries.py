"""Every query of the dashboards on both kinds of database, with the rights Grafana has and as it expands them.

Two databases for each kind: an empty one, and one with the story, which many queries read and none changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.rows import dict_row

from dashboards import query
from dashboards.macros import ALL, Value, Window, expand
from dashboards.opened import Asked, Opened, dashboards
from gateway.core.clock import DAY, HOUR, MINUTE, SystemClock, from_datetime, to_datetime
from tests.conftest import _fresh_database
from tests.integration import story

INTERVALS_MS = {"raw": 30_000, "quarter hours": 1_200_000, "hours": 3_600_000, "days": 86_400_000}
OPENED = dashboards()
ELSEWHERE: dict[str, Value] = {
    "feeder": ALL,
    "district": ALL,
    "incident": ALL,
    "transformer": "T1",
    "device": "M1",
}
"""For queries that no dashboard shows, those of variables themselves and of alert rules; and for where the story has
more to tell than at the places that a dashboard opens with."""

_BESIDES = (
    "update feederline.device set priority = 'critical' where device_id = 'M12'",
    """insert into feederline.webhook_target (target, late_since, changed_at, changed_by)
values ('desk', now(), now(), 'alarms')""",
    """insert into feederline.setting (name, value)
values ('sla', '{"area": "urban", "warn_at": 0.8, "response": {"urban": [30, 60, 120]}}')
on conflict (name) do nothing""",
    "select feederline.sum_hours(now(), 200)",
)


class Told(NamedTuple):
    """The database with the story, which ends at `now`."""

    url: str
    now: int


@pytest.fixture(scope="module", params=["postgres_server", "timescale_server"])
def story_database(request: pytest.FixtureRequest) -> Iterator[Told]:
    now = SystemClock().now()

    async def fill(url: str) -> None:
        connection = await story.migrated(url)
        await story.tell_all(connection, now)
        for statement in _BESIDES:
            await connection.execute(statement)
        await connection.close()

    with contextmanager(_fresh_database)(request.getfixturevalue(request.param)) as url:
        asyncio.run(fill(url))
        yield Told(url, now)


@pytest.fixture
async def told(story_database: Told) -> AsyncIterator[psycopg.AsyncConnection]:
    """A connection with Grafana's rights: it can change nothing."""
    connection = await psycopg.AsyncConnection.connect(story_database.url, autocommit=True)
    await _as_grafana(connection)
    yield connection
    await connection.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[psycopg.AsyncConnection]:
    connection = await story.migrated(database_url)
    yield connection
    await connection.close()


async def _as_grafana(connection: psycopg.AsyncConnection) -> None:
    await connection.execute("set role feederline_grafana")
    await connection.execute("set default_transaction_read_only = on")
    await connection.execute("set search_path = public")  # the datasource sets none: names must stand whole


async def _is_timescale(connection: psycopg.AsyncConnection) -> bool:
    cursor = await connection.execute(
        "select exists (select from pg_extension where extname = 'timescaledb')"
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def _ask(connection: psycopg.AsyncConnection, sql: str) -> Sequence[dict[str, Any]]:
    cursor = connection.cursor(row_factory=dict_row)
    return await (await cursor.execute(sql.encode())).fetchall()


async def _rows(
    connection: psycopg.AsyncConnection, name: str, window: Window, variables: Mapping[str, Value] = ELSEWHERE
) -> Sequence[dict[str, Any]]:
    return await _ask(connection, expand(query.text(name), window, variables=variables))


async def _chosen(connection: psycopg.AsyncConnection, dashboard: Opened, now: int) -> dict[str, Value]:
    """What a dashboard's variables are when it is opened."""

    async def ask(sql: str) -> list[str]:
        rows = await _ask(connection, sql)
        return [str(row.get("__value", next(iter(row.values())))) for row in rows]

    return await dashboard.choose(ask, now - DAY, now)


def _names(asked: Asked) -> list[str]:
    return [name for name in query.names() if query.text(name) == asked.sql]


async def _opened(connection: psycopg.AsyncConnection, now: int) -> dict[str, dict[str, Value]]:
    """Each query there is, with the variables of a dashboard that shows it."""
    found: dict[str, dict[str, Value]] = dict.fromkeys(query.names(), ELSEWHERE)
    for dashboard in OPENED:
        chosen = await _chosen(connection, dashboard, now)
        assert chosen.keys() >= {"page"}, dashboard.name
        for asked in dashboard.panels:
            found |= dict.fromkeys(_names(asked), chosen)
    return found


async def test_empty_database_is_no_error(database: psycopg.AsyncConnection) -> None:
    now = SystemClock().now()
    timescale = await _is_timescale(database)
    await _as_grafana(database)
    for name, variables in (await _opened(database, now)).items():
        for interval_ms in INTERVALS_MS.values():
            window = Window(low=now - DAY, high=now, interval_ms=interval_ms)
            await _ask(database, expand(query.text(name), window, timescale=timescale, variables=variables))


async def test_every_query_has_rows_where_there_are_data(
    told: psycopg.AsyncConnection, story_database: Told
) -> None:
    now = story_database.now
    timescale = await _is_timescale(told)
    empty: list[str] = []
    for name, variables in (await _opened(told, now)).items():
        for label, interval_ms in INTERVALS_MS.items():
            window = Window(low=now - 3 * DAY, high=now + 2 * DAY, interval_ms=interval_ms)
            for choice in (variables, {**variables, **ELSEWHERE}):
                sql = expand(query.text(name), window, timescale=timescale, variables=choice)
                if await _ask(told, sql):
                    break
            else:
                empty.append(f"{name} by {label}")
    assert not empty


async def test_a_choice_narrows_what_is_shown(told: psycopg.AsyncConnection, story_database: Told) -> None:
    """One feeder that there is shows what all show where it is the only one; one that there is not shows none of it."""
    now = story_database.now
    window = Window(low=now - 3 * DAY, high=now)
    for name in query.names():
        if "${feeder:" not in query.text(name) or name.startswith("var_"):
            continue
        rows = [
            await _rows(told, name, window, ELSEWHERE | {"feeder": chosen})
            for chosen in (ALL, ["F1", "F9"], "it's none")
        ]
        assert len(rows[0]) == len(rows[1]), name
        assert len(rows[2]) <= len(rows[0]), name


async def test_figures_are_those_of_the_story(told: psycopg.AsyncConnection, story_database: Told) -> None:
    now = story_database.now
    window = Window(low=now - 5 * HOUR, high=now)
    (customers,) = await _rows(told, "customers_now", window)
    assert customers == {"Off": 50, "Unknown": 5, "On": 45, "Served": 100}
    shown = {row["Window"]: row for row in await _rows(told, "indices", window)}["Range shown"]
    assert shown["SAIDI"] == pytest.approx(50 * 30 / 100)
    assert shown["ASAI"] == pytest.approx(1 - 50 * 30 / (100 * 300), rel=1e-6)
    assert shown["Still off"] == 50
    assert shown["Customer minutes so far"] == pytest.approx(50 * 10, abs=50)
    incidents = await _rows(told, "open_incidents", window)
    assert [row["Kind"] for row in incidents] == ["outage", "communications_loss"]
    assert incidents[0]["Ticket"] == 2
    assert [row["Ticket"] for row in await _rows(told, "open_tickets", window)] == [2]


async def test_figures_of_meter_data_are_those_of_the_story(
    told: psycopg.AsyncConnection, story_database: Told
) -> None:
    now = story_database.now
    window = Window(low=now - 3 * DAY, high=now)
    (rate,) = await _rows(told, "collection_rate", window)
    assert rate["Last whole day"] == pytest.approx(0.75)
    days = await _rows(told, "interval_daily", window)
    assert [(d["Measured"], d["Estimated"], d["Missing"]) for d in days] == [(0.75, 0.25, 0.0)] * 2
    assert {day["Target"] for day in await _rows(told, "collection_daily", window)} == {0.998}
    energy = {row["Status"]: row for row in await _rows(told, "energy_by_status", window)}
    assert set(energy) == {"Valid", "Estimated"}
    assert float(energy["Estimated"]["Share of intervals"]) == pytest.approx(0.25)
    assert energy["Estimated"]["Share of energy"] == pytest.approx(0.1)
    (gap,) = await _rows(told, "open_gaps", window)
    assert (gap["Cause"], gap["Gaps"], gap["Devices"], gap["Intervals"]) == ("communications", 2, 2, 47)
    for day in await _rows(told, "voltage_compliance_daily", window):
        assert day["Voltage compliance"] == pytest.approx(0.9)
    worst, *_ = await _rows(told, "voltage_worst", window)
    assert (worst["Transformer"], worst["Compliance"]) == ("T1", pytest.approx(0.8))
    (watched,) = await _rows(told, "usage_watchlist", window)
    assert (watched["Device"], watched["Strongest reason"], watched["Reasons"]) == ("M1", "It fell.", 1)
    (area,) = await _rows(told, "area_losses", window)
    assert (area["Transformer"], area["Found"], area["Loss"]) == ("T1", "high", pytest.approx(0.2))
    (risk,) = await _rows(told, "load_risk", window)
    assert (risk["Node"], risk["Expected share"], risk["By what is expected"]) == ("T1", 1.1, True)


async def test_supply_over_time_and_feeder_minutes_add_up_to_the_account(
    told: psycopg.AsyncConnection, story_database: Told
) -> None:
    now = story_database.now
    span = {"low": to_datetime(now - 6 * HOUR), "now": to_datetime(now)}
    (account,) = await _told(told, "reliability(%(low)s, %(now)s, %(now)s)", span)
    (customers,) = await _told(told, "customers_now", {})
    for step in ("7 minutes", "1 hour", "1 day"):
        steps = await _told(told, f"supply_over_time(%(low)s, %(now)s, '{step}', %(now)s)", span)
        assert (steps[-1]["off"], steps[-1]["unknown"]) == (customers["off_now"], customers["unknown_now"])
        assert max(s["off_most"] for s in steps) == 50
        without = account["customer_minutes"] + account["open_customer_minutes"]
        assert sum(s["off_minutes"] for s in steps) == pytest.approx(without)
        assert sum(s["unknown_minutes"] for s in steps) == pytest.approx(account["unknown_customer_minutes"])
        assert [s["starts_at"] for s in steps[1:]] == [s["ends_at"] for s in steps[:-1]]
    curve = await _told(told, "restoration_curve(%(low)s, %(now)s, '10 minutes', null, %(now)s)", span)
    assert (curve[-1]["interrupted"], curve[-1]["restored"], curve[-1]["off"]) == (100, 50, 50)
    assert all(a["restored"] <= b["restored"] for a, b in pairwise(curve))
    (last, *_) = reversed(
        await _told(told, "restoration_curve(%(low)s, %(now)s, '1 hour', 'inc-1', %(now)s)", span)
    )
    assert (last["interrupted"], last["restored"]) == (50, 50)
    by_day = await _told(
        told, "reliability_by('feeder', %(low)s, %(now)s, %(now)s, '{all}', 'lv', 'day')", span
    )
    feeders = await _told(told, "feeder_minutes(%(low)s, %(now)s, %(now)s)", span)
    for figure in ("customer_minutes", "open_customer_minutes", "customer_interruptions", "open_customers"):
        assert sum(f[figure] for f in feeders) == pytest.approx(float(sum(d[figure] for d in by_day))), figure
        assert sum(f[figure] for f in feeders) == pytest.approx(float(account[figure])), figure


async def test_sums_of_days_say_the_same_before_and_after_they_are_made(
    database: psycopg.AsyncConnection,
) -> None:
    now = SystemClock().now()
    await story.tell_all(database, now)
    names = ("collection_by_day", "collection_summed", "quality_by_day", "quality_summed")

    async def all_days() -> list[list[tuple[Any, ...]]]:
        found = [
            await (await database.execute(f"select * from feederline.{n}".encode())).fetchall() for n in names
        ]
        return [sorted(rows, key=str) for rows in found]

    await database.execute("set timezone = 'UTC'")
    for change in (
        "select 1",
        "update feederline.device set transformer_key = 4 where device_id = 'M1'",
        "update feederline.collection_day set collected = 7 where device_key = 2",
        "update feederline.quality_day set sags = 3 where device_key = 2",
    ):
        await database.execute(change)
        stale = await all_days()
        assert stale[0] == stale[1]
        assert stale[2] == stale[3]
        (marked,) = await _told(database, "day_stale", {}, "count(*)")
        assert change == "select 1" or marked["count"] > 0
        await database.execute("select feederline.sum_days(100)")
        assert await _told(database, "day_stale", {}) == []
        assert await all_days() == stale


async def test_hours_of_voltages_are_reckoned_once_and_again_a_day_later(
    database: psycopg.AsyncConnection,
) -> None:
    now = SystemClock().now()
    await story.tell_all(database, now)
    hours = [
        row[0]
        async for row in await database.execute("select feederline.sum_hours(%s, 100)", [to_datetime(now)])
    ]
    assert hours[0] > 2
    readings = await _told(database, "reading", {}, "count(*)")
    assert await _told(database, "hour_total", {}, "sum(readings) as count") == readings
    spread = await _told(
        database,
        "voltage_spread(%(low)s, %(now)s, '1 hour')",
        {"low": to_datetime(now - 5 * HOUR), "now": to_datetime(now)},
    )
    for hour in spread[1:]:
        assert hour["middle"] == pytest.approx(1, abs=0.005)
        assert 0.97 < hour["low"] < hour["middle"] < hour["high"] < 1.03
    later = from_datetime(spread[1]["starts_at"]) + 28 * HOUR
    await database.execute("delete from feederline.voltage_hour")
    for moment in (now, later):
        await database.execute("select feederline.sum_hours(%s, 100)", [to_datetime(moment)])
        told = {row["hour"] for row in await _told(database, "voltage_hour", {})}
        assert (spread[1]["starts_at"] in told) == (moment == later)


async def test_feeders_and_transformers_of_one_name_are_told_apart(database: psycopg.AsyncConnection) -> None:
    now = SystemClock().now()
    await story.tell_all(database, now)
    await database.execute("""
        with twin as (
            insert into feederline.node (node_id, parent_key, kind, path, level, phases, name)
            select 'F8', parent_key, kind, path, level, phases, name
              from feederline.node where node_id = 'F1' returning node_key
        )
        insert into feederline.device (device_id, node_key, kind, protocol, phases, customers, interval_s, nominal_v,
                                       transformer_key, feeder_key)
        select 'TTU9', d.node_key, d.kind, d.protocol, d.phases, 0, 60, 230, d.transformer_key, t.node_key
          from feederline.device d, twin t where d.device_id = 'TTU1'""")
    await database.execute("""
        insert into feederline.reading (device_key, measured_at, received_at, quality, active_power)
        select n.device_key, r.measured_at, r.received_at, r.quality, 1000
          from feederline.device n, feederline.reading r join feederline.device d using (device_key)
         where d.device_id = 'TTU1' and n.device_id = 'TTU9'""")
    await database.execute(
        "update feederline.node set name = 'O''Brien ${device} %' where kind in ('feeder', 'transformer')"
    )
    window = Window(low=now - HOUR, high=now)
    everywhere: dict[str, Value] = {"feeder": ALL}
    for name in ("var_feeder", "var_transformer"):
        rows = await _rows(database, name, window, everywhere)
        texts = {row["__text"]: row["__value"] for row in rows}
        assert len(texts) == len(rows) > 1
        assert all(text == f"O'Brien ${{device}} % ({value})" for text, value in texts.items())
    loads = await _rows(database, "feeder_load", window, everywhere)
    assert {row["metric"].rpartition(" ")[2] for row in loads} == {"(F1)", "(F8)"}


async def test_a_minute_without_a_row_is_one_without_a_gateway(database: psycopg.AsyncConnection) -> None:
    now = SystemClock().now()
    await story.tell_all(database, now)
    await database.execute("delete from feederline.gateway_minute")
    for minute in (*range(10, 30), *range(40, 60)):
        await database.execute(
            "insert into feederline.gateway_minute values (%s, null, 0, 0, 5, 4, 1, 2, 0, %s, 0)",
            [to_datetime(now // HOUR * HOUR - HOUR + minute * MINUTE), minute != 50],
        )
    await _as_grafana(database)
    (hour,) = [
        h
        for h in await _told(database, "gateway_hour", {})
        if from_datetime(h["hour"]) == now // HOUR * HOUR - HOUR
    ]
    assert (hour["minutes"], hour["ready"], hour["readings"], hour["rows_written"]) == (40, 39, 200, 160)
    window = Window(low=now // HOUR * HOUR - HOUR, high=now // HOUR * HOUR, interval_ms=60_000)
    states = [row["Gateway"] for row in await _rows(database, "gateway_ready", window)]
    assert states == ["ready", "away", "ready", "not_ready", "ready"]


async def _told(
    connection: psycopg.AsyncConnection, source: str, given: Mapping[str, object], what: str = "*"
) -> Sequence[dict[str, Any]]:
    cursor = connection.cursor(row_factory=dict_row)
    return await (
        await cursor.execute(f"select {what} from feederline.{source}".encode(), given or None)
    ).fetchall()


async def test_grafana_may_not_write_nor_read_messages(told: psycopg.AsyncConnection) -> None:
    await told.execute("set default_transaction_read_only = off")
    for statement in (
        "delete from feederline.incident",
        "update feederline.setting set number = 1",
        "select body from feederline.delivery",
        "select payload from feederline.dead_letter",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await told.execute(statement)
