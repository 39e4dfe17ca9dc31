"""Rows of evidence in columns: what a stretch of readings or signals says about supply, before it is folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.inventory import Inventory
from gateway.core.model import Batch, Bools, Int64s, Quality
from processors.outage.settings import OutageSettings

UInt8s: TypeAlias = npt.NDArray[np.uint8]
_PHASES = ("voltage_a", "voltage_b", "voltage_c")
_AGAIN = np.uint16(Quality.REDELIVERED)
_BY_RECEPTION = np.uint16(Quality.TIME_ASSUMED | Quality.CLOCK_SUSPECT)
_BITS = np.array([1, 2, 4], np.uint8)


class Row(NamedTuple):
    """One signal. `at` is when the device was so: by its own account, if `timed`, which may be no earlier than
    `earliest`; else by reception."""

    device: int
    received: int
    at: int
    timed: bool = False
    earliest: int = 0
    heard: bool = False  # the device itself spoke
    living: bool = False
    restore: bool = False
    unanswered: bool = False
    lost: bool = False  # its connection was lost: silence comes sooner
    dark: int = 0  # of Dark


@dataclass(slots=True, eq=False)
class Rows:
    """n rows, each column of length n; `used`, `below`, `above` are masks of phases, and so is `phases`: those that the
    dark evidence is about, 0 for all the device is connected to. `earliest` is 0 where a time is believed however
    old: a reading may have waited anywhere."""

    device: npt.NDArray[np.int64]
    received: Int64s
    at: Int64s
    timed: Bools
    earliest: Int64s
    heard: Bools
    living: Bools
    restore: Bools
    unanswered: Bools
    lost: Bools
    dark: UInt8s
    phases: UInt8s
    used: UInt8s
    below: UInt8s
    above: UInt8s
    breaker: UInt8s

    def __len__(self) -> int:
        return len(self.device)

    def take(self, at: npt.NDArray[np.int64]) -> Rows:
        return Rows(*(getattr(self, column.name)[at] for column in fields(self)))

    def rounds(self) -> Iterator[Rows]:
        """The rows in order, cut so that each part holds a device once."""
        if not len(self):
            return
        order = np.argsort(self.device, kind="stable")
        device = self.device[order]
        first = np.concatenate([[True], device[1:] != device[:-1]])
        place = np.arange(len(device))
        turn = place - np.maximum.accumulate(np.where(first, place, 0))
        by_turn = np.argsort(turn, kind="stable")
        for part in np.split(order[by_turn], np.cumsum(np.bincount(turn))[:-1]):
            yield self.take(part)

    @staticmethod
    def of(rows: Sequence[Row]) -> Rows:
        columns = list(zip(*rows, strict=True))
        device, received, at, earliest = (np.array(columns[i], np.int64) for i in (0, 1, 2, 4))
        timed, heard, living, restore, unanswered, lost = (
            np.array(columns[i], np.bool_) for i in (3, 5, 6, 7, 8, 9)
        )
        phases, used, below, above, breaker = (np.zeros(len(rows), np.uint8) for _ in range(5))
        dark = np.array(columns[10], np.uint8)
        return Rows(
            device, received, at, timed, earliest, heard, living, restore, unanswered, lost, dark, phases, used,
            below, above, breaker,
        )  # fmt: skip


def rows_of_batch(
    batch: Batch,
    keep: npt.NDArray[np.int64],
    inventory: Inventory,
    settings: OutageSettings,
    clock: Bools,
) -> tuple[Rows, Bools]:
    """The rows `keep` of a batch, and which of them need no second look: every phase above `on_above`, or no voltage.

    A single-phase meter measures its phase as voltage_a whichever phase it hangs on, so where none of the connected
    phases carries a value, whatever was measured counts. A row that was delivered again and has no time of
    its own says nothing about supply. `clock` (bool per device key): it has a clock of its own.
    """
    n = len(keep)
    device = batch.device[keep].astype(np.int64)
    received = batch.received_at[keep]
    at = np.minimum(batch.measured_at[keep], received)
    columns = [(bit, batch.column(name)) for bit, name in zip(_BITS, _PHASES, strict=True)]
    nominal = inventory.nominal_v[device]
    off, on = nominal * settings.off_below, nominal * settings.on_above
    measured, below, above = (np.zeros(n, np.uint8) for _ in range(3))
    for bit, column in columns:
        if column is None:
            continue
        volts = column[keep]
        measured |= np.where(np.isnan(volts), np.uint8(0), bit)
        below |= np.where(volts < off, bit, np.uint8(0))
        above |= np.where(volts > on, bit, np.uint8(0))
    connected = measured & inventory.phases[device]
    used = np.where(connected > 0, connected, measured)
    breaker = np.zeros(n, np.uint8)
    state = batch.column("breaker_closed")
    if state is not None:
        told = state[keep]
        breaker = np.where(np.isnan(told), 0, np.where(told > 0.5, 1, 2)).astype(np.uint8)
    timed = clock[device]
    if int(batch.quality.max(initial=0)) >= Quality.TIME_ASSUMED:
        quality = batch.quality[keep]
        timed &= quality & _BY_RECEPTION == 0
        again = quality & _AGAIN > 0
        used[again] = breaker[again] = 0
    no = np.zeros(n, np.bool_)
    rows = Rows(
        device=device, received=received, at=at, timed=timed, earliest=np.zeros(n, np.int64),
        heard=np.ones(n, np.bool_), living=no, restore=no, unanswered=no, lost=no, dark=np.zeros(n, np.uint8),
        phases=np.zeros(n, np.uint8), used=used, below=below, above=above, breaker=breaker,
    )  # fmt: skip
    return rows, (used & ~above) == 0
