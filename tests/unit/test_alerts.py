"""Alert rules: what Grafana needs to take them, and people to understand them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from dashboards import alerts, generate, query
from dashboards.deploy.alerting import CONTACT_POINT
from dashboards.deploy.wanted import ALERT_FOLDER, DATASOURCE_TYPE, DATASOURCE_UID, Wanted
from dashboards.words import Words
from tests.grafana import shapes

FILES = {name: json.loads(text) for name, text in alerts.files(Words("zh")).items()}
(GROUP,) = FILES["alerting/rules.json"]["groups"]
RULES: list[dict[str, Any]] = GROUP["rules"]


def test_every_query_of_an_alert_belongs_to_a_rule() -> None:
    assert {rule.query for rule in alerts.RULES} == {
        name for name in query.names() if name.startswith("alert_")
    }


def test_the_files_are_among_those_that_are_checked_for_being_stale() -> None:
    assert alerts.files in generate.FURTHER
    assert alerts.files(Words("en")) == {}


def test_what_deploys_and_what_writes_speak_of_the_same_things() -> None:
    assert (DATASOURCE_TYPE, DATASOURCE_UID) == (query.DATASOURCE_TYPE, query.DATASOURCE_UID)
    assert CONTACT_POINT == alerts.CONTACT_POINT
    assert dict(Wanted().titles())[ALERT_FOLDER] == alerts.FOLDER_TITLE


def test_names_are_unique_and_fit() -> None:
    for key in ("uid", "title"):
        assert len({rule[key] for rule in RULES}) == len(RULES)
    body = {"folderUID": ALERT_FOLDER, "ruleGroup": GROUP["name"], "orgID": 1}
    assert [fault for rule in RULES for fault in shapes.faults(shapes.ALERT_RULE, rule | body)] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_a_rule_says_what_it_means_in_both_languages(rule: dict[str, Any]) -> None:
    said = rule["annotations"]
    for text in ("summary", "description"):
        assert said[text] != said[f"{text}_zh"]
        assert re.search(r"[\u4e00-\u9fff]", said[f"{text}_zh"])
    assert len(said["description"]) > 60
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["labels"][alerts.LABEL] == alerts.VALUE
    english, _, chinese = rule["title"].partition(" · ")
    assert english != chinese


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_templates_use_only_labels_and_values_that_the_query_gives(rule: dict[str, Any]) -> None:
    (sql,) = (one["model"]["rawSql"] for one in rule["data"] if one["datasourceUid"] == DATASOURCE_UID)
    columns = set(re.findall(r'as "(\w+)"', sql))
    used = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
    assert used <= columns - {"value"}
    assert "page" in columns
    assert "value" in columns
    for text in rule["annotations"].values():
        assert text.count("{{") == text.count("}}")
        assert len(re.findall(r"\{\{ (?:if|with) ", text)) == text.count("{{ end }}")
        assert set(re.findall(r"\$values\.(\w+)\.Value", text)) <= {"A"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_the_condition_is_a_threshold_over_the_query(rule: dict[str, Any]) -> None:
    asked, judged = rule["data"]
    assert rule["condition"] == judged["refId"]
    assert judged["model"]["expression"] == asked["refId"] == asked["model"]["refId"]
    assert judged["model"]["type"] == "threshold"
    assert asked["model"]["format"] == "table"
    assert "$__" not in asked["model"]["rawSql"], "a rule has no panel to take a range from"


def test_a_database_that_is_away_is_one_alarm_and_no_all_clear() -> None:
    failing = {rule["uid"]: rule["execErrState"] for rule in RULES}
    assert [uid for uid, state in failing.items() if state == "Alerting"] == ["feederline-gateway-silent"]
    assert set(failing.values()) == {"Alerting", "KeepLast"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_the_dashboard_that_is_named_is_there(rule: dict[str, Any]) -> None:
    there = {json.loads(text)["uid"] for path, text in generate.generated().items() if path.startswith("en/")}
    assert rule["annotations"]["dashboard"].removeprefix("/d/") in there
