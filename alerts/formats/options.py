"""What a target may say under `options`: one settings model per format, with every fault named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, ValidationError

from alerts.formats.notice import Options
from alerts.tickets import RULES, Action, Party
from gateway.core.settings import Settings

CALLBACK_ACTIONS = tuple(
    action.value for action, rule in RULES.items() if Party.SYSTEM in rule.parties or action is Action.CONFIRM
)
"""What a service system may ask for; it confirms the incident, which the ticket follows."""


def _known(actions: dict[str, str]) -> dict[str, str]:
    if unknown := [action for action in actions.values() if action not in CALLBACK_ACTIONS]:
        raise ValueError(f"{', '.join(unknown)}: not one of {', '.join(CALLBACK_ACTIONS)}")
    return actions


CallbackActions: TypeAlias = Annotated[dict[str, str], AfterValidator(_known)]
"""What is asked for when the other side's record gets into a state: its number or name → the action."""


def checked_by(model: type[Settings]) -> Callable[[Options], list[str]]:
    """The check of a format whose options are `model`."""

    def check(options: Options) -> list[str]:
        try:
            model.model_validate(dict(options))
        except ValidationError as exc:
            return [
                _fault(model, [*map(str, error["loc"])], error["type"], error["msg"])
                for error in exc.errors()
            ]
        return []

    return check


def _fault(model: type[Settings], loc: list[str], kind: str, message: str) -> str:
    where = ".".join(["options", *loc])
    if kind == "extra_forbidden" and len(loc) == 1:
        return f"{where}: there is no such option; there are: {', '.join(model.model_fields)}"
    if kind == "missing":
        return f"{where}: is missing"
    return f"{where}: {message.removeprefix('Value error, ')}"
