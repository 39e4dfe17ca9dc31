"""Changes for a running gateway are taken one after the other, whole or not at all; what is wrong changes nothing."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml

from gateway.api.serving import bind
from gateway.compose import load
from gateway.core.clock import ManualClock, parse_time
from gateway.core.errors import InvalidInputError, UnavailableError
from gateway.embedded import free_port
from gateway.reload import Reloader
from tests.waiting import until

EXAMPLES = Path(__file__).parents[2] / "examples"
NOW = parse_time("2026-03-01T08:00:00Z")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name in ("network.csv", "devices.csv"):
        shutil.copy(EXAMPLES / name, tmp_path / name)
    write(tmp_path, {})
    return tmp_path


def write(site: Path, changes: dict[str, object]) -> None:
    document = {
        "gateway": {"data_dir": "data"},
        "inventory": {"network": "network.csv", "devices": "devices.csv"},
        "database": {"url": "postgresql://127.0.0.1:1/none"},
        "mqtt": [{"url": "mqtt://127.0.0.1:1"}],
        "api": {"port": 0},
        **changes,
    }
    (site / "feederline.yaml").write_text(yaml.safe_dump(document))


@asynccontextmanager
async def reloading(site: Path) -> AsyncIterator[tuple[Reloader, asyncio.Event]]:
    clock, stopping = ManualClock(NOW), asyncio.Event()
    parts = load(site / "feederline.yaml", clock=clock)
    reloader = Reloader(parts, bind(parts.config.api), clock=clock, stopping=stopping)
    reloader.running()
    try:
        yield reloader, stopping
    finally:
        await reloader.close()


def devices(site: Path, old: str = "", new: str = "") -> bytes:
    text = (site / "devices.csv").read_text()
    assert old in text
    return (text.replace(old, new) if old else text + new).encode()


EXTRA = "N1,T1,sensor,mqtt,,,,ABC,0,,60,,\n"
OTHER = "N2,T1,sensor,mqtt,,,,ABC,0,,60,,\n"


async def test_an_import_is_written_and_made_ready(site: Path) -> None:
    async with reloading(site) as (reloader, _):
        before = reloader.parts
        fresh = devices(site, new=EXTRA)
        dry = await reloader.take(network=None, devices=fresh, dry_run=True, allow_retire=False)
        assert (dry.dry_run, dry.reload, reloader.parts is before) == (True, False, True)
        assert not reloader.wanted.is_set()
        done = await reloader.take(network=None, devices=fresh, dry_run=False, allow_retire=False)
        assert (done.difference, done.revision) == (dry.difference, dry.revision)
        assert done.difference.devices.added == ("N1",)
        assert (done.reload, len(done.kept)) == (True, 1)
        assert (site / "devices.csv").read_bytes() == fresh
        assert reloader.wanted.is_set()
        assert reloader.loaded().reloading
        assert reloader.parts.inventory.ids == (*before.inventory.ids, "N1")
        assert load(site / "feederline.yaml", clock=ManualClock(NOW)).revision == done.revision
        reloader.running()
        again = await reloader.take(network=None, devices=fresh, dry_run=False, allow_retire=False)
        assert (again.reload, again.kept) == (False, ())
        assert not reloader.wanted.is_set()


async def test_a_faulty_one_is_refused_with_every_fault_and_nothing_changes(site: Path) -> None:
    async with reloading(site) as (reloader, _):
        before, old = reloader.parts, {p.name: p.read_bytes() for p in site.iterdir()}
        network = (site / "network.csv").read_bytes() + b"X,nowhere,fuse,,,,,\n"
        with pytest.raises(InvalidInputError) as refused:
            await reloader.take(
                network=network, devices=devices(site, new="N1,T1,sensor,mqtt,,a/b,,ABC,0,,60,,\n"),
                dry_run=False, allow_retire=True,
            )  # fmt: skip
        assert len(refused.value.faults) == 2
        assert "network.csv line 10: parent_id 'nowhere'" in refused.value.faults[0]
        with pytest.raises(InvalidInputError, match="of 6 devices would be retired"):
            await reloader.take(
                network=None, devices=(site / "devices.csv").read_bytes().splitlines(keepends=True)[0],
                dry_run=False, allow_retire=False,
            )  # fmt: skip
        assert reloader.parts is before
        assert not reloader.wanted.is_set()
        assert {p.name: p.read_bytes() for p in site.iterdir()} == old


async def test_of_two_at_once_the_second_builds_upon_the_first(site: Path) -> None:
    async with reloading(site) as (reloader, _):
        first, second = devices(site, new=EXTRA), devices(site, new=OTHER)
        one, two = await asyncio.gather(
            *(
                reloader.take(network=None, devices=fresh, dry_run=False, allow_retire=False)
                for fresh in (first, second)
            )
        )
        assert one.difference.devices.added == ("N1",)
        assert (two.difference.devices.added, two.difference.devices.retired) == (("N2",), ("N1",))
        assert (site / "devices.csv").read_bytes() == second
        # Whether the first one ever ran or not: keys that may have been written mean the same device.
        assert reloader.parts.inventory.ids[-2:] == ("N1", "N2")
        assert reloader.parts.inventory.key("N1") is None
        assert reloader.parts.revision == two.revision


async def test_whoever_goes_away_leaves_a_whole_import_behind(site: Path) -> None:
    async with reloading(site) as (reloader, _):
        fresh = devices(site, new=EXTRA)
        asking = asyncio.create_task(
            reloader.take(network=None, devices=fresh, dry_run=False, allow_retire=False)
        )
        await asyncio.sleep(0)
        asking.cancel()
        await until(reloader.wanted.is_set, 10, "the import to be done")
        assert (site / "devices.csv").read_bytes() == fresh


async def test_a_gateway_that_stops_takes_nothing(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with reloading(site) as (reloader, stopping):
        old = (site / "devices.csv").read_bytes()
        stopping.set()
        with pytest.raises(UnavailableError, match="is stopping"):
            await reloader.take(
                network=None, devices=devices(site, new=EXTRA), dry_run=False, allow_retire=False
            )
        reloader.reread()
        assert not {task.get_name() for task in asyncio.all_tasks()} & {"reread", "import"}
        assert (site / "devices.csv").read_bytes() == old
        assert not reloader.wanted.is_set()


async def test_what_is_reread(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with reloading(site) as (reloader, _):
        port = reloader.listener.getsockname()[1]
        (site / "devices.csv").write_bytes(devices(site, new=EXTRA))
        write(site, {"outage": {"collecting_s": 7}})
        for _ in range(3):  # those that wait become one
            reloader.reread()
        await until(reloader.wanted.is_set, 10, "the change to be ready")
        assert reloader.parts.config.outage.collecting_s == 7
        assert reloader.parts.inventory.key("N1") is not None
        assert reloader.listener.getsockname()[1] == port


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"outage": {"collecting": 1}}, "outage.collecting: unknown key"),
        (
            {"gateway": {"data_dir": "elsewhere"}},
            "gateway.data_dir: has changed; that needs a stop and a start",
        ),
        ({"database": {"url": "postgresql://127.0.0.1:2/none"}}, "127.0.0.1"),
        ({"inventory": {"network": "none.csv", "devices": "devices.csv"}}, "none.csv: No such file"),
    ],
)
async def test_what_is_wrong_is_logged_and_the_old_one_goes_on(
    site: Path, caplog: pytest.LogCaptureFixture, change: dict[str, object], fault: str
) -> None:
    async with reloading(site) as (reloader, _):
        before = reloader.parts
        write(site, change)
        with caplog.at_level(logging.ERROR):
            reloader.reread()
            await until(lambda: reloader.loaded().trouble, 10, "the refusal")
        told = [vars(record)["fault"] for record in caplog.records if record.name == "gateway.reload"]
        assert len(told) == 1
        assert fault in told[0]
        assert reloader.parts is before
        assert not reloader.wanted.is_set()
        write(site, {})
        reloader.reread()
        await until(reloader.wanted.is_set, 10, "the mended one")
        assert reloader.loaded().trouble == ""


async def test_a_truncated_file_is_not_reread(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with reloading(site) as (reloader, _):
        lines = (site / "devices.csv").read_text().splitlines(keepends=True)
        (site / "devices.csv").write_text(lines[0])
        reloader.reread()
        await until(lambda: reloader.loaded().trouble, 10, "the refusal")
        assert "6 of 6 devices would be retired" in reloader.loaded().trouble
        assert not reloader.wanted.is_set()


async def test_another_port_is_taken_unless_it_is_not_free(
    site: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with reloading(site) as (reloader, _):
        old = reloader.listener
        taken = bind(reloader.parts.config.api.model_copy(update={"port": 0}))
        write(site, {"api": {"port": taken.getsockname()[1]}})
        reloader.reread()
        await until(lambda: reloader.loaded().trouble, 10, "the refusal")
        assert "is in use" in reloader.loaded().trouble
        assert reloader.listener is old
        taken.close()
        write(site, {"api": {"port": (port := free_port())}})
        reloader.reread()
        await until(reloader.wanted.is_set, 10, "the other port")
        assert reloader.listener.getsockname()[1] == port
