"""`feederline demo` tells its story to the end, and leaves nothing behind whichever way it ends."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from tests.waiting import until


async def start_demo(folder: Path, *arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "demo", *arguments,
        stdout=PIPE, stderr=PIPE, env={**os.environ, "TMPDIR": str(folder)},
    )  # fmt: skip


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the demo puts its files; under root its database is another user, who must be let through."""
    with tempfile.TemporaryDirectory(prefix="feederline-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def left_behind(folder: Path) -> list[str]:
    """Files in the folder, and processes that were started on it."""
    running = [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in part for part in process.info["cmdline"] or ())
    ]
    return running + [str(path) for path in folder.iterdir()]


async def test_from_meters_to_a_closed_ticket(folder: Path) -> None:
    demo = await start_demo(folder, "--meters", "40", "--duration", "30", "--json")
    output, story = await demo.communicate()
    assert demo.returncode == 0, story.decode()
    figures = json.loads(output.decode().splitlines()[-1])
    assert set(figures) == {
        "devices", "readings", "signals", "incidents", "tickets_opened", "tickets_closed", "webhooks_delivered",
        "duplicates", "missing", "asai", "unknown_share", "detect_seconds", "story",
        "history_readings", "theft", "vacancy_left_alone", "accused", "collection_rate",
    }  # fmt: skip
    assert (figures["missing"], figures["duplicates"]) == (0, 0)
    assert figures["incidents"] == 3  # the fuse and the concentrator, told apart, and the theft
    assert (figures["tickets_opened"], figures["tickets_closed"]) == (2, 1)
    assert figures["theft"]["score"] > 0.5
    assert "loss of its area rose" in " ".join(figures["theft"]["reasons"])
    assert (figures["vacancy_left_alone"], figures["accused"]) == (True, [])
    assert figures["collection_rate"] == 1.0
    assert figures["history_readings"] > 35 * 23 * figures["devices"] * 0.8
    assert figures["webhooks_delivered"] >= 3  # opened, restored, closed
    assert figures["readings"] > 5 * figures["devices"]
    assert 0.5 < figures["asai"] < 1.0
    assert 0.0 < figures["unknown_share"] < 0.5
    for step in (
        "Supply normal",
        "Two things go wrong",
        "Why we think so",
        "/#/incident/inc-",
        "delivered to the service desk",
        "acknowledged after",
        "Crew 7 is on its way",
        "before it was promised",
        "The chat room of feeder F1 was told as well, by its filter: opened; acknowledged;",
        "Communications loss",
        "Restored in part",
        "goes to those who inspect meters, not to repair",
        "is left alone: nobody lives there",
        "closed",
        "ASAI",
    ):
        assert step in story.decode()
    hold_to_the_story(figures["story"])
    assert left_behind(folder) == []


def hold_to_the_story(steps: list[dict[str, Any]]) -> None:
    told = {step["step"]: step for step in steps}
    assert [step["step"] for step in steps] == [
        "fuse_outage", "acknowledged", "communications_loss", "dispatched", "on_site", "estimated",
        "partial_restoration", "restored", "closed", "communications_restored",
    ]  # fmt: skip
    outage, lost, part = (
        told[name] for name in ("fuse_outage", "communications_loss", "partial_restoration")
    )
    assert outage["node"] == "F1-L1"
    of_the_outage = [step for step in steps if not step["step"].startswith("communications")]
    assert {step["incident"] for step in of_the_outage} == {outage["incident"]}
    assert {step["ticket"] for step in of_the_outage} == {outage["ticket"]}
    assert told["dispatched"]["summary"] == "Crew 7 is on its way"
    assert lost["incident"] == told["communications_restored"]["incident"] != outage["incident"]
    assert lost["ticket"] is None
    assert part["node"].startswith("T")
    assert 0 < part["customers"] < outage["customers"]
    assert "have supply again" in part["summary"]
    assert [step["at"] for step in steps] == sorted(step["at"] for step in steps)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_leaves_nothing_behind(folder: Path, number: signal.Signals) -> None:
    demo = await start_demo(folder, "--meters", "20")
    assert demo.stderr is not None
    lines: list[str] = []
    while "Supply normal" not in "".join(lines):
        lines.append((await asyncio.wait_for(demo.stderr.readline(), 60)).decode())
        assert lines[-1], "".join(lines)
    demo.send_signal(number)
    _, rest = await demo.communicate()
    assert demo.returncode == (130 if number is signal.SIGINT else 143), rest.decode()
    assert "Traceback" not in rest.decode()
    await until(lambda: left_behind(folder) == [], what=f"{left_behind(folder)} to be gone")


def beyond_this_machine(process: Process) -> list[str]:
    """Where a demo and what it started can be reached from elsewhere."""
    parent = psutil.Process(process.pid)
    found = [
        connection.laddr.ip
        for one in (parent, *parent.children(recursive=True))
        for connection in one.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert found
    return [address for address in found if not ip_address(address).is_loopback]


async def try_it(command: str) -> None:
    """Do what the demo's example says, as it says it; without the token it must be refused."""
    words = shlex.split(command)
    url = next(word for word in words if word.startswith("http"))
    given = [words[i + 1] for i, word in enumerate(words) if word == "-H"]
    headers = dict(line.split(": ", 1) for line in given)
    body = words[words.index("-d") + 1]
    async with aiohttp.ClientSession() as client:
        async with client.post(url, data=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            ticket = await answer.json()
        del headers["Authorization"]
        async with client.post(url, data=body, headers=headers) as answer:
            assert answer.status in (401, 403)
        async with client.get(url.removesuffix("/comment")) as answer:
            assert answer.status == 200  # this machine may read
    assert ticket["transitions"][-1]["reason"] == "my word on record"
    assert ticket["transitions"][-1]["by"] == "whoever tries the demo"


async def test_the_token_lets_change_things_and_ctrl_c_after_the_story_is_an_ordinary_end(
    folder: Path,
) -> None:
    demo = await start_demo(folder, "--meters", "20", "--json")
    assert demo.stderr is not None
    line, command, drill = b"", "", ""
    while b"next fault follows" not in line:
        line = await asyncio.wait_for(demo.stderr.readline(), 90)
        assert line
        if line.startswith(b"curl"):
            command = line.decode()
        if line.startswith(b"FEEDERLINE_TOKEN="):
            drill = line.decode().strip()
    held = await asyncio.create_subprocess_shell(f"{drill} --wait 30", stdout=PIPE, stderr=PIPE)
    await try_it(command)
    assert beyond_this_machine(demo) == []
    _, said = await asyncio.wait_for(held.communicate(), 60)
    assert held.returncode == 0, said.decode()
    assert "message delivered" in said.decode()
    demo.send_signal(signal.SIGINT)
    output, rest = await demo.communicate()
    assert demo.returncode == 0, rest.decode()
    figures = json.loads(output.decode().splitlines()[-1])
    assert (figures["missing"], figures["duplicates"]) == (0, 0)
    assert figures["tickets_closed"] >= 1
    assert left_behind(folder) == []
