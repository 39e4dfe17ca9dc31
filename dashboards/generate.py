"""`python -m dashboards.generate` writes generated/*.json; with `--check` it only says whether they are stale."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import meter_data, supply_reliability

FOLDER = Path(__file__).parent / "generated"

_DASHBOARDS = {"meter_data": meter_data.build, "supply_reliability": supply_reliability.build}


def generated() -> dict[str, str]:
    """File name → text of every dashboard. The same code gives the same bytes."""
    files: dict[str, str] = {}
    for name, build in _DASHBOARDS.items():
        dashboard = build().build()
        for number, panel in enumerate(dashboard.panels or [], 1):
            panel.id_val = number
        text = json.dumps(dashboard, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
        files[f"{name}.json"] = text + "\n"
    return files


def stale(folder: Path = FOLDER) -> list[str]:
    """What differs between the code and the files in `folder`: one line per file."""
    wanted = generated()
    there = {path.name for path in folder.glob("*.json")}
    faults = [f"{name} has no source any more" for name in sorted(there - set(wanted))]
    for name, text in wanted.items():
        if name not in there:
            faults.append(f"{name} is missing")
        elif (folder / name).read_text(encoding="utf-8") != text:
            faults.append(f"{name} is not what the code says")
    return faults


def write(folder: Path = FOLDER) -> list[str]:
    """Bring `folder` up to date; returns what was changed."""
    changes = stale(folder)
    wanted = generated()
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")
    return changes


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m dashboards.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the JSON files are")
    options = parser.parse_args(arguments)
    changes = stale(options.folder) if options.check else write(options.folder)
    for line in changes:
        sys.stderr.write(f"{line}\n")
    if options.check and changes:
        sys.stderr.write("run: python -m dashboards.generate\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
