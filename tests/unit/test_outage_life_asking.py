"""Questions to the field: who is asked, how often, what answers do, and that all ends without any."""

from __future__ import annotations

import pytest

from gateway.core.clock import MINUTE, SECOND
from gateway.core.model import IncidentKind, IncidentState, Purpose, Question, SignalKind
from processors.outage.settings import OutageSettings
from tests.unit.outage_cases import faults
from tests.unit.outage_life import SETTINGS, T0, T1, T2, Life

OPEN, RESTORED, CLOSED = IncidentState.OPEN, IncidentState.RESTORED, IncidentState.CLOSED


@pytest.fixture(autouse=True)
def _no_fault() -> object:
    before = faults()
    yield
    assert faults() == before


def uncertain(answer: SignalKind | None, settings: OutageSettings = SETTINGS) -> Life:
    """Three of six meters of T1 gasp; the others are silent. Confidence stays below what needs no question."""
    life = Life(settings=settings.model_copy(update={"ask_below": 1.0}))
    life.until(2)
    life.answer = lambda _: answer
    life.lose(T1, gasps=[0, 1, 2])
    life.tick(40)
    return life


def confirm(life: Life) -> list[Question]:
    return [q for q in life.questions if q.purpose is Purpose.CONFIRM]


def test_members_that_said_nothing_are_asked_and_their_silence_makes_sure() -> None:
    silent, told = uncertain(None), uncertain(SignalKind.PING_FAILED)
    (before,), (after,) = silent.of(IncidentKind.OUTAGE, OPEN), told.of(IncidentKind.OUTAGE, OPEN)
    members = [q.device for q in confirm(told) if q.device in T1]
    assert sorted(members) == [3, 4, 5]
    assert all(q.incident == after.id for q in confirm(told))
    assert "3 of 3 asked did not answer" in after.summary
    assert after.evidence["asked"] == after.evidence["unanswered"] == 3
    assert "asked" not in before.summary
    assert after.confidence >= before.confidence


def test_an_answer_takes_the_asked_out_of_it() -> None:
    life = Life(settings=SETTINGS.model_copy(update={"ask_below": 1.0}))
    life.until(2)
    life.answer = lambda q: SignalKind.PING_OK if q.device in (3, 4, 5) else None
    life.lose(T1, gasps=[0, 1, 2])
    life.tick(40)
    off = {device for i in life.of(IncidentKind.OUTAGE, OPEN) for device in i.devices}
    assert off == {0, 1, 2}


def test_nobody_is_asked_twice_and_no_more_than_a_sample() -> None:
    life = uncertain(None)
    life.tick(150)
    asked = [q.device for q in confirm(life) if q.device in T1]
    assert len(asked) == len(set(asked)) == SETTINGS.verify_sample


def test_what_is_certain_or_direct_is_not_asked() -> None:
    life = Life()
    life.until(2)
    life.lose(T1)
    life.tick(20)
    assert confirm(life) == []


def test_failed_pings_along_a_dead_path_say_nothing() -> None:
    life = Life(settings=SETTINGS.model_copy(update={"ask_below": 1.0}))
    life.until(2)
    life.answer = lambda _: SignalKind.PING_FAILED
    life.lose(T1, gasps=[0, 1, 2])
    life.off |= set(range(24))  # the whole session
    life.tick(30)
    (incident,) = life.of(IncidentKind.OUTAGE, OPEN)
    assert confirm(life)
    assert "unanswered" not in incident.evidence


def restored(answer: SignalKind | None) -> Life:
    """All of T1 are back by their own message; none of them sends a reading."""
    life = Life()
    life.until(2)
    life.lose(T1)
    life.tick(70)
    life.say(SignalKind.POWER_RESTORED, *T1)
    life.answer = lambda _: answer
    life.tick(2)
    assert [i.state for i in life.incidents.values()] == [RESTORED]
    return life


def test_before_closing_members_are_asked_and_an_answer_verifies() -> None:
    life = restored(SignalKind.PING_OK)
    life.tick(25)
    asked = [q for q in life.questions if q.purpose is Purpose.CLOSE]
    assert len(asked) == SETTINGS.verify_sample
    (incident,) = life.incidents.values()
    assert incident.state is CLOSED
    assert "all have supply again, 3 shown by a reading" in incident.summary


