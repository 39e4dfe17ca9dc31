"""The dashboards as files: up to date, complete, and the same in both languages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

from alerts.settings import SlaSettings
from dashboards import generate, links, query
from dashboards.panels import rows
from dashboards.values import VALUES
from dashboards.words import LANGUAGES, Words
from gateway.core.inventory import PRIORITIES
from gateway.core.model import IncidentKind, IncidentState, SupplyState
from gateway.core.network import NODE_KINDS
from gateway.core.ticket import TicketState
from processors.interruptions.targets import Span, State

EVERY = [f"{language}/{name}.json" for language in LANGUAGES for name in generate.DASHBOARDS]
CHINESE = re.compile("[\u4e00-\u9fff]")


@cache
def _files() -> dict[str, str]:
    return generate.generated()


@cache
def _dashboard(name: str) -> dict[str, Any]:
    dashboard: dict[str, Any] = json.loads(_files()[name])
    return dashboard


def _all_panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows too, and what is folded into them."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", ())


def _panels(name: str) -> list[dict[str, Any]]:
    """Those that ask the database."""
    return [panel for panel in _all_panels(_dashboard(name)) if panel["type"] not in {"row", "text"}]


def _overrides(panel: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Column of the SQL → its properties."""
    return {
        override["matcher"]["options"]: {p["id"]: p["value"] for p in override["properties"]}
        for override in panel["fieldConfig"]["overrides"]
    }


def _values(of: object, key: str) -> Iterator[Any]:
    """What stands under `key`, however deep."""
    if isinstance(of, dict):
        if key in of:
            yield of[key]
        for value in of.values():
            yield from _values(value, key)
    elif isinstance(of, list):
        for value in of:
            yield from _values(value, key)


def test_generated_files_are_what_the_code_says() -> None:
    assert generate.stale() == [], "run: python -m dashboards.generate"


def test_the_same_code_gives_the_same_bytes() -> None:
    assert generate.generated() == _files()


def test_check_finds_every_kind_of_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "generated", _files)
    folder = ["--folder", str(tmp_path)]
    assert generate.main([*folder, "--check"]) == 1
    assert "is missing" in capsys.readouterr().err
    assert generate.main(folder) == 0
    assert generate.main([*folder, "--check"]) == 0
    (tmp_path / "zh/supply_reliability.json").write_text("{}")
    (tmp_path / "en/left_over.json").write_text("{}")
    capsys.readouterr()
    assert generate.main([*folder, "--check"]) == 1
    told = capsys.readouterr().err
    assert "zh/supply_reliability.json is not what the code says" in told
    assert "en/left_over.json has no source any more" in told
    assert generate.main(folder) == 0
    assert generate.stale(tmp_path) == []


def test_every_query_is_shown_somewhere() -> None:
    shown = {sql for text in _files().values() for sql in _values(json.loads(text), "rawSql")}
    shown |= {variable["query"] for name in EVERY for variable in _dashboard(name)["templating"]["list"]}
    assert {name for name in query.names() if query.text(name) not in shown} == set()


@pytest.mark.parametrize("name", EVERY)
def test_panels_explain_themselves(name: str) -> None:
    for panel in _panels(name):
        title = panel["title"]
        assert len(panel["description"]) > (30 if name.startswith("en") else 12), title
        assert panel["datasource"]["uid"] == "${datasource}", title
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references), title
        over_time = panel["type"] in {"timeseries", "heatmap", "state-timeline"}
        for target in panel["targets"]:
            assert target["datasource"]["type"] == "grafana-postgresql-datasource", title
            assert (target["format"] == "time_series") == over_time, title
        wordless = panel["type"] in {"table", "state-timeline"}
        assert wordless or panel["fieldConfig"]["defaults"]["unit"], title


@pytest.mark.parametrize("name", EVERY)
def test_thresholds_come_from_columns_of_the_targets(name: str) -> None:
    order = re.findall(r"\bas (\w+)", query.text("targets"))
    for panel in _panels(name):
        steps = [step for step in panel.get("transformations", ()) if step["id"] == "configFromData"]
        asked = [target["refId"] for target in panel["targets"]]
        used = [step["options"]["configRefId"] for step in steps]
        assert len(set(used)) == len(used), panel["title"]  # Grafana uses a target up
        assert set(used) == set(asked) - {"A", "B", "C"}, panel["title"]
        for step in steps:
            columns = [mapping["fieldName"] for mapping in step["options"]["mappings"]]
            places = [order.index(column) for column in columns]
            assert places == sorted(places), panel["title"]  # Grafana takes them in the order of the query
            if step["options"]["applyTo"]["id"] == "byName":
                assert step["options"]["applyTo"]["options"] in _shown_columns(panel), panel["title"]


def _shown_columns(panel: dict[str, Any]) -> set[str]:
    return {c for target in panel["targets"] for c in re.findall(r'\bas\s+"([^"]+)"', target["rawSql"])}


@pytest.mark.parametrize("name", EVERY)
def test_panels_have_ids_of_their_own_and_do_not_overlap(name: str) -> None:
    dashboard = _dashboard(name)
    assert dashboard["schemaVersion"] == 41  # that of Grafana 11.6
    ids = [panel["id"] for panel in _all_panels(dashboard)]
    assert sorted(ids) == list(range(1, len(ids) + 1))
    folded = [panel["panels"] for panel in dashboard["panels"] if panel.get("panels")]
    for together in (dashboard["panels"], *folded):
        taken: set[tuple[int, int]] = set()
        for panel in together:
            place = panel["gridPos"]
            x, y = place.get("x", 0), place.get("y", 0)
            cells = {(i, j) for i in range(x, x + place["w"]) for j in range(y, y + place["h"])}
            assert not cells & taken, panel["title"]
            assert x + place["w"] <= 24, panel["title"]
            taken |= cells


