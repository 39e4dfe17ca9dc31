"""Topic templates: which messages to subscribe to, and where in the topic the device is named."""

from __future__ import annotations

import re
from typing import NamedTuple

DEVICE = "{device}"
_MAX_BYTES = 65_535  # MQTT 3.1.1, section 1.5.3


class TopicTemplate(NamedTuple):
    """A template such as `feederline/v1/{device}/telemetry`.

    text: as written;  filter: the MQTT topic filter to subscribe to;  pattern: matches whole topics, group 1 is
    the device's name.
    """

    text: str
    filter: str
    pattern: re.Pattern[str]

    @staticmethod
    def parse(text: str) -> TopicTemplate:
        """`{device}` stands for exactly one level; `+`, a final `#` and a leading `$share/GROUP/` are as in MQTT.

        Raises:
            ValueError: not such a template; the message says why.
        """
        levels = text.split("/")
        own = levels
        if levels[0] == "$share":
            own = levels[2:]
            if len(levels) < 3 or not levels[1] or set(levels[1]) & set("+#{}"):
                raise ValueError(f"topic {text!r}: $share is followed by a group's name and a topic")
        if own.count(DEVICE) != 1:
            raise ValueError(f"topic {text!r}: exactly one level must be {DEVICE}")
        if "\x00" in text or len(text.encode()) > _MAX_BYTES:
            raise ValueError(f"topic {text[:80]!r} is too long or contains a NUL character")
        parts: list[str] = []
        for i, level in enumerate(own):
            if level == DEVICE:
                parts.append("([^/]+)")
            elif level == "+":
                parts.append("[^/]*")
            elif level == "#":
                if i != len(own) - 1:
                    raise ValueError(f"topic {text!r}: # may only be the last level")
            elif set(level) & set("+#{}"):
                raise ValueError(f"topic {text!r}: {level!r} mixes a placeholder with other text")
            else:
                parts.append(re.escape(level))
        tail = "(?:/.*)?" if own[-1] == "#" else ""
        pattern = re.compile("/".join(parts) + tail, re.DOTALL)
        return TopicTemplate(text, text.replace(DEVICE, "+"), pattern)

    def device(self, topic: str) -> str | None:
        """The device's name in `topic`, or None when the topic is not of this template."""
        match = self.pattern.fullmatch(topic)
        return match.group(1) if match else None


def level_fault(name: str) -> str:
    """Why `name` can never be one level of a topic; empty where it can."""
    wrong = sorted(set(name) & set("/+#\x00"))
    if wrong:
        signs = ", ".join("NUL" if sign == "\x00" else sign for sign in wrong)
        return f"can never be one level of a topic: it holds {signs}"
    if len(name.encode("utf-8", "surrogatepass")) > _MAX_BYTES:
        return "can never be one level of a topic: it is too long"
    return ""
