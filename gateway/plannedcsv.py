"""planned.csv, and the same as JSON: announced outages, taken whole or not at all, every fault with its place."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.core.clock import DAY, parse_time
from gateway.core.errors import InvalidInputError
from gateway.core.model import PlannedOutage
from gateway.core.network import Network
from gateway.csvfiles import read_bytes, read_rows

COLUMNS = ("reference", "node", "from", "to")
OPTIONAL = ("reason", "by", "withdrawn")
LONGEST = 31 * DAY
"""A longer window is a mistyped month or year more often than work; write several where it is not."""

_FIRST, _LAST = parse_time("2000-01-01T00:00:00Z"), parse_time("2200-01-01T00:00:00Z")
LONGEST_TEXT = {"reference": 100, "node": 200, "reason": 1000, "by": 200}
_MOST_FAULTS = 10_000
_WITHDRAWN = {"": False, "false": False, "true": True}


def read_planned(file: Path, network: Network) -> tuple[list[PlannedOutage], list[str]]:
    """The windows of a file that are good, and the faults of the others: `planned.csv line 7: …`.

    `received_at` is 0: nobody has been told yet.
    """
    try:
        return check_csv(read_bytes(file), file.name, network)
    except InvalidInputError as exc:
        return [], list(exc.faults)


def check_csv(data: bytes, name: str, network: Network) -> tuple[list[PlannedOutage], list[str]]:
    """Good windows and faults of a table called `name`. Raises InvalidInputError for what is no such table at all."""
    faults: list[str] = []
    rows, where = read_rows(data, name, COLUMNS, faults)
    if rows and (odd := sorted(rows[0].keys() - {*COLUMNS, *OPTIONAL})):
        wanted = ",".join((*COLUMNS, *OPTIONAL))
        raise InvalidInputError([f"{name} line 1: there is no column {', '.join(odd)}; there are: {wanted}"])
    if not rows and not faults:
        faults.append(f"{name}: there is no window in it")
    return _windows(rows, where, network, faults), faults


def check_json(data: bytes, name: str, network: Network) -> tuple[list[PlannedOutage], list[str]]:
    """Good windows and faults of a list called `name` of objects with the members of planned.csv, `withdrawn` true or
    false. Raises InvalidInputError for what is no such list at all.
    """
    try:
        items = json.loads(data, object_pairs_hook=_object)
    except RecursionError as exc:
        raise InvalidInputError([f"{name}: nested too deeply"]) from exc
    except ValueError as exc:
        raise InvalidInputError([f"{name}: not JSON: {exc}"]) from exc
    if not isinstance(items, list):
        raise InvalidInputError([f"{name}: not a list of objects with {', '.join(COLUMNS)}"])
    faults: list[str] = [] if items else [f"{name}: there is no window in it"]
    rows: list[dict[str, str]] = []
    where: list[str] = []
    for i, item in enumerate(items):
        if len(faults) >= _MOST_FAULTS:
            return [], [*faults, f"{name}: nothing is looked at from item {i} on"]
        row, wrong = _row(item)
        faults += [f"{name} item {i}: {fault}" for fault in wrong]
        if not wrong:
            rows.append(row)
            where.append(f"{name} item {i}")
    return _windows(rows, where, network, faults), faults


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has the same member twice")
    return members


def _row(item: object) -> tuple[dict[str, str], list[str]]:
    """An object as a row of the table, or what is wrong with its members."""
    if not isinstance(item, dict):
        return {}, [f"{_shown(item)} is not an object with {', '.join(COLUMNS)}"]
    wrong = [f"{name} is missing" for name in COLUMNS if name not in item]
    row: dict[str, str] = {}
    for name, value in item.items():
        if name == "withdrawn" and isinstance(value, bool):
            row[name] = str(value).lower()
        elif name == "withdrawn":
            wrong.append(f"withdrawn {_shown(value)} is not true or false")
        elif name not in COLUMNS and name not in OPTIONAL:
            wrong.append(f"there is no member {_shown(name)}; there are: {', '.join((*COLUMNS, *OPTIONAL))}")
        elif not isinstance(value, str):
            wrong.append(f"{name} {_shown(value)} is not text")
        else:
            row[name] = value.strip()
    return row, wrong


def _windows(
    rows: Sequence[Mapping[str, str]], where: Sequence[str], network: Network, faults: list[str]
) -> list[PlannedOutage]:
    windows: list[PlannedOutage] = []
    first: dict[tuple[str, str], str] = {}
    for row, place in zip(rows, where, strict=True):
        wrong = _text_faults(row)
        reference, node = row["reference"], row["node"]
        if node and node not in network:
            wrong.append(f"node {_shown(node)} is not a node of the network")
        if reference and node and first.setdefault((reference, node), place) != place:
            at = first[reference, node]
            wrong.append(f"reference {_shown(reference)} with node {_shown(node)} is there already at {at}")
        starts_at, ends_at = _time(row, "from", wrong), _time(row, "to", wrong)
        if starts_at is not None and ends_at is not None:
            if ends_at <= starts_at:
                wrong.append(f"to {row['to']} is not later than from {row['from']}")
            elif ends_at - starts_at > LONGEST:
                wrong.append(f"from {row['from']} to {row['to']} is longer than {LONGEST // DAY} days")
        withdrawn = _WITHDRAWN.get(row.get("withdrawn", "").lower())
        if withdrawn is None:
            wrong.append(f"withdrawn {_shown(row['withdrawn'])} is not true, false or empty")
        faults += [f"{place}: {fault}" for fault in wrong]
        if not wrong and starts_at is not None and ends_at is not None and withdrawn is not None:
            windows.append(
                PlannedOutage(
                    reference=reference,
                    node=node,
                    starts_at=starts_at,
                    ends_at=ends_at,
                    received_at=0,
                    reason=row.get("reason", ""),
                    by=row.get("by", ""),
                    withdrawn=withdrawn,
                )
            )
    return windows


def _text_faults(row: Mapping[str, str]) -> list[str]:
    wrong = [f"{name} is empty" for name in ("reference", "node") if not row[name]]
    for name, longest in LONGEST_TEXT.items():
        text = row.get(name, "")
        if len(text) > longest:
            wrong.append(f"{name} {_shown(text)} is longer than {longest} characters")
        if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
            wrong.append(f"{name} {_shown(text)} holds a control character")
    return wrong


def _time(row: Mapping[str, str], column: str, wrong: list[str]) -> int | None:
    text = row[column]
    try:
        at = parse_time(text)
    except ValueError:
        wrong.append(
            f"{column} {_shown(text)} is not an ISO 8601 time with an offset, such as 2026-03-01T08:00:00+08:00"
        )
    else:
        if _FIRST <= at < _LAST:
            return at
        wrong.append(f"{column} {_shown(text)} lies outside the years 2000 to 2199")
    return None


def _shown(value: object) -> str:
    """Short enough for one line of a message, whatever it is."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
