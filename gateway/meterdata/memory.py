"""What the book remembers between its runs, so as not to ask the database again. All of it can be lost at any time."""

from __future__ import annotations

import numpy as np

from gateway.core.meterdata import Intervals
from gateway.core.model import Int32s
from gateway.meterdata.usual import Usual
from gateway.store.meterdata import MeterData


class Memory:
    """usual: of each quantity, what was taken on the days before."""

    def __init__(self, devices: int, days: int) -> None:
        """devices: how many the inventory has;  days: before one that is closed, that it is held against."""
        self._devices, self._days = devices, days
        self._usual: dict[str, Usual] = {}
        self._edit = 0
        self._edited = np.empty(0, np.int32)
        self._shown: dict[str, np.ndarray[tuple[int], np.dtype[np.int8]]] = {}

    def usual(self, quantity: str) -> Usual:
        if quantity not in self._usual:
            self._usual[quantity] = Usual(self._devices, self._days)
        return self._usual[quantity]

    async def see_edits(self, store: MeterData) -> None:
        """Whatever persons edited is read anew. Raises UnavailableError."""
        self._edit, edited = await store.edited_since(self._edit)
        self._edited = np.union1d(self._edited, edited).astype(np.int32)
        for usual in self._usual.values():
            usual.forget(self._edited)

    async def showing(self, store: MeterData, devices: Int32s, quantity: str, frm: int, till: int) -> Int32s:
        """Those of these devices that show such a register in [frm, till] or ever did, rising. Raises
        UnavailableError."""
        shown = self._shown.setdefault(quantity, np.full(self._devices, -1, np.int8))
        new = devices[shown[devices] < 0]
        if len(new):
            ever = await store.having(new, quantity)
            shown[new] = 0
            shown[ever] = 1
        never = devices[shown[devices] == 0]
        if len(never):
            shown[await store.showing(never, quantity, frm, till)] = 1
        return devices[shown[devices] > 0]

    def shown(self, devices: Int32s, quantity: str) -> Int32s:
        """Those of these devices of which `showing` ever said so, or was not asked."""
        shown = self._shown.get(quantity)
        return devices if shown is None else devices[shown[devices] != 0]


def nothing(quantity: str) -> Intervals:
    """No intervals."""
    return Intervals(
        quantity=quantity,
        device=np.empty(0, np.int32),
        start=np.empty(0, np.int64),
        end=np.empty(0, np.int64),
        raw=np.empty(0),
        value=np.empty(0),
        status=np.empty(0, np.uint8),
        rules=np.empty(0, np.int64),
    )
