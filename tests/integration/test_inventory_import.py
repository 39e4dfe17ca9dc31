"""A running gateway takes another inventory: nothing is lost, no outage missed or made up, and the port answers."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import signal
import unittest.mock
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import paho.mqtt.client as mqtt
import pytest
import yaml
from paho.mqtt.enums import CallbackAPIVersion
from psycopg.conninfo import conninfo_to_dict
from typer.testing import CliRunner

from gateway.api.cases.hub import RELOADS
from gateway.cli import app
from gateway.core.clock import SystemClock
from gateway.core.errors import InvalidInputError
from gateway.core.ticket import TicketState
from gateway.demo.arrival import arrived
from gateway.embedded import BrokerAddress
from gateway.inventoryfiles import InventoryFiles
from gateway.store import Store
from gateway.store.completeness import Completeness
from tests.integration.scene import Scene, everyone_is_heard, open_store, scene, ticket_in
from tests.integration.store_world import rows, settings_for
from tests.integration.test_gateway import OPEN, assert_one_story, is_ready
from tests.proxy import Proxy
from tests.waiting import until

ENGINEER = {"loopback_role": "engineer"}


class Meter:
    """A meter that nobody has told the gateway of yet; knows what the broker has confirmed."""

    def __init__(self, broker: BrokerAddress, name: str) -> None:
        self.name = name
        self.confirmed: list[int] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"meter-{name}")
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()

    def publish(self) -> None:
        at = SystemClock().now() // 1000
        payload = json.dumps({"at": at, "values": {"voltage_a": 231.0}})
        info = self._client.publish(f"feederline/v1/{self.name}/telemetry", payload, qos=1)
        info.wait_for_publish(10)
        self.confirmed.append(at * 1000)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.asynccontextmanager
async def publishing(meter: Meter) -> AsyncIterator[None]:
    async def publish() -> None:
        while True:
            await asyncio.to_thread(meter.publish)
            await asyncio.sleep(0.1)

    task = asyncio.create_task(publish())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.to_thread(meter.close)


@contextlib.asynccontextmanager
async def watching(there: Scene) -> AsyncIterator[list[str]]:
    """Ask for the gateway's life all the time, on a new connection each; yields what went wrong."""
    troubles: list[str] = []

    async def watch() -> None:
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(there.page, connector=connector) as client:
            while True:
                try:
                    async with client.get("/health/live") as answer:
                        if answer.status != 200:
                            troubles.append(str(answer.status))
                except aiohttp.ClientError as exc:
                    troubles.append(repr(exc))
                await asyncio.sleep(0.05)

    task = asyncio.create_task(watch())
    try:
        yield troubles
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def command(there: Scene, *arguments: str | Path) -> dict[str, Any]:
    """What `feederline` answers, in this process; raises what it raises."""
    line = [*map(str, arguments), "-c", str(there.folder / "feederline.yaml"), "--json"]
    call = functools.partial(CliRunner().invoke, app, line, catch_exceptions=False)
    done = await asyncio.to_thread(call)
    assert done.exit_code == 0, done.output
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


async def loaded(there: Scene) -> dict[str, Any]:
    async with aiohttp.ClientSession(there.page) as client, client.get("/api/inventory") as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


def plus(there: Scene, *names: str) -> Path:
    """The list of devices with these meters besides, at the place of another one."""
    text = (there.folder / "devices.csv").read_text()
    header = text.splitlines()[0].split(",")
    node = next(
        dict(zip(header, line.split(","), strict=True))["node_id"]
        for line in text.splitlines()[1:]
        if ",meter,mqtt," in line
    )
    file = there.folder / f"plus-{'-'.join(names)}.csv"
    common = {"node_id": node, "kind": "meter", "protocol": "mqtt", "phases": "A"}
    extra = [",".join((common | {"device_id": name}).get(column, "") for column in header) for name in names]
    file.write_text(text + "\n".join([*extra, ""]))
    return file


async def account(there: Scene, *meters: Meter) -> Completeness:
    """End the gateway in good order and hold what was delivered against what is stored."""
    pause = await there.district.ask("pause")
    assert pause["flushed"]
    delivered = await there.delivered(pause["at"] + 200_000)
    delivered = msgspec.structs.replace(
        delivered, mqtt={**delivered.mqtt, **{meter.name: meter.confirmed for meter in meters}}
    )
    async with Store.open(settings_for(there.database, role=None)) as store:
        await arrived(store, delivered)
        await there.stop_gateway()
        return await store.completeness(delivered)


