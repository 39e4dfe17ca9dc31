"""The one source of words of all dashboards: English stands in the code, words/zh.yaml has the same in Chinese."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from gateway.core.yamlfile import YamlFile

Language = Literal["en", "zh"]
Text = str | tuple[str, ...]
"""One text, or sentences of which each is a text of its own: what many panels say is translated once."""
LANGUAGES: tuple[Language, ...] = ("en", "zh")

_FILE = Path(__file__).parent / "words" / "zh.yaml"


class WordsError(Exception):
    """Texts that have no translation, translations that nothing uses, and such; `faults` names all of them."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Words:
    """`words("Customers now")` is that text in the language. What is asked for without being there is remembered,
    so that all of it can be told at once."""

    def __init__(self, language: Language) -> None:
        """Raises WordsError where one text stands in two sections, and InvalidInputError where zh.yaml is none."""
        self.language: Language = language
        self._known = translations() if language == "zh" else {}
        self._asked: dict[str, None] = {}

    def __call__(self, text: str) -> str:
        """The text in the language; English where it lacks, which `faults` tells."""
        self._asked[text] = None
        return self._known.get(text, text)

    def together(self, text: Text) -> str:
        """The sentences one after the other, each in the language."""
        parts = (text,) if isinstance(text, str) else text
        return ("" if self.language == "zh" else " ").join(map(self, parts))

    def faults(self) -> list[str]:
        """What is missing of all that was asked for, in that order, and what is there but was never asked for."""
        if self.language == "en":
            return []
        missing = [f"words/zh.yaml lacks: {text}" for text in self._asked if text not in self._known]
        unused = [
            f"words/zh.yaml has what nothing shows: {text}" for text in self._known if text not in self._asked
        ]
        return missing + unused


@cache
def translations(file: Path = _FILE) -> dict[str, str]:
    """English → Chinese, of all sections of the file. Raises WordsError, InvalidInputError."""
    known: dict[str, str] = {}
    faults: list[str] = []
    for section, texts in (YamlFile(file.read_text(encoding="utf-8"), file.name).data or {}).items():
        for english, chinese in (texts or {}).items():
            if english in known:
                faults.append(f"{file.name}, {section}: stands in another section, too: {english}")
            elif not isinstance(chinese, str) or not chinese.strip():
                faults.append(f"{file.name}, {section}: no text: {english}")
            else:
                known[english] = chinese.strip()
    if faults:
        raise WordsError(faults)
    return known
