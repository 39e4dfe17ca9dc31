"""What one lot of messages yields: rows gathered by their set of quantities, signals and dead letters beside them."""

from __future__ import annotations

from functools import lru_cache
from itertools import chain

import msgspec
import numpy as np

from drivers.mqtt.payloads.text import clean
from gateway.core.clock import MINUTE
from gateway.core.model import Batch, DeadLetter, Entry, Float64s, Quality, RejectedValue, Signal
from gateway.core.quantities import BY_NAME, INDEX

_GIVEN = Quality.TIME_ASSUMED | Quality.CLOCK_SUSPECT
_AHEAD = MINUTE  # more than this the times given never run ahead; the clock was set back


class _Group:
    """Open rows that carry the same quantities in the same order."""

    __slots__ = ("device", "measured_at", "quality", "received_at", "rejected", "values")

    def __init__(self) -> None:
        self.device: list[int] = []
        self.measured_at: list[int] = []
        self.received_at: list[int] = []
        self.quality: list[int] = []
        self.values: list[list[float]] = []
        self.rejected: list[RejectedValue] = []


class Harvest:
    """Collects entries in the order of arrival as seen by each device.

    Rows of different devices may change places, and rows of one device with different sets of quantities. A signal
    never overtakes a reading of its device, nor the other way round. Dead letters come before the rows still open.
    """

    def __init__(self, source: str, given: dict[int, int] | None = None) -> None:
        """given: by device the last time given to a row that has none of its own, kept from harvest to harvest."""
        self.source = source
        self._given: dict[int, int] = {} if given is None else given
        self._entries: list[Entry] = []
        self._open: dict[tuple[str, ...], _Group] = {}
        self._devices: set[int] = set()  # with rows in open groups

    def row(
        self,
        device: int,
        measured_at: int,
        received_at: int,
        values: dict[str, float],
        quality: int = Quality.GOOD,
        *,
        rejected: list[RejectedValue] | None = None,
    ) -> bool:
        """Add one row; False, with nothing added, when `values` is empty or names an unknown quantity.

        A row whose `quality` says that its time is not its own is put after the last such row of its device, so that
        none takes the place of another.
        """
        names = tuple(values)
        group = self._open.get(names)
        if group is None:
            if not names or not INDEX.keys() >= values.keys():
                return False
            group = self._open[names] = _Group()
        if quality & _GIVEN:
            measured_at = self._after_the_last(device, measured_at)
            if rejected:
                rejected = [msgspec.structs.replace(value, measured_at=measured_at) for value in rejected]
        group.device.append(device)
        group.measured_at.append(measured_at)
        group.received_at.append(received_at)
        group.quality.append(quality)
        group.values.append(list(values.values()))
        if rejected:
            group.rejected += rejected
        self._devices.add(device)
        return True

    def _after_the_last(self, device: int, at: int) -> int:
        last = self._given.get(device, at - 1)
        if at <= last <= at + _AHEAD:
            at = last + 1
        self._given[device] = at
        return at

    def signal(self, signal: Signal) -> None:
        if signal.device in self._devices:
            self._close()
        self._entries.append(signal)

    def dead_letter(self, topic: str, payload: bytes, received_at: int, reason: str) -> None:
        self._entries.append(
            DeadLetter(
                received_at=received_at,
                source=self.source,
                topic=clean(topic),
                payload=payload,
                reason=clean(reason),
            )
        )

    def entries(self) -> list[Entry]:
        """Everything collected, in order; the harvest is empty afterwards."""
        self._close()
        entries, self._entries = self._entries, []
        return entries

    def _close(self) -> None:
        for names, group in self._open.items():
            flat = chain.from_iterable(group.values)
            values = np.fromiter(flat, np.float64, len(names) * len(group.device))
            values = values.reshape(-1, len(names))
            low, high = _ranges(names)
            quality = np.array(group.quality, np.uint16)
            outside = ((values < low) | (values > high)).any(axis=1)
            quality[outside] |= np.uint16(Quality.OUT_OF_RANGE)
            self._entries.append(
                Batch(
                    quantities=names,
                    device=np.array(group.device, np.int32),
                    measured_at=np.array(group.measured_at, np.int64),
                    received_at=np.array(group.received_at, np.int64),
                    values=values,
                    quality=quality,
                    source=self.source,
                    rejected=tuple(group.rejected),
                )
            )
        self._open.clear()
        self._devices.clear()


@lru_cache(maxsize=1024)
def _ranges(names: tuple[str, ...]) -> tuple[Float64s, Float64s]:
    low = np.array([BY_NAME[name].low for name in names])
    high = np.array([BY_NAME[name].high for name in names])
    return low, high
