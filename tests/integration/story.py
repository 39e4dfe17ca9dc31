"""A small district with a past, for tests that read: one outage over, one going on, one point unknown."""

from __future__ import annotations

from typing import LiteralString

import psycopg

from gateway.core.clock import DAY, HOUR, MINUTE, SECOND, to_datetime
from gateway.store.migrate import migrate
from gateway.store.settings import DatabaseSettings
from tests.integration import story_devices

METERS = 20
DEVICES = METERS + 1  # that measure
NOMINAL_V = 230.0

_NODES: LiteralString = """
insert into feederline.node (node_id, parent_key, kind, name, phases, level, path)
values ('S1', null, 'substation', 'North', 'ABC', 0, 'S1'),
       ('F1', 1, 'feeder', 'North 1', 'ABC', 1, 'S1/F1'),
       ('T1', 2, 'transformer', 'Mill Lane', 'ABC', 2, 'S1/F1/T1'),
       ('T2', 2, 'transformer', '<b>Weir</b>', 'ABC', 2, 'S1/F1/T2')
"""
_DEVICES: LiteralString = """
insert into feederline.device
       (device_id, node_key, kind, protocol, phases, customers, interval_s, nominal_v, transformer_key, feeder_key)
select 'M' || i, case when i <= %(half)s then 3 else 4 end, 'meter', 'mqtt', 'ABC', 5, 60, %(nominal)s,
       case when i <= %(half)s then 3 else 4 end, 2
  from generate_series(1, %(meters)s::integer) i
"""
_READINGS: LiteralString = """
insert into feederline.reading (device_key, measured_at, received_at, voltage_a, voltage_b, voltage_c, active_power)
select d, t, t, 230, 225, case when d = 1 then 0 else 235 end, 500
  from generate_series(1, %(meters)s::integer) d,
       generate_series(%(now)s::timestamptz - interval '6 hours', %(now)s::timestamptz - interval '1 minute',
                       interval '5 minutes') t
"""
_INCIDENT: LiteralString = """
insert into feederline.incident
       (incident_id, kind, node_id, phases, state, started_at, detected_at, restored_at, ended_at, customers,
        confidence, direct, summary, revision)
values (%(id)s, %(kind)s, %(node)s, 'ABC', %(state)s, %(start)s, %(start)s, %(end)s, %(end)s, %(customers)s,
        0.97, true, %(summary)s, 2)
"""
_INTERRUPTION: LiteralString = """
insert into feederline.interruption (incident_id, device_key, step, kind, state, started_at, ended_at, customers)
select %(id)s, d, 0, 'fault', %(off)s, %(start)s, %(end)s, 5
  from generate_series(%(first)s::integer, %(last)s::integer) d
"""
_MEMBERS: LiteralString = """
insert into feederline.incident_device (incident_id, device_key)
select %(id)s, d from generate_series(%(first)s::integer, %(last)s::integer) d
"""
_TICKET: LiteralString = """
insert into feederline.ticket (ticket_id, number, incident_id, state, severity, node_id, title, customers, opened_at,
                    updated_at, closed_at, revision)
values (%(ticket)s, %(number)s, %(id)s, %(ticket_state)s, 1, %(node)s, %(title)s, %(customers)s, %(start)s,
        coalesce(%(end)s, %(start)s), %(end)s, 1)
"""
_TRANSITION: LiteralString = """
insert into feederline.ticket_transition (ticket_id, revision, at, action, from_state, to_state, actor, reason)
values (%(ticket)s, 1, %(start)s, 'open', null, %(ticket_state)s, 'feederline', %(summary)s)
"""
_DELIVERY: LiteralString = """
insert into feederline.delivery (delivery_id, subject, ticket_id, revision, target, content_type, body, state, attempts,
                      next_at, created_at, last_error)
values ('msg-' || %(ticket)s, %(ticket)s, %(ticket)s, 1, 'desk', 'application/json', 'secret body', 'pending', 2,
        %(start)s, %(start)s, 'desk answered 503')
"""


