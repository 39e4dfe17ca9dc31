"""The alert rules' queries on both kinds of database, with the rights Grafana has: which fire, and what they say."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest

from dashboards import alerts, query
from gateway.core.clock import HOUR, MINUTE, SECOND, SystemClock, to_datetime
from tests.integration import story

MINUTE_ROW = """
insert into feederline.gateway_minute (at, stream_at, lag_entries, spool_bytes, readings, rows_written, signals,
                                       drivers_running, drivers_waiting, ready, alarms)
values (%(at)s, %(stream_at)s, 0, 0, 0, 0, 0, 1, 0, %(ready)s, 0)"""
DELIVERY = """
insert into feederline.delivery (delivery_id, subject, revision, target, content_type, body, state, next_at, created_at)
values (%s, %s, 1, %s, 'application/json', '', %s, now() - make_interval(hours => %s), now() - interval '3 days')"""
TARGET = """
insert into feederline.webhook_target (target, disabled_at, late_since, changed_at, changed_by)
values (%s, %s, %s, now(), 'test')"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[psycopg.AsyncConnection]:
    connection = await story.migrated(database_url)
    yield connection
    await connection.close()


async def _fires(database: psycopg.AsyncConnection) -> dict[str, list[dict[str, object]]]:
    """Name of each rule that fires → labels and value of what it fires for, as the dashboards' role sees it."""
    await database.execute("set role feederline_grafana")
    found: dict[str, list[dict[str, object]]] = {}
    for rule in alerts.RULES:
        cursor = await database.execute(query.text(rule.query).encode())
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
        kinds = {column.name: column.type_display for column in cursor.description}
        assert [name for name in names if kinds[name] != "text"] == ["value"], "Grafana wants one number"
        rows = [dict(zip(names, row, strict=True)) for row in await cursor.fetchall()]
        labels = [tuple(row[name] for name in names if name != "value") for row in rows]
        assert len(set(labels)) == len(labels), "each row is an alert of its own"
        firing = [row for row in rows if isinstance(row["value"], float) and row["value"] > rule.above]
        if firing or (not rows and rule.when_empty == "Alerting"):
            found[rule.name] = firing
    await database.execute("reset role")
    return found


async def test_gateway_and_messages(database: psycopg.AsyncConnection) -> None:
    """One database for both, as making one takes longer than all else here."""
    assert list(await _fires(database)) == ["gateway_silent"], "before anything happened"
    await _gateway(database)
    await _messages(database)


async def _gateway(database: psycopg.AsyncConnection) -> None:
    now = SystemClock().now()

    async def said(ago_s: int, behind_s: int, *, ready: bool = True) -> set[str]:
        at = now - ago_s * SECOND
        await database.execute("delete from feederline.gateway_minute")
        for earlier in (0, 5 * MINUTE):
            values = {"at": to_datetime(at - earlier), "stream_at": to_datetime(at - behind_s * SECOND)}
            await database.execute(MINUTE_ROW, {**values, "ready": ready or bool(earlier)})
        return set(await _fires(database))

    assert await said(30, 2) == set()
    assert await said(600, 2) == {"gateway_silent"}
    assert await said(-86_400, 2) == {"gateway_silent"}, "its clock was a day ahead, then it fell silent"
    assert await said(30, 900) == {"gateway_lag"}
    assert await said(30, 2, ready=False) == {"gateway_not_ready"}


async def _messages(database: psycopg.AsyncConnection) -> None:
    now = SystemClock().now()
    await database.execute(TARGET, ("gone", to_datetime(now - HOUR), to_datetime(now - HOUR)))
    await database.execute(TARGET, ("late", None, to_datetime(now - 3 * MINUTE)))
    await database.execute(TARGET, ("well", None, None))
    for number, (target, state, hours) in enumerate(
        [("late", "pending", 0), ("late", "pending", 0), ("late", "delivered", 0), ("given up", "dead", 3),
         ("well", "pending", 0), ("forgotten", "dead", 30)]
    ):  # fmt: skip
        await database.execute(DELIVERY, (f"msg-{number}", f"tkt-{number}", target, state, hours))
    told = {(row["target"], row["problem"]): row["value"] for row in (await _fires(database))["deliveries"]}
    assert told == {("gone", "disabled"): 1.0, ("late", "late"): 2.0, ("given up", "given up"): 1.0}


async def test_targets_fire_as_their_state_says(database: psycopg.AsyncConnection) -> None:
    await story.tell_all(database, SystemClock().now())
    await database.execute("insert into feederline.setting (name, value) values ('page_url', 'https://page.example')"
                           " on conflict (name) do update set value = excluded.value")  # fmt: skip
    cursor = await database.execute("select span, index, state from feederline.target_state()")
    states = {
        (str(span).replace("_", " "), str(index).upper()): state
        for span, index, state in await cursor.fetchall()
    }
    assert states
    fires = await _fires(database)
    for name, state in (("target_missed", "missed"), ("target_at_risk", "at_risk")):
        told = {(row["window"], row["target"]) for row in fires.get(name, [])}
        assert told == {target for target, is_ in states.items() if is_ == state}
        assert {row["page"] for row in fires.get(name, [])} <= {"https://page.example"}
    assert {"target_missed", "target_at_risk"} & fires.keys()
    assert "collection" in fires, "a quarter of yesterday's intervals lack"
