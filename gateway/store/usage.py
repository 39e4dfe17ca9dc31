"""What the daily look at meter data finds, in the database: balances of areas, baselines, scores, suspicions, load.

Devices and nodes are those of the gateway's inventory and network at this seam. What is put again takes the place of
what stood for the same day. Every method raises UnavailableError while the database is away.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from gateway.core.model import Suspicion
from gateway.store.areas import AreaTables
from gateway.store.baselines import BaselineTable
from gateway.store.devices import DeviceKeys
from gateway.store.judgements import JudgementTables
from gateway.store.outlook import OutlookTable
from gateway.store.queries import sql
from gateway.store.rows import when
from gateway.store.text import to_json


class Usage(AreaTables, BaselineTable, JudgementTables, OutlookTable):
    """All that the job over the database and the API ask of it, in one place."""


async def write(conn: psycopg.AsyncConnection, suspicions: Sequence[Suspicion], devices: DeviceKeys) -> int:
    """Append what the stream was told; the same again changes nothing. How many rows that made."""
    if not suspicions:
        return 0
    given = {
        "device_key": devices.of([s.device for s in suspicions]),
        "received_at": [when(s.received_at) for s in suspicions],
        "since": [when(s.since) for s in suspicions],
        "until": [when(s.until) for s in suspicions],
        "score": [s.score for s in suspicions],
        "reasons": [to_json(s.reasons) for s in suspicions],
    }
    return (await conn.execute(sql("suspicion_insert"), given)).rowcount
