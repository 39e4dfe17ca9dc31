"""Questions between polls: whose turn it is, and what an outcome is taken for."""

from __future__ import annotations

import asyncio

import pytest

from drivers.modbus.client import NoAnswerError, RefusedByDeviceError
from drivers.modbus.poll import Asked
from drivers.modbus.questions import Questions, verdict
from gateway.core.clock import HOUR, MINUTE, SECOND
from gateway.core.model import SignalKind

T = 1_772_352_000 * SECOND


async def waiting(*keys: int) -> tuple[Questions, dict[int, asyncio.Task[bool]]]:
    questions = Questions()
    tasks = {key: asyncio.create_task(questions.put(key)) for key in keys}
    await asyncio.sleep(0)
    return questions, tasks


async def test_they_are_taken_in_order_and_whoever_waits_learns_that_it_was_asked() -> None:
    questions, tasks = await waiting(3, 1, 2)
    assert [questions.take(T, None) for _ in range(4)] == [3, 1, 2, None]
    questions.done(3, T, T + SECOND)
    assert await tasks[3] is True
    questions.dismiss()
    assert [await tasks[1], await tasks[2]] == [False, False]


async def test_two_who_ask_the_same_device_share_the_answer() -> None:
    questions, tasks = await waiting(1)
    again = asyncio.create_task(questions.put(1))
    await asyncio.sleep(0)
    assert questions.take(T, None) == 1
    late = asyncio.create_task(questions.put(1))
    await asyncio.sleep(0)
    assert questions.take(T, None) is None
    questions.done(1, T, T + 1)
    assert [await task for task in (tasks[1], again, late)] == [True, True, True]


async def test_where_polls_are_dense_questions_get_a_fifth_of_the_line() -> None:
    questions, tasks = await waiting(1, 2)
    assert questions.take(T, T) == 1  # nothing is known yet of what one costs
    questions.done(1, T, T + 2 * SECOND)
    now = T + 2 * SECOND
    assert questions.take(now, now + SECOND) is None
    assert questions.next_at(now, now + SECOND) == now + 8 * SECOND
    assert questions.take(now + 7 * SECOND, now + 8 * SECOND) is None
    assert questions.take(now + 8 * SECOND, now + 8 * SECOND) == 2
    questions.dismiss()
    await asyncio.gather(*tasks.values())


async def test_where_no_poll_is_near_they_do_not_wait() -> None:
    questions, tasks = await waiting(1, 2)
    questions.take(T, T)
    questions.done(1, T, T + 2 * SECOND)
    now = T + 2 * SECOND
    assert questions.take(now, now + MINUTE) == 2
    questions.dismiss()
    await asyncio.gather(*tasks.values())


@pytest.mark.parametrize(
    ("ended", "now"), [(T + HOUR, T + HOUR + 3 * MINUTE), (T + SECOND, T - HOUR), (T - HOUR, T)]
)
async def test_a_clock_that_jumps_does_not_hold_them_up_for_long(ended: int, now: int) -> None:
    questions, tasks = await waiting(1, 2)
    questions.take(T, T)
    questions.done(1, T, ended)
    assert questions.take(now, now) == 2
    questions.dismiss()
    await asyncio.gather(*tasks.values())


async def test_cut_short_it_is_asked_once_more_and_no_more() -> None:
    questions, tasks = await waiting(1)
    for _ in range(2):
        assert questions.take(T, None) == 1
        questions.interrupted(1)
    assert await tasks[1] is False
    assert questions.next_at(T, None) is None


async def test_cancelled_while_it_waits_it_is_forgotten() -> None:
    questions, tasks = await waiting(1)
    tasks[1].cancel()
    await asyncio.wait([tasks[1]])
    assert questions.take(T, None) is None


@pytest.mark.parametrize(
    ("asked", "alive", "silent_path"),
    [
        (Asked(b""), ("answered", None), ("answered", None)),
        (Asked(None, (), NoAnswerError("")), ("unanswered", SignalKind.PING_FAILED), ("unheard", None)),
        *(
            (Asked(None, (), RefusedByDeviceError(code)), said, said)
            for codes, said in (
                ((1, 2, 3), ("answered", SignalKind.PING_OK)),
                ((10, 11), ("target_failed", SignalKind.TARGET_FAILED)),
                ((4, 5, 6, 8), ("refused", None)),
            )
            for code in codes
        ),
    ],
)
def test_what_an_outcome_is_taken_for(
    asked: Asked, alive: tuple[str, SignalKind | None], silent_path: tuple[str, SignalKind | None]
) -> None:
    assert verdict(asked, path_lives=True) == alive
    assert verdict(asked, path_lives=False) == silent_path
