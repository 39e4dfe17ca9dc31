"""Alarm bits of a profile: what changed of them from poll to poll. No sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from drivers.event import EventBit
from drivers.modbus.plan import Read, Span
from drivers.register import Type


class _Place(NamedTuple):
    event: EventBit
    span: Span
    bytes: tuple[int, ...]  # of the image, most significant first
    byte: int  # of the image, that holds the bit
    mask: int


class Alarms:
    """The alarm bits of one profile."""

    def __init__(
        self,
        events: Sequence[EventBit],
        spans: Sequence[Span],
        bytes_of: Callable[[int], tuple[list[int], int]],
    ) -> None:
        """bytes_of: (bytes of an event's word in the image, most significant first; bit in its one byte, for a
        coil)."""
        self._places: list[_Place] = []
        for i, (event, span) in enumerate(zip(events, spans, strict=True)):
            places, shift = bytes_of(i)
            if event.bit is not None:
                byte, shift = places[-1 - event.bit // 8], event.bit % 8
            else:
                byte = places[0]
            self._places.append(_Place(event, span, tuple(places), byte, 1 << shift))

    def __len__(self) -> int:
        return len(self._places)

    def read(self, image: bytes, done: Iterable[Read] | None) -> list[bool | None]:
        """Whether each holds; None where the device did not answer for it. done: what it answered, None for all."""
        reads = None if done is None else tuple(done)
        return [
            None
            if reads is not None and not any(read.covers(place.span) for read in reads)
            else self._holds(image, place)
            for place in self._places
        ]

    def _holds(self, image: bytes, place: _Place) -> bool | None:
        if place.event.type is not Type.BIT and all(image[p] == 0xFF for p in place.bytes):
            return None
        return bool(image[place.byte] & place.mask) != place.event.invert

    def changes(self, before: Sequence[bool | None], now: Sequence[bool | None]) -> list[str]:
        """What begins and what ends, as details of signals. Of what was not known before only what holds is told."""
        told = []
        for place, was, holds in zip(self._places, before, now, strict=True):
            if holds and not was:
                told.append(place.event.words)
            elif holds is False and was:
                told.append(place.event.ended())
        return told


class Watch:
    """The alarms of one device as last heard. What it did not answer stays as it was."""

    __slots__ = ("_alarms", "_last")

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._last: list[bool | None] = [None] * len(alarms)

    def look(self, image: bytes, done: Iterable[Read] | None) -> list[str]:
        """Details of the signals to tell."""
        if not self._last:
            return []
        now = self._alarms.read(image, done)
        if now == self._last:
            return []
        told = self._alarms.changes(self._last, now)
        self._last = [was if is_now is None else is_now for was, is_now in zip(self._last, now, strict=True)]
        return told
