"""Devices and network over HTTP: everybody sees their part, and engineers of the whole take others."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from gateway.api.app import create_app
from gateway.api.serving import bind, serve, url_of
from gateway.api.settings import AccessSettings, ApiSettings
from gateway.core.access import Role
from gateway.core.clock import HOUR, MINUTE, ManualClock, format_time
from gateway.core.errors import InvalidInputError, RefusedError, UnavailableError
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Commit, SupplyState
from gateway.core.network import Network
from gateway.inventoryimport import Imported, Importer, Loaded, compare
from gateway.store import Store
from tests.integration.store_world import SPOOL, T0, PlainDesk, outage, ready_store, rows, voltages
from tests.integration.test_api_server import StandInSink, StandInState
from tests.signing import signed

NOW = T0 + HOUR
LIMITS = AccessSettings.model_validate({"limits": {"actor_per_s": 10_000, "address_per_s": 10_000}})


def town() -> Inventory:
    """Two feeders with two transformers each; M0 … M7 on these in turn, a terminal on each feeder, a gone meter."""
    nodes = [("S", "", "substation"), ("F0", "S", "feeder"), ("F1", "S", "feeder")]
    nodes += [(f"T{i}", f"F{i // 2}", "transformer") for i in range(4)]
    network = Network(
        [name for name, _, _ in nodes],
        [above for _, above, _ in nodes],
        [kind for _, _, kind in nodes],
        attributes=[{"area": "rural"} if name == "T1" else {} for name, _, _ in nodes],
    )
    devices = [
        Device(
            id=f"M{i}", node=f"T{i % 4}", customers=i + 1, via="C" if i == 6 else "", attributes={"meter_no": f"{i}"}
        )
        for i in range(8)
    ]  # fmt: skip
    devices += [Device(id=f"X{i}", node=f"F{i}", kind="terminal", customers=0) for i in range(2)]
    devices += [Device(id="C", node="T2", kind="concentrator", customers=0, protocol="modbus")]
    return Inventory(devices, network, known=["GONE"])


class StandInImporter:
    """Answers as it is told to."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, object]] = []
        self.failure: Exception | None = None
        self.reload = True

    async def take(
        self, *, network: bytes | None, devices: bytes | None, dry_run: bool, allow_retire: bool
    ) -> Imported:
        self.asked.append(
            {"network": network, "devices": devices, "dry_run": dry_run, "allow_retire": allow_retire}
        )
        if self.failure is not None:
            raise self.failure
        return Imported(
            difference=compare(None, town()),
            revision="r2",
            dry_run=dry_run,
            refused=("6 of 9",) if dry_run else (),
            kept=() if dry_run else ("devices.csv.1.bak",),
            reload=not dry_run and self.reload,
        )

    def loaded(self) -> Loaded:
        return Loaded(revision="r1", since=T0, reloading=False, trouble="not taken up: a secret place")


class Town:
    def __init__(self, store: Store, importer: StandInImporter, url: str) -> None:
        self.store = store
        self.importer = importer
        self.url = url

    @asynccontextmanager
    async def client(
        self, role: Role = Role.VIEWER, below: Sequence[str] = ()
    ) -> AsyncIterator[aiohttp.ClientSession]:
        headers = await signed(self.store, role, below=below)
        async with aiohttp.ClientSession(self.url, headers=headers) as session:
            yield session


@pytest.fixture
async def there(database_url: str) -> AsyncIterator[Town]:
    """T0 is off, M5 (on T1) is not known about; M2 was heard last at T0, M3 before that."""
    listed, importer = town(), StandInImporter()
    stand_in: Importer = importer
    async with ready_store(database_url, listed) as store:
        key = {name: key for key, name in enumerate(listed.ids)}
        await store.write(
            Commit(
                batches=[
                    voltages([key["M2"], key["M3"]], T0 - MINUTE, [230, 230]),
                    voltages([key["M2"]], T0, [230]),
                ],
                events=[
                    outage("I1", node="T0", devices=(key["M0"], key["M4"])),
                    outage("I2", node="T1", devices=(key["M5"],), supply=SupplyState.UNKNOWN),
                ],
                at=NOW,
                upto=1,
            ),
            PlainDesk(),
            SPOOL,
        )
        app = create_app(
            store,
            settings=ApiSettings(port=0),
            state=StandInState(),
            sink=StandInSink(),
            network=listed.network,
            devices=listed,
            importer=stand_in,
            access=LIMITS,
            clock=ManualClock(NOW),
        )
        listener = bind(ApiSettings(port=0))
        task = asyncio.create_task(serve(app, ApiSettings(port=0), listener))
        try:
            yield Town(store, importer, url_of(listener))
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def get(client: aiohttp.ClientSession, path: str, status: int = 200, /, **asked: str) -> Any:
    async with client.get(path, params=asked) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


