"""Answers of all endpoints, gathered over a short window, decoded together, and put into the sink."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from drivers.modbus import metrics
from drivers.modbus.decode import Decoder
from gateway.core.errors import UnavailableError
from gateway.core.model import Batch, Entry, Float64s, Int32s, Int64s, Signal
from gateway.core.ports import Sink

log = logging.getLogger(__name__)

SOURCE = "modbus"
"""What batches name as their source: one holds answers of many endpoints. Signals name the endpoint."""

_RETRY_S = 0.5


class Answer(NamedTuple):
    """One device's complete answer to a poll, undecoded."""

    key: int
    at: int
    image: bytes
    missing: tuple[int, ...] = ()  # columns that the device did not give
    factors: Float64s | None = None  # float64[k] where instrument transformers are in between


class _Stretch:
    """What came in a while, in three parts that keep the order as seen by each device: signals, rows, signals.

    Then what was recalled: it is of the past, and nothing else has to wait for it.
    """

    __slots__ = ("_late", "_read", "after", "answers", "before", "recalled")

    def __init__(self) -> None:
        self.before: list[Signal] = []
        self.answers: dict[Decoder, list[Answer]] = {}
        self.after: list[Signal] = []
        self.recalled: list[Batch] = []
        self._read: set[int] = set()  # devices with rows
        self._late: set[int] = set()  # devices with signals after the rows

    def add(self, decoder: Decoder, answer: Answer) -> bool:
        """False, with nothing added, when the row would come before a signal that its device gave earlier."""
        if answer.key in self._late:
            return False
        self.answers.setdefault(decoder, []).append(answer)
        self._read.add(answer.key)
        return True

    def tell(self, signals: list[Signal]) -> None:
        devices = {signal.device for signal in signals}
        if self._read.isdisjoint(devices) and self._late.isdisjoint(devices):
            self.before += signals
        else:
            self.after += signals
            self._late |= devices

    def entries(self) -> list[Entry]:
        rows = [batch_of(decoder, answers) for decoder, answers in self.answers.items()]
        metrics.rows.inc(sum(map(len, rows)))
        return [*self.before, *rows, *self.after, *self.recalled]


class Gatherer:
    """Holds what was read until the sink has it.

    All answers of a window to one profile become one batch, whichever endpoints they came from. Between devices
    order within a window is not kept; readings and signals of one device never change places.
    """

    def __init__(self, *, window_s: float, max_pending: int) -> None:
        self._window_s = window_s
        self._max_pending = max_pending
        self._stretches = [_Stretch()]
        self._count = 0
        self._entries: list[Entry] = []  # decoded, and not yet taken by the sink
        self._room = asyncio.Event()
        self._room.set()
        self._some = asyncio.Event()
        self._finishing = False
        self._added_in_all = 0
        self._handed_on = 0
        self._moved = asyncio.Event()

    def add(self, decoder: Decoder, answer: Answer) -> None:
        if not self._stretches[-1].add(decoder, answer):
            self._stretches.append(_Stretch())
            self._stretches[-1].add(decoder, answer)
        self._added()

    def tell(self, signals: list[Signal]) -> None:
        self._stretches[-1].tell(signals)
        self._added(len(signals))

    def recalled(self, batch: Batch) -> None:
        """Rows with times of their own, decoded already."""
        self._stretches[-1].recalled.append(batch)
        self._added(len(batch))

    async def room(self) -> None:
        """Return when there is room for more: this is how a full sink slows polling down."""
        if not self._room.is_set():
            await self._room.wait()

    async def handed_on(self) -> None:
        """Return when everything gathered so far is in the sink."""
        goal = self._added_in_all
        while self._handed_on < goal:
            await self._moved.wait()

    async def run(self, sink: Sink) -> None:
        """Hand on until `finish`. What a cancelled or failed run did not hand on stays for the next one."""
        while True:
            await self._some.wait()
            if not self._finishing:
                await asyncio.sleep(self._window_s)
            last = self._finishing
            await self._flush(sink)
            if last:
                return

    def finish(self) -> None:
        """Nothing more will be added: hand on what there is and end."""
        self._finishing = True
        self._some.set()

    async def _flush(self, sink: Sink) -> None:
        """Return when everything gathered so far is in the sink; tries again while the sink is unavailable."""
        reached = self._added_in_all
        self._decode()
        while self._entries:
            try:
                await sink.put(self._entries)
            except UnavailableError as exc:
                metrics.sink_retries.inc()
                log.warning("readings wait for the sink", extra={"error": str(exc)})
                await asyncio.sleep(_RETRY_S)
            else:
                self._entries = []
        self._handed_on = reached
        self._moved.set()
        self._moved = asyncio.Event()
        if self._count < self._max_pending:
            self._room.set()

    def _added(self, count: int = 1) -> None:
        self._count += count
        self._added_in_all += count
        self._some.set()
        if self._count >= self._max_pending:
            self._room.clear()

    def _decode(self) -> None:
        stretches, self._stretches = self._stretches, [_Stretch()]
        self._count = 0
        if not self._finishing:
            self._some.clear()
        for stretch in stretches:
            self._entries += stretch.entries()


def batch_of(decoder: Decoder, answers: Sequence[Answer]) -> Batch:
    """One row per answer, in their order; decoded all together."""
    n, k = len(answers), len(decoder.quantities)
    images = np.frombuffer(b"".join([a.image for a in answers]), np.uint8).reshape(n, decoder.size)
    device: Int32s = np.array([a.key for a in answers], np.int32)
    at: Int64s = np.array([a.at for a in answers], np.int64)
    missing = factors = None
    if any(a.missing for a in answers):
        missing = np.zeros((n, k), np.bool_)
        for row, answer in enumerate(answers):
            missing[row, list(answer.missing)] = True
    if any(a.factors is not None for a in answers):
        ones = np.ones(k)
        factors = np.array([ones if a.factors is None else a.factors for a in answers])
    decoded = decoder.decode(images, missing=missing, factors=factors)
    return Batch(
        quantities=decoder.quantities,
        device=device,
        measured_at=at,
        received_at=at,
        values=decoded.values,
        quality=decoded.quality,
        source=SOURCE,
        rejected=() if decoded.clean else decoder.rejected(images, decoded, device, at),
    )
