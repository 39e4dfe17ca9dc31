"""What deploying is made of: steps, each looked at before any is taken, and what became of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from gateway.core.errors import FeederlineError, ImpossibleError, InvalidInputError, RefusedError

Verb = Literal["create", "update", "same", "keep"]

Rights = tuple[frozenset[str], ...]
"""Ways to be allowed something: all actions of any one of them do. None at all: nothing special is needed."""


def harmless(text: str) -> str:
    """Without what moves a terminal's cursor, hides, or turns the text around it."""
    return "".join("\ufffd" if unicodedata.category(char)[0] == "C" else char for char in text)


def any_of(*actions: str) -> Rights:
    return tuple(frozenset({action}) for action in actions)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing in Grafana and what is to be done about it, by `take` where anything is.

    `keep`: it is there and not as we would have it, and stays so; `note` says why and what can be done.
    """

    what: str
    verb: Verb
    note: str = ""
    needs: Rights = ()
    take: Callable[[], None] | None = field(default=None, compare=False)


@dataclass(kw_only=True)
class Outcome:
    """What a run did, or would do (`dry_run`)."""

    url: str
    version: str
    dry_run: bool
    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """What is not as it should be although everything was done: the datasource that does not reach its database."""

    @property
    def changed(self) -> bool:
        return bool(self.created or self.updated)

    @property
    def complete(self) -> bool:
        """Is all of it now in Grafana as it was wanted?"""
        return not (self.kept or self.failures)

    def add(self, step: Step) -> None:
        text = harmless(f"{step.what}: {step.note}" if step.note else step.what)
        match step.verb:
            case "create":
                self.created.append(text)
            case "update":
                self.updated.append(text)
            case "same":
                self.unchanged.append(text)
            case "keep":
                self.kept.append(text)

    def as_json(self) -> dict[str, object]:
        return {
            "url": self.url,
            "grafana": self.version,
            "dry_run": self.dry_run,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "kept": self.kept,
            "notes": self.notes,
            "failures": self.failures,
        }


class Faults:
    """Collects what stands in the way, so that all of it is told at once."""

    def __init__(self) -> None:
        self._found: dict[str, type[FeederlineError]] = {}

    def add(self, text: str, kind: type[FeederlineError] = ImpossibleError) -> None:
        self._found.setdefault(harmless(text), kind)

    def caught(self, error: FeederlineError) -> None:
        for text in error.faults if isinstance(error, InvalidInputError) else (str(error),):
            self.add(text, type(error))

    def settle(self) -> None:
        """Raises InvalidInputError where only the input is at fault, RefusedError where a right is missing, else
        ImpossibleError; each names every fault. Nothing when there is none."""
        if not self._found:
            return
        kinds = set(self._found.values())
        if kinds == {InvalidInputError}:
            raise InvalidInputError(self._found)
        text = "\n".join(self._found)
        if RefusedError in kinds:
            raise RefusedError(text)
        raise ImpossibleError(text)


def lacking(steps: Iterable[Step], may: frozenset[str] | None) -> list[str]:
    """What the login may not do, of what these steps are going to do: one line per right, with the steps it is for.
    `may`: the actions it may do; None where nobody knows."""
    missing: dict[str, list[str]] = {}
    for step in steps:
        if step.take is None or not step.needs or may is None or any(way <= may for way in step.needs):
            continue
        missing.setdefault(" or ".join(sorted(step.needs[0])), []).append(step.what)
    return [
        f"the login may not {right}, which is needed for {_few(things)}" for right, things in missing.items()
    ]


def _few(things: list[str]) -> str:
    return ", ".join(things) if len(things) <= 3 else f"{', '.join(things[:2])} and {len(things) - 2} more"
