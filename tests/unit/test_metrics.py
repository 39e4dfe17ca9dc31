"""docs/api.md lists the metrics that the program exposes, with their labels."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# In a process of its own: what other tests import must not count.
LIST = """
import pkgutil, importlib
from prometheus_client import REGISTRY
import alerts, drivers, gateway, processors
import gateway.app
for package in (alerts, drivers, gateway, processors):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if module.name.endswith(".metrics"):
            importlib.import_module(module.name)
for metric in {id(m): m for m in REGISTRY._collector_to_names}.values():
    described = metric.describe() if hasattr(metric, "describe") else []
    for family in described:
        if family.name.startswith("feederline_"):
            name = family.name + ("_total" if family.type == "counter" else "")
            print(name, ",".join(metric._labelnames), family.type)
"""


def test_the_documented_metrics_are_those_exposed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIST], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    exposed = {tuple(line.split(" ")) for line in done.stdout.splitlines()}
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"(?m)^\| `(feederline_\w+)` \| (.*?) ?\| (.*) \|$", text)
    assert len(listed) == len({name for name, _, _ in listed})
    assert {(name, ",".join(re.findall(r"`(\w+)`", labels))) for name, labels, _ in listed} == {
        (name, labels) for name, labels, _ in exposed
    }
    assert {name for name, _, what in listed if what.startswith("histogram")} == {
        name for name, _, kind in exposed if kind == "histogram"
    }
