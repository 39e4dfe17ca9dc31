"""`feederline planned`: from a file to the running gateway, its database, and back after a restart."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web
from typer.testing import CliRunner

from gateway.cli import app
from gateway.cli.remote import TOKEN_VARIABLE
from gateway.core.errors import InvalidInputError
from gateway.csvfiles import load_network
from gateway.embedded import BrokerAddress, free_port
from tests.integration.scene import Scene, open_store, scene
from tests.integration.test_cli import EXAMPLES, feederline
from tests.waiting import until

FROM, TO = "2030-03-20T09:00:00+08:00", "2030-03-20T12:00:00+08:00"
HEADER = "reference,node,from,to,reason,by,withdrawn\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The example configuration with a port that nobody listens on."""
    shutil.copytree(EXAMPLES, tmp_path / "site")
    file = tmp_path / "site" / "feederline.yaml"
    document = yaml.safe_load(file.read_text())
    document["api"]["port"] = free_port()
    file.write_text(yaml.safe_dump(document))
    return tmp_path / "site"


async def planned(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(feederline, "planned", *arguments)


async def output(*arguments: str | Path) -> list[str]:
    """What the command prints when it succeeds; in this process, which spares the start of one."""
    call = functools.partial(
        CliRunner().invoke, app, ["planned", *map(str, arguments)], catch_exceptions=False
    )
    done = await asyncio.to_thread(call)
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


async def told(*arguments: str | Path) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((await output(*arguments, "--json"))[-1])
    return answer


def counts(answer: dict[str, Any]) -> tuple[int, ...]:
    return tuple(answer[kind] for kind in ("new", "changed", "same", "withdrawn"))


async def test_every_fault_is_told_before_anybody_is_asked(site: Path) -> None:
    with (site / "network.csv").open("a") as file:
        file.write("X,nowhere,fuse,,,,,\n")
    (site / "planned.csv").write_text(f"{HEADER}A,T9,{FROM},{TO},,,\nB,T1,{TO},{FROM},,,perhaps\n")
    config = site / "feederline.yaml"
    config.write_text(config.read_text() + "nonsense: 1\n")
    done = await planned("import", site / "planned.csv", "-c", config)
    assert done.returncode == 2
    for expected in (
        "nonsense: unknown key",
        "network.csv line 10: parent_id 'nowhere' is not a node",
        "planned.csv line 2: node 'T9' is not a node of the network",
        "planned.csv line 3: to 2030",
        "planned.csv line 3: withdrawn 'perhaps' is not true, false or empty",
    ):
        assert expected in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 5


async def test_without_a_gateway_it_says_so_in_one_line(site: Path) -> None:
    (site / "planned.csv").write_text(f"{HEADER}A,T1,{FROM},{TO},,,\n")
    config = site / "feederline.yaml"
    commands: tuple[tuple[str | Path, ...], ...] = (
        ("import", site / "planned.csv", "--dry-run"),
        ("list",),
        ("withdraw", "A"),
    )
    for done in await asyncio.gather(*(planned(*command, "-c", config) for command in commands)):
        assert done.returncode == 1, done.args
        (line,) = done.stderr.splitlines()
        assert line.startswith("feederline: no gateway answers at http://127.0.0.1:"), line
    config.write_text(config.read_text().replace("port:", "port: 0 #"))
    done = await planned("list", "-c", config)
    assert done.returncode == 2
    assert "--url" in done.stderr
    missing = await planned("import", site / "none.csv", "-c", config)
    assert (missing.returncode, "none.csv: No such file" in missing.stderr) == (2, True)


@pytest.mark.parametrize(
    ("option", "value", "fault"),
    [
        ("--url", "localhost", "is not below an address such as http://127.0.0.1:8080"),
        ("--url", "ftp://localhost", "is not below an address"),
        ("--url", "http://localhost:99999", "is not below an address"),
        ("--by", "a\nb", "is not a name of at most 200 printable characters"),
        ("--by", "x" * 201, "is not a name"),
    ],
)
def test_an_address_or_a_name_that_is_none_is_refused(
    site: Path, option: str, value: str, fault: str
) -> None:
    command = ["planned", "withdraw", "A", "-c", str(site / "feederline.yaml"), option, value]
    with pytest.raises(InvalidInputError, match=fault):
        CliRunner().invoke(app, command, catch_exceptions=False)


async def test_what_answers_and_is_no_gateway_is_said(site: Path) -> None:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    elsewhere = web.Application()
    elsewhere.router.add_get("/{anything:.*}", hello)
    runner = web.AppRunner(elsewhere)
    await runner.setup()
    try:
        where = web.TCPSite(runner, "127.0.0.1", port := free_port())
        await where.start()
        done = await planned("list", "-c", site / "feederline.yaml", "--url", f"http://127.0.0.1:{port}/")
    finally:
        await runner.cleanup()
    assert done.returncode == 1
    assert "is not a gateway" in done.stderr


async def at_work(there: Scene) -> None:
    async def working() -> bool:
        try:
            async with (
                aiohttp.ClientSession(there.page) as client,
                client.get("/api/summary") as summary,
                client.get("/health/ready") as ready,
            ):
                return ready.status == 200 and bool((await summary.json())["gateway"]["stream_at"])
        except aiohttp.ClientError:
            return False

    await until(working, 40, "the gateway to be at work")


async def test_from_the_file_to_the_database_and_through_a_restart(
    tmp_path: Path, own_broker: BrokerAddress, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path, own_broker, database_url) as there, contextlib.AsyncExitStack() as stack:
        monkeypatch.setenv(TOKEN_VARIABLE, await there.token())
        first, second = list(load_network(tmp_path / "network.csv").ids)[-2:]
        config, file = tmp_path / "feederline.yaml", tmp_path / "planned.csv"
        file.write_text(
            f"{HEADER}WO/1,{first},{FROM},{TO},new poles,,\nWO/1,{second},{FROM},{TO},,Chen Yu,\n"
        )
        await there.start_gateway()
        await at_work(there)
        store = await open_store(there, stack)

        async def stored() -> list[tuple[str, str, bool]]:
            return [(w.node, w.by, w.withdrawn) for w in await store.reports.planned_of(["WO/1"])]

        dry = await told("import", file, "-c", config, "--by", "Li Wei", "--dry-run")
        assert (dry["dry_run"], counts(dry), await stored()) == (True, (2, 0, 0, 0), [])
        assert counts(await told("import", file, "-c", config, "--by", "Li Wei")) == (2, 0, 0, 0)

        async def both() -> bool:
            return set(await stored()) == {(first, "Li Wei", False), (second, "Chen Yu", False)}

        await until(both, 20, "both windows in the database")

        await there.kill_gateway()
        for snapshot in (tmp_path / "data" / "spool").glob("*.snapshot"):
            snapshot.unlink()
        await there.start_gateway()
        await at_work(there)
        found = (await told("list", "-c", config, "--state", "upcoming"))["planned_outages"]
        assert {(w["reference"], w["node"], w["revision"]) for w in found} == {
            ("WO/1", first, 1),
            ("WO/1", second, 1),
        }

        file.write_text(file.read_text().replace("new poles", "new [bold]poles").replace("Chen Yu", "Wu"))
        change, counted = await output("import", file, "-c", config)
        assert counted == "0 new, 1 changed, 1 same, 0 withdrawn"
        assert change.startswith(
            f"changed   WO/1 at {first}, 2030-03-20T01:00:00Z to 2030-03-20T04:00:00Z, new [bold]poles, by "
        )
        assert "instead of: WO/1 at" in change
        assert counts(await told("withdraw", "WO/1", "-c", config, "--node", second)) == (0, 0, 0, 1)
        nobody = await planned("withdraw", "WO/2", "-c", config)
        assert (nobody.returncode, "there is no planned outage" in nobody.stderr) == (1, True)

        async def withdrawn() -> bool:
            return {(node, gone) for node, _, gone in await stored()} == {(first, False), (second, True)}

        await until(withdrawn, 20, "the withdrawal in the database")
        lines = await output("list", "-c", config)
        assert sorted(line.split()[0] for line in lines) == ["upcoming", "withdrawn"]
        await there.stop_gateway()
        assert "Traceback" not in there.log()
