"""A small district with a past, for tests that read: one outage over, one going on, one point unknown."""

from __future__ import annotations

from typing import LiteralString

import psycopg

from gateway.core.clock import HOUR, MINUTE, SECOND, to_datetime
from gateway.store.migrate import migrate
from gateway.store.settings import DatabaseSettings

METERS = 20
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


async def migrated(url: str) -> psycopg.AsyncConnection:
    """An open superuser's connection, in autocommit mode, to a database with the schema in it."""
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    await migrate(connection, DatabaseSettings(url=url))
    return connection


async def tell(connection: psycopg.AsyncConnection, now: int) -> None:
    """Fill the database: 20 points of 5 customers; at `now` 50 customers are off and 5 unknown.

    T1 was dark for 30 minutes, from four to three and a half hours ago; T2 is dark since ten minutes ago.
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
    for story in (over, going_on):
        for statement in (_TICKET, _TRANSITION, _DELIVERY):
            await connection.execute(statement, story)
