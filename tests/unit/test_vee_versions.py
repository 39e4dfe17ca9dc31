"""Which version of an interval holds, and what people may change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gateway.core.clock import DAY
from gateway.core.meterdata import IntervalEdit, Intervals, IntervalStatus, Rule
from processors.vee.editing import apply, covered
from processors.vee.versions import supersede, told_late
from tests.unit.vee_cases import NAN, SLOT, T0, made, meters, registers, rules, words

STATES = [IntervalStatus.MISSING, IntervalStatus.ESTIMATED, IntervalStatus.SUSPECT, IntervalStatus.VALID]


def one(status: IntervalStatus, value: float = 1.0, *, device: int = 0, start: int = T0) -> Intervals:
    return Intervals(
        quantity="energy_import",
        device=np.array([device], np.int32),
        start=np.array([start]),
        end=np.array([start + SLOT]),
        raw=np.array([value if status >= IntervalStatus.SUSPECT else NAN]),
        value=np.array([NAN if status == IntervalStatus.MISSING else value]),
        status=np.array([status], np.uint8),
        rules=np.zeros(1, np.int64),
    )


def taken(standing: Intervals, new: Intervals, *, at: int = T0 + DAY, final_after: int = 15 * DAY) -> bool:
    return bool(supersede(standing, new, at=at, final_after=final_after)[0])


@pytest.mark.parametrize("before", STATES, ids=lambda status: status.word)
@pytest.mark.parametrize("after", STATES, ids=lambda status: status.word)
def test_what_was_measured_takes_the_place_of_estimates_never_the_reverse(
    before: IntervalStatus, after: IntervalStatus
) -> None:
    rank = {IntervalStatus.MISSING: 0, IntervalStatus.ESTIMATED: 1}
    better = rank.get(after, 2) >= rank.get(before, 2)
    something_new = not before == after == IntervalStatus.MISSING
    assert taken(one(before, 1.0), one(after, 2.0)) == (better and something_new)


def test_the_same_again_changes_nothing() -> None:
    for status in STATES:
        assert not taken(one(status), one(status))
    late = replace(one(IntervalStatus.VALID), rules=np.array([int(Rule.LATE)]))
    assert not taken(late, one(IntervalStatus.VALID))


def test_what_is_final_or_edited_stays() -> None:
    valid, estimate = one(IntervalStatus.VALID, 2.0), one(IntervalStatus.ESTIMATED)
    assert taken(estimate, valid, at=T0 + SLOT + 15 * DAY - 1)
    assert not taken(estimate, valid, at=T0 + SLOT + 15 * DAY)
    assert not taken(one(IntervalStatus.EDITED), valid)


def test_what_does_not_stand_yet_is_taken() -> None:
    valid = one(IntervalStatus.VALID)
    assert taken(one(IntervalStatus.VALID, device=1), valid)
    assert taken(one(IntervalStatus.EDITED, start=T0 + SLOT), valid, at=T0 + 99 * DAY)
    assert taken(made(registers([]), 0), valid)
    assert supersede(valid, made(registers([]), 0), at=T0, final_after=1).tolist() == []


def test_late_readings_are_told() -> None:
    whole = registers([100, 101, 102, 103, 104])
    first = made(registers([100, 101, NAN, 103, 104]), 4)
    then = told_late(first, made(whole, 4))
    assert rules(then) == [[], ["late"], ["late"], []]
    assert supersede(first, then, at=T0 + DAY, final_after=DAY * 15).tolist() == [False, True, True, False]
    assert rules(told_late(then, made(whole, 4))) == [[], ["late"], ["late"], []]


def edit(value: float | None, low: int, high: int, *, at: int = 1, device: int = 0) -> IntervalEdit:
    return IntervalEdit(
        device=device,
        quantity="energy_import",
        start=T0 + low * SLOT,
        end=T0 + high * SLOT,
        value=value,
        by="anna",
        at=at,
        reason="photo of the register",
    )


def test_an_edit_is_shared_out_as_the_intervals_were() -> None:
    standing = made(registers([100, 101, 104, 104, 105]), 4)
    found = apply(standing, [edit(8.0, 0, 3)])
    assert found.value.tolist() == [2.0, 6.0, 0.0, 1.0]
    assert words(found) == ["edited"] * 3 + ["valid"]
    assert rules(found)[0] == ["edited"]
    assert found.raw.tolist() == standing.raw.tolist() == [1.0, 3.0, 0.0, 1.0]
    assert standing.value.tolist() == [1.0, 3.0, 0.0, 1.0]


def test_an_edit_of_nothing_is_shared_out_by_time() -> None:
    found = apply(made(registers([]), 4), [edit(8.0, 1, 3)])
    assert found.value[1:3].tolist() == [4.0, 4.0]
    assert words(found) == ["missing", "edited", "edited", "missing"]


def test_the_later_word_holds_and_can_be_taken_back() -> None:
    standing = made(registers([100, 101, 102]), 2)
    first, second, back = edit(5.0, 0, 1), edit(7.0, 0, 1, at=2), edit(None, 0, 1, at=3)
    assert apply(standing, [second, first]).value[0] == 7.0
    again = apply(standing, [back, second, first])
    assert (words(again), again.value.tolist(), rules(again)) == (["valid"] * 2, [1.0, 1.0], [[], []])
    kept = apply(apply(standing, [first]), [back])
    assert (words(kept), kept.value.tolist()) == (["suspect", "valid"], [1.0, 1.0])


def test_an_edit_holds_for_whole_intervals_of_its_device() -> None:
    standing = made(
        registers([100, 101, 102] * 2, device=[0, 0, 0, 1, 1, 1], at=[T0, T0 + SLOT, T0 + 2 * SLOT] * 2),
        2,
        of=meters({}, {}),
    )
    half = replace_end(edit(5.0, 0, 1, device=1))
    assert covered(standing, half) == 1
    assert words(apply(standing, [half])) == ["valid", "valid", "edited", "valid"]
    assert words(apply(standing, [edit(5.0, 0, 1, device=7)])) == ["valid"] * 4


def replace_end(one: IntervalEdit) -> IntervalEdit:
    """Half an interval longer."""
    return IntervalEdit(
        device=one.device,
        quantity=one.quantity,
        start=one.start,
        end=one.end + SLOT // 2,
        value=one.value,
        by=one.by,
        at=one.at,
        reason=one.reason,
    )
