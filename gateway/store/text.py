"""Text and JSON that came from outside, made storable: PostgreSQL takes neither NUL nor half a surrogate pair."""

from __future__ import annotations

import math
from typing import TypeAlias

import msgspec

Json: TypeAlias = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


def storable(text: str) -> str:
    """The same text; NUL becomes the visible ␀, a lone surrogate its escape."""
    if text.isascii():
        return text.replace("\0", "␀")
    return text.replace("\0", "␀").encode("utf-8", "backslashreplace").decode("utf-8")


def to_json(value: object) -> str:
    """Any evidence as JSON text that `jsonb` takes; NaN and infinities become null."""
    return msgspec.json.encode(_storable(msgspec.to_builtins(value))).decode()


def _storable(value: Json) -> Json:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(str(key)): _storable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_storable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