async def ids(client: aiohttp.ClientSession, **asked: str) -> list[str]:
    return [device["id"] for device in (await get(client, "/api/devices", 200, **asked))["devices"]]


async def post(
    client: aiohttp.ClientSession, path: str, data: bytes, media: str, status: int, **asked: str
) -> Any:
    async with client.post(
        path, data=io.BytesIO(data), params=asked, headers={"content-type": media}
    ) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


async def test_devices_by_what_they_are_page_after_page(there: Town) -> None:
    async with there.client() as client:
        everything = ["C", *(f"M{i}" for i in range(8)), "X0", "X1"]
        assert await ids(client) == everything
        found: list[str] = []
        after: dict[str, str] = {}
        while True:
            page = await get(client, "/api/devices", 200, limit="4", **after)
            assert len(page["devices"]) <= 4
            found += [device["id"] for device in page["devices"]]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        assert found == everything
        assert await ids(client, below="F1") == ["C", "M2", "M3", "M6", "M7", "X1"]
        assert await ids(client, node="F1") == ["X1"]
        assert await ids(client, kind="meter", below="T2") == ["M2", "M6"]
        assert await ids(client, protocol="modbus") == ["C"]
        assert await ids(client, via="C") == ["M6"]
        assert await ids(client, text="m7") == ["M7"]
        assert await ids(client, state="off") == ["M0", "M4"]
        assert await ids(client, state="unknown") == ["M5"]
        for nothing in ({"below": "T9"}, {"node": "T9"}, {"via": "M0"}, {"text": "GONE"}, {"after": "Z"}):
            assert await ids(client, **nothing) == []
        for wrong in ({"kind": "lamp"}, {"limit": "0"}, {"nonsense": "1"}, {"state": "dark"}):
            await get(client, "/api/devices", 422, **wrong)


async def test_one_device(there: Town) -> None:
    async with there.client() as client:
        assert await get(client, "/api/devices/M4") == {
            "id": "M4", "node": "T0", "node_name": "T0", "kind": "meter", "protocol": "mqtt", "profile": "",
            "address": "", "via": "", "phases": "ABC", "customers": 5, "priority": "", "interval_s": 60,
            "attributes": {"meter_no": "4"}, "state": "off", "since": "2026-03-01T08:00:00Z", "incident": "I1",
            "last_reading_at": None,
        }  # fmt: skip
        heard = await get(client, "/api/devices/M2")
        assert (heard["state"], heard["incident"], heard["last_reading_at"]) == (
            "on", None, "2026-03-01T08:00:00Z",
        )  # fmt: skip
        await get(client, "/api/devices/GONE", 404)
        await get(client, "/api/devices/a%00b", 404)


async def test_the_network_with_counts(there: Town) -> None:
    async with there.client() as client:
        (root,) = (await get(client, "/api/network"))["nodes"]
        counts = ("devices", "customers", "customers_off", "customers_unknown", "child_count")
        assert (root["id"], [root[name] for name in counts]) == ("S", [11, 36, 6, 6, 2])
        assert root["children"] is None
        feeders = (await get(client, "/api/network", parent="S", depth="2"))["nodes"]
        assert [(node["id"], node["customers_off"], node["customers_unknown"]) for node in feeders] == [
            ("F0", 6, 6),
            ("F1", 0, 0),
        ]
        assert [child["id"] for child in feeders[1]["children"]] == ["T2", "T3"]
        first = await get(client, "/api/network", parent="F0", limit="1")
        assert ([node["id"] for node in first["nodes"]], first["next"]) == (["T0"], "T0")
        second = await get(client, "/api/network", parent="F0", limit="1", after="T0")
        assert ([node["id"] for node in second["nodes"]], second["next"]) == (["T1"], None)
        one = await get(client, "/api/network/T1")
        assert [place["id"] for place in one["path"]] == ["S", "F0", "T1"]
        assert (one["parent"], one["attributes"], one["customers"]) == ("F0", {"area": "rural"}, 8)
        assert (await get(client, "/api/network", parent="T1"))["nodes"] == []
        await get(client, "/api/network/T9", 404)
        await get(client, "/api/network", 404, parent="T9")
        await get(client, "/api/network", 422, depth="9")


