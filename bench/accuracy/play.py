"""Plays what is heard of a scenario to a detector, tick by tick, and answers what it asks."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.accuracy.hearing import Hearing, micros, session_name
from bench.accuracy.truth import WARM_UP_S, Scenario
from gateway.core.inventory import Inventory
from gateway.core.model import Batch, Event, Float64s, Question, Signal, SignalKind
from gateway.core.ports import Processor
from processors.outage.detector import OutageDetector
from processors.outage.settings import OutageSettings

_CLOSELY_S = 200  # after each change there is a tick a second, else one in ten seconds
_SLOW_S = 10.0
_OF_POLLS = frozenset({SignalKind.NO_ANSWER, SignalKind.TARGET_FAILED})


@dataclass(slots=True)
class Play:
    """`events` as they were concluded; how many `questions` were asked, and how many devices of them answered."""

    events: list[Event]
    questions: int = 0
    answers: int = 0


def detector(inventory: Inventory) -> OutageDetector:
    return OutageDetector(inventory, OutageSettings())


def ticks(scenario: Scenario) -> Float64s:
    """Seconds at which time passes for the detector; none while the gateway is away."""
    found = [np.arange(0.0, WARM_UP_S, 60.0), np.arange(WARM_UP_S, scenario.length, _SLOW_S)]
    found += [np.floor(change) + np.arange(_CLOSELY_S) for change in scenario.changes]
    at = np.unique(np.concatenate(found))
    if away := scenario.absence:
        at = np.append(at[(at < away.start) | (at > away.end)], away.end + 0.02)
        at.sort()
    return at


def play(
    hearing: Hearing,
    processor: Processor,
    *,
    answering: bool = True,
    heed: Callable[[Question | Signal | Event], None] | None = None,
) -> Play:
    """Entries come in order of reception to within a second. `heed` is told of whatever happens, for people."""
    played = Play([])
    pending: list[tuple[float, int, Batch | Signal]] = []
    feed = _Feed(hearing, processor, heed)
    for at in ticks(hearing.scenario).tolist():
        while pending and pending[0][0] <= at:
            when, _, answer = heapq.heappop(pending)
            feed.upto(when)
            feed.give(answer)
        feed.upto(at)
        concluded = processor.advance(micros(at))
        played.events += concluded
        if heed:
            for event in concluded:
                heed(event)
        for question in processor.questions():
            played.questions += 1
            if heed:
                heed(question)
            answer_at = hearing.answer(question, at) if answering else None
            if answer_at:
                played.answers += 1
                heapq.heappush(pending, (answer_at[0], played.questions, answer_at[1]))
    return played


class _Feed:
    """Hands over the stream up to a moment: readings in batches per source, cut where signals come in between."""

    def __init__(
        self,
        hearing: Hearing,
        processor: Processor,
        heed: Callable[[Question | Signal | Event], None] | None,
    ) -> None:
        self._readings, self._signals = hearing.readings, hearing.signals
        self._signal_at = hearing.signal_at
        self._processor = processor
        self._heed = heed
        self._row = self._signal = 0

    def upto(self, at: float) -> None:
        while self._signal < len(self._signals) and self._signal_at[self._signal] <= at:
            signal = self._signals[self._signal]
            if signal.kind not in _OF_POLLS:  # a device is polled too seldom for their order to matter
                self._rows(min(at, float(np.floor(self._signal_at[self._signal])) + 1.0))
            self.give(signal)
            self._signal += 1
        self._rows(at)

    def give(self, entry: Batch | Signal) -> None:
        if isinstance(entry, Batch):
            self._processor.observe(entry)
        else:
            self._processor.notice(entry)
            if self._heed:
                self._heed(entry)

    def _rows(self, at: float) -> None:
        end = int(np.searchsorted(self._readings.received, at, side="right"))
        if end <= self._row:
            return
        rows = self._readings.take(np.arange(self._row, end))
        self._row = end
        for source in np.unique(rows.source).tolist():
            part = rows.take(rows.source == source)
            self._processor.observe(part.batch(slice(None), session_name(source - 1)))
