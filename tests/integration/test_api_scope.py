"""What a token for a part of the network is told of the whole: nothing, or the figures of that part."""

from __future__ import annotations

import pytest

from gateway.core.access import Role
from gateway.core.clock import SECOND
from tests.integration.case_world import SECRET, SECRET_VARIABLE, get, world
from tests.integration.store_world import T0


async def test_figures_are_of_the_part_or_refused(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    async with world(postgres_url) as there:
        await there.outage("I0", "T0", (0, 3))
        await there.outage("I1", "T1", (1,), at=T0 + SECOND)
        async with there.client(Role.VIEWER) as client:
            told = await get(client, "/api/summary")
            assert told["below"] == []
            assert told["tickets"]["tickets"] == 2
            assert told["reliability"]["served"] == told["customers"]["served"] == 6
            assert told["customers"]["off"] == 3
        for below, served, off, tickets in (
            (["T0"], 2, 2, 1),
            (["T1", "T2"], 4, 1, 1),
            (["T0", "F"], 6, 3, 2),
        ):
            async with there.client(Role.VIEWER, below=below) as client:
                told = await get(client, "/api/summary")
                assert told["customers"] == {"served": served, "on": served - off, "off": off, "unknown": 0}
                assert told["tickets"]["tickets"] == tickets
                assert told["reliability"] is None
                assert told["undelivered"] == told["gateway"]["alarms"] == []
        async with there.client(Role.ADMIN, below=["gone"]) as client:
            told = await get(client, "/api/summary")
            assert told["customers"] == {"served": 0, "on": 0, "off": 0, "unknown": 0}
            assert told["tickets"]["tickets"] == 0
            for path in (
                "/api/reliability",
                "/api/reliability/dlt-836",
                "/api/targets",
                "/metrics",
                "/api/audit",
            ):
                refused = await get(client, path, 403)
                assert "this token is for a part of it" in refused["detail"], path
