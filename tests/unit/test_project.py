"""The project holds together: layers name every module, documents link to what exists, lists are complete."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from gateway.core.quantities import QUANTITIES

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
MODULES = {
    f"gateway.{path.stem}"
    for path in (ROOT / "gateway").iterdir()
    if (path.suffix == ".py" or (path / "__init__.py").exists()) and not path.stem.startswith("__")
} - {"gateway.core"}
QUANTITY_LIST = ROOT / "docs" / "quantities.md"
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def contract(name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = next(c for c in CONTRACTS if c["name"] == name)
    return found


@pytest.mark.parametrize("name", ["The core knows nobody", "Siblings see only the core of the gateway"])
def test_everything_above_the_core_is_out_of_reach_for_those_below(name: str) -> None:
    assert set(contract(name)["forbidden_modules"]) >= MODULES


def test_everything_but_the_store_is_kept_from_the_database() -> None:
    sources = contract("Only the store speaks to PostgreSQL")["source_modules"]
    assert set(sources) >= MODULES - {"gateway.store"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    missing = [
        target
        for target in targets
        if "://" not in target and not (document.parent / target).resolve().exists()
    ]
    assert not missing


def test_the_list_of_quantities_for_people_is_the_list() -> None:
    listed = re.findall(
        r"^\| `(\w+)` \| (\S+) \| (\S+) \| (\S+) … (\S+) \| (\w+) \|$",
        QUANTITY_LIST.read_text(),
        re.MULTILINE,
    )
    assert listed == [
        (q.name, q.unit or "—", q.obis or "—", f"{q.low:g}", f"{q.high:g}", q.kind) for q in QUANTITIES
    ]
