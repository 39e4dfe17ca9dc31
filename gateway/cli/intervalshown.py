"""The story of an interval and what an edit changes, as text for a person at a desk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer

Told = Mapping[str, Any]


def show_story(story: Told) -> None:
    """`story`: what /api/meter-data/intervals/history answers."""
    unit = story["unit"]
    final = "final" if story["final"] else "not final yet"
    _echo(f"{story['device']} at {story['node']}: {story['quantity']}")
    _echo(f"{story['start']} to {story['end']}, {final}")
    _echo(
        f"  billed {_energy(story['value'], unit)}, {story['status']}; "
        f"as read {_energy(story['raw'], unit)}; version {story['revision']}"
    )
    _echo("Register at its ends")
    for name in ("opening", "closing"):
        _echo(f"  {name}  {_reading(story[name], unit)}")
    _echo("Versions")
    for version in story["versions"]:
        _echo(f"  {_version(version, unit)}")
    for version in story["too_late"]:
        _echo(f"  came too late for {_version(version, unit)}")
    if rules := _rules(story):
        _echo("Rules that touched it")
        width = max(map(len, rules))
        for rule, words in rules.items():
            _echo(f"  {rule:<{width}}  {words}")
    if story["edits"]:
        _echo("What people said")
        for edit in story["edits"]:
            _echo(f"  {_edit(edit, unit)}")
    if story["changes"]:
        _echo("Changes of the meter")
        for change in story["changes"]:
            _echo(f"  {_change(change)}")


def show_edit(made: Told) -> None:
    """`made`: what POST /api/meter-data/edits answers."""
    done = "would change" if made["dry_run"] else f"edit {made['number']} changed"
    plural = "" if made["changed"] == 1 else "s"
    _echo(f"{done} {made['changed']} interval{plural} of {made['device']} ({made['quantity']})")
    for effect in made["effects"]:
        before, after = (f"{_number(s['value'])} {s['status']}" for s in (effect["before"], effect["after"]))
        _echo(f"  {effect['start']}: {before} -> {after}")
    if made["changed"] > len(made["effects"]):
        _echo(f"  and {made['changed'] - len(made['effects'])} more")


def _echo(line: str) -> None:
    """What people wrote must not move the terminal of who reads it."""
    typer.echo("".join(c if c.isprintable() else "\ufffd" for c in line))


def _rules(story: Told) -> dict[str, str]:
    """Of all versions, each rule once, in the order in which they touched it."""
    versions: Sequence[Told] = [*story["versions"], *story["too_late"]]
    return {rule: words for version in versions for rule, words in version["rules"].items()}


def _reading(reading: Told | None, unit: str) -> str:
    if reading is None:
        return "no reading within a day before"
    odd = f" ({', '.join(reading['quality'])})" if reading["quality"] else ""
    at, received = reading["measured_at"], reading["received_at"]
    return f"{_energy(reading['value'], unit)} at {at}, received {received}{odd}"


def _version(version: Told, unit: str) -> str:
    who = f"by {version['by']}: {version['reason']}" if version["by"] else "by the gateway"
    rules = f" [{', '.join(version['rules'])}]" if version["rules"] else ""
    value = _energy(version["value"], unit)
    return f"{version['version']}: {version['made_at']}  {value} {version['status']}{rules} {who}"


def _edit(edit: Told, unit: str) -> str:
    said = "took back" if edit["value"] is None else _energy(edit["value"], unit) + " for"
    stretch = f"{edit['start']} to {edit['end']}"
    return f"{edit['number']}: {edit['at']}  {edit['by']}: {said} {stretch}; {edit['reason']}"


def _change(change: Told) -> str:
    figures = [f"{name} {_number(change[name])}" for name in ("before", "after") if change[name] is not None]
    told = ", ".join([change["of"], *figures, *([change["reason"]] if change["reason"] else [])])
    withdrawn = change["withdrawn"]
    back = f"; withdrawn by {withdrawn['by']}: {withdrawn['reason']}" if withdrawn else ""
    return f"{change['at']}  {told}, by {change['by']}{back}"


def _energy(value: float | None, unit: str) -> str:
    return "nothing" if value is None else f"{_number(value)} {unit}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}" if abs(value) < 1000 else f"{value:,.3f}"
