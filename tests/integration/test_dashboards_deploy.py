"""`feederline dashboards deploy` against a stand-in for Grafana that takes only what Grafana documents."""

from __future__ import annotations

import copy
import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from dashboards.deploy import wanted as module
from dashboards.deploy.client import Grafana
from dashboards.deploy.wanted import GENERATED, Database, Login, Wanted
from gateway.core.errors import (
    ImpossibleError,
    InvalidInputError,
    RefusedError,
    UnavailableError,
)
from tests.grafana.deploying import (
    ALL_BOARDS,
    ALL_RULES,
    BOARD,
    BOARDS,
    DATABASE,
    RULES,
    exit_code,
    few,
    grafana,
    run,
    writes_of,
)
from tests.grafana.standin import ADMIN, ALL_RIGHTS, StandIn

__all__ = ["few", "grafana"]


def test_a_fresh_grafana_gets_everything_in_an_order_that_always_works(
    grafana: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GENERATED", GENERATED)
    outcome = run(grafana)
    assert outcome.complete
    assert not outcome.updated
    assert {uid: folder["title"] for uid, folder in grafana.folders.items()} == {
        "feederline": "Feederline",
        "feederline-zh": "Feederline 中文",
        "feederline-alerts": "Feederline alerts",
    }
    assert len(grafana.dashboards) == ALL_BOARDS
    assert grafana.metas[BOARD]["folderUid"] == "feederline"
    assert grafana.metas[f"{BOARD}-zh"]["folderUid"] == "feederline-zh"
    source = grafana.datasources["feederline"]
    assert (source["url"], source["user"]) == ("db.example:5432", "grafana")
    assert source["jsonData"]["database"] == "feederline"
    assert source["jsonData"]["sslmode"] == "verify-full"
    assert source["jsonData"]["timescaledb"] is True
    assert not source["isDefault"]
    assert set(grafana.rules) == {rule["uid"] for rule in ALL_RULES}
    assert {rule["provenance"] for rule in grafana.rules.values()} == {"api"}
    assert [route["receiver"] for route in grafana.tree["routes"]] == ["Feederline"]
    kinds = [one.split("/api/")[1].split("/", 2) for one in grafana.writes]
    order = list(dict.fromkeys("/".join(kind[:3]) for kind in kinds))
    assert [word.removeprefix("v1/provisioning/") for word in order] == [
        "folders", "datasources", "datasources/uid/feederline", "dashboards/db",
        "contact-points", "policies", "alert-rules",
    ]  # fmt: skip
    assert writes_of(grafana) == []


def test_a_second_run_changes_nothing_and_says_so(
    grafana: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(f"{ADMIN}\n")
    (tmp_path / "password").write_text("reads\n")
    arguments = [
        "--url", grafana.url, "--token-file", str(tmp_path / "token"), "--database", "db.example:5432/feederline",
        "--database-user", "grafana", "--database-password-file", str(tmp_path / "password"),
        "--alerts-to", "https://desk.example/hooks/grafana", "--alerts-email", "a@b.example",
    ]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["feederline", "dashboards", "deploy", *arguments])
    assert exit_code() == 0
    said = capsys.readouterr()
    assert "created: folder Feederline (feederline)" in said.out
    assert ADMIN not in said.out + said.err
    grafana.writes.clear()
    assert exit_code() == 0
    assert grafana.writes == []
    assert capsys.readouterr().out.startswith("nothing to change at http://127.0.0.1")
    monkeypatch.setattr(sys, "argv", ["feederline", "dashboards", "deploy", *arguments, "--json"])
    assert exit_code() == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["grafana"] == "11.6.4"
    assert (told["created"], told["updated"], told["kept"], told["failures"]) == ([], [], [], [])
    assert len(told["unchanged"]) == 3 + 1 + BOARDS + 2 + 1 + len(RULES)


def test_what_others_made_is_kept(grafana: StandIn) -> None:
    run(grafana)
    with closing(Grafana(grafana.url, Login(token=ADMIN))) as theirs:
        mine = {"dashboard": {"id": None, "uid": "mine", "title": "Mine"}, "folderUid": "feederline"}
        theirs.ask("mine", theirs.api.dashboard.update_dashboard, mine)
        rule = {**copy.deepcopy(RULES[0]), "uid": "mine", "title": "My rule", "orgID": 1}
        rule |= {"folderUID": "feederline-alerts", "ruleGroup": "Feederline"}
        theirs.ask("mine", theirs.api.alertingprovisioning.create_alertrule, rule, True)
        point = {"uid": "mine", "name": "Mine", "type": "email", "settings": {"addresses": "me@grid.example"}}
        theirs.ask("mine", theirs.api.alertingprovisioning.create_contactpoint, point, True)
    grafana.tree["routes"].append({"receiver": "Mine", "object_matchers": [["severity", "=", "critical"]]})
    grafana.tree["repeat_interval"] = "8h"
    del grafana.tree["routes"][0]  # and somebody took our route away
    grafana.metas[BOARD]["folderUid"] = ""  # and moved a dashboard of ours
    grafana.folders["feederline"]["title"] = "Our grid"
    grafana.datasources["feederline"] |= {"isDefault": True}
    grafana.datasources["feederline"]["jsonData"]["maxOpenConns"] = 50
    grafana.rules["feederline-collection"]["isPaused"] = True
    before = copy.deepcopy((grafana.dashboards["mine"], grafana.rules["mine"], grafana.points))

    outcome = run(grafana, Wanted(database=DATABASE, webhook="https://other.example/"))

    assert before[:2] == (grafana.dashboards["mine"], grafana.rules["mine"])
    assert [point for point in grafana.points if point["uid"] != "feederline-webhook"] == [
        point for point in before[2] if point["uid"] != "feederline-webhook"
    ]
    assert [route["receiver"] for route in grafana.tree["routes"]] == ["Feederline", "Mine"]
    assert grafana.tree["repeat_interval"] == "8h"
    assert "provenance" not in grafana.tree, "who edits policies by hand can go on doing so"
    assert grafana.metas[BOARD]["folderUid"] == ""
    assert grafana.folders["feederline"]["title"] == "Our grid"
    assert grafana.datasources["feederline"]["isDefault"]
    assert grafana.datasources["feederline"]["jsonData"]["maxOpenConns"] == 50
    assert grafana.rules["feederline-collection"]["isPaused"]
    assert outcome.updated == ["contact point Feederline (webhook)"]
    assert outcome.created == ["route to contact point Feederline"]


def test_a_change_of_ours_updates_and_keeps_what_people_set(grafana: StandIn) -> None:
    run(grafana)
    rule = grafana.rules["feederline-deliveries"]
    rule |= {"isPaused": True, "for": "9m", "notification_settings": {"receiver": "Feederline"}}
    board = grafana.dashboards[BOARD]
    grafana.dashboards[BOARD] = board | {"title": "An older release's"}
    grafana.versions[BOARD][0]["message"] = "Feederline 0.0.9, content 0123456789ab"
    grafana.metas[BOARD]["folderUid"] = "feederline-zh"
    outcome = run(grafana)
    assert len(outcome.updated) == 2
    assert grafana.dashboards[BOARD] == board | {"version": 2}
    assert grafana.metas[BOARD]["folderUid"] == "feederline-zh"
    now = grafana.rules["feederline-deliveries"]
    assert (now["for"], now["isPaused"]) == ("1m", True)
    assert now["notification_settings"] == {"receiver": "Feederline"}
    assert writes_of(grafana) == []


@pytest.mark.parametrize("lists", [False, True])
def test_what_grafana_writes_in_its_own_way_is_no_edit(grafana: StandIn, lists: bool) -> None:
    grafana.lists_versions = lists
    run(grafana)
    grafana.dashboards[BOARD]["weekStart"] = ""
    assert writes_of(grafana) == []


def test_a_dashboard_that_somebody_edited_is_kept_until_told_otherwise(
    grafana: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(grafana)
    edited = grafana.edit(BOARD, title="Mine now", message="larger type")
    outcome = run(grafana)
    assert grafana.dashboards[BOARD]["title"] == "Mine now"
    assert not outcome.complete
    assert outcome.kept[0].endswith(
        f"changed in Grafana (version {edited} by li.wei); --overwrite replaces it, a copy under another name is left "
        "alone"
    )
    monkeypatch.setenv("FEEDERLINE_GRAFANA_TOKEN", ADMIN)
    monkeypatch.setattr(sys, "argv", ["feederline", "dashboards", "deploy", "--url", grafana.url])
    assert exit_code() == 1
    assert "kept as it is: dashboard" in capsys.readouterr().err
    outcome = run(grafana, Wanted(overwrite=True))
    assert f"version {edited} by li.wei is replaced; it can be restored" in outcome.updated[0]
    assert grafana.dashboards[BOARD]["title"] != "Mine now"
    assert [one["version"] for one in grafana.versions[BOARD]] == [3, 2, 1], (
        "what was replaced is in the history"
    )
    assert writes_of(grafana) == []


def test_an_edit_between_looking_and_saving_is_not_lost(grafana: StandIn) -> None:
    run(grafana)
    grafana.versions[BOARD][0]["message"] = "Feederline 0.0.9, content 0123456789ab"
    grafana.dashboards[BOARD]["title"] = "An older release's"

    async def edit_first(request: web.Request) -> None:
        if request.path == "/api/dashboards/db":
            grafana.before = None
            grafana.edit(BOARD, title="Mine now")

    grafana.before = edit_first
    with pytest.raises(UnavailableError, match="somebody else changed it meanwhile"):
        run(grafana)
    assert grafana.dashboards[BOARD]["title"] == "Mine now"


def test_all_rights_that_are_missing_are_named_and_nothing_is_changed(grafana: StandIn) -> None:
    grafana.tokens["viewer"] = frozenset(right for right in ALL_RIGHTS if right.endswith(":read"))
    with pytest.raises(RefusedError) as refused:
        run(grafana, token="viewer")
    text = str(refused.value)
    for right in ("folders:create", "datasources:create", "dashboards:create", "alert.provisioning:write"):
        assert f"the login may not {right}, which is needed for " in text
    assert grafana.writes == []


def test_rights_that_are_granted_one_by_one_do(grafana: StandIn) -> None:
    run(grafana)
    grafana.tokens["dashboards only"] = frozenset(
        right for right in ALL_RIGHTS if not right.startswith(("folders:create", "datasources:create"))
    )
    assert run(grafana, token="dashboards only").complete


@pytest.mark.parametrize("missing", ["alert.provisioning:read", "datasources:read", "dashboards:read"])
def test_what_cannot_even_be_read_is_told(grafana: StandIn, missing: str) -> None:
    grafana.tokens["blind"] = ALL_RIGHTS - {missing}
    with pytest.raises(RefusedError, match=missing):
        run(grafana, token="blind")
    assert grafana.writes == []


def test_a_grafana_that_does_not_tell_rights_refuses_by_itself(grafana: StandIn) -> None:
    grafana.tells_rights = False
    grafana.tokens["no folders"] = ALL_RIGHTS - {"folders:create"}
    with pytest.raises(RefusedError, match=r"folder Feederline .*the login may not(.|\n)*0 of \d+ steps"):
        run(grafana, token="no folders")
    assert run(grafana).complete


@pytest.mark.parametrize("token", ["wrong", ""])
def test_an_unknown_login_is_refused(grafana: StandIn, token: str) -> None:
    with pytest.raises(RefusedError, match="does not know the login"):
        run(grafana, token=token)


def test_a_user_with_a_password_does_as_well(grafana: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDERLINE_GRAFANA_PASSWORD", "secret")
    arguments = ["--url", grafana.url, "--user", "admin", "--dry-run"]
    monkeypatch.setattr(sys, "argv", ["feederline", "dashboards", "deploy", *arguments])
    run(grafana)
    assert exit_code() == 0
    monkeypatch.setenv("FEEDERLINE_GRAFANA_PASSWORD", "wrong")
    assert exit_code() == 1


def test_a_dry_run_tells_all_and_changes_nothing(grafana: StandIn) -> None:
    outcome = run(grafana, dry_run=True)
    assert len(outcome.created) == 3 + 1 + BOARDS + 2 + 1 + len(RULES)
    assert grafana.writes == []


def test_every_fault_of_that_grafana_is_told_at_once(grafana: StandIn) -> None:
    run(grafana, Wanted(database=DATABASE))
    grafana.plugins.clear()
    grafana.metas[BOARD]["provisioned"] = True
    grafana.dashboards[BOARD]["title"] = "from a file"
    grafana.rules["feederline-collection"] |= {"provenance": "file", "for": "2h"}
    grafana.tree["provenance"] = "file"
    grafana.datasources["feederline"]["readOnly"] = True
    before = len(grafana.writes)
    with pytest.raises(ImpossibleError) as impossible:
        run(grafana)
    lines = str(impossible.value).splitlines()
    assert len(lines) == 5
    assert "lacks its plugin for PostgreSQL" in lines[0]
    assert all("provisioned from files" in line for line in lines[1:])
    assert len(grafana.writes) == before


def test_a_grafana_that_has_all_of_it_from_files_needs_nothing(grafana: StandIn) -> None:
    """As Compose's own: the rules' folder has whatever uid Grafana gave it."""
    run(grafana)
    for meta in grafana.metas.values():
        meta["provisioned"] = True
    for rule in grafana.rules.values():
        rule |= {"provenance": "file", "folderUID": "aeb1"}
    grafana.tree["provenance"] = "file"
    grafana.datasources["feederline"]["readOnly"] = True
    assert writes_of(grafana, Wanted()) == []


def test_a_datasource_of_files_is_kept_as_it_is(grafana: StandIn) -> None:
    run(grafana)
    grafana.datasources["feederline"]["readOnly"] = True
    assert writes_of(grafana, Wanted()) == []


def test_without_a_datasource_the_database_has_to_be_named(grafana: StandIn) -> None:
    with pytest.raises(InvalidInputError, match="say what it reads with --database"):
        run(grafana, Wanted())
    assert grafana.writes == []


def test_a_datasource_of_another_kind_or_name_is_nobodys_to_take(grafana: StandIn) -> None:
    other = {"uid": "x", "name": "Feederline", "type": "influxdb", "jsonData": {}}
    grafana.datasources["x"] = other
    with pytest.raises(ImpossibleError, match=r"another datasource is called Feederline \(uid x\)"):
        run(grafana)
    grafana.datasources = {"feederline": other | {"uid": "feederline"}}
    with pytest.raises(ImpossibleError, match="is influxdb"):
        run(grafana)
    assert grafana.writes == []


def test_a_password_that_does_not_work_is_told_and_mended_by_the_next_run(grafana: StandIn) -> None:
    grafana.database_password = "another"
    outcome = run(grafana)
    assert outcome.failures == [
        "datasource Feederline (feederline): Grafana does not take it (400: pq: password authentication failed)"
    ]
    assert not outcome.complete
    assert len(grafana.dashboards) == BOARDS, "the rest is there all the same"
    grafana.database_password = "reads"
    grafana.secrets["feederline"]["password"] = "an old one"
    outcome = run(grafana)
    assert outcome.complete
    assert outcome.updated == ["datasource Feederline (feederline): password given anew, as it does not work"]
    assert grafana.secrets["feederline"]["password"] == "reads"


def test_a_login_that_reads_nothing_is_told(grafana: StandIn) -> None:
    grafana.database_readable = False
    assert "grant feederline_grafana to that user" in run(grafana).failures[0]


@pytest.mark.parametrize(
    ("offered", "wanted", "on"), [(False, "auto", False), (False, "on", True), (True, "off", False)]
)
def test_the_timescale_switch_follows_the_server_or_the_option(
    grafana: StandIn, offered: bool, wanted: Any, on: bool
) -> None:
    grafana.database_offers_timescale = offered
    database = Database(
        host="h",
        port=1,
        name="n",
        user="u",
        password="reads",
        timescale=wanted,
        ca="PEM",
        sslmode="verify-ca",
    )
    run(grafana, Wanted(database=database))
    options = grafana.datasources["feederline"]["jsonData"]
    assert options["timescaledb"] is on
    assert options["tlsConfigurationMethod"] == "file-content"
    assert grafana.secrets["feederline"] == {"password": "reads", "tlsCACert": "PEM"}
    assert writes_of(grafana, Wanted(database=database)) == []
    if wanted == "auto":
        grafana.database_offers_timescale = True
        run(grafana, Wanted(database=database))
        assert grafana.datasources["feederline"]["jsonData"]["timescaledb"] is True


def test_one_language_and_a_folder_of_ones_own(grafana: StandIn) -> None:
    run(grafana, Wanted(languages=("zh",), folder="供电", database=DATABASE))
    titles = {uid: folder["title"] for uid, folder in grafana.folders.items()}
    assert titles == {"feederline-zh": "供电", "feederline-alerts": "供电 alerts"}
    assert all(uid.endswith("-zh") for uid in grafana.dashboards)
    assert grafana.rules["feederline-collection"]["annotations"]["dashboard"] == "/d/feederline-meter-data-zh"
    run(grafana, Wanted(languages=("zh",), folder="供电可靠性", database=DATABASE))
    assert grafana.folders["feederline-zh"]["title"] == "供电可靠性"
    assert writes_of(grafana, Wanted(languages=("zh",), database=DATABASE)) == []


def test_without_anybody_to_tell_the_policies_are_left_alone(grafana: StandIn) -> None:
    outcome = run(grafana, Wanted(database=DATABASE))
    assert "default policy" in outcome.notes[0]
    assert "routes" not in grafana.tree
    assert [point["name"] for point in grafana.points] == ["grafana-default-email"]


def test_rules_of_ours_that_are_no_more_are_told_and_left(grafana: StandIn) -> None:
    run(grafana)
    grafana.rules["feederline-former"] = {
        **grafana.rules["feederline-collection"],
        "uid": "feederline-former",
    }
    outcome = run(grafana)
    assert "feederline-former" in outcome.notes[0]
    assert "feederline-former" in grafana.rules


@pytest.mark.parametrize("nth", [0, 3, 4, 6, 8, 9, 10])
def test_a_failure_midway_is_healed_by_deploying_again(grafana: StandIn, nth: int) -> None:
    grafana.fail_at = nth
    with pytest.raises(UnavailableError, match=r"Grafana failed \(500(.|\n)*steps were taken before that"):
        run(grafana)
    assert len(grafana.writes) == nth
    grafana.fail_at = None
    assert run(grafana).complete
    assert len(grafana.dashboards) == BOARDS
    assert set(grafana.rules) == {rule["uid"] for rule in RULES}
    assert writes_of(grafana) == []
