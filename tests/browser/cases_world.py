"""What tests of incidents and tickets on the page share: signing in, and a thousand incidents at once."""

from __future__ import annotations

from typing import LiteralString

import psycopg
from playwright.async_api import Page, expect

from gateway.core.clock import to_datetime
from tests.browser.conftest import watch_of

_CROWD: tuple[LiteralString, ...] = (
    """
insert into feederline.node (node_id, parent_key, kind, name, phases, level, path)
values ('S1', null, 'substation', 'North', 'ABC', 0, 'S1'), ('F1', 1, 'feeder', 'North 1', 'ABC', 1, 'S1/F1')
""",
    """
insert into feederline.node (node_id, parent_key, kind, name, phases, level, path)
select 'T' || i, 2, 'transformer', 'Street ' || i, 'ABC', 2, 'S1/F1/T' || i
  from generate_series(1, %(count)s::integer) i
""",
    """
insert into feederline.device (device_id, node_key, kind, protocol, phases, customers, interval_s, nominal_v,
                               transformer_key, feeder_key)
select 'M' || i, i + 2, 'meter', 'mqtt', 'ABC', 1 + i %% 40, 60, 230, i + 2, 2
  from generate_series(1, %(count)s::integer) i
""",
    """
insert into feederline.incident
       (incident_id, kind, node_id, phases, state, started_at, detected_at, customers, confidence, direct, summary,
        revision)
select 'inc-' || i, 'outage', 'T' || i, 'ABC', 'open', %(at)s::timestamptz - i * interval '1 second',
       %(at)s::timestamptz - i * interval '1 second', 1 + i %% 40, 0.9, false,
       'the one meter at T' || i || ' sent a last gasp', 1
  from generate_series(1, %(count)s::integer) i
""",
    """
insert into feederline.interruption (incident_id, device_key, step, kind, state, started_at, customers)
select 'inc-' || i, i, 0, 'fault', 'off', %(at)s::timestamptz - i * interval '1 second', 1 + i %% 40
  from generate_series(1, %(count)s::integer) i
""",
    """
insert into feederline.incident_device (incident_id, device_key)
select 'inc-' || i, i from generate_series(1, %(count)s::integer) i
""",
    """
insert into feederline.ticket (ticket_id, number, incident_id, state, severity, node_id, title, customers, opened_at,
                               updated_at, revision)
select 'tic-' || i, i, 'inc-' || i, 'predicted', 1 + i %% 3, 'T' || i, 'Outage at T' || i, 1 + i %% 40,
       %(at)s::timestamptz - i * interval '1 second', %(at)s, 1
  from generate_series(1, %(count)s::integer) i
""",
)


async def crowd(connection: psycopg.AsyncConnection, at: int, count: int) -> None:
    """So many open outages, each of one transformer with a ticket of its own."""
    for statement in _CROWD:
        await connection.execute(statement, {"at": to_datetime(at), "count": count})


async def sign_in(page: Page, url: str, token: str) -> None:
    """The page as whoever has this token sees it. Before it is given, the gateway's refusals are on the console."""
    watch_of(page).expect("401")
    await page.goto(url)
    await page.locator("#token").fill(token)
    await page.locator("#token").press("Enter")
    await expect(page.locator("#inside")).to_be_visible()