@pytest.mark.parametrize("answer", [None, SignalKind.PING_FAILED])
def test_restore_messages_alone_close_at_last(answer: SignalKind | None) -> None:
    life = restored(answer)
    life.tick(280)
    assert [i.state for i in life.incidents.values() if i.kind is not IncidentKind.COMMUNICATIONS_LOSS] == [
        RESTORED
    ]
    life.tick(60)
    (incident,) = life.of(IncidentKind.OUTAGE)
    assert incident.state is CLOSED
    assert "all have supply again, verified by restore messages only" in incident.summary
    assert incident.evidence["verified_by"] == "restore messages"


def test_closing_waits_for_those_who_were_asked() -> None:
    """Five of six send readings; the sixth was never heard: it is asked, and the end waits for the answer."""
    life = Life(settings=SETTINGS.model_copy(update={"restored_share": 0.8}))
    life.until(2)
    life.lose(T1, gasps=[0, 1, 2, 3, 4])
    life.tick(70)
    life.regain(range(5))
    life.tick(2)
    (incident,) = life.of(IncidentKind.OUTAGE)
    assert incident.state is RESTORED
    assert [q.device for q in life.questions if q.purpose is Purpose.CLOSE] == [5]
    life.tick(15)
    assert [i.state for i in life.of(IncidentKind.OUTAGE)] == [RESTORED]
    life.tick(10)
    assert [i.state for i in life.of(IncidentKind.OUTAGE)] == [CLOSED]


def test_a_storm_asks_about_most_customers_first_and_not_too_much() -> None:
    life = Life(settings=SETTINGS.model_copy(update={"ask_below": 1.0, "ask_per_minute": 4}))
    life.until(2)
    life.lose([*T2, 18, 19], gasps=[6, 7, 8, 18, 19])
    life.tick(50)
    asked = confirm(life)
    assert len(asked) <= 4
    assert asked[0].device in T2
    life.tick(120)
    for question in life.questions:
        minute = [q for q in life.questions if 0 <= q.asked_at - question.asked_at < MINUTE]
        assert len(minute) <= 4


def test_members_of_an_announced_outage_are_asked_after_its_end() -> None:
    life = Life()
    life.plan("PO-17", "T1", 5, 10)
    life.until(5)
    life.lose(T1)
    life.until(9.9)
    assert [q for q in life.questions if q.device in T1] == []
    life.answer = lambda _: SignalKind.PING_FAILED
    life.until(10.1)
    asked = [q for q in life.questions if q.device in T1]
    assert SETTINGS.verify_sample <= len(asked) <= 2 * SETTINGS.verify_sample
    assert {q.purpose for q in asked} == {Purpose.CLOSE}
    life.until(11)
    assert [i.started_at for i in life.of(IncidentKind.OUTAGE)] == [T0 + 10 * MINUTE]


def test_a_neighbour_just_above_is_asked_whether_the_outage_is_larger() -> None:
    life = Life(settings=SETTINGS.model_copy(update={"ask_below": 1.0}))
    life.until(2)
    life.lose(T1, gasps=[0, 1, 2, 3])
    life.tick(8)
    (incident,) = life.of(IncidentKind.OUTAGE)
    beside = [q for q in confirm(life) if q.device not in incident.devices]
    assert len(beside) == 1
    assert beside[0].device in T2


def test_questions_are_handed_out_once() -> None:
    life = Life(settings=SETTINGS.model_copy(update={"ask_below": 1.0}))
    life.until(2)
    life.lose(T1, gasps=[0, 1, 2])
    for _ in range(20):
        life.detector.advance(life.at)
        life.at += SECOND
        if life.detector.asking.questions:
            break
    assert life.detector.questions()
    assert life.detector.questions() == []


def test_what_was_asked_of_incidents_that_are_over_is_forgotten() -> None:
    life = uncertain(SignalKind.PING_FAILED)
    life.off.add(20)
    life.tick(40)  # a loss of its own, which stays
    life.regain(T1)
    life.tick(120)
    assert life.of(IncidentKind.OUTAGE, OPEN, RESTORED) == []
    assert life.detector.asking.counts == {}
    assert (life.detector.book.asked, life.detector.book.answered) == ({}, {})
