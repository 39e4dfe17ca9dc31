"""Deploying to the stand-in, as the tests of it do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dashboards.deploy import wanted as module
from dashboards.deploy.client import Grafana
from dashboards.deploy.run import deploy
from dashboards.deploy.steps import Outcome
from dashboards.deploy.wanted import GENERATED, Database, Login, Wanted
from gateway.cli import main
from tests.grafana.standin import ADMIN, StandIn, serving

DATABASE = Database(host="db.example", port=5432, name="feederline", user="grafana", password="reads")
EVERYTHING = Wanted(
    database=DATABASE, webhook="https://desk.example/hooks/grafana", mail=("duty@grid.example",)
)
ALL_BOARDS = sum(1 for language in ("en", "zh") for _ in (GENERATED / language).glob("*.json"))
ALL_RULES = json.loads((GENERATED / "alerting/rules.json").read_text(encoding="utf-8"))["groups"][0]["rules"]
BOARDS = 2  # of them, in most tests
RULES = [rule for rule in ALL_RULES if rule["uid"] in ("feederline-collection", "feederline-deliveries")]
BOARD = "feederline-supply-reliability"


@pytest.fixture(scope="module", autouse=True)
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A dashboard in each language and two rules: what most tests deploy, because it takes a tenth of the time."""
    folder = tmp_path_factory.mktemp("generated")
    for language in ("en", "zh"):
        (folder / language).mkdir()
        shutil.copy(GENERATED / language / "supply_reliability.json", folder / language)
    shutil.copytree(GENERATED / "alerting", folder / "alerting")
    rules = json.loads((folder / "alerting/rules.json").read_text(encoding="utf-8"))
    rules["groups"][0]["rules"] = RULES
    (folder / "alerting/rules.json").write_text(json.dumps(rules), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "GENERATED", folder)
        yield folder


@pytest.fixture
def grafana() -> Iterator[StandIn]:
    with serving(StandIn()) as standin:
        yield standin


def run(standin: StandIn, wanted: Wanted = EVERYTHING, *, token: str = ADMIN, **how: Any) -> Outcome:
    dry_run = how.pop("dry_run", False)
    with closing(Grafana(standin.url, Login(token=token), **how)) as grafana:
        return deploy(grafana, replace(wanted, generated=module.GENERATED), dry_run=dry_run)


def writes_of(standin: StandIn, wanted: Wanted = EVERYTHING) -> list[str]:
    before = len(standin.writes)
    run(standin, wanted)
    return standin.writes[before:]


def exit_code() -> int:
    """Of the command in sys.argv."""
    try:
        main()
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0
