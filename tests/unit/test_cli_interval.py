"""`feederline interval` finds what is wrong with its words before it asks anybody, and tells all that it was told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.cli.intervalshown import show_edit, show_story
from gateway.core.errors import InvalidInputError, UnavailableError

CONFIG = str(Path(__file__).parents[2] / "examples" / "feederline.yaml")
START = "2026-03-01T08:00:00Z"


@pytest.mark.parametrize(
    ("words", "faults"),
    [
        (("M1", "soon"), ["START: 'soon' is not"]),
        (("", "2026-03-01T08:00:00"), ["DEVICE: is empty", "START: '2026-03-01T08:00:00' is not"]),
        (("\udcff", START), ["is not text"]),
        (("show", "M1", "0001-01-01T00:00:00"), ["START: "]),
        (("edit", "M1", START, "--reason", "x"), ["say either --value or --take-back"]),
        (
            ("edit", "M1", "x", "--reason", "x", "--value", "1", "--take-back", "--end", "y"),
            ["say either", "START: 'x'", "--end: 'y'"],
        ),
        (("--json", "M1", "soon"), ["START: 'soon' is not"]),
    ],
)  # fmt: skip
def test_words_that_cannot_be_are_not_sent(words: tuple[str, ...], faults: list[str]) -> None:
    exception = CliRunner().invoke(app, ["interval", *words, "-c", CONFIG]).exception
    assert isinstance(exception, InvalidInputError), exception
    assert len(exception.faults) == len(faults)
    for told, expected in zip(exception.faults, faults, strict=True):
        assert expected in told


def test_usage_is_told_by_typer() -> None:
    for words in (
        ("edit", "M1", START, "--value", "1"),
        ("edit", "M1", START, "--reason", "x", "--value", "-1"),
    ):
        assert CliRunner().invoke(app, ["interval", *words, "-c", CONFIG]).exit_code == 2
    assert "DEVICE START shows it" in " ".join(CliRunner().invoke(app, ["interval", "--help"]).stdout.split())


def test_a_device_may_be_called_as_a_command_is() -> None:
    words = ["interval", "show", "edit", START, "--url", "http://127.0.0.1:9"]
    assert isinstance(CliRunner().invoke(app, words).exception, UnavailableError)


VERSION: dict[str, Any] = {
    "version": 1, "made_at": START, "raw": None, "value": None, "status": "missing", "rules": {"missing": "no reading"},
    "by": None, "reason": None, "edit": None,
}  # fmt: skip


def test_the_story_of_an_interval_without_anything(capsys: pytest.CaptureFixture[str]) -> None:
    story = {
        "device": "M1", "node": "T1", "quantity": "energy_import", "unit": "kWh", "start": START, "end": START,
        "raw": None, "value": None, "status": "missing", "final": True, "revision": 1, "opening": None, "closing": None,
        "versions": [VERSION], "too_late": [VERSION | {"value": 1234.5, "status": "valid", "rules": {}}],
        "edits": [{"number": 3, "at": START, "by": "Li", "value": None, "start": START, "end": START, "reason": "no"}],
        "changes": [
            {"of": "exchange", "at": START, "before": 0.0, "after": None, "by": "Li", "reason": "cracked\x1b[2J\n",
             "withdrawn": {"at": START, "by": "Wu", "reason": "it was M2"}},
        ],
    }  # fmt: skip
    show_story(story)
    assert capsys.readouterr().out.splitlines() == [
        "M1 at T1: energy_import",
        f"{START} to {START}, final",
        "  billed nothing, missing; as read nothing; version 1",
        "Register at its ends",
        "  opening  no reading within a day before",
        "  closing  no reading within a day before",
        "Versions",
        f"  1: {START}  nothing missing [missing] by the gateway",
        f"  came too late for 1: {START}  1,234.500 kWh valid by the gateway",
        "Rules that touched it",
        "  missing  no reading",
        "What people said",
        f"  3: {START}  Li: took back {START} to {START}; no",
        "Changes of the meter",
        f"  {START}  exchange, before 0, cracked\ufffd[2J\ufffd, by Li; withdrawn by Wu: it was M2",
    ]


def test_an_edit_of_many_intervals_names_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    effect = {
        "start": START,
        "before": {"value": None, "status": "missing"},
        "after": {"value": 2.5, "status": "edited"},
    }
    made = {
        "dry_run": False,
        "number": 7,
        "changed": 101,
        "device": "M1",
        "quantity": "energy_import",
        "effects": [effect],
    }
    show_edit(made)
    assert capsys.readouterr().out.splitlines() == [
        "edit 7 changed 101 intervals of M1 (energy_import)",
        f"  {START}: – missing -> 2.5 edited",
        "  and 100 more",
    ]
