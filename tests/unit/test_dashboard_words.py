"""The words of dashboards: English in the code, Chinese in one place, and every fault told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboards import generate
from dashboards import words as source
from dashboards.words import Words, WordsError


def test_words_are_english_in_the_code_and_all_faults_are_told_at_once() -> None:
    assert Words("en")("Customers now") == "Customers now"
    assert Words("zh")("Customers now") == "当前用户供电状态"
    assert Words("en").together(("One.", "Two.")) == "One. Two."
    words = Words("zh")
    words("No such text")
    words("Nor this")
    told = words.faults()
    assert told[:2] == ["words/zh.yaml lacks: No such text", "words/zh.yaml lacks: Nor this"]
    assert "words/zh.yaml has what nothing shows: Customers now" in told
    assert Words("en").faults() == []


def test_a_missing_word_stops_the_generator_and_changes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = source.translations()
    lost = {"Customers now", "Worst feeders"}
    few = {english: chinese for english, chinese in known.items() if english not in lost}
    monkeypatch.setattr(source, "translations", lambda: few | {"Left over": "多余"})
    assert generate.main(["--folder", str(tmp_path)]) == 1
    told = capsys.readouterr().err.splitlines()
    assert sorted(told) == sorted(
        [f"words/zh.yaml lacks: {text}" for text in lost]
        + ["words/zh.yaml has what nothing shows: Left over"]
    )
    assert list(tmp_path.iterdir()) == []


def test_a_text_has_one_place_in_the_file_of_words(tmp_path: Path) -> None:
    file = tmp_path / "zh.yaml"
    file.write_text("one:\n  A: 甲\n  B: ''\ntwo:\n  A: 乙\n  \"Off\": 停\nthree:\n", encoding="utf-8")
    with pytest.raises(WordsError) as refused:
        source.translations(file)
    assert refused.value.faults == [
        "zh.yaml, one: no text: B",
        "zh.yaml, two: stands in another section, too: A",
    ]
