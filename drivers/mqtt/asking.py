"""Questions to devices of one broker: what is sent, and whether something came from the device since."""

from __future__ import annotations

import asyncio
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

from drivers.mqtt.settings import AskSettings
from drivers.mqtt.topics import DEVICE
from gateway.core.model import Batch, Entry, Int64s, Quality, Signal, SignalKind

_PLACES = re.compile(r"\{(device|id)\}")
_MOST_BYTES = 65_535  # of a topic
_NOT_NEWS = ("retained", "redelivered")  # how the detail of a signal begins that was kept, or came before


class Asking:
    """heard_at: int64 per device key, when it was last heard through this broker, 0 for never."""

    def __init__(self, names: Mapping[str, int], settings: AskSettings | None, devices: int) -> None:
        self.settings = settings
        self.heard_at: Int64s = np.zeros(devices, np.int64)
        self._names = {key: name for name, key in names.items()}
        self._open: dict[int, tuple[int, asyncio.Event]] = {}
        self._number = 0

    def reaches(self, device: int) -> bool:
        """Whether there is a command, and the device's name can stand in its topic."""
        name = self._names.get(device)
        return self.settings is not None and name is not None and _sayable(self._topic(name))

    def command(self, device: int, at: int) -> tuple[str, bytes]:
        """(topic, payload) for a device that is reached. `{id}` becomes a whole number, higher with each question."""
        assert self.settings is not None
        name = self._names[device]
        self._number = max(self._number + 1, at // 1000)
        words = {"device": json.dumps(name)[1:-1], "id": str(self._number)}
        payload = _PLACES.sub(lambda place: words[place[1]], self.settings.payload)
        return self._topic(name), payload.encode()

    def _topic(self, name: str) -> str:
        assert self.settings is not None
        return self.settings.topic.replace(DEVICE, name)

    def open(self, device: int, at: int) -> asyncio.Event:
        """Set by whatever comes from the device after `at`; until `close`."""
        answered = asyncio.Event()
        self._open[device] = (at, answered)
        return answered

    def is_open(self, device: int) -> bool:
        return device in self._open

    def close(self, device: int) -> None:
        self._open.pop(device, None)

    def heed(self, entries: Sequence[Entry]) -> None:
        """Learn from what is in the sink now. A will speaks for the broker, not for the device."""
        for entry in entries:
            if isinstance(entry, Batch):
                self.heard_at[entry.device] = entry.received_at
                if self._open:
                    asked = np.isin(entry.device, np.fromiter(self._open, np.int32))
                    news = asked & (entry.quality & Quality.REDELIVERED == 0)
                    self._answered(entry.device[news].tolist(), entry.received_at[news].tolist())
            elif isinstance(entry, Signal) and 0 <= entry.device < len(self.heard_at):
                if entry.kind is SignalKind.CONNECTION_LOST or entry.detail.startswith(_NOT_NEWS):
                    continue
                self.heard_at[entry.device] = entry.received_at
                self._answered([entry.device], [entry.received_at])

    def _answered(self, devices: Sequence[int], times: Sequence[int]) -> None:
        for device, at in zip(devices, times, strict=True):
            asked_at, answered = self._open.get(device, (at, None))
            if answered is not None and at > asked_at:
                answered.set()


def _sayable(topic: str) -> bool:
    """Brokers end the session of whoever publishes to a topic with control characters or half characters in it."""
    return (
        len(topic.encode("utf-8", "surrogatepass")) <= _MOST_BYTES
        and not topic.startswith("$")
        and not any(unicodedata.category(sign) in ("Cc", "Cs", "Cn") for sign in topic)
    )
