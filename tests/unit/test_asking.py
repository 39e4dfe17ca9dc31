"""The asker at a hand-driven pace: what it puts, what it drops and why, and that nothing floods the field."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest
from prometheus_client import REGISTRY

from gateway.asking import Asker, AskingSettings
from gateway.core.clock import SECOND, ManualClock
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Entry, Purpose, Question
from gateway.core.network import Network
from gateway.core.ports import Sink
from tests.waiting import until

NOW = 1_772_352_000 * SECOND


class Nowhere:
    async def put(self, entries: Sequence[Entry]) -> None:
        del entries


class Hands:
    """Sleep that ends when it is told to; `slept` is the time that would have passed."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.pauses: list[float] = []
        self._go = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._go.clear()
        await self._go.wait()

    async def step(self) -> None:
        """Let the pause pass."""
        await settled()
        if self.pauses:
            self.clock.advance(round(self.pauses[-1] * SECOND))
        self._go.set()
        await settled()


class Field:
    """A driver that keeps who was asked; `answer` lets them answer, one or all."""

    def __init__(self, name: str = "field", *, able: Sequence[int] | None = None) -> None:
        self.name = name
        self.trouble = ""
        self.asked: list[int] = []
        self.able = able
        self.breaks: set[int] = set()
        self.waiting: dict[int, asyncio.Event] = {}
        self.cancelled = 0

    async def run(self, sink: Sink) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError

    def can_ask(self, device: int) -> bool:
        return self.able is None or device in self.able

    async def ask(self, device: int, sink: Sink) -> None:
        del sink
        self.asked.append(device)
        if device in self.breaks:
            raise ZeroDivisionError("a mistake of the driver")
        event = self.waiting[device] = asyncio.Event()
        try:
            await event.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def answer(self, *devices: int) -> None:
        for device in devices or tuple(self.waiting):
            self.waiting.pop(device).set()
        await settled()


class Broker(Field):
    """One that knows whom it heard."""

    def __init__(self, name: str, heard: dict[int, int], *, able: Sequence[int] | None = None) -> None:
        super().__init__(name, able=able)
        self.heard = heard

    def heard_at(self, device: int) -> int:
        return self.heard.get(device, 0)


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def inventory(count: int, *, behind: int = 0) -> Inventory:
    """`count` publishing meters, of which the first `behind` are polled at one endpoint."""
    rows = [
        Device(
            id=f"M{i}",
            node="T",
            protocol="modbus" if i < behind else "mqtt",
            address=f"10.0.0.1:502/{i + 1}" if i < behind else "",
        )
        for i in range(count)
    ]
    return Inventory(rows, Network(["T"], [""], ["transformer"]))


def question(device: int, at: int = NOW, purpose: Purpose = Purpose.CONFIRM) -> Question:
    return Question(device=device, incident="i", purpose=purpose, asked_at=at)


def dropped(reason: str) -> float:
    return REGISTRY.get_sample_value("feederline_asking_dropped_total", {"reason": reason}) or 0.0


class Desk:
    def __init__(self, devices: Inventory, *drivers: Field, **settings: object) -> None:
        self.clock = ManualClock(NOW)
        self.hands = Hands(self.clock)
        self.asker = Asker(
            drivers, devices, AskingSettings.model_validate(settings), self.clock, sleep=self.hands.sleep
        )

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.asker.run(Nowhere()))
        await settled()
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])


async def test_questions_go_out_one_by_one_at_the_pace_that_is_set() -> None:
    field = Field()
    desk = Desk(inventory(5), field, per_second=4)
    async with desk.working():
        desk.asker.take([question(d) for d in range(5)])
        await settled()
        assert field.asked == [0]
        await desk.hands.step()
        await desk.hands.step()
        assert field.asked == [0, 1, 2]
        assert set(desk.hands.pauses) == {0.25}


async def test_a_storm_of_a_thousand_questions_is_bounded_and_the_newest_are_asked() -> None:
    field, before = Field(), dropped("crowded")
    desk = Desk(inventory(1000), field, per_second=10, at_once=1000, waiting=50, max_age_s=60)
    async with desk.working():
        desk.asker.take([question(d) for d in range(1000)])
        assert desk.asker.waiting == 50
        assert dropped("crowded") - before == 950
        for _ in range(20):
            await desk.hands.step()
        assert field.asked == list(range(950, 971))  # 2 s at ten a second, and the one to begin with
        for _ in range(100):
            await desk.hands.step()
        assert field.asked == list(range(950, 1000))


async def test_no_more_are_under_way_than_allowed() -> None:
    field = Field()
    desk = Desk(inventory(9), field, at_once=3)
    async with desk.working():
        desk.asker.take([question(d) for d in range(9)])
        for _ in range(9):
            await desk.hands.step()
        assert field.asked == [0, 1, 2]
        assert desk.asker.under_way == 3
        await field.answer(1)
        await desk.hands.step()
        assert field.asked == [0, 1, 2, 3]


