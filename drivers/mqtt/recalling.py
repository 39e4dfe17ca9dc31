"""Recalls of load profiles over one broker: which are under way, and what has come of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import numpy as np

from drivers.mqtt.commands import Command, Numbers, RecallSettings, stretch
from gateway.core.errors import InvalidInputError
from gateway.core.inventory import DeviceKind, Inventory
from gateway.core.model import Batch, Entry

LOAD_PROFILE = "load_profile"
"""Column of devices.csv: `no` for a device that keeps none, `yes` or empty for what the broker's settings say."""


class Recall:
    """One stretch [frm, till) wanted of a device since `asked_at`;  rows: how many of it have come."""

    def __init__(self, frm: int, till: int, asked_at: int) -> None:
        self.frm = frm
        self.till = till
        self.asked_at = asked_at
        self.rows = 0
        self.came = asyncio.Event()

    def take(self, batch: Batch, device: int) -> None:
        at = batch.measured_at
        wanted = (batch.device == device) & (at >= self.frm) & (at < self.till)
        if count := int((wanted & (batch.received_at > self.asked_at)).sum()):
            self.rows += count
            self.came.set()


class Recalls:
    """At most one for each device at a time."""

    def __init__(
        self,
        inventory: Inventory,
        names: Mapping[str, int],
        settings: RecallSettings | None,
        numbers: Numbers,
    ) -> None:
        """Raises InvalidInputError for a column `load_profile` that says neither yes nor no."""
        self.settings = settings
        self._command = Command(names, settings, numbers)
        self._keeps = {key for key in names.values() if _keeps(inventory, key)}
        self._open: dict[int, Recall] = {}
        if faults := [fault for key in names.values() if (fault := load_profile_fault(inventory, key))]:
            raise InvalidInputError(faults)

    def reaches(self, device: int) -> bool:
        return device in self._keeps and self._command.reaches(device)

    def is_open(self, device: int) -> bool:
        return device in self._open

    def open(self, device: int, frm: int, till: int, at: int) -> tuple[Recall, str, bytes]:
        """The recall, and the topic and payload to send for it; until `close`."""
        recall = self._open[device] = Recall(frm, till, at)
        return recall, *self._command.write(device, at, stretch(frm, till))

    def close(self, device: int) -> None:
        self._open.pop(device, None)

    def disturb(self) -> None:
        """Let whoever waits look again: the session has changed."""
        for recall in self._open.values():
            recall.came.set()

    def heed(self, entries: Sequence[Entry]) -> None:
        """Learn from what is in the sink now."""
        if not self._open:
            return
        awaited = np.fromiter(self._open, np.int32)
        for entry in entries:
            if isinstance(entry, Batch):
                for device in awaited[np.isin(awaited, entry.device)].tolist():
                    self._open[device].take(entry, device)


def _keeps(inventory: Inventory, key: int) -> bool:
    device = inventory.device(key)
    return device.kind != DeviceKind.CONCENTRATOR.word and _word(inventory, key) != "no"


def load_profile_fault(inventory: Inventory, key: int) -> str:
    """What is wrong with the device's column `load_profile`; empty for nothing."""
    word = _word(inventory, key)
    if word in ("", "yes", "no"):
        return ""
    return f"device {inventory.ids[key]!r}: {LOAD_PROFILE} {word!r} is neither yes nor no"


def _word(inventory: Inventory, key: int) -> str:
    return inventory.device(key).attributes.get(LOAD_PROFILE, "").strip().lower()
