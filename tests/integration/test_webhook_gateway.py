"""`feederline run`, whole: a desk that is away is an alarm that people see, and nothing once it is back."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import aiohttp

from gateway.core.access import Role
from gateway.core.clock import MINUTE, SystemClock
from gateway.embedded import BrokerAddress
from tests.integration.scene import open_store, scene
from tests.integration.webhook_rig import message, put
from tests.waiting import until


async def test_the_gateway_shows_and_clears_the_alarm(
    tmp_path: Path, own_broker: BrokerAddress, postgres_url: str
) -> None:
    async with (
        scene(tmp_path, own_broker, postgres_url) as there,
        contextlib.AsyncExitStack() as stack,
        aiohttp.ClientSession() as client,
    ):
        headers = {"authorization": f"Bearer {await there.token(Role.VIEWER)}"}
        store = await open_store(there, stack)
        await there.receiver.stop()
        await put(store, message("tkt-1", to="service-desk", created_at=SystemClock().now() - 3 * MINUTE))
        await there.start_gateway()

        async def alarms() -> list[str] | None:
            with contextlib.suppress(aiohttp.ClientError):
                async with client.get(f"{there.page}/api/summary", headers=headers) as response:
                    if response.status == 200:
                        found: dict[str, Any] = await response.json()
                        told: list[str] = found["gateway"]["alarms"]
                        return told
            return None

        async def raised() -> list[str] | None:
            return (await alarms()) or None

        said = await until(raised, 30, "the alarm on the page")
        assert said is not None
        assert len(said) == 1
        assert "target service-desk does not get its messages; late: 1" in said[0]
        await there.receiver.start()

        async def cleared() -> bool:
            return await alarms() == []

        await until(cleared, 30, "all-clear")
        assert there.receiver.counts.received == 1
        log = there.log()
        assert log.count("messages do not get through to a target") == 1
        assert log.count("messages get through to a target again") == 1
        assert "Traceback" not in log
