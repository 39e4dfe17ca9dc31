"""What the gateway sends to devices of a broker: settings of a command, and how it is written for one device."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from drivers.mqtt.topics import DEVICE, TopicTemplate
from gateway.core.clock import SECOND, format_time
from gateway.core.settings import Seconds, Settings

_PLACE = re.compile(r"\{([A-Za-z_]+)\}")
_MOST_BYTES = 65_535  # of a topic


class CommandSettings(Settings):
    """A command that every device of the broker understands.

    topic: with one level {device}, no wildcards.  payload: text with placeholders; where it begins like JSON it must
    be.  qos: 0, so that no broker keeps the command for a device that is away and gives it an old one later.
    """

    PLACES: ClassVar[tuple[str, ...]] = ("id", "device")

    topic: str
    payload: Annotated[str, Field(max_length=4096)]
    answer_s: Seconds = 5.0
    qos: Literal[0, 1] = 0

    @field_validator("topic")
    @classmethod
    def _can_be_published_to(cls, text: str) -> str:
        TopicTemplate.parse(text)
        if set(text) & set("+#") or text.startswith("$"):
            raise ValueError(
                f"topic {text!r}: a command goes to one topic, without wildcards and not below $"
            )
        return text

    @field_validator("payload")
    @classmethod
    def _is_what_it_looks_like(cls, text: str) -> str:
        if strange := sorted(set(_PLACE.findall(text)) - set(cls.PLACES)):
            there = ", ".join(f"{{{place}}}" for place in cls.PLACES)
            raise ValueError(
                f"unknown placeholder {', '.join(f'{{{name}}}' for name in strange)}; there are: {there}"
            )
        if text.lstrip()[:1] in ("{", "[") and not text.startswith(tuple(f"{{{p}}}" for p in cls.PLACES)):
            try:
                json.loads(_PLACE.sub("1", text))
            except ValueError as exc:
                raise ValueError(f"looks like JSON and is none: {exc}") from None
        return text


class AskSettings(CommandSettings):
    """As: say something now.

    payload: {id} becomes a number and {device} the device's name.  answer_topic: a template to hear answers on that no
    subscription brings, whatever their payload.  answer_s: silence after which the device has not answered.
    """

    topic: str = "feederline/v1/{device}/ask"
    payload: Annotated[str, Field(max_length=4096)] = '{"id": {id}}'
    answer_topic: str = ""

    @field_validator("answer_topic")
    @classmethod
    def _is_template(cls, text: str) -> str:
        if text:
            TopicTemplate.parse(text)
        return text


class RecallSettings(CommandSettings):
    """As: send again what your load profile holds of these times.

    payload: beside {id} and {device} there are {from} and {till} in ISO 8601 (UTC), {from_s} and {till_s} in seconds
    and {from_ms} and {till_ms} in milliseconds since 1970; what is measured at `till` itself is not wanted.
    answer_s: silence after which nothing comes;  quiet_s: silence after which nothing more comes;  longest_s: of all.
    """

    PLACES: ClassVar[tuple[str, ...]] = (
        "id", "device", "from", "till", "from_s", "till_s", "from_ms", "till_ms",
    )  # fmt: skip

    topic: str = "feederline/v1/{device}/recall"
    payload: Annotated[str, Field(max_length=4096)] = '{"id": {id}, "from": "{from}", "till": "{till}"}'
    answer_s: Seconds = 10.0
    quiet_s: Seconds = 2.0
    longest_s: Seconds = 60.0


class Numbers:
    """Whole numbers for commands, each higher than the last, whatever the clock does."""

    def __init__(self) -> None:
        self._last = 0

    def next(self, at: int) -> str:
        self._last = max(self._last + 1, at // 1000)
        return str(self._last)


class Command:
    """One command of a broker, written for its devices by their names."""

    def __init__(
        self, names: Mapping[str, int], settings: CommandSettings | None, numbers: Numbers | None = None
    ) -> None:
        self.settings = settings
        self._names = {key: name for name, key in names.items()}
        self._numbers = numbers or Numbers()

    def reaches(self, device: int) -> bool:
        """Whether there is a command, and the device's name can stand in its topic."""
        name = self._names.get(device)
        return self.settings is not None and name is not None and _sayable(self._topic(name))

    def write(self, device: int, at: int, words: Mapping[str, str] | None = None) -> tuple[str, bytes]:
        """(topic, payload) for a device that is reached."""
        assert self.settings is not None
        name = self._names[device]
        said = {"device": json.dumps(name)[1:-1], "id": self._numbers.next(at), **(words or {})}
        payload = _PLACE.sub(lambda place: said.get(place[1], place[0]), self.settings.payload)
        return self._topic(name), payload.encode()

    def _topic(self, name: str) -> str:
        assert self.settings is not None
        return self.settings.topic.replace(DEVICE, name)


def stretch(frm: int, till: int) -> dict[str, str]:
    """The placeholders of [frm, till), µs UTC, in whole seconds that hold all of it."""
    first, last = frm // SECOND, -(-till // SECOND)
    return {
        "from": format_time(first * SECOND),
        "till": format_time(last * SECOND),
        "from_s": str(first),
        "till_s": str(last),
        "from_ms": str(first * 1000),
        "till_ms": str(last * 1000),
    }


def _sayable(topic: str) -> bool:
    """Brokers end the session of whoever publishes to a topic with control characters or half characters in it."""
    return (
        len(topic.encode("utf-8", "surrogatepass")) <= _MOST_BYTES
        and not topic.startswith("$")
        and not any(unicodedata.category(sign) in ("Cc", "Cs", "Cn") for sign in topic)
    )
