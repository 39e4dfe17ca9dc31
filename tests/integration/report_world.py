"""Two months of a district for reports: outages, planned work, tickets, corrections, drills, meter data, bad names."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
from msgspec import structs

from gateway.core.clock import DAY, HOUR, MINUTE, SECOND, format_time
from gateway.core.inventory import Device, Inventory
from gateway.core.meterdata import CollectionDays
from gateway.core.model import (
    GATEWAY,
    Change,
    Commit,
    Drill,
    Event,
    Incident,
    IncidentKind,
    IncidentState,
    Interruption,
    Signal,
    SignalKind,
    SupplyState,
)
from gateway.core.network import Network
from gateway.store import Store
from gateway.store.corrections import Correction
from processors.interruptions.periods import midnight
from tests.integration.store_world import SPOOL, PlainDesk, ready_store

ZONE = "Asia/Shanghai"
SINCE = midnight(date(2026, 1, 20), ZoneInfo(ZONE))
MARCH = midnight(date(2026, 3, 1), ZoneInfo(ZONE))
APRIL = midnight(date(2026, 4, 1), ZoneInfo(ZONE))
NOW = APRIL + 5 * DAY
FORMULA = '=HYPERLINK("http://x.test")'
MARKUP = "<script>alert('F2')</script><b>bold"
LONG = "a very long name of a feeder " * 12
CAUSES = ("storm", "tree on the line", "cable fault", "excavator", "", "vehicle", "=cmd|'/c calc'!A1")


def inventory(feeders: int = 6, meters: int = 4) -> Inventory:
    """Two substations; on each feeder three transformers with `meters` metering points of 1 to 60 customers."""
    ids, parents, kinds, names = ["S1", "S2"], ["", ""], ["substation"] * 2, ["North", "South"]
    attributes: list[dict[str, str]] = [{}, {}]
    devices = []
    named = {1: FORMULA, 2: MARKUP, 3: LONG}
    for f in range(1, feeders + 1):
        ids.append(f"F{f}")
        parents.append(f"S{1 + f % 2}")
        kinds.append("feeder")
        names.append(named.get(f, f"Feeder {f}"))
        attributes.append({"district": ("harbour", "old town", "valley")[f % 3]})
        for t in range(3):
            place = f"T{f}-{t}"
            ids.append(place)
            parents.append(f"F{f}")
            kinds.append("transformer")
            names.append(f"Transformer {f}/{t}")
            attributes.append({})
            devices += [
                Device(
                    id=f"M{f}-{t}-{m}",
                    node=place,
                    customers=(1, 12, 35, 60)[m % 4],
                    protocol="modbus" if f % 3 == 0 else "mqtt",
                    priority="critical" if (f, t, m) == (1, 0, 0) else "",
                    attributes={
                        "area": ("urban", "rural", "remote")[f % 3],
                        "customer_class": ("home", "shop")[m % 2],
                    },
                )
                for m in range(meters)
            ]
    return Inventory(devices, Network(ids, parents, kinds, names=names, attributes=attributes))


def story(listed: Inventory, seed: int = 7, count: int = 90) -> list[Event]:
    """Closed outages and planned work from the start of observation to NOW; some cancelled, one still open."""
    draw, events = random.Random(seed), []
    transformers = [n for n in range(len(listed.network)) if listed.network.ids[n].startswith("T")]
    for i in range(count):
        start = SINCE + draw.randrange(0, (NOW - SINCE) // MINUTE - 24 * 60) * MINUTE
        kind = draw.choice(
            [IncidentKind.OUTAGE] * 5 + [IncidentKind.PLANNED_OUTAGE, IncidentKind.COMMUNICATIONS_LOSS]
        )
        node = draw.choice(transformers[:3] * 3 + transformers[:-1])
        members = tuple(k for k in range(len(listed)) if listed.node[k] == node)
        length = draw.choice([2, 20, 45, 70, 150]) * MINUTE + draw.randrange(SECOND)
        state = IncidentState.CANCELLED if i % 20 == 3 else IncidentState.CLOSED
        events.append(
            _event(f"i{i:03}", listed, node, members, start, end=start + length, kind=kind, state=state)
        )
    last = transformers[-1]
    members = tuple(k for k in range(len(listed)) if listed.node[k] == last)
    wide = tuple(k for k in range(len(listed)) if listed.network.ids[int(listed.node[k])][:2] in ("T1", "T2"))
    events.append(
        _event("storm", listed, 0, wide, MARCH + 9 * DAY + 5 * HOUR, end=MARCH + 9 * DAY + 9 * HOUR)
    )
    events.append(_event("open", listed, last, members, APRIL - 2 * HOUR, end=None, state=IncidentState.OPEN))
    events.append(
        _event(
            "usage",
            listed,
            last,
            members[:1],
            MARCH + 3 * DAY,
            end=MARCH + 8 * DAY,
            kind=IncidentKind.USAGE_ANOMALY,
        )
    )
    return sorted(events, key=lambda event: event.at)


def _event(
    name: str,
    listed: Inventory,
    node: int,
    members: tuple[int, ...],
    start: int,
    *,
    end: int | None,
    kind: IncidentKind = IncidentKind.OUTAGE,
    state: IncidentState = IncidentState.CLOSED,
) -> Event:
    incident = Incident(
        id=name,
        kind=kind,
        node=listed.network.ids[node],
        phases="ABC",
        state=state,
        started_at=start,
        detected_at=start + 20 * SECOND,
        ended_at=end,
        customers=int(listed.customers[list(members)].sum()),
        devices=members,
        confidence=0.95,
        summary=f"{len(members)} metering points dark",
        revision=1,
    )
    off = SupplyState.UNKNOWN if kind == IncidentKind.COMMUNICATIONS_LOSS else SupplyState.OFF
    parts = tuple(
        Interruption(incident=name, device=device, step=0, state=off, started_at=start, ended_at=end)
        for device in (() if kind == IncidentKind.USAGE_ANOMALY else members)
    )
    return Event(at=start, change=Change.OPENED, incident=incident, interruptions=parts)


def _waves(events: list[Event]) -> Iterator[list[Event]]:
    """Stretches of events no two of which are of one place and kind, so that they may be told together."""
    wave: dict[tuple[str, str], Event] = {}
    for event in events:
        what = (event.incident.node, event.incident.kind.value)
        if what in wave or len(wave) == 12:
            yield list(wave.values())
            wave = {}
        wave[what] = event
    yield list(wave.values())


async def _tell(store: Store, wave: list[Event]) -> None:
    """What happened, first as it begins, so that tickets are opened, then how it ended."""
    begun = [
        structs.replace(
            event,
            incident=structs.replace(event.incident, state=IncidentState.OPEN, ended_at=None),
            interruptions=tuple(structs.replace(part, ended_at=None) for part in event.interruptions),
        )
        for event in wave
        if event.incident.kind in (IncidentKind.OUTAGE, IncidentKind.USAGE_ANOMALY)
    ]
    at = max(event.at for event in wave)
    await store.write(Commit(events=begun, at=at + 2 * MINUTE), PlainDesk(), SPOOL)
    over = [structs.replace(event, incident=structs.replace(event.incident, revision=2)) for event in wave]
    await store.write(Commit(events=over, at=at + 3 * MINUTE), PlainDesk(), SPOOL)


@asynccontextmanager
async def world(url: str, feeders: int = 6, count: int = 80, days: int = 31) -> AsyncIterator[Store]:
    """A store with all of it, as known at NOW."""
    listed = inventory(feeders)
    async with ready_store(url, listed) as store:
        await store.put_settings(
            {"time_zone": ZONE, "observed_since": format_time(SINCE), "cemi_interruptions": 3}
        )
        for wave in _waves(story(listed, count=count)):
            await _tell(store, wave)
        await store.write(_beside(), PlainDesk(), SPOOL)
        await _said(store)
        await _meter_data(store, listed, days)
        await _tickets(url, days)
        yield store


def _beside() -> Commit:
    """Two absences of the gateway in March, and a drill."""
    away = [(MARCH + 4 * DAY, MARCH + 4 * DAY + 7 * MINUTE), (MARCH + 20 * DAY, MARCH + 20 * DAY + HOUR)]
    signals = [
        Signal(kind=kind, device=GATEWAY, occurred_at=at, received_at=end)
        for start, end in away
        for kind, at in ((SignalKind.GATEWAY_DOWN, start), (SignalKind.GATEWAY_UP, end))
    ]
    drills = [
        Drill(
            id=f"drill-{i}",
            node="F1",
            starts_at=at,
            ends_at=at + 10 * MINUTE,
            received_at=at,
            by="Li Wei",
            reason="spring drill",
        )
        for i, at in enumerate((SINCE + DAY, MARCH + 11 * DAY))
    ]
    return Commit(signals=signals, drills=drills, at=NOW)


async def _said(store: Store) -> None:
    for incident, cause, by in (("storm", "storm", "Wang Fang"), ("open", "cable fault", "+Lin")):
        await store.corrections.make(
            Correction(incident=incident, cause=cause, by=by, reason="log of the breaker"), at=NOW
        )
    await store.corrections.make(
        Correction(
            incident="storm", ended_at=MARCH + 9 * DAY + 8 * HOUR, by="Wang Fang", reason="crew's report"
        ),
        at=NOW + SECOND,
    )


async def _meter_data(store: Store, listed: Inventory, days: int) -> None:
    n = len(listed)
    device = np.tile(np.arange(n, dtype=np.int32), days)
    many = np.full(n * days, 24, np.int32)
    lost = (device % 11 == 0).astype(np.int32)
    none = np.zeros(n * days, np.int32)
    await store.meterdata.put_collection(
        CollectionDays(
            quantity="energy_import",
            device=device,
            day=np.repeat(MARCH + np.arange(days) * DAY, n),
            expected=many,
            collected=many - lost,
            estimated=lost,
            missing=none,
            edited=none,
            lacking=np.column_stack([none, lost, none, none]),
        ),
        at=NOW,
    )


async def _tickets(url: str, days: int) -> None:
    """Who acknowledged, came and restored when; every seventh ticket was a false one."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        await conn.execute("set search_path = feederline")
        await conn.execute(
            """
            update ticket t set opened_at = i.detected_at + interval '1 min'
              from incident i where i.incident_id = t.incident_id
            """
        )
        await conn.execute(
            """
            update ticket t
               set area = (array['urban', 'rural', 'remote'])[1 + t.number % 3], severity = 1 + t.number % 3,
                   clocks_from = t.opened_at, acknowledged_at = t.opened_at + t.number % 9 * interval '13 min',
                   arrived_at = case when t.number % 4 > 0 then t.opened_at + t.number % 8 * interval '17 min' end,
                   restored_at = t.opened_at + t.number % 11 * interval '31 min',
                   closed_at = t.opened_at + t.number % 11 * interval '32 min',
                   state = case when t.number % 7 = 0 then 'cancelled' else 'closed' end,
                   ended_by = case when t.number % 3 = 0 then 'Wang Fang' else 'detector' end
            """
        )
        for i, cause in enumerate(CAUSES):
            await conn.execute("update ticket set cause = %s where number %% 7 = %s", [cause, i])
        await conn.execute(
            """
            insert into quality_day (device_key, starts_at, ends_at, observed_min, low_min, high_min, out_min, lost_min)
            select device_key, d, d + interval '1 day', 1440, device_key %% 5, 0, device_key %% 5, 0
              from device, generate_series(%s, %s::timestamptz - interval '1 day', interval '1 day') d
            """,
            [format_time(MARCH), format_time(MARCH + days * DAY)],
        )
