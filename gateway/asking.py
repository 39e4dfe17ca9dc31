"""Asks devices for the detectors: bounded, at a gentle pace, never twice at once, and never what is out of date.

Detectors are pure, so they only say whom they want asked; the answers come back in the stream. After a restart the
detectors conclude again what they concluded before, and say it again: what is old by the clock is dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Protocol, runtime_checkable

from prometheus_client import Counter, Gauge
from pydantic import Field

from gateway.core.clock import SECOND, Clock
from gateway.core.inventory import Inventory
from gateway.core.model import Question
from gateway.core.ports import Driver, Sink
from gateway.core.settings import Seconds, Settings

log = logging.getLogger(__name__)

ASKED = Counter("feederline_asking_asked_total", "Devices asked for a detector, by purpose", ["purpose"])
DROPPED = Counter(
    "feederline_asking_dropped_total",
    "Questions not put, by reason: disabled, twice, crowded, old, no_way (nobody can ask the device), late, failed",
    ["reason"],
)
UNDER_WAY = Gauge("feederline_asking_under_way", "Devices being asked now")


class AskingSettings(Settings):
    """The section `asking`: how much the field is asked on behalf of detectors.

    per_second: questions begun per second, over all devices;  at_once: under way, and of these only one for each
    concentrator or Modbus endpoint;  waiting: further ones kept, beyond which the oldest is dropped;
    max_age_s: a question older than this is no longer put;  longest_s: how long one question may take.
    """

    enabled: bool = True
    per_second: Annotated[float, Field(gt=0, le=1000)] = 5.0
    at_once: Annotated[int, Field(ge=1, le=1000)] = 16
    waiting: Annotated[int, Field(ge=1, le=100_000)] = 200
    max_age_s: Seconds = 30.0
    longest_s: Seconds = 30.0


@runtime_checkable
class Hearing(Protocol):
    """A driver that knows when it last heard a device, where several might bring it."""

    def heard_at(self, device: int) -> int:
        """µs UTC, 0 for never."""
        ...


class Asker:
    """`take` is called by the pipeline and returns at once; `run` does the asking until cancelled.

    sleep: tests hand in one that they move.
    """

    def __init__(
        self,
        drivers: Sequence[Driver],
        inventory: Inventory,
        settings: AskingSettings,
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._drivers = drivers
        self._hearing = [driver for driver in drivers if isinstance(driver, Hearing)]
        self._inventory = inventory
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._waiting: dict[int, Question] = {}  # by device, oldest first
        self._under_way: dict[int, str] = {}  # by device, its path
        self._moved = asyncio.Event()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def under_way(self) -> int:
        return len(self._under_way)

    def take(self, questions: Sequence[Question]) -> None:
        """Keep what is worth asking; never waits, never raises."""
        for question in questions:
            if reason := self._fault(question):
                DROPPED.labels(reason).inc()
                continue
            self._waiting[question.device] = question
            if len(self._waiting) > self._settings.waiting:
                del self._waiting[next(iter(self._waiting))]
                DROPPED.labels("crowded").inc()
            self._moved.set()

    async def run(self, sink: Sink) -> None:
        """Ask until cancelled; what is under way then is cancelled with it."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    question, driver = await self._next()
                    self._under_way[question.device] = self._path(question.device)
                    group.create_task(self._ask(question, driver, sink), name=f"ask {question.device}")
                    await self._sleep(1 / self._settings.per_second)
        finally:
            self._under_way.clear()
            UNDER_WAY.set(0)

    def _fault(self, question: Question) -> str:
        """Why not to keep it; empty when it is worth keeping."""
        if not self._settings.enabled:
            return "disabled"
        if question.device in self._waiting or question.device in self._under_way:
            return "twice"
        if self._is_old(question):
            return "old"
        return "" if self._driver(question.device) is not None else "no_way"

    def _is_old(self, question: Question) -> bool:
        return self._clock.now() - question.asked_at > self._settings.max_age_s * SECOND

    async def _next(self) -> tuple[Question, Driver]:
        """The oldest question whose path is free and that there is still reason and a way to ask."""
        while True:
            if len(self._under_way) < self._settings.at_once:
                busy = set(self._under_way.values())
                for device, question in list(self._waiting.items()):
                    driver = self._driver(device)
                    if driver is None or self._is_old(question):
                        del self._waiting[device]
                        DROPPED.labels("old" if driver is not None else "no_way").inc()
                    elif self._path(device) not in busy:
                        del self._waiting[device]
                        return question, driver
            self._moved.clear()
            await self._moved.wait()

    async def _ask(self, question: Question, driver: Driver, sink: Sink) -> None:
        ASKED.labels(question.purpose.value).inc()
        UNDER_WAY.set(len(self._under_way))
        try:
            async with asyncio.timeout(self._settings.longest_s):
                await driver.ask(question.device, sink)
        except TimeoutError:
            DROPPED.labels("late").inc()
        except Exception:  # a boundary: a driver's mistake must not end the asking of others
            DROPPED.labels("failed").inc()
            log.exception("asking a device failed", extra={"driver": driver.name, "device": question.device})
        finally:
            self._under_way.pop(question.device, None)
            UNDER_WAY.set(len(self._under_way))
            self._moved.set()

    def _driver(self, device: int) -> Driver | None:
        """The one that last heard the device, if it can ask; where none has, the first that can."""
        last = max(self._hearing, key=lambda driver: driver.heard_at(device), default=None)
        if last is not None and last.heard_at(device):
            return last if last.can_ask(device) else None
        return next((driver for driver in self._drivers if driver.can_ask(device)), None)

    def _path(self, device: int) -> str:
        """What stands between us and the device and carries one question at a time; the device where nothing does."""
        row = self._inventory.device(device)
        if row.protocol == "modbus":
            return f"modbus {row.address.partition('/')[0]}"
        return f"via {row.via}" if row.via else f"device {row.id}"
