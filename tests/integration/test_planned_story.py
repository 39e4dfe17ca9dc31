"""`feederline run`, whole: work that was announced is no fault, also when the gateway is killed in the middle of it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from gateway.cli.remote import TOKEN_VARIABLE
from gateway.core.clock import MINUTE, SystemClock, format_time
from gateway.core.model import IncidentKind, IncidentState
from gateway.embedded import BrokerAddress
from gateway.store.views import IncidentView
from tests.integration.scene import everyone_is_heard, open_store, scene
from tests.integration.test_cli_planned import HEADER, at_work, counts, told
from tests.waiting import until


async def test_work_that_was_announced_is_told_as_such_and_never_ticketed(
    tmp_path: Path, own_broker: BrokerAddress, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path, own_broker, postgres_url) as there, contextlib.AsyncExitStack() as stack:
        node = there.district.about["polled_transformers"][0]
        config, file = tmp_path / "feederline.yaml", tmp_path / "planned.csv"
        now = SystemClock().now()
        file.write_text(
            f"{HEADER}WO-1,{node},{format_time(now - MINUTE)},{format_time(now + 30 * MINUTE)},new poles,,\n"
        )
        await there.start_gateway()
        await at_work(there)
        await there.district.ask("start")
        store = await open_store(there, stack)
        await everyone_is_heard(there, store)
        monkeypatch.setenv(TOKEN_VARIABLE, await there.token())
        assert counts(await told("import", file, "-c", config)) == (1, 0, 0, 0)

        async def planned(*states: IncidentState) -> IncidentView | None:
            found = await store.reports.incidents()
            return next((v for v in found if v.incident.node == node and v.incident.state in states), None)

        await there.district.ask("fault", node=node)
        view = await until(lambda: planned(IncidentState.OPEN), 40, "the incident")
        assert view is not None
        assert view.incident.kind == IncidentKind.PLANNED_OUTAGE

        await there.kill_gateway()
        snapshots = list((tmp_path / "data" / "spool").glob("*.snapshot"))
        for snapshot in snapshots:
            snapshot.unlink()
        await there.start_gateway()
        await at_work(there)
        await there.district.ask("restore", node=node)
        ended = await until(lambda: planned(IncidentState.CLOSED), 60, "the end of the incident")
        assert ended is not None
        assert (ended.incident.id, ended.incident.kind) == (view.incident.id, IncidentKind.PLANNED_OUTAGE)
        assert await store.reports.tickets() == []
        assert [m.type for m in there.receiver.messages] == []
        at = SystemClock().now()
        account = await store.reports.reliability(now - MINUTE, at, at=at)
        assert account.fault.customer_interruptions + account.fault.open.customers == 0
        await there.stop_gateway()
        assert "Traceback" not in there.log()
