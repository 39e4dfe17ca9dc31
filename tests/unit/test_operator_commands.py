"""`feederline correct` and `planned withdraw` find what is wrong with their words before they ask anybody."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.core.errors import InvalidInputError

CONFIG = str(Path(__file__).parents[2] / "examples" / "feederline.yaml")


def faults_of(*words: str) -> str:
    result = CliRunner().invoke(app, [*words, "-c", CONFIG])
    assert isinstance(result.exception, InvalidInputError), result.output
    return "\n".join(result.exception.faults)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ((), "nothing to correct"),
        (("--start", "soon"), "--start: 'soon' is not"),
        (("--start", "0001-01-01T00:00:00+23:59"), "started_at: lies before the year 2000"),
        (("--end", "9999-12-31T23:59:59-23:59"), "ended_at: lies ahead"),
        (("--start", "2026-01-02T00:00:00Z", "--end", "2026-01-01T00:00:00Z"), "ended_at: lies before started_at"),
        (("--void", "--step", "4294967296", "--device", "M1"), "step: 4294967296 is not one"),
        (("--kind", "storm"), "kind: 'storm' is neither"),
        (("--void", "--by", "x" * 201), "by: is longer than 200 characters"),
        (("--cause", "x" * 2001), "cause: is longer than 2000 characters"),
    ],
)  # fmt: skip
def test_a_correction_that_cannot_be_needs_no_database(words: tuple[str, ...], fault: str) -> None:
    assert fault in faults_of("correct", "I1", "--reason", "log", *words)


def test_faults_of_the_configuration_are_told_with_those_of_the_correction(tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text("nonsense: 1\n")
    words = ["correct", "I1", "--reason", " ", "--void", "-c", str(tmp_path / "odd.yaml")]
    exception = CliRunner().invoke(app, words).exception
    assert isinstance(exception, InvalidInputError)
    assert exception.faults[0] == "reason: is empty"
    assert any("nonsense" in fault for fault in exception.faults)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("withdraw", ""), "the reference is empty"),
        (("withdraw", "\udcff"), "is not text"),
        (("list", "--url", "http://\udcff"), "is not below an address"),
        (("withdraw", "R", "--by", "\udcff"), "is not a name"),
    ],
)
def test_words_that_are_no_text_are_not_sent(words: tuple[str, ...], fault: str) -> None:
    assert fault in faults_of("planned", *words)