async def test_nothing_is_seen_beyond_ones_own_part(there: Town) -> None:
    async with there.client(below=["T1", "F1", "T3", "nowhere"]) as client:
        own = ["C", "M1", "M2", "M3", "M5", "M6", "M7", "X1"]
        assert await ids(client) == own
        assert await ids(client, below="S") == []
        assert await ids(client, below="T3") == ["M3", "M7"]
        assert await ids(client, state="off") == []
        assert await ids(client, node="F0") == []
        assert [node["id"] for node in (await get(client, "/api/network"))["nodes"]] == ["T1", "F1"]
        one = await get(client, "/api/network/T1")
        assert ([place["id"] for place in one["path"]], one["parent"]) == (["T1"], None)
        below = await get(client, "/api/network/T3")
        assert ([place["id"] for place in below["path"]], below["parent"]) == (["F1", "T3"], "F1")
        for hidden in ("devices/M0", "devices/X0", "network/S", "network/F0", "network/T0"):
            await get(client, f"/api/{hidden}", 404)
        await get(client, "/api/network", 404, parent="F0")
        known = await get(client, "/api/inventory")
        assert (known["nodes"], known["devices"], known["customers"], known["trouble"]) == (4, 8, 30, "")
    async with there.client() as client:
        known = await get(client, "/api/inventory")
        assert (known["nodes"], known["devices"], known["customers"]) == (7, 11, 36)
        assert (known["revision"], known["trouble"][:13]) == ("r1", "not taken up:")


async def test_an_import_is_taken_and_on_record(there: Town, database_url: str) -> None:
    async with there.client(Role.ENGINEER) as client:
        dry = await post(client, "/api/devices/import", b"x", "text/csv", 200, dry_run="true")
        assert (dry["dry_run"], dry["refused"], dry["kept"]) == (True, ["6 of 9"], [])
        done = await post(client, "/api/network/import", b"y", "text/csv; charset=utf-8", 202)
        assert (done["revision"], done["reload"], done["kept"]) == ("r2", True, ["devices.csv.1.bak"])
        assert done["devices"]["counts"] == {"added": 11, "changed": 0, "retired": 0, "kept": 0}
        assert done["nodes"]["added"] == ["S", "F0", "T0", "T1", "F1", "T2", "T3"]
        there.importer.reload = False
        both = b'{"network": "n", "devices": "d"}'
        await post(client, "/api/devices/import", both, "application/json", 200, allow_retire="true")
    whole = {"network": None, "devices": None, "dry_run": False, "allow_retire": False}
    assert there.importer.asked == [
        whole | {"devices": b"x", "dry_run": True},
        whole | {"network": b"y"},
        whole | {"network": b"n", "devices": b"d", "allow_retire": True},
    ]
    assert await rows(
        database_url,
        "select object, outcome, detail -> 'devices' ->> 'added', detail ->> 'revision' from audit"
        " where action = 'inventory.import' order by audit_id",
    ) == [("network", "done", "11", "r2"), ("network and devices", "done", "11", "r2")]


