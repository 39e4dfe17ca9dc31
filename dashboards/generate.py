"""`python -m dashboards.generate` writes generated/en and generated/zh; with `--check` it only says whether they are
stale."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import RowPanel

from dashboards import (
    alerts,
    gateway_health,
    meter,
    meter_data,
    outages_now,
    supply_quality,
    supply_reliability,
    transformer_feeder,
    usage,
)
from dashboards.words import LANGUAGES, Words, WordsError

FOLDER = Path(__file__).parent / "generated"

DASHBOARDS: Mapping[str, Callable[[Words], Dashboard]] = {
    "gateway_health": gateway_health.build,
    "meter": meter.build,
    "meter_data": meter_data.build,
    "outages_now": outages_now.build,
    "supply_quality": supply_quality.build,
    "supply_reliability": supply_reliability.build,
    "transformer_feeder": transformer_feeder.build,
    "usage": usage.build,
}
"""File name → builder."""

FURTHER: tuple[Callable[[Words], Mapping[str, str]], ...] = (alerts.files,)
"""What else is written of the same words, such as alert rules: path below generated/ → text."""


def generated() -> dict[str, str]:
    """Path below generated/ → text of every file. The same code gives the same bytes.

    Raises:
        WordsError: texts without a translation, or translations without a text; all of them are named.
    """
    files: dict[str, str] = {}
    faults: list[str] = []
    for language in LANGUAGES:
        words = Words(language)
        for name, build in DASHBOARDS.items():
            files[f"{language}/{name}.json"] = _text(build(words))
        for further in FURTHER:
            files.update(further(words))
        faults += words.faults()
    if faults:
        raise WordsError(faults)
    return files


def _text(builder: Dashboard) -> str:
    dashboard = builder.build()
    number = 0
    for panel in dashboard.panels or []:
        number += 1
        panel.id_val = number
        for folded in panel.panels if isinstance(panel, RowPanel) else ():
            number += 1
            folded.id_val = number
    return json.dumps(dashboard, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def stale(folder: Path = FOLDER) -> list[str]:
    """What differs between the code and the files in `folder`: one line per file. Raises WordsError."""
    return _differences(generated(), folder)


def _differences(wanted: Mapping[str, str], folder: Path) -> list[str]:
    there = _there(folder)
    faults = [f"{name} has no source any more" for name in sorted(there - set(wanted))]
    for name, text in wanted.items():
        if name not in there:
            faults.append(f"{name} is missing")
        elif (folder / name).read_text(encoding="utf-8") != text:
            faults.append(f"{name} is not what the code says")
    return faults


def write(folder: Path = FOLDER) -> list[str]:
    """Bring `folder` up to date; returns what was changed. Raises WordsError, and has changed nothing then."""
    wanted = generated()
    changes = _differences(wanted, folder)
    for name in _there(folder) - set(wanted):
        (folder / name).unlink()
    for name, text in wanted.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return changes


def _there(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m dashboards.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files are")
    options = parser.parse_args(arguments)
    try:
        changes = stale(options.folder) if options.check else write(options.folder)
    except WordsError as error:
        sys.stderr.writelines(f"{fault}\n" for fault in error.faults)
        return 1
    for line in changes:
        sys.stderr.write(f"{line}\n")
    if options.check and changes:
        sys.stderr.write("run: python -m dashboards.generate\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
