"""The benchmark of the dashboards in small: everything is loaded, nothing fails, nearly every panel has rows."""

from __future__ import annotations

import pytest

from bench.dashboards import options, run
from bench.dashboards.world import Size
from dashboards.opened import dashboards
from gateway.core.errors import InvalidInputError


async def test_every_panel_of_every_dashboard_is_timed(database_url: str) -> None:
    result = await run(size=Size(meters=50, days=3, raw_days=2), server=database_url, runs=1)
    panels = result["panels"]
    assert isinstance(panels, list)
    assert result["failed"] == []
    assert {panel["dashboard"] for panel in panels} == {dashboard.name for dashboard in dashboards()}
    assert len(panels) >= 3 * sum(len(dashboard.panels) for dashboard in dashboards())
    shown = sum(panel["rows"] > 0 for panel in panels)
    assert shown > len(panels) / 2
    assert all(panel["p95_ms"] > 0 for panel in panels)


def test_sizes_come_from_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FEEDERLINE_TEST_DATABASE_URL", raising=False)
    assert options([])["size"] == Size(meters=500, days=30)
    given = options(["--meters", "10000", "--days", "365", "--database", "postgresql://x/y"])
    assert (given["size"], given["server"]) == (Size(), "postgresql://x/y")


def test_other_benchmarks_take_no_options() -> None:
    from gateway.cli.bench import options_of

    with pytest.raises(InvalidInputError):
        options_of("vee", ["--meters", "3"])