async def test_behind_one_endpoint_they_wait_for_each_other_and_let_others_pass() -> None:
    field = Field()
    desk = Desk(inventory(4, behind=2), field)
    async with desk.working():
        desk.asker.take([question(d) for d in range(4)])
        for _ in range(5):
            await desk.hands.step()
        assert field.asked == [0, 2, 3]
        await field.answer(0)
        assert field.asked == [0, 2, 3, 1]


async def test_a_device_is_asked_once_at_a_time() -> None:
    field, before = Field(), dropped("twice")
    desk = Desk(inventory(2), field, at_once=1)
    async with desk.working():
        desk.asker.take([question(0), question(1), question(1)])
        await settled()
        desk.asker.take([question(0, purpose=Purpose.CLOSE)])  # it is under way
        assert dropped("twice") - before == 2
        await desk.hands.step()
        await field.answer(0)
        desk.asker.take([question(0)])  # and now it is not
        await desk.hands.step()
        await field.answer(1)
        await desk.hands.step()
        assert field.asked == [0, 1, 0]


async def test_what_is_old_by_the_clock_is_not_asked() -> None:
    field, before = Field(), dropped("old")
    desk = Desk(inventory(4), field, at_once=1, max_age_s=30)
    async with desk.working():
        desk.asker.take([question(0, NOW - 31 * SECOND), question(1, NOW - 30 * SECOND), question(2)])
        await settled()
        assert field.asked == [1]
        desk.clock.advance(40 * SECOND)  # the other one became old while it waited
        await field.answer(1)
        await desk.hands.step()
        desk.asker.take([question(3, desk.clock.now())])
        await settled()
        assert field.asked == [1, 3]
        assert dropped("old") - before == 2


async def test_what_nobody_can_ask_is_counted_and_left_alone() -> None:
    field, before = Field(able=[1]), dropped("no_way")
    desk = Desk(inventory(3), field)
    async with desk.working():
        desk.asker.take([question(0), question(1)])
        await settled()
        assert field.asked == [1]
        field.able = [1, 2]
        desk.asker.take([question(2)])
        field.able = []  # its broker has gone meanwhile
        await desk.hands.step()
        assert field.asked == [1]
        assert dropped("no_way") - before == 2


@pytest.mark.parametrize(
    ("heard", "able", "asked"),
    [
        ((5, 9), (True, True), (False, True)),
        ((9, 5), (True, True), (True, False)),
        ((0, 0), (True, True), (True, False)),
        ((0, 0), (False, True), (False, True)),
        (
            (9, 5),
            (False, True),
            (False, False),
        ),  # the other broker does not bring it: its silence there is no news
    ],
)
async def test_the_broker_that_brings_the_device_is_the_one_to_ask_it(
    heard: tuple[int, int], able: tuple[bool, bool], asked: tuple[bool, bool]
) -> None:
    brokers = [Broker(f"b{i}", {0: heard[i]}, able=[0] if able[i] else []) for i in range(2)]
    desk = Desk(inventory(1), *brokers)
    async with desk.working():
        desk.asker.take([question(0)])
        await settled()
        assert tuple(bool(broker.asked) for broker in brokers) == asked


async def test_a_driver_that_breaks_is_reported_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    field, before = Field(), dropped("failed")
    field.breaks = {0}
    desk = Desk(inventory(2), field)
    async with desk.working() as task:
        desk.asker.take([question(0), question(1)])
        await settled()
        await desk.hands.step()
        assert field.asked == [0, 1]
        assert desk.asker.under_way == 1
        assert not task.done()
    assert dropped("failed") - before == 1
    assert "asking a device failed" in caplog.text


async def test_a_question_that_takes_too_long_makes_room_for_others() -> None:
    field, before = Field(), dropped("late")
    desk = Desk(inventory(2), field, at_once=1, longest_s=0.01)
    async with desk.working():
        desk.asker.take([question(0), question(1)])
        await desk.hands.step()
        await until(lambda: field.asked == [0, 1])
    assert field.cancelled == 2
    assert dropped("late") - before >= 1


async def test_cancellation_ends_what_is_under_way() -> None:
    field = Field()
    desk = Desk(inventory(3), field)
    async with desk.working() as task:
        desk.asker.take([question(d) for d in range(3)])
        await desk.hands.step()
        assert desk.asker.under_way == 2
    assert task.cancelled()
    assert (field.cancelled, desk.asker.under_way) == (2, 0)
    async with desk.working():  # what waits is still asked by the next run
        assert field.asked == [0, 1, 2]


async def test_switched_off_nothing_is_asked() -> None:
    field, before = Field(), dropped("disabled")
    desk = Desk(inventory(1), field, enabled=False)
    async with desk.working():
        desk.asker.take([question(0)])
        await settled()
    assert field.asked == []
    assert dropped("disabled") - before == 1
