"""What a payload mapping is, and the registry that names them."""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Mapping as MappingOf
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from drivers.mqtt.payloads.harvest import Harvest
from gateway.core.clock import SECOND, parse_time
from gateway.core.model import Quality
from gateway.core.registry import Registry

_NO_CODES: MappingOf[str, str] = MappingProxyType({})


class Arrival(NamedTuple):
    """The circumstances of one message: the device's key, when it was received, and how.

    latest: a device's time after this one is impossible, µs;  redelivered: it may have been received before, so the
    time of reception says even less about when it was sent;  codes: what this head-end's event codes mean.
    """

    device: int
    received_at: int
    retained: bool
    latest: int
    redelivered: bool = False
    codes: MappingOf[str, str] = _NO_CODES


Decoder: TypeAlias = Callable[[bytes, Arrival, Harvest], str]
"""Puts what the payload says into the harvest; returns what it did not understand, empty for nothing.

Never raises for any payload. A payload with something not understood is kept whole as a dead letter, whatever else
was taken from it.
"""


class Mapping(NamedTuple):
    """How one kind of payload becomes readings and signals.

    decoder: picks the decoder by topic, None when the topic is none of this mapping's;  templates: usual topics.
    """

    decoder: Callable[[str], Decoder | None]
    templates: tuple[str, ...]


MAPPINGS: Registry[Mapping] = Registry("payload mapping")

EARLIEST = parse_time("2000-01-01T00:00:00Z")
"""Before this a device's clock has not been set."""

_FAR = 1e15  # milliseconds, beyond the calendar: what is farther is no more impossible than this


def judge_time(at: int, arrival: Arrival) -> tuple[int, Quality]:
    """(measured_at, flags): the device's own time, or the time of reception where its own is impossible."""
    if EARLIEST <= at <= arrival.latest:
        return at, Quality.GOOD
    return arrival.received_at, Quality.CLOCK_SUSPECT | doubt(arrival)


def doubt(arrival: Arrival) -> Quality:
    """What else is to be said of a reading under the time of its reception."""
    return Quality.REDELIVERED if arrival.redelivered else Quality.GOOD


def epoch_milliseconds(number: float) -> int:
    """µs from milliseconds since 1970. Raises ValueError for what is no number."""
    if isinstance(number, int):
        return number * (SECOND // 1000)
    if math.isnan(number):
        raise ValueError(f"{number} is not a time")
    return round(max(-_FAR, min(number, _FAR)) * (SECOND // 1000))