async def test_an_import_in_the_middle_of_an_outage(
    tmp_path: Path, own_broker: BrokerAddress, database_url: str
) -> None:
    async with (
        scene(tmp_path, own_broker, database_url, access=ENGINEER) as there,
        contextlib.AsyncExitStack() as stack,
    ):
        await there.start_gateway()
        await is_ready(there)
        await there.district.ask("start")
        store = await open_store(there, stack)
        await everyone_is_heard(there, store)
        transformer = there.district.about["polled_transformers"][0]
        await there.district.ask("fault", node=transformer)
        ticket = await ticket_in(store, *OPEN)

        before, file = await loaded(there), plus(there, "NEW-1")
        async with watching(there) as troubles:
            dry = await command(there, "devices", "import", file, "--dry-run")
            assert (dry["devices"]["added"], dry["reload"]) == (["NEW-1"], False)
            assert await loaded(there) == before
            done = await command(there, "devices", "import", file)
            assert done["devices"]["counts"] == {
                "added": 1, "changed": 0, "retired": 0, "kept": before["devices"],
            }  # fmt: skip
            now = await loaded(there)
            assert (now["revision"], now["devices"]) == (done["revision"], before["devices"] + 1)
            meter = Meter(own_broker, "NEW-1")
            async with publishing(meter):

                async def stored() -> bool:
                    return bool(
                        await rows(
                            database_url,
                            "select 1 from reading join device using (device_key) where device_id = 'NEW-1'",
                        )
                    )

                await until(stored, 40, "a reading of the new meter")
                # And once more while it publishes, with another one beside it.
                await command(there, "devices", "import", plus(there, "NEW-2"))
                seen = len(meter.confirmed)
                await until(lambda: len(meter.confirmed) > seen + 10, 20, "more of it")
        assert troubles == []

        (standing,) = await store.reports.tickets()
        assert (standing.ticket.id, standing.ticket.incident) == (ticket.ticket.id, ticket.ticket.incident)
        await there.district.ask("restore", node=transformer)
        await ticket_in(store, TicketState.CLOSED)
        await until(
            lambda: [m for m in there.receiver.messages if m.type == "ticket.closed"], 20, "the last message"
        )
        found = await account(there, meter)
        assert (found.missing_messages, found.missing_signals, found.duplicates) == (0, 0, 0), found
        assert_one_story(there)
        # Nothing else was concluded: no silence of what was heard again a second later.
        incidents = "select incident_id from incident where state <> 'cancelled'"
        assert await rows(database_url, incidents) == [(ticket.ticket.incident,)]
        assert (
            await rows(
                database_url,
                "select action, outcome, detail -> 'devices' ->> 'added' from audit order by at",
            )
            == [("inventory.import", "done", "1")] * 2
        )
        assert "Traceback" not in there.log()
        assert "waiting for the right to write" not in there.log()


async def test_a_hangup_takes_what_is_on_disk_and_refuses_what_is_wrong(
    tmp_path: Path, own_broker: BrokerAddress, postgres_url: str
) -> None:
    async with scene(tmp_path, own_broker, postgres_url) as there:
        await there.start_gateway()
        await is_ready(there)
        await there.district.ask("start")
        assert there.gateway is not None
        before = await loaded(there)
        file = tmp_path / "devices.csv"
        good = file.read_text()
        file.write_text(good + "X1,nowhere,meter,mqtt\n")
        there.gateway.send_signal(signal.SIGHUP)

        async def refused() -> bool:
            return bool((await loaded(there))["trouble"])

        await until(refused, 20, "the refusal")
        assert "reload refused; going on as before" in there.log()
        assert "devices.csv line " in (await loaded(there))["trouble"]
        assert (await loaded(there))["revision"] == before["revision"]

        file.write_text(good)
        file.write_bytes(plus(there, "NEW-1").read_bytes())
        config = tmp_path / "feederline.yaml"
        document = yaml.safe_load(config.read_text())
        document["gateway"]["log_level"] = "warning"
        config.write_text(yaml.safe_dump(document))
        async with aiohttp.ClientSession(there.page) as client, client.get("/api/events") as stream:
            assert b"resync" in await stream.content.readuntil(b"changes are heard of")
            there.gateway.send_signal(signal.SIGHUP)
            async with asyncio.timeout(20):
                told = (await stream.content.read()).decode()
        assert RELOADS in told, told

        async def taken() -> bool:
            now = await loaded(there)
            return bool(now["devices"] == before["devices"] + 1 and not now["reloading"])

        await until(taken, 20, "the new list")
        await is_ready(there)
        for _ in range(3):  # several at once, and the last ones while it stops
            there.gateway.send_signal(signal.SIGHUP)
        await there.stop_gateway()
        assert "gateway.app: stopped" not in there.log()  # which is said at the level info
        assert "Traceback" not in there.log()


