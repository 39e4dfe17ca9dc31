"""The project's frame holds together: locks, make targets, image, compose stack, and the secrets made for it."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from dashboards.deploy import wanted as wanted_there
from dashboards.query import DATASOURCE_TYPE, DATASOURCE_UID
from tests.__main__ import parts
from tests.grafana import shapes

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, object]] = COMPOSE["services"]
TARGETS = ("help", "demo", "test", "lint", "types", "bench", "lock", "clean")
LOCKS = {"requirements.lock": (), "requirements-dev.lock": ("dev", "dashboards")}


class Pin(NamedTuple):
    version: Version
    hashes: int


def pins(lock: str) -> dict[str, Pin]:
    text = (ROOT / lock).read_text(encoding="utf-8")
    found: dict[str, Pin] = {}
    for block in re.split(r"\n(?=\S)", text):
        if match := re.match(r"([a-z0-9-]+)==(\S+)", block):
            assert match[1] not in found, f"{match[1]} is pinned twice"
            found[match[1]] = Pin(Version(match[2]), block.count("--hash=sha256:"))
    return found


def wanted(extras: tuple[str, ...]) -> list[Requirement]:
    project = PROJECT["project"]
    texts = list(project["dependencies"])
    for extra in extras:
        texts += project["optional-dependencies"][extra]
    requirements = map(Requirement, [*texts, *PROJECT["build-system"]["requires"]])
    return [r for r in requirements if r.name != "feederline"]


@pytest.mark.parametrize(("lock", "extras"), LOCKS.items())
def test_the_lock_satisfies_what_the_project_asks_for(lock: str, extras: tuple[str, ...]) -> None:
    locked = pins(lock)
    assert len(wanted(extras)) > len(PROJECT["project"]["dependencies"])
    for requirement in wanted(extras):
        name = requirement.name.lower().replace("_", "-")
        assert name in locked, f"{name} is not in {lock}: make lock"
        assert requirement.specifier.contains(locked[name].version), (
            f"{lock} has {name} {locked[name]}: make lock"
        )


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes_and_no_registry_is_named(lock: str) -> None:
    assert [name for name, pin in pins(lock).items() if not pin.hashes] == []
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert re.findall(r"^\s*-(?!-hash=).*|\w+://|\bfile:", text, flags=re.MULTILINE) == []


def test_what_runs_is_what_is_tested() -> None:
    runtime, development = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: development.get(name) for name in runtime} == runtime


def test_what_grafana_client_imports_is_installed_without_the_development_tools() -> None:
    """It imports urllib3 and does not say so; without it `feederline dashboards deploy` does not even start."""
    spec = find_spec("grafana_client")
    assert spec is not None
    assert spec.origin is not None
    api = ast.parse(Path(spec.origin).with_name("api.py").read_text(encoding="utf-8"))
    absolute = [n.module for n in ast.walk(api) if isinstance(n, ast.ImportFrom) and n.module and not n.level]
    named = {alias.name for n in ast.walk(api) if isinstance(n, ast.Import) for alias in n.names}
    tops = {name.partition(".")[0] for name in [*absolute, *named]} - sys.stdlib_module_names
    assert "urllib3" in tops
    providers = packages_distributions()
    runtime = pins("requirements.lock")
    lacking = [top for top in tops if not any(p.replace("_", "-") in runtime for p in providers[top])]
    assert lacking == []


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # Not what the make above us was told, if this test runs under one.
    environment = {
        k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "ARGS")
    }
    program = shutil.which("make")
    if program is None:
        pytest.skip("make is not installed")
    return subprocess.run(
        [program, "--dry-run", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("target", TARGETS)
def test_make_knows_its_targets_and_help_names_them(target: str) -> None:
    assert make(target).returncode == 0
    assert re.search(rf"^{target}:.*## \S", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("demo", ".venv/bin/feederline demo"),
        ("bench", ".venv/bin/feederline bench"),
        ("test", ".venv/bin/python -m tests"),
    ],
)
def test_make_passes_options_on(target: str, command: str) -> None:
    shown = make(target, "ARGS=--meters 200 --json").stdout.strip().splitlines()
    assert shown[-1] == f"{command} --meters 200 --json"


def test_images_are_pinned() -> None:
    images = [str(service["image"]) for service in SERVICES.values()]
    images += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(images) == 6
    for image in images:
        assert re.search(r":\d+\.\d+\.\d+(-[a-z0-9.-]+)?$", image), f"{image} is not pinned to a release"


def test_the_image_runs_as_nobody_and_says_whether_it_is_well() -> None:
    final = (ROOT / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")[-1]
    assert re.search(r"^USER feederline$", final, re.MULTILINE)
    assert "HEALTHCHECK" in final
    assert "/health/ready" in final
    assert "apt-get" not in final


def test_every_service_can_tell_its_health() -> None:
    assert [name for name, service in SERVICES.items() if "healthcheck" not in service] == ["gateway"]


def test_ports_are_published_on_loopback_only() -> None:
    ports = [str(port) for service in SERVICES.values() for port in _list(service.get("ports"))]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_no_secret_stands_in_the_compose_file() -> None:
    for name, service in SERVICES.items():
        environment = service.get("environment", {})
        assert isinstance(environment, dict)
        for key, value in environment.items():
            if re.search(r"PASSWORD|SECRET|TOKEN", key):
                assert key.endswith("_FILE"), f"{name}: {key}"
                assert str(value).removeprefix("/run/secrets/") in _list(service["secrets"]), f"{name}: {key}"


def test_every_mounted_file_is_there() -> None:
    sources = [
        str(volume).split(":")[0] for service in SERVICES.values() for volume in _list(service.get("volumes"))
    ]
    assert {s for s in sources if not s.startswith("./")} == set(COMPOSE["volumes"])
    files = [s for s in sources if s.startswith("./")]
    assert [s for s in files if not (ROOT / s).exists()] == []
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert not {s.removeprefix("./").split("/")[0] + "/" for s in files} & set(ignored)


def test_the_datasource_is_the_one_that_the_compose_file_runs() -> None:
    provisioning = ROOT / "deploy/grafana/provisioning"
    source = yaml.safe_load((provisioning / "datasources/feederline.yaml").read_text(encoding="utf-8"))
    (datasource,) = source["datasources"]
    assert datasource["url"].split(":")[0] in SERVICES
    assert datasource["user"] == "feederline_grafana"
    assert (datasource["type"], datasource["uid"]) == (DATASOURCE_TYPE, DATASOURCE_UID)
    assert datasource["jsonData"]["timescaledb"] is True
    secret = re.fullmatch(r"\$__file\{/run/secrets/(\w+)\}", datasource["secureJsonData"]["password"])
    assert secret
    assert secret[1] in _list(SERVICES["grafana"]["secrets"])


def mounted(inside: str) -> Path:
    """What Grafana finds there, on this side."""
    for volume in _list(SERVICES["grafana"]["volumes"]):
        here, there, *_ = str(volume).split(":")
        if inside == there or inside.startswith(f"{there}/"):
            return ROOT / here / inside.removeprefix(there).lstrip("/")
    raise AssertionError(f"nothing is mounted at {inside}")


def test_grafana_finds_the_dashboards_of_each_language_in_a_folder_of_its_own() -> None:
    text = (mounted("/etc/grafana/provisioning/dashboards") / "feederline.yaml").read_text(encoding="utf-8")
    providers = {provider["folderUid"]: provider for provider in yaml.safe_load(text)["providers"]}
    assert set(providers) == set(wanted_there.FOLDERS.values())
    assert {provider["folder"] for provider in providers.values()} == {
        title for uid, title in wanted_there.Wanted().titles() if uid in providers
    }
    for language, uid in wanted_there.FOLDERS.items():
        assert not providers[uid]["allowUiUpdates"]
        folder = mounted(providers[uid]["options"]["path"])
        assert folder == ROOT / "dashboards/generated" / language
        boards = [json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*.json")]
        assert boards
        assert all(board["uid"].endswith("-zh") == (language == "zh") for board in boards)


def test_grafana_finds_the_alert_rules_and_whom_to_tell() -> None:
    folder = mounted("/etc/grafana/provisioning/alerting")
    files = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in folder.iterdir()}
    schemas = {
        "rules.json": shapes.RULE_FILE,
        "contact-points.json": shapes.CONTACT_POINT_FILE,
        "policies.json": shapes.POLICY_FILE,
    }
    assert files.keys() == schemas.keys()
    assert [fault for name, schema in schemas.items() for fault in shapes.faults(schema, files[name])] == []
    sources = {
        query["datasourceUid"]
        for group in files["rules.json"]["groups"]
        for rule in group["rules"]
        for query in rule["data"]
    }
    assert sources == {DATASOURCE_UID, "__expr__"}
    (point,) = files["contact-points.json"]["contactPoints"]
    (policy,) = files["policies.json"]["policies"]
    assert [route["receiver"] for route in policy["routes"]] == [point["name"]]
    environment = SERVICES["grafana"]["environment"]
    assert isinstance(environment, dict)
    (variable,) = re.findall(r"\$\{(\w+)\}", json.dumps(point))
    assert variable in environment


def test_no_provisioned_text_is_taken_for_a_variable_of_the_environment() -> None:
    """Grafana replaces ${NAME} in annotations, and $NAME in most else but queries, by what its environment holds."""
    (group,) = json.loads((ROOT / "dashboards/generated/alerting/rules.json").read_text(encoding="utf-8"))[
        "groups"
    ]
    for rule in group["rules"]:
        assert "${" not in json.dumps(rule["annotations"])
        rest = {key: value for key, value in rule.items() if key not in ("data", "annotations")}
        assert "$" not in json.dumps(rest)


def _list(value: object) -> list[object]:
    assert value is None or isinstance(value, list)
    return value or []


def test_every_test_file_is_in_one_part_of_the_suite() -> None:
    given = [Path(name) for part in parts() for name in part]
    files = [file for path in given for file in ([path] if path.is_file() else path.rglob("test_*.py"))]
    assert sorted(files) == sorted((ROOT / "tests").rglob("test_*.py"))
