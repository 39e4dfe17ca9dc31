"""The dashboards as files: up to date, complete, and their macros expanded as Grafana does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dashboards import generate, query
from dashboards.macros import Window, expand
from gateway.core.clock import parse_time

WINDOW = Window(low=parse_time("2017-04-21T05:01:17Z"), high=parse_time("2017-04-21T05:06:17.5Z"))


def _dashboards() -> dict[str, dict[str, Any]]:
    return {name: json.loads(text) for name, text in generate.generated().items()}


def _panels() -> list[Any]:
    return [
        pytest.param(panel, id=f"{name}:{panel['title']}")
        for name, dashboard in _dashboards().items()
        for panel in dashboard["panels"]
    ]


def test_generated_files_are_what_the_code_says() -> None:
    assert generate.stale() == [], "run: python -m dashboards.generate"


def test_the_same_code_gives_the_same_bytes() -> None:
    assert generate.generated() == generate.generated()


def test_check_finds_every_kind_of_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ["--folder", str(tmp_path)]
    assert generate.main([*folder, "--check"]) == 1
    assert "is missing" in capsys.readouterr().err
    assert generate.main(folder) == 0
    assert generate.main([*folder, "--check"]) == 0
    (tmp_path / "supply_reliability.json").write_text("{}")
    (tmp_path / "left_over.json").write_text("{}")
    capsys.readouterr()
    assert generate.main([*folder, "--check"]) == 1
    told = capsys.readouterr().err
    assert "supply_reliability.json is not what the code says" in told
    assert "left_over.json has no source any more" in told
    assert generate.main(folder) == 0
    assert generate.stale(tmp_path) == []


def test_every_query_is_on_a_dashboard() -> None:
    shown = {
        target["rawSql"]
        for dashboard in _dashboards().values()
        for panel in dashboard["panels"]
        for target in panel["targets"]
    }
    assert shown == {query.text(name) for name in query.names()}


@pytest.mark.parametrize("panel", _panels())
def test_panel_explains_itself(panel: dict[str, Any]) -> None:
    assert len(panel["description"]) > 30
    assert panel["datasource"]["uid"] == "${datasource}"
    references = [target["refId"] for target in panel["targets"]]
    assert len(set(references)) == len(references)
    for target in panel["targets"]:
        assert target["datasource"]["type"] == "grafana-postgresql-datasource"
        assert (target["format"] == "time_series") == (panel["type"] == "timeseries")
    assert panel["type"] == "table" or panel["fieldConfig"]["defaults"]["unit"]


@pytest.mark.parametrize("panel", _panels())
def test_thresholds_come_from_a_column_of_the_targets(panel: dict[str, Any]) -> None:
    for step in panel.get("transformations", []):
        assert step["options"]["configRefId"] in {target["refId"] for target in panel["targets"]}
        for mapping in step["options"]["mappings"]:
            assert re.search(rf"\b{mapping['fieldName']}\b", query.text("targets"))


@pytest.mark.parametrize("name", sorted(_dashboards()))
def test_panels_do_not_overlap(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in _dashboards()[name]["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place.get("x", 0), place.get("x", 0) + place["w"])
            for y in range(place.get("y", 0), place.get("y", 0) + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


@pytest.mark.parametrize(
    ("macro", "expansion"),
    [
        ("$__time(at)", 'at AS "time"'),
        ("$__timeEpoch(at)", 'extract(epoch from at) as "time"'),
        ("$__timeFilter(at)", "at BETWEEN '2017-04-21T05:01:17Z' AND '2017-04-21T05:06:17.5Z'"),
        ("$__timeFrom()", "'2017-04-21T05:01:17Z'"),
        ("$__timeTo()", "'2017-04-21T05:06:17.5Z'"),
        ("$__timeGroup(at,'5m')", "floor(extract(epoch from at)/300)*300"),
        ("$__timeGroup(at , '5m', NULL) as t", "floor(extract(epoch from at)/300)*300 as t"),
        ("$__timeGroup(at,'5m'), x", 'floor(extract(epoch from at)/300)*300 AS "time", x'),
        ("$__timeGroupAlias(at,'5m')", 'floor(extract(epoch from at)/300)*300 AS "time"'),
        ("$__timeGroup(at,$__interval)", "floor(extract(epoch from at)/60)*60"),
        ("$__unixEpochFilter(at)", "at >= 1492750877 AND at <= 1492751177"),
        ("$__unixEpochFrom() $__unixEpochTo()", "1492750877 1492751177"),
        ("$__unixEpochNanoFrom()", "1492750877000000000"),
        ("$__unixEpochGroup(at,'5m')", "floor((at)/300)*300"),
        ("$__unixEpochGroupAlias(at,'5m')", 'floor((at)/300)*300 AS "time"'),
        ("$__interval $__interval_ms", "1m 60000"),
        ("make_interval(secs => 5)", "make_interval(secs => 5)"),
    ],
)
def test_macro_expands_as_documented(macro: str, expansion: str) -> None:
    assert expand(macro, WINDOW) == expansion


def test_time_group_with_the_timescale_switch() -> None:
    assert expand("$__timeGroup(at,'5m')", WINDOW, timescale=True) == "time_bucket('300.000s',at)"


@pytest.mark.parametrize("wrong", ["$__timegroup(at)", "$__timeGroup(at)", "$__timeGroup(at,'soon')"])
def test_macro_that_grafana_would_refuse_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="macro"):
        expand(wrong, WINDOW)
