"""`feederline run`, whole: a desk that is away is an alarm that people see, and nothing once it is back."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import aiohttp

from gateway.core.access import Role
from gateway.core.clock import DAY, MINUTE, SystemClock
from gateway.core.model import Commit, IncidentState
from gateway.embedded import BrokerAddress
from tests.integration.scene import open_store, scene
from tests.integration.store_world import SPOOL, PlainDesk, outage, rows, small_inventory
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


async def test_a_gateway_that_starts_holds_tickets_that_live_to_its_limits(
    tmp_path: Path, own_broker: BrokerAddress, postgres_url: str
) -> None:
    """They were opened by one without clocks; people keep this one open though its incident is over."""
    opened = SystemClock().now() - DAY
    async with (
        scene(tmp_path, own_broker, postgres_url) as there,
        contextlib.AsyncExitStack() as stack,
    ):
        store = await open_store(there, stack)
        await store.migrate()
        await store.sync_inventory(small_inventory())
        over = outage(state=IncidentState.RESTORED, revision=2, at=opened, ended_at=opened)
        desk = PlainDesk(0)
        await store.write(Commit(events=[outage(at=opened)], at=opened), desk, SPOOL)
        await store.write(Commit(events=[over], at=opened), desk, SPOOL)
        await rows(postgres_url, "update incident set state = 'closed' returning 1")
        await there.start_gateway()

        async def escalated() -> list[str]:
            [view] = await store.reports.tickets()
            return [step.detail["clock"] for step in view.transitions if step.action == "escalate"]

        assert (await until(escalated, 30, "the clocks that ran out"))[0] == "arrival"
        assert "Traceback" not in there.log()