_METER_DATA: tuple[LiteralString, ...] = (
    # half of the meters have a gap of six hours on each day
    """
insert into feederline.collection_day
select d, 27, t, 96, case when d <= %(half)s then 48 else 96 end, case when d <= %(half)s then 48 else 0 end, 0, 0,
       0, 0, case when d <= %(half)s then 48 else 0 end, 0, t
  from generate_series(1, %(meters)s::integer) d, unnest(array[%(today)s, %(yesterday)s]::timestamptz[]) t
""",
    "select feederline.ensure_interval_partitions(array[%(yesterday)s, %(today)s]::date[])",
    # three measured quarters of 3 kWh for each estimated one of 1 kWh
    """
insert into feederline.interval (device_key, quantity, status, starts_at, ends_at, made_at, rules, raw, value)
select d, 27, case when q %% 4 = 0 then 1 else 3 end, t, t + interval '15 minutes', t, 0,
       case when q %% 4 = 0 then null else 3 end, case when q %% 4 = 0 then 1 else 3 end
  from generate_series(1, %(meters)s::integer) d, generate_series(0, 11) q,
       lateral (select %(yesterday)s::timestamptz + q * interval '15 minutes' as t) s
""",
    """
insert into feederline.gap (device_key, quantity, starts_at, ends_at, cause, found_at, intervals, filled)
select d, 27, %(yesterday)s, %(yesterday)s::timestamptz + interval '6 hours', 'communications', %(today)s, 24, d - 1
  from generate_series(1, 2) d
""",
    """
insert into feederline.quality_day (device_key, starts_at, ends_at, observed_min, out_min, low_min, high_min, lost_min)
select d, t, t + interval '1 day', 1000, case when d <= %(half)s then 200 else 0 end, 0, 0, 0
  from generate_series(1, %(meters)s::integer) d, unnest(array[%(today)s, %(yesterday)s]::timestamptz[]) t
""",
    """
insert into feederline.suspicion (device_key, received_at, since, until, score, reasons)
values (1, %(today)s, %(yesterday)s, %(today)s, 0.7,
        '[{"rule": "drop", "weight": 2.0, "words": "It fell.", "figures": {}}]')
""",
    """
insert into feederline.area_loss_day
       (transformer_key, day, starts_at, ends_at, hours, members, supplied, sold, intervals, used, without_supply,
        without_member, moments, technical, excess, level, ratio, found, made_at)
values (3, %(yesterday)s::date, %(yesterday)s, %(today)s, 0.25, 10, 100, 80, 96, 90, 0, 6,
        array[0, 0, 0, 0, 0, 0, 0, 0], 5, 15, 15, 0.2, '{high}', %(today)s)
""",
    """
insert into feederline.load_outlook (node_key, starts_at, ends_at, expected_kw, high_kw, share, limit_kw, made_at)
values (3, %(now)s, %(now)s::timestamptz + interval '1 hour', 110, 130, 0.9, 100, %(today)s)
""",
)


async def migrated(url: str) -> psycopg.AsyncConnection:
    """An open superuser's connection, in autocommit mode, to a database with the schema in it."""
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    await migrate(connection, DatabaseSettings(url=url))
    return connection


async def tell_all(connection: psycopg.AsyncConnection, now: int) -> None:
    """The story, and what dashboards show besides: other devices, events, accounts of days, minutes of the gateway."""
    await tell(connection, now)
    for statement in story_devices.STATEMENTS:
        await connection.execute(statement, _about(now))


def _about(now: int) -> dict[str, object]:
    return {
        "now": to_datetime(now),
        "today": to_datetime(now - now % DAY),
        "yesterday": to_datetime(now - now % DAY - DAY),
        "half": METERS // 2,
        "meters": METERS,
    }


async def tell(connection: psycopg.AsyncConnection, now: int) -> None:
    """Fill the database: 20 points of 5 customers; at `now` 50 customers are off and 5 unknown.

    T1 was dark for 30 minutes, from four to three and a half hours ago; T2 is dark since ten minutes ago.
    Yesterday and today a quarter of all intervals lack; T1 loses a fifth, and its customers have low voltage.
    """
    at = to_datetime
    await connection.execute(_NODES)
    await connection.execute(_DEVICES, {"half": METERS // 2, "meters": METERS, "nominal": NOMINAL_V})
    await connection.execute(_READINGS, {"meters": METERS, "now": at(now)})
    over = {
        "id": "inc-1", "kind": "outage", "node": "T1", "state": "closed", "off": "off", "customers": 50,
        "start": at(now - 4 * HOUR), "end": at(now - 3 * HOUR - 30 * MINUTE), "first": 1, "last": 10,
        "summary": "8 of 10 meters sent a last gasp", "ticket": "tic-1", "number": 1, "ticket_state": "closed",
        "title": "Outage at T1",
    }  # fmt: skip
    going_on = {
        "id": "inc-2", "kind": "outage", "node": "T2", "state": "open", "off": "off", "customers": 50,
        "start": at(now - 10 * MINUTE), "end": None, "first": 11, "last": 20,
        "summary": "<img src=x onerror=alert(1)> 9 of 10 meters sent a last gasp", "ticket": "tic-2", "number": 2,
        "ticket_state": "predicted", "title": "Outage at T2",
    }  # fmt: skip
    unheard = {
        "id": "inc-3", "kind": "communications_loss", "node": "T1", "state": "open", "off": "unknown",
        "customers": 5, "start": at(now - 5 * MINUTE - SECOND // 2), "end": None, "first": 1, "last": 1,
        "summary": "1 meter does not answer, its siblings do",
    }  # fmt: skip
    for story in (over, going_on, unheard):
        for statement in (_INCIDENT, _INTERRUPTION, _MEMBERS):
            await connection.execute(statement, story)
    for statement in _METER_DATA:
        await connection.execute(statement, _about(now))
    for story in (over, going_on):
        for statement in (_TICKET, _TRANSITION, _DELIVERY):
            await connection.execute(statement, story)
