"""What was to be collected and what was, and the runs of what was not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from gateway.core.clock import HOUR, MINUTE
from gateway.core.meterdata import GAP_CAUSES, CollectionDays, GapCause, Intervals, IntervalStatus
from processors.collection.account import account, joined
from processors.collection.account import laid as laid_to
from processors.collection.runs import Runs, runs
from processors.collection.slots import Slots, lay

Q = 15 * MINUTE
VALID, SUSPECT = IntervalStatus.VALID, IntervalStatus.SUSPECT
ESTIMATED, EDITED = IntervalStatus.ESTIMATED, IntervalStatus.EDITED
NAN = float("nan")


def intervals(rows: Sequence[tuple[int, int, int, IntervalStatus, float]]) -> Intervals:
    """Of (device, start, end, status, raw)."""
    device, start, end, status, raw = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return Intervals(
        quantity="energy_import",
        device=np.array(device, np.int32),
        start=np.array(start, np.int64),
        end=np.array(end, np.int64),
        raw=np.array(raw, np.float64),
        value=np.array(raw, np.float64),
        status=np.array(status, np.uint8),
        rules=np.zeros(len(rows), np.int64),
    )


def laid(rows: Sequence[tuple[int, int, int, IntervalStatus, float]], devices: Sequence[int]) -> Slots:
    return lay(intervals(rows), np.array(devices, np.int32), length=Q, frm=0, till=HOUR)


def of_day(slots: Slots) -> CollectionDays:
    return account(slots, quantity="energy_import", day=0)


def as_rows(found: Runs) -> list[tuple[int, int, int]]:
    return list(zip(found.device.tolist(), found.start.tolist(), found.end.tolist(), strict=True))


def test_estimates_do_not_count_as_collected_and_an_edited_interval_only_where_it_was_measured() -> None:
    rows = [
        (3, 0, Q, VALID, 1.0),
        (3, Q, 2 * Q, SUSPECT, 1.0),
        (3, 2 * Q, 3 * Q, ESTIMATED, NAN),
        (3, 3 * Q, 4 * Q, EDITED, NAN),
        (7, 0, Q, EDITED, 2.0),
        (7, Q, 2 * Q, IntervalStatus.MISSING, NAN),
    ]
    found = of_day(laid(rows, [3, 5, 7]))
    assert found.device.tolist() == [3, 5, 7]
    assert found.expected.tolist() == [4, 4, 4]
    assert found.collected.tolist() == [2, 0, 1]
    assert found.estimated.tolist() == [1, 0, 0]
    assert found.edited.tolist() == [1, 0, 1]
    assert found.missing.tolist() == [0, 4, 3]


def test_a_device_is_expected_from_when_it_is_there() -> None:
    since = np.array([Q + 1, 0], np.int64)
    slots = lay(
        intervals([(1, 0, Q, VALID, 1.0)]),
        np.array([1, 2], np.int32),
        length=Q,
        frm=0,
        till=HOUR,
        since=since,
    )
    assert of_day(slots).expected.tolist() == [2, 4]
    assert of_day(slots).collected.tolist() == [0, 0], (
        "what came before it was expected makes no rate above one"
    )
    assert as_rows(runs(slots, till=HOUR)) == [(1, 2 * Q, 4 * Q), (2, 0, 4 * Q)]


def test_gaps_are_runs_and_what_may_still_come_is_none() -> None:
    rows = [(1, Q, 2 * Q, VALID, 1.0), (2, 0, Q, ESTIMATED, NAN)]
    slots = laid(rows, [1, 2])
    assert as_rows(runs(slots, till=HOUR)) == [(1, 0, Q), (1, 2 * Q, 4 * Q), (2, 0, 4 * Q)]
    assert as_rows(runs(slots, till=3 * Q)) == [(1, 0, Q), (1, 2 * Q, 3 * Q), (2, 0, 3 * Q)]
    assert as_rows(runs(slots, till=0)) == []


@pytest.mark.parametrize("length", [5 * MINUTE, 30 * MINUTE, HOUR])
def test_intervals_of_another_length_fill_what_they_cover(length: int) -> None:
    """The interval of a device was another one before it was changed."""
    rows = [(1, at, at + length, VALID, 1.0) for at in range(0, HOUR, length) if at < HOUR // 2]
    found = of_day(laid(rows, [1]))
    assert found.collected.tolist() == [4 if length == HOUR else 2]


def test_intervals_outside_and_of_others_are_left_out() -> None:
    rows = [(1, -Q, 0, VALID, 1.0), (1, 4 * Q, 5 * Q, VALID, 1.0), (9, 0, Q, VALID, 1.0)]
    assert of_day(laid(rows, [1])).collected.tolist() == [0]
    assert of_day(laid(rows, [])).device.tolist() == []


def test_slots_are_those_that_begin_within() -> None:
    """A local day may begin within a slot: each slot belongs to the day that it begins in."""
    nobody = np.empty(0, np.int32)
    first = lay(intervals([]), nobody, length=HOUR, frm=-HOUR // 2, till=HOUR // 2)
    second = lay(intervals([]), nobody, length=HOUR, frm=HOUR // 2, till=3 * HOUR // 2)
    assert first.start.tolist() == [0]
    assert second.start.tolist() == [HOUR]


def test_what_lacks_is_counted_by_cause() -> None:
    slots = laid([(1, Q, 2 * Q, VALID, 1.0), (2, 0, HOUR, VALID, 1.0)], [1, 2])
    later = laid([], [0])
    days = joined([of_day(slots), of_day(later)], "energy_import")
    assert days.device.tolist() == [0, 1, 2]
    found = Runs.joined([runs(slots, till=HOUR), runs(later, till=2 * Q)])
    codes = np.array(
        [GAP_CAUSES.index(c) for c in (GapCause.DEVICE, GapCause.GATEWAY, GapCause.SUPPLY)], np.uint8
    )
    told = laid_to(days, found, codes).lacking
    assert dict(zip(GAP_CAUSES, told[1].tolist(), strict=True)) == {
        GapCause.SUPPLY: 0,
        GapCause.DEVICE: 1,
        GapCause.COMMUNICATIONS: 0,
        GapCause.GATEWAY: 2,
    }
    assert told[0].sum() == 2, "what is too fresh to be a gap lacks nothing yet"
    assert told[2].sum() == 0
    assert len(joined([], "energy_import")) == 0
