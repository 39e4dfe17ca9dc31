"""JSON as devices really send it, read with care: what the fast path refuses comes here."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable

from drivers.mqtt.payloads.mapping import epoch_milliseconds
from drivers.mqtt.payloads.text import clean
from gateway.core.clock import parse_time
from gateway.core.quantities import BY_NAME

_MOST_NAMED = 20  # problems of one payload that are named; it is kept whole anyway


class UnreadableError(ValueError):
    """The payload as a whole is not what it should be; the message says what is wrong with it."""


def read_object(payload: bytes) -> dict[str, object]:
    """The JSON object in `payload`. Bare NaN and Infinity, which many writers emit, become text.

    Raises:
        UnreadableError: not UTF-8, not JSON, nested too deeply, or not an object.
    """
    try:
        document: object = json.loads(bytes(payload).decode("utf-8-sig"), parse_constant=str)
    except UnicodeDecodeError as exc:
        raise UnreadableError(f"malformed: not UTF-8 at byte {exc.start}") from exc
    except RecursionError as exc:
        raise UnreadableError("malformed: nested too deeply") from exc
    except ValueError as exc:
        raise UnreadableError(f"malformed: not JSON: {exc}") from exc
    if not isinstance(document, dict):
        raise UnreadableError("malformed: not a JSON object")
    return document


def read_number(quantity: str, value: object) -> float | None:
    """The finite number that `value` is, None when it is none. true and false are numbers of a state only."""
    if isinstance(value, bool):
        return float(value) if BY_NAME[quantity].kind == "state" else None
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            return None
        return number if math.isfinite(number) else None
    return None


def read_time(value: object) -> int | None:
    """µs since 1970 from ISO 8601 with a zone or from epoch milliseconds; None for null.

    Raises:
        ValueError: neither; the message says so.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return parse_time(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return epoch_milliseconds(value)
    raise ValueError(f"{raw_text(value)} is neither ISO 8601 with a zone nor epoch milliseconds")


def raw_text(value: object) -> str:
    """`value` as it stood in the payload, near enough for a person."""
    return clean(value if isinstance(value, str) else json.dumps(value, default=str))


def unknown_members(document: dict[str, object], known: Iterable[str]) -> list[str]:
    return [f"unknown member {clean(name)!r}" for name in document.keys() - set(known)]


def summarise(problems: list[str]) -> str:
    """One line for a dead letter; empty for no problems."""
    if not problems:
        return ""
    more = len(problems) - _MOST_NAMED
    return "; ".join(sorted(problems)[:_MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