async def test_what_cannot_be_taken_is_said(there: Town, database_url: str) -> None:
    async with there.client(Role.ENGINEER) as client:
        for data, media, status in (
            (b"x", "text/plain", 415), (b"{", "application/json", 422), (b"[]", "application/json", 422),
            (b"{}", "application/json", 422), (b'{"network": 1}', "application/json", 422),
            (b'{"other": "x"}', "application/json", 422), (b"[" * 100_000, "application/json", 422),
            (b'{"network": "\\ud800"}', "application/json", 422), (b"\xff", "application/json", 422),
        ):  # fmt: skip
            await post(client, "/api/network/import", data, media, status)
        assert there.importer.asked == []
        await post(client, "/api/network/import", b"x", "text/csv", 422, dryrun="true")
        for failure, status in (
            (InvalidInputError(["network.csv line 2: nonsense", "another"]), 422),
            (RefusedError("the disk is full"), 409),
            (UnavailableError("the gateway is stopping"), 503),
        ):
            there.importer.failure = failure
            answer = await post(client, "/api/network/import", b"x", "text/csv", status)
            assert str(failure).splitlines()[0] in answer["detail"]
    assert await rows(
        database_url, "select outcome, detail ->> 'faults' from audit where action = 'inventory.import' order by 1"
    ) == [("failed", None), ("refused", "2")]  # fmt: skip


async def test_who_may_not_import(there: Town) -> None:
    async with there.client(Role.OPERATOR) as client:
        await post(client, "/api/devices/import", b"x", "text/csv", 403)
    async with there.client(Role.ADMIN, below=["S"]) as client:
        answer = await post(client, "/api/devices/import", b"x", "text/csv", 403)
        assert "whole network" in answer["detail"]
    async with aiohttp.ClientSession(there.url) as client:
        await post(client, "/api/devices/import", b"x", "text/csv", 401)
        await get(client, "/api/devices", 401)
    assert there.importer.asked == []


async def test_a_larger_body_than_elsewhere(there: Town) -> None:
    async with there.client(Role.ENGINEER) as client:
        large = b"x" * (5 << 20)
        await post(client, "/api/devices/import", large, "text/csv", 202)
        assert there.importer.asked[0]["devices"] == large


async def test_health_counts_each_device_once_and_a_part_sees_its_own(there: Town) -> None:
    """M2 was heard at T0, an hour before: by an interval of a minute it is silent now, as all others are."""
    async with there.client() as client:
        told = await get(client, "/api/devices/health")
        assert told["kinds"] == [
            {"kind": "meter", "devices": 8, "on": 0, "off": 2, "unknown": 1, "silent": 5},
            {"kind": "terminal", "devices": 2, "on": 0, "off": 0, "unknown": 0, "silent": 2},
            {"kind": "concentrator", "devices": 1, "on": 0, "off": 0, "unknown": 0, "silent": 1},
        ]
        assert told["clock_faults"] == 0
        (hub,) = told["concentrators"]
        assert (hub["id"], hub["devices"], hub["silent"], hub["heard_at"]) == ("C", 1, 1, None)
        assert await ids(client, state="on", silent="true", kind="meter") == ["M1", "M2", "M3", "M6", "M7"]
        assert await ids(client, silent="false") == []
        assert await get(client, "/api/devices/health", 422, limit="0")
    async with there.client(below=["F1"]) as part:
        told = await get(part, "/api/devices/health")
        assert [(kind["kind"], kind["devices"]) for kind in told["kinds"]] == [
            ("meter", 4),
            ("terminal", 1),
            ("concentrator", 1),
        ]
    async with there.client(below=["F0"]) as part:
        told = await get(part, "/api/devices/health")
        assert (told["concentrator_count"], told["concentrators"]) == (0, [])


async def test_who_was_heard_within_three_intervals_is_not_silent(there: Town) -> None:
    key = {name: key for key, name in enumerate(town().ids)}
    heard = [key["M6"], key["X0"]]
    await there.store.write(
        Commit(batches=[voltages(heard, NOW - 10 * MINUTE, [230, 230])], at=NOW, upto=2), PlainDesk(), SPOOL
    )
    async with there.client() as client:
        told = await get(client, "/api/devices/health")
        assert {kind["kind"]: (kind["on"], kind["silent"]) for kind in told["kinds"]} == {
            "meter": (1, 4),
            "terminal": (1, 1),
            "concentrator": (1, 0),
        }
        (hub,) = told["concentrators"]
        assert (hub["silent"], hub["heard_at"]) == (0, format_time(NOW - 10 * MINUTE))
        assert await ids(client, silent="false") == ["C", "M6", "X0"]
        assert await ids(client, text="t2") == ["C", "M2", "M6"]
