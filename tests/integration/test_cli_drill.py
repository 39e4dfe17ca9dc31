"""`feederline drill` at a running gateway, and what it says where it fails."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from pathlib import Path

import pytest

from gateway.core.access import Role
from gateway.core.clock import MINUTE, SystemClock
from gateway.embedded import BrokerAddress
from tests.integration.scene import everyone_is_heard, open_store, scene
from tests.integration.test_cli import feederline
from tests.integration.test_cli_planned import at_work
from tests.waiting import until


async def test_a_drill_at_a_running_gateway_is_timed_and_counts_nowhere(
    tmp_path: Path, own_broker: BrokerAddress, postgres_url: str
) -> None:
    config, token = tmp_path / "feederline.yaml", tmp_path / "token"
    async with scene(tmp_path, own_broker, postgres_url) as there, contextlib.AsyncExitStack() as stack:
        node = there.district.about["polled_transformers"][0]
        await there.start_gateway()
        await at_work(there)
        await there.district.ask("start")
        store = await open_store(there, stack)
        await everyone_is_heard(there, store)
        token.write_text(await there.token(Role.ENGINEER, name="Wang Fang"))

        async def drill(*arguments: str) -> subprocess.CompletedProcess[str]:
            return await asyncio.to_thread(
                feederline, "drill", *arguments, "-c", config, "--token-file", token, "--json"
            )

        none = await drill("--last")
        assert none.returncode == 0, none.stderr
        assert json.loads(none.stdout)["last"] is None
        assert "one is due" in none.stderr

        began = SystemClock().now()
        begun = await drill("--node", node, "--duration", "300", "--wait", "1", "--reason", "autumn")
        assert begun.returncode == 1, begun.stderr
        assert "Not yet: no outage was detected" in begun.stderr
        seen: list[subprocess.CompletedProcess[str]] = []

        async def told() -> bool:
            seen.append(await drill("--last"))
            return bool(json.loads(seen[-1].stdout.splitlines()[-1])["last"]["done"])

        await until(told, 60, "the ticket to be delivered")
        report = json.loads(seen[-1].stdout.splitlines()[-1])["last"]
        assert (report["state"], report["by"]) == ("running", "Wang Fang")
        for step in ("detected", "ticket opened", "message delivered"):
            assert f"  {step}" in seen[-1].stderr
        titles = {message.body["data"]["ticket"]["title"] for message in there.receiver.messages}
        assert titles
        assert all(title.startswith("DRILL: ") for title in titles)

        again = await drill("--node", node)
        assert again.returncode == 1
        assert "is not over yet" in again.stderr
        last = json.loads((await drill("--last")).stdout)
        assert (last["last"]["id"], last["due"]) == (report["id"], False)
        at = SystemClock().now()
        account = await store.reports.reliability(began - MINUTE, at, at=at)
        assert account.all.customer_interruptions + account.all.open.customers == 0
        assert (await store.reports.supply_now()).off == 0
        await there.stop_gateway()
        assert "Traceback" not in there.log()


@pytest.mark.parametrize(
    "arguments", [["--node", "T1", "--last"], [], ["--node", "T1", "--duration", "99999"]]
)
def test_wrong_usage_is_told(tmp_path: Path, arguments: list[str]) -> None:
    done = feederline("drill", *arguments, "-c", tmp_path / "feederline.yaml")
    assert done.returncode == 2, done.stderr