async def test_an_import_while_the_database_is_away(
    tmp_path: Path, own_broker: BrokerAddress, postgres_url: str
) -> None:
    parts = conninfo_to_dict(postgres_url)
    async with (
        Proxy(f"{parts['host']}/.s.PGSQL.5432") as to_database,
        scene(tmp_path, own_broker, postgres_url, access=ENGINEER, outage={"silence_intervals": 20}) as there,
        contextlib.AsyncExitStack() as stack,
    ):
        there.changes["database"] = {
            "url": f"postgresql://postgres@127.0.0.1:{to_database.port}/{parts['dbname']}",
            "connect_timeout_s": 2,
        }
        await to_database.open()
        await there.start_gateway()
        await is_ready(there)
        await there.district.ask("start")
        store = await open_store(there, stack)
        await everyone_is_heard(there, store)
        await to_database.cut()
        await until(lambda: "database is away" in there.log(), 40, "the lost database to be said")
        (tmp_path / "devices.csv").write_bytes(plus(there, "NEW-1").read_bytes())
        assert there.gateway is not None
        there.gateway.send_signal(signal.SIGHUP)
        await until(lambda: there.log().count("going on with another") == 1, 40, "the reload")
        meter = Meter(own_broker, "NEW-1")
        async with publishing(meter):
            await until(lambda: len(meter.confirmed) > 10, 20, "some messages")
            await to_database.open()
            await is_ready(there)
        found = await account(there, meter)
        assert (found.missing_messages, found.missing_signals, found.duplicates) == (0, 0, 0), found
        assert "Traceback" not in there.log()


def killed_in_between(there: Scene, devices: bytes) -> None:
    """What `kill -9` leaves behind when both files are being replaced and only the first one is."""
    network = there.folder / "network.csv"
    files = InventoryFiles(network, there.folder / "devices.csv")
    real = Path.replace

    def replace(path: Path, target: Path) -> Path:
        if target.name == "devices.csv":
            raise KeyboardInterrupt
        return real(path, target)

    texts = {"network": network.read_bytes() + b"\n", "devices": devices}
    with (
        unittest.mock.patch.object(Path, "replace", replace),
        pytest.raises(KeyboardInterrupt),
    ):
        files.replace(texts, at=SystemClock().now())
    assert network.read_bytes() == texts["network"]


async def test_a_faulty_import_is_refused_by_the_gateway_and_changes_nothing(
    tmp_path: Path, own_broker: BrokerAddress, postgres_url: str
) -> None:
    async with scene(tmp_path, own_broker, postgres_url, access=ENGINEER) as there:
        killed_in_between(there, plus(there, "NEW-0").read_bytes())
        await there.start_gateway()
        await is_ready(there)
        assert "an import that was interrupted is finished" in there.log()
        assert b"NEW-0" in (tmp_path / "devices.csv").read_bytes()
        before, files = await loaded(there), {p.name for p in tmp_path.iterdir()}
        good = (tmp_path / "devices.csv").read_bytes()
        bad = tmp_path / "bad.csv"
        bad.write_bytes(good + b"X1,nowhere\n" + good.splitlines()[1] + b"\n")
        with pytest.raises(InvalidInputError) as refused:
            await command(there, "devices", "import", bad)
        assert [fault.startswith("bad.csv line ") for fault in refused.value.faults] == [True, True]
        assert (tmp_path / "devices.csv").read_bytes() == good
        assert {p.name for p in tmp_path.iterdir()} - files == {"bad.csv"}
        assert await loaded(there) == before
        assert await rows(postgres_url, "select action, outcome, detail ->> 'faults' from audit") == [
            ("inventory.import", "refused", "2")
        ]
        await there.stop_gateway()
        assert "going on with another" not in there.log()
