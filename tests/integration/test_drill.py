"""An exercise from the API through stream, detection, database, ticket and message, beside a real outage."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from alerts.desk import Desk
from alerts.dispatch import Dispatcher
from alerts.settings import AlertSettings
from gateway.api.app import create_app
from gateway.api.serving import bind, serve, url_of
from gateway.api.settings import ApiSettings
from gateway.core.access import Role
from gateway.core.clock import DAY, MINUTE, SECOND, ManualClock, format_time
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Batch, IncidentState, Signal, SignalKind, Tick
from gateway.core.ports import Processor
from gateway.pipeline import Pipeline
from gateway.spool import Spool
from gateway.store import Store
from gateway.store.views import IncidentView
from processors.drill.detector import DrillDetector
from processors.drill.settings import DrillSettings
from processors.outage.detector import OutageDetector
from processors.outage.settings import OutageSettings
from simulator.receiver import Receiver
from tests.alerting import NO_CLOCKS, SECRET, settings, target
from tests.integration.case_world import QUICK, get, post
from tests.integration.store_world import T0, ready_store, rows, small_network
from tests.integration.test_api_server import StandInState
from tests.signing import signed
from tests.waiting import until

METERS = 12
HERE = range(0, METERS, 3)  # those at T0
OUTAGE = OutageSettings(
    collecting_s=5, sustained_s=30, reclose_s=5, verify_s=10, remainder_s=15, verify_max_s=120, last_gasp_wait_s=3
)  # fmt: skip
PHASES = ("voltage_a", "voltage_b", "voltage_c")


def inventory() -> Inventory:
    return Inventory(
        [Device(id=f"M{i}", node=f"T{i % 3}", interval_s=10) for i in range(METERS)], small_network()
    )


@dataclass
class Site:
    """The gateway's parts in one process, on stream time that the test moves."""

    store: Store
    spool: Spool
    receiver: Receiver
    clock: ManualClock
    alerts: AlertSettings
    url: str = ""
    off: set[int] = field(default_factory=set)
    pipeline: Pipeline | None = None
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        listed = inventory()
        detectors: list[Processor] = [
            OutageDetector(listed, OUTAGE),
            DrillDetector(listed, OUTAGE, DrillSettings()),
        ]
        self.pipeline = Pipeline(self.spool, self.store, detectors, Desk(listed, self.alerts))
        self._task = asyncio.create_task(self.pipeline.run())

    async def kill(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])

    async def seconds(self, count: int) -> None:
        """Time goes on; whoever is not off reports once in ten seconds."""
        assert self.pipeline is not None
        for _ in range(count):
            at = self.clock.advance(SECOND)
            due = [key for key in range(METERS) if key not in self.off and key % 10 == at // SECOND % 10]
            await self.spool.put([_readings(due, at), Tick(at=at)])
        await asyncio.wait_for(self.pipeline.drain(), 60)

    async def loses(self, keys: Sequence[int]) -> None:
        self.off |= set(keys)
        at = self.clock.now()
        await self.spool.put(
            [
                Signal(kind=SignalKind.LAST_GASP, device=key, received_at=at + 1, occurred_at=at)
                for key in keys
            ]
        )

    async def regains(self) -> None:
        at = self.clock.now()
        await self.spool.put([_readings(sorted(self.off), at + 1)])
        self.off.clear()

    @contextlib.asynccontextmanager
    async def client(
        self, role: Role = Role.ENGINEER, *, name: str = "Wang Fang", below: Sequence[str] = ()
    ) -> AsyncIterator[aiohttp.ClientSession]:
        headers = await signed(self.store, role, name=name, below=below)
        async with aiohttp.ClientSession(self.url, headers=headers) as session:
            yield session

    async def live(self) -> list[IncidentView]:
        return await self.store.reports.incidents(live=True)

    def told(self, ticket: str) -> list[dict[str, Any]]:
        return [message.body for message in self.receiver.messages if message.ticket == ticket]


def _readings(keys: Sequence[int], at: int) -> Batch:
    return Batch.of(PHASES, keys, [at] * len(keys), [[230.0] * 3] * len(keys), source="mqtt:b")


@pytest.fixture
async def site(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setenv("DESK_SECRET", SECRET)
    clock, listed = ManualClock(T0), inventory()
    async with (
        contextlib.AsyncExitStack() as stack,
        ready_store(database_url, listed) as store,
        Receiver(SECRET, clock=clock) as receiver,
        Spool(tmp_path) as spool,
    ):
        await store.put_settings({"sustained_threshold_s": OUTAGE.sustained_s})
        desk = target(receiver.url)
        chosen = settings(desk, hold_off_s=5, idle_s=0.05, sla=NO_CLOCKS)
        there = Site(store, spool, receiver, clock, chosen)
        app = create_app(
            store,
            settings=ApiSettings(port=0),
            state=StandInState(),
            sink=spool,
            network=listed.network,
            devices=listed,
            desk=Desk(listed, chosen),
            alerts=chosen,
            access=QUICK,
            clock=clock,
        )
        listener = bind(ApiSettings(port=0))
        there.url = url_of(listener)
        outbox = store.outbox(["desk"], owner="test")
        stack.push_async_callback(outbox.close)
        works = [
            asyncio.create_task(serve(app, ApiSettings(port=0), listener)),
            asyncio.create_task(Dispatcher(outbox, desk, clock, chosen).run()),
        ]
        await there.start()
        try:
            await there.seconds(15)
            yield there
        finally:
            await there.kill()
            for task in works:
                task.cancel()
            await asyncio.wait(works)


async def _counts(site: Site) -> tuple[float | None, float | None, int, int]:
    """SAIFI and SAIDI with what is open, and customers off and unknown."""
    at = site.clock.now()
    account = await site.store.reports.reliability(T0 - DAY, at, at=at)
    now = await site.store.reports.supply_now()
    assert account.all.open.customers == now.off
    return account.all.saifi, account.all.saidi_minutes, now.off, now.unknown


async def test_from_the_asking_to_the_end_and_out_of_all_accounts(site: Site) -> None:
    async with site.client() as client:
        asked = await post(client, "/api/drills", {"node": "T0", "duration_s": 120, "reason": "autumn"}, 202)
        name = asked["id"]
        assert (asked["state"], asked["done"], asked["by"]) == ("running", False, "Wang Fang")
        assert (await get(client, f"/api/drills/{name}"))["detected_at"] is None
        await site.seconds(60)

        report = await get(client, f"/api/drills/{name}")
        assert report["incident"].startswith(f"{name}:")
        assert report["customers"] == len(HERE)
        await until(lambda: site.told(report["ticket"]), 10, "the message")
        (first, *_) = site.told(report["ticket"])
        assert first["data"]["ticket"]["drill"] is True
        assert first["data"]["ticket"]["title"].startswith("DRILL: ")
        assert await _counts(site) == (0, 0, 0, 0)
        summary = await get(client, "/api/summary")
        assert summary["tickets"]["tickets"] == 0
        assert summary["last_drill"]["id"] == name
        assert not summary["drill_due"]

        await post(client, f"/api/tickets/{report['ticket']}/acknowledge", {}, match="*")
        await site.seconds(30)
        await site.kill()  # and goes on without what was in memory
        await site.start()
        await site.seconds(100)

        async def everything_told() -> dict[str, Any] | None:
            found: dict[str, Any] = await get(client, f"/api/drills/{name}")
            told = found["targets"]
            return found if all(one["delivered"] == one["messages"] for one in told) else None

        report = await until(everything_told, 10, "all messages")
        assert report is not None
        assert (report["state"], report["done"]) == ("over", True)
        assert report["incident_state"] == report["ticket_state"] == "closed"
        assert report["acknowledged_by"] == "Wang Fang"
        delays = report["delays_s"]
        assert 0 < delays["detected"] < delays["ticket"] <= delays["delivered"] < delays["acknowledged"] + 1
        assert delays["acknowledged"] < 120 < delays["closed"]
        assert [one["target"] for one in report["targets"]] == ["desk"]
        assert await _counts(site) == (0, 0, 0, 0)
        assert await site.live() == []
        assert (await site.store.reports.totals()).incidents == 0
        listed = await get(client, "/api/drills")
        assert [one["id"] for one in listed["drills"]] == [name]
        assert (listed["every_days"], listed["due"]) == (183, False)
        site.clock.advance(183 * DAY)
        assert (await get(client, "/api/drills"))["due"]
    async with site.client(Role.ADMIN) as client:
        audit = (await get(client, "/api/audit", action="drill.begin"))["audit"]
        assert [(one["actor"], one["object"], one["outcome"]) for one in audit] == [
            ("Wang Fang", name, "done")
        ]


async def test_a_real_outage_at_the_same_place_gets_its_own_incident_and_ticket(site: Site) -> None:
    async with site.client() as client:
        name = (await post(client, "/api/drills", {"node": "T0", "duration_s": 90}, 202))["id"]
        await site.seconds(50)
        await site.loses(HERE)
        await site.seconds(30)
        drilled, real = sorted(
            (view.incident for view in await site.live()), key=lambda incident: incident.drill, reverse=True
        )
        assert (drilled.drill, drilled.node) == (name, "T0")
        assert (real.drill, real.node) == ("", "T0")
        assert not real.summary.startswith("DRILL")
        tickets = await site.store.reports.tickets(live=True)
        assert {view.ticket.incident for view in tickets} == {drilled.id, real.id}
        assert {view.ticket.drill for view in tickets} == {name, ""}
        assert (await _counts(site))[2] == len(HERE)
        await post(client, "/api/drills", {"node": "T1"}, 409)  # one at a time
        await site.regains()
        await site.seconds(60)
        assert await site.live() == []
        saifi, _, off, _ = await _counts(site)
        assert (saifi, off) == (len(HERE) / METERS, 0)
        found = await rows(site.store.settings.url, "select distinct incident_id from interruption")
        assert found == [(real.id,)]


async def test_what_would_hold_up_the_stream_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.api.drill.exercises.MOST_DEVICES", len(HERE))
    async with site.client() as client:
        answer = await post(client, "/api/drills", {"node": "S"}, 422)
        assert f"{METERS} devices hang at or below 'S'" in str(answer)
        await post(client, "/api/drills", {"node": "T0"}, 202)


async def test_what_would_confuse_is_refused(site: Site) -> None:
    async with site.client() as client:
        await post(client, "/api/drills", {"node": "nowhere"}, 422)
        await post(client, "/api/drills", {"node": "T0", "duration_s": 1}, 422)
        await post(client, "/api/drills", {"node": "T0", "force": True}, 422)
        await get(client, "/api/drills/nothing", 404)
        assert (await get(client, "/api/drills"))["due"]
        await site.loses(HERE)
        await site.seconds(20)
        for node in ("T0", "F", "S"):
            answer = await post(client, "/api/drills", {"node": node}, 409)
            assert "real outage at node T0" in answer["detail"]
        async with site.client(below=["T1"]) as theirs:
            await post(theirs, "/api/drills", {"node": "T2"}, 403)
            name = (await post(theirs, "/api/drills", {"node": "T1"}, 202))["id"]
        async with site.client(Role.OPERATOR) as operator:
            await post(operator, "/api/drills", {"node": "T2"}, 403)
        async with site.client(Role.VIEWER, below=["T2"]) as other:
            await get(other, f"/api/drills/{name}", 404)
            assert (await get(other, "/api/drills"))["drills"] == []


async def test_a_drill_is_ended_early(site: Site) -> None:
    async with site.client() as client:
        name = (await post(client, "/api/drills", {"node": "T0", "duration_s": 3600}, 202))["id"]
        await site.seconds(45)
        async with client.delete(f"/api/drills/{name}") as answer:
            assert answer.status == 202, await answer.text()
        async with client.delete(f"/api/drills/{name}") as answer:
            assert answer.status == 409
        await site.seconds(70)
        report = await get(client, f"/api/drills/{name}")
        assert (report["state"], report["incident_state"]) == ("over", IncidentState.CLOSED.value)
        assert site.clock.now() < T0 + 5 * MINUTE
        on_record = await site.store.drills.last()  # what the API remembers ends with its process
        assert on_record is not None
        assert format_time(on_record.ends_at) == report["ends_at"]
        await post(client, "/api/drills", {"node": "T0"}, 202)
