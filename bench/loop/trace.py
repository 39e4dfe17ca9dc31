"""When each outage came to where, by the database and the desk, and what was lost or doubled on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import LiteralString, NamedTuple

import psycopg
from psycopg.rows import DictRow, dict_row

from bench.loop.field import METERS, Fault, Sent
from gateway.core.clock import from_datetime
from simulator.receiver import Received, Receiver

# When rows were committed the server tells of rows that are never changed: signals and transitions are such.
_TRACE: LiteralString = """
with gasp as (
    select n.node_id, s.received_at, d.device_id, s.xmin as by,
           row_number() over (partition by n.node_id order by s.received_at) as place
      from feederline.signal s
      join feederline.device d using (device_key)
      join feederline.node n using (node_key)
     where s.kind = 'last_gasp')
select i.node_id, t.ticket_id, g.device_id, g.received_at, i.detected_at, v.delivered_at,
       case when %(tracked)s then pg_xact_commit_timestamp(g.by) end as stored_at,
       case when %(tracked)s then pg_xact_commit_timestamp(o.xmin) end as committed_at
  from feederline.incident i
  join gasp g on g.node_id = i.node_id and g.place = 1
  join feederline.ticket t using (incident_id)
  join feederline.ticket_transition o on o.ticket_id = t.ticket_id and o.revision = 1
  join feederline.delivery v on v.ticket_id = t.ticket_id and v.revision = 1
"""
_COUNTS: LiteralString = """
select (select count(*) from feederline.signal where kind = 'last_gasp') as gasps,
       (select count(*) from feederline.reading) as readings,
       (select count(*) from feederline.incident where kind = 'outage') as outages,
       (select count(*) from feederline.ticket) as tickets,
       (select count(*) from feederline.delivery where state <> 'delivered') as undelivered
"""


class Life(NamedTuple):
    """µs since 1970; `stored_at` and `committed_at` are 0 where the server does not keep times of commits."""

    sent_at: int
    received_at: int
    stored_at: int
    detected_at: int
    committed_at: int
    arrived_at: int
    noted_at: int

    def legs(self, window: int) -> dict[str, float]:
        """Milliseconds of each leg; `window`: µs that are waited on purpose after the first evidence."""
        tracked = self.stored_at > 0
        legs = {
            "whole": self.arrived_at - self.received_at - window,
            "field_to_gateway": self.received_at - self.sent_at,
            "spooled_and_stored": self.stored_at - self.received_at if tracked else None,
            "window_to_conclusion": self.detected_at - self.received_at - window,
            "conclusion_to_ticket_committed": self.committed_at - self.detected_at if tracked else None,
            "ticket_committed_to_desk": self.arrived_at - self.committed_at if tracked else None,
            "conclusion_to_desk": self.arrived_at - self.detected_at,
            "desk_to_noted": self.noted_at - self.arrived_at,
        }
        return {name: micros / 1e3 for name, micros in legs.items() if micros is not None}


class Trace(NamedTuple):
    lives: list[Life]
    lost: dict[str, int]
    doubled: dict[str, int]


async def trace(database: str, receiver: Receiver, plan: Sequence[Fault], sent: Sent) -> Trace:
    first: dict[str, Received] = {}
    for message in receiver.messages:
        if message.ticket:
            first.setdefault(message.ticket, message)
    async with await psycopg.AsyncConnection.connect(database, row_factory=dict_row) as connection:
        tracked = await _is_tracked(connection)
        rows = await (await connection.execute(_TRACE, {"tracked": tracked})).fetchall()
        counts = await (await connection.execute(_COUNTS)).fetchone()
    assert counts is not None
    lives = [_life(row, first[row["ticket_id"]], sent) for row in rows if row["ticket_id"] in first]
    told = Counter(row["node_id"] for row in rows if row["ticket_id"] in first)
    opened = Counter(m.ticket for m in receiver.messages if m.type == "ticket.opened")
    lost = {
        "gasps": METERS * len(plan) - counts["gasps"],
        "readings": sent.readings - counts["readings"],
        "outages": sum(fault.transformer not in told for fault in plan),
        "messages": counts["undelivered"],
        "refused": receiver.counts.rejected,
    }
    doubled = {
        "outages": counts["outages"] - len(plan),
        "tickets": counts["tickets"] - len(plan),
        "messages": receiver.counts.redelivered,
        "effects": receiver.counts.duplicated + sum(count - 1 for count in opened.values()),
    }
    return Trace(lives, lost, doubled)


async def _is_tracked(connection: psycopg.AsyncConnection[DictRow]) -> bool:
    """Whether the server keeps the times of commits."""
    row = await (await connection.execute("show track_commit_timestamp")).fetchone()
    return row is not None and row["track_commit_timestamp"] == "on"


def _life(row: DictRow, message: Received, sent: Sent) -> Life:
    return Life(
        sent_at=sent.gasps[row["device_id"]],
        received_at=from_datetime(row["received_at"]),
        stored_at=from_datetime(row["stored_at"]) if row["stored_at"] else 0,
        detected_at=from_datetime(row["detected_at"]),
        committed_at=from_datetime(row["committed_at"]) if row["committed_at"] else 0,
        arrived_at=message.at,
        noted_at=from_datetime(row["delivered_at"]) if row["delivered_at"] else message.at,
    )
