"""Supply quality by day and events of meters in the database: put again, asked for by place, on both servers."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.core.clock import DAY, MINUTE, SECOND
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Batch, Commit, MeterEvent, MeterEventKind
from gateway.core.network import Network
from gateway.store import Store
from processors.quality.account import account, transformers
from processors.quality.settings import QualitySettings
from tests.integration.store_world import SPOOL, T0, PlainDesk, ready_store, rows

FRM = T0 - T0 % DAY
Kind = MeterEventKind


def places() -> Inventory:
    network = Network(
        ["S", "F", "T0", "T1"],
        ["", "S", "F", "F"],
        ["substation", "feeder", "transformer", "transformer"],
        attributes=[{}, {}, {"rated_kva": "100"}, {}],
    )
    devices = [Device(id=f"M{i}", node=f"T{i % 2}") for i in range(4)]
    return Inventory(
        [*devices, Device(id="X0", node="T0", kind="terminal", customers=0, interval_s=600)], network
    )


def batch(volts: float) -> Batch:
    """Ten hours of one reading a minute; M1 is at `volts`, the terminal carries 120 kVA."""
    at = FRM + np.arange(600) * MINUTE
    n = len(places())
    values = np.tile([230.0, 230.0, 230.0, 50.0, 120e3, np.nan], (600, n, 1))
    values[:, 1, :3] = volts
    names = ("voltage_a", "voltage_b", "voltage_c", "frequency", "active_power", "temperature")
    return Batch.of(names, np.tile(np.arange(n), 600), np.repeat(at, n), values.reshape(-1, len(names)))


async def put(store: Store, volts: float) -> None:
    settings, day = QualitySettings(), (FRM, FRM + DAY)
    await store.quality.put_days(account(batch(volts), places(), day, settings))
    await store.quality.put_transformers(transformers(batch(volts), places(), day, settings))


async def test_a_day_is_kept_once_and_told_by_place(database_url: str) -> None:
    async with ready_store(database_url, places()) as store:
        await put(store, 260.0)
        await put(store, 200.0)
        (everybody,) = await store.quality.compliance(FRM, FRM + DAY)
        assert (everybody.key, everybody.points, everybody.days) == ("", 4, 4)
        assert everybody.percent == pytest.approx(75.0)
        assert everybody.low_minutes == pytest.approx(600.5)
        assert everybody.high_minutes == 0
        by_transformer = await store.quality.compliance(FRM, FRM + DAY, place="transformer")
        assert [(c.key, c.percent) for c in by_transformer] == [("T1", pytest.approx(50.0)), ("T0", 100.0)]
        (worst, *others) = await store.quality.compliance(FRM, FRM + DAY, place="device")
        assert (worst.key, worst.percent, len(others)) == ("M1", 0.0, 3)
        assert await store.quality.compliance(FRM + DAY, FRM + 2 * DAY) == []

        (failing, *meeting) = await store.quality.en_50160(FRM, FRM + 7 * DAY)
        assert (failing.device_id, failing.means, failing.within, failing.met) == ("M1", 60, 0, False)
        assert failing.lowest == pytest.approx(200 / 230)
        assert {point.met for point in meeting} == {True}
        assert {point.frequency_percent for point in meeting} == {100.0}

        (load,) = await store.quality.transformers(FRM, FRM + DAY)
        assert (load.node_id, load.device_id, load.rated_kva, load.peak_percent) == ("T0", "X0", 100, 120)
        assert load.overload_min == pytest.approx(614)
        assert load.temperature_high is None


async def test_an_event_of_a_meter_is_one_row_whatever_comes_again(database_url: str) -> None:
    begun = MeterEvent(device=1, kind=Kind.VOLTAGE_LOSS, phase="B", started_at=T0, extreme=150.0, limit=179.4)
    grown = MeterEvent(
        device=1, kind=Kind.VOLTAGE_LOSS, phase="B", started_at=T0, extreme=90.0, limit=179.4, severe=True
    )
    ended = MeterEvent(
        device=1, kind=Kind.VOLTAGE_LOSS, phase="B", started_at=T0, ended_at=T0 + SECOND, extreme=80.0
    )
    cover = MeterEvent(device=0, kind=Kind.COVER_OPEN, started_at=T0 + SECOND, source="device")
    async with ready_store(database_url, places()) as store:

        async def write(*events: MeterEvent) -> int:
            done = await store.write(Commit(meter_events=list(events), at=T0), PlainDesk(), SPOOL)
            return done.meter_events

        assert await write(begun, cover) == 2
        assert await write(begun) == 0
        assert await write(grown) == 1
        assert {e.kind for e in await store.quality.events(T0, T0 + DAY)} == {
            Kind.VOLTAGE_LOSS,
            Kind.COVER_OPEN,
        }
        assert await write(begun, grown, ended) == 1
        assert await write(begun) == 0  # the stream is fed again: it has ended all the same
        (event,) = await store.quality.events(T0, T0 + DAY, device="M1")
        assert (event.phase, event.ended_at, event.severe, event.extreme) == ("B", T0 + SECOND, True, 80.0)
        (event,) = await store.quality.events(T0, T0 + DAY, kind=Kind.COVER_OPEN)
        assert (event.device, event.node, event.source) == ("M0", "T0", "device")
        assert await store.quality.events(T0 - DAY, T0) == []
    assert await rows(database_url, "select device_id, kind from meter_event_open") == [("M0", "cover_open")]


async def test_dashboards_and_the_api_may_read_it(database_url: str) -> None:
    async with ready_store(database_url, places()):
        pass
    granted = await rows(
        database_url,
        "select r, t from unnest(array['feederline_api', 'feederline_grafana']) r, "
        "unnest(array['meter_event', 'quality_day', 'transformer_day', 'transformer_load', 'meter_event_open']) t "
        "where not has_table_privilege(r, 'feederline.' || t, 'select') or "
        "has_table_privilege(r, 'feederline.' || t, 'insert')",
    )
    assert granted == []


async def test_what_is_older_than_its_retention_goes_and_what_goes_on_stays(database_url: str) -> None:
    async with ready_store(database_url, places(), signal_retention_days=5) as store:
        await put(store, 230.0)
        going = MeterEvent(device=1, kind=Kind.VOLTAGE_LOSS, phase="B", started_at=FRM)
        ended = MeterEvent(device=1, kind=Kind.PHASE_BREAK, phase="B", started_at=FRM, ended_at=FRM + MINUTE)
        await store.write(Commit(meter_events=[going, ended], at=T0), PlainDesk(), SPOOL)
        await store.maintain(FRM + 5 * DAY)
        assert len(await store.quality.events(FRM, FRM + DAY)) == 2
        assert await store.quality.compliance(FRM, FRM + DAY) != []
        await store.maintain(FRM + 6 * DAY)
        assert [event.kind for event in await store.quality.events(FRM, FRM + DAY)] == [Kind.VOLTAGE_LOSS]
        assert await store.quality.compliance(FRM, FRM + DAY) == []
        assert await store.quality.transformers(FRM, FRM + DAY) == []


async def test_what_a_meter_tells_and_shows_counts_once(database_url: str) -> None:
    events = [
        MeterEvent(device=1, kind=Kind.VOLTAGE_LOSS, started_at=T0 + i * SECOND, source=source)
        for i, source in enumerate(("readings", "device", "readings"))
    ]
    async with ready_store(database_url, places()) as store:
        await store.write(Commit(meter_events=events, at=T0), PlainDesk(), SPOOL)
        assert len(await store.quality.events(T0, T0 + DAY)) == 3
        assert await store.bookkeeping.meter_events(np.array([0, 1], np.int32), T0, T0 + DAY) == [
            (1, "voltage_loss", 2)
        ]
