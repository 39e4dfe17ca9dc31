"""Questions to devices of one broker: what is sent, and whether something came from the device since."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import numpy as np

from drivers.mqtt.commands import AskSettings, Command, Numbers
from gateway.core.model import Batch, Entry, Int64s, Quality, Signal, SignalKind

_NOT_NEWS = ("retained", "redelivered")  # how the detail of a signal begins that was kept, or came before


class Asking:
    """heard_at: int64 per device key, when it was last heard through this broker, 0 for never."""

    def __init__(
        self,
        names: Mapping[str, int],
        settings: AskSettings | None,
        devices: int,
        numbers: Numbers | None = None,
    ) -> None:
        self.settings = settings
        self.heard_at: Int64s = np.zeros(devices, np.int64)
        self._command = Command(names, settings, numbers)
        self._open: dict[int, tuple[int, asyncio.Event]] = {}

    def reaches(self, device: int) -> bool:
        return self._command.reaches(device)

    def command(self, device: int, at: int) -> tuple[str, bytes]:
        """(topic, payload) for a device that is reached. `{id}` becomes a whole number, higher with each question."""
        return self._command.write(device, at)

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
                if entry.kind is SignalKind.CONNECTION_LOST or not _is_news(entry):
                    continue
                self.heard_at[entry.device] = entry.received_at
                self._answered([entry.device], [entry.received_at])

    def _answered(self, devices: Sequence[int], times: Sequence[int]) -> None:
        for device, at in zip(devices, times, strict=True):
            asked_at, answered = self._open.get(device, (at, None))
            if answered is not None and at > asked_at:
                answered.set()


def _is_news(signal: Signal) -> bool:
    """The marks stand behind the name of a meter event, and first in the detail of everything else."""
    told = signal.detail
    if signal.kind is SignalKind.METER_EVENT:
        told = told.partition("; ")[2]
    return not told.startswith(_NOT_NEWS)
