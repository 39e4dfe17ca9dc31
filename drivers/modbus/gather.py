"""Answers of all endpoints, gathered over a short window, decoded together, and put into the sink."""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple

import numpy as np

from drivers.modbus import metrics
from drivers.modbus.decode import Decoder
from gateway.core.errors import UnavailableError
from gateway.core.model import Batch, Entry, Float64s, Int32s, Int64s, Signal
from gateway.core.ports import Sink

log = logging.getLogger(__name__)

_RETRY_S = 0.5


class Answer(NamedTuple):
    """One device's complete answer to a poll, undecoded."""

    key: int
    at: int
    image: bytes
    source: str
    missing: tuple[int, ...] = ()  # columns that the device did not give
    factors: Float64s | None = None  # float64[k] where instrument transformers are in between


class Gatherer:
    """Holds what was read until the sink has it."""

    def __init__(self, *, window_s: float, max_pending: int) -> None:
        self._window_s = window_s
        self._max_pending = max_pending
        self._answers: dict[Decoder, list[Answer]] = {}
        self._signals: list[Signal] = []
        self._count = 0
        self._entries: list[Entry] = []  # decoded, and not yet taken by the sink
        self._room = asyncio.Event()
        self._room.set()
        self._some = asyncio.Event()
        self._finishing = False

    def add(self, decoder: Decoder, answer: Answer) -> None:
        self._answers.setdefault(decoder, []).append(answer)
        self._added()

    def tell(self, signals: list[Signal]) -> None:
        self._signals += signals
        self._added(len(signals))

    async def room(self) -> None:
        """Return when there is room for more: this is how a full sink slows polling down."""
        if not self._room.is_set():
            await self._room.wait()

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
        if self._count < self._max_pending:
            self._room.set()

    def _added(self, count: int = 1) -> None:
        self._count += count
        self._some.set()
        if self._count >= self._max_pending:
            self._room.clear()

    def _decode(self) -> None:
        answers, self._answers = self._answers, {}
        signals, self._signals = self._signals, []
        self._count = 0
        if not self._finishing:
            self._some.clear()
        for decoder, group in answers.items():
            self._entries += batches(decoder, group)
            metrics.rows.inc(len(group))
        self._entries += signals


def batches(decoder: Decoder, answers: list[Answer]) -> list[Batch]:
    """One batch per source, rows in order of time; decoded all together."""
    answers.sort(key=lambda answer: answer.source)
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
    rejected = () if decoded.clean else decoder.rejected(images, decoded, device, at)
    sources = [a.source for a in answers]
    starts = [i for i in range(n) if i == 0 or sources[i] != sources[i - 1]]
    found = []
    for start, end in zip(starts, [*starts[1:], n], strict=True):
        here = slice(start, end)
        keys = set(device[here].tolist()) if rejected else ()
        found.append(
            Batch(
                quantities=decoder.quantities,
                device=device[here],
                measured_at=at[here],
                received_at=at[here],
                values=decoded.values[here],
                quality=decoded.quality[here],
                source=sources[start],
                rejected=tuple(r for r in rejected if r.device in keys),
            )
        )
    return found
