"""A failing part is started again; one that ends by itself is not."""

from __future__ import annotations

import pytest

from gateway.core.errors import RefusedError, UnavailableError
from gateway.supervise import keep_running


async def test_failures_of_every_kind_are_followed_by_another_start(caplog: pytest.LogCaptureFixture) -> None:
    failures: list[Exception] = [
        UnavailableError("not there"),
        RefusedError("wrong password"),
        KeyError("a mistake"),
    ]

    async def work() -> None:
        if failures:
            raise failures.pop(0)

    await keep_running("driver", work, base_s=0.001, cap_s=0.001)
    assert not failures
    assert [record.message for record in caplog.records] == ["task failed; starting again"] * 3