@pytest.mark.parametrize("name", EVERY)
def test_links_lead_somewhere(name: str) -> None:
    language = name.partition("/")[0]
    there = {_dashboard(each)["uid"]: _dashboard(each) for each in EVERY if each.startswith(language)}
    for panel in _panels(name):
        columns = _shown_columns(panel)
        for url in _values(panel["fieldConfig"], "url"):
            used = re.findall(r"\$\{__data\.fields\.([^:}]+):percentencode\}", url)
            assert used or "__data" not in url, url
            assert set(used) <= columns, f"{panel['title']}: {url}"
            if found := re.fullmatch(r"/d/([^?]+)\?(.*)", url):
                offered = {variable["name"] for variable in there[found[1]]["templating"]["list"]}
                assert set(re.findall(r"var-(\w+)=", found[2])) <= offered, url
            else:
                page = re.fullmatch(r"\$\{page:raw\}/#/(\w+)/\$\{__data[^}]+\}", url)
                assert page, url
                assert page[1] in get_args(links.View), url


@pytest.mark.parametrize("name", EVERY)
def test_dashboards_lead_to_each_other_and_to_the_page(name: str) -> None:
    dashboard = _dashboard(name)
    own = "feederline" if name.startswith("en") else "feederline-zh"
    assert dashboard["tags"] == [own]
    stem = Path(name).stem.replace("_", "-")
    assert dashboard["uid"] == f"feederline-{stem}" + ("" if name.startswith("en") else "-zh")
    others, page = dashboard["links"]
    assert (others["type"], others["tags"], others["keepTime"], others["includeVars"]) == (
        "dashboards", [own], True, True,
    )  # fmt: skip
    assert page["url"] == "${page:raw}/#/now"
    (marks,) = dashboard["annotations"]["list"]
    assert marks["target"]["rawSql"] == query.text("annotation_incidents")


@pytest.mark.parametrize("name", EVERY)
def test_variables_are_there_before_they_are_asked_for(name: str) -> None:
    dashboard = _dashboard(name)
    offered: list[str] = []
    for variable in dashboard["templating"]["list"]:
        used = _variables(variable["query"])
        assert used <= set(offered), variable["name"]
        offered.append(variable["name"])
        if variable["includeAll"]:
            assert variable["allValue"] == "'*'", variable["name"]
    for panel in _panels(name):
        for target in panel["targets"]:
            assert _variables(target["rawSql"]) <= set(offered), panel["title"]


def _variables(sql: str) -> set[str]:
    found = re.findall(r"\$\{(\w+)([^}]*)\}", sql)
    assert {how for _, how in found} <= {":sqlstring"}, sql  # everything else is open to injection
    return {variable for variable, _ in found}


@pytest.mark.parametrize("name", generate.DASHBOARDS)
def test_both_languages_ask_and_show_the_same(name: str) -> None:
    english, chinese = (list(_all_panels(_dashboard(f"{language}/{name}.json"))) for language in LANGUAGES)
    for one, other in zip(english, chinese, strict=True):
        assert one["gridPos"] == other["gridPos"]
        assert list(_values(one, "rawSql")) == list(_values(other, "rawSql"))
        assert CHINESE.search(other["title"]), other["title"]
        assert not CHINESE.search(json.dumps(one, ensure_ascii=False)), one["title"]
        if "description" in one:
            assert CHINESE.search(other["description"]), other["title"]


@pytest.mark.parametrize("name", [name for name in EVERY if name.startswith("zh")])
def test_columns_are_called_by_their_chinese_names(name: str) -> None:
    words = Words("zh")
    for panel in _panels(name):
        if panel["type"] == "heatmap":
            continue
        told = _overrides(panel)
        for column in _shown_columns(panel):
            if query.is_shown(column) and "metric" not in _shown_columns(panel):
                called = told.get(column, {}).get("displayName", column)
                by_row = called.startswith("${__data.fields")  # bars called by their row
                assert by_row or called == words(column), panel["title"]
            elif panel["type"] == "table":
                assert told[column]["custom.hidden"] is True, panel["title"]


def test_nothing_may_be_said_of_a_column_that_the_query_lacks() -> None:
    with pytest.raises(ValueError, match=r"customers_now\.sql has no column Of"):
        rows(Words("en"), "T", "customers_now", description="D", columns={"Of": {}})


def _words_of(enum: type[StrEnum]) -> set[str]:
    return {member.value for member in enum}


@pytest.mark.parametrize(
    ("of", "known"),
    [
        ("incident_kind", _words_of(IncidentKind)),
        ("incident_state", _words_of(IncidentState)),
        ("supply_state", _words_of(SupplyState)),
        ("ticket_state", _words_of(TicketState)),
        ("target_state", _words_of(State)),
        ("target_span", _words_of(Span)),
        ("node_kind", set(NODE_KINDS)),
        ("priority", set(PRIORITIES) - {""}),
        (
            "clock",
            {name for name in SlaSettings.model_fields if name.startswith(("response", "arrival", "restor"))},
        ),
    ],
)
def test_every_state_and_kind_that_the_code_knows_has_its_word(of: str, known: Iterable[str]) -> None:
    assert set(VALUES[of]) == set(known)


def test_words_that_sql_says_are_those_that_are_mapped() -> None:
    said = {
        "window": ("indices", "indices_by_kind", "indices_dlt_836"),
        "day_kind": ("major_event_days",),
        "clock_state": ("ticket_clocks",),
        "clock": ("ticket_clocks",),
        "priority": ("important_off",),
    }
    for of, queries in said.items():
        for value in VALUES[of]:
            assert any(f"'{value}'" in query.text(name) for name in queries), (of, value)
