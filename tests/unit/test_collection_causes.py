"""Why intervals were not collected, by what is known of the same time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gateway.core.clock import HOUR, MINUTE
from gateway.core.meterdata import GAP_CAUSES, GapCause
from processors.collection.causes import Paths, Spans, causes
from processors.collection.runs import Runs

Q = 15 * MINUTE


def spans(rows: Sequence[tuple[int, int, int]]) -> Spans:
    return Spans(
        device=np.array([r[0] for r in rows], np.int32),
        start=np.array([r[1] for r in rows], np.int64),
        end=np.array([r[2] for r in rows], np.int64),
    )


def judged(
    rows: Sequence[tuple[int, int, int]],
    *,
    absences: Sequence[tuple[int, int]] = (),
    off: Sequence[tuple[int, int, int]] = (),
    paths: Sequence[Paths] = (),
) -> list[GapCause]:
    at = spans(rows)
    found = Runs(device=at.device, start=at.start, end=at.end, length=np.full(len(rows), Q, np.int64))
    codes = causes(found, absences=absences, off=spans(off), paths=paths, step=Q, silent_share=0.8)
    return [GAP_CAUSES[code] for code in codes]


def one_path(devices: int) -> Paths:
    return Paths(of=np.zeros(devices, np.int32), members=np.array([devices], np.int32))


def test_what_nothing_else_explains_is_the_devices_own() -> None:
    assert judged([]) == []
    assert judged([(1, 0, HOUR)]) == [GapCause.DEVICE]
    assert judged([(1, 0, HOUR)], paths=[one_path(4)]) == [GapCause.DEVICE]


def test_a_short_absence_of_the_gateway_costs_both_intervals_beside_the_reading_it_missed() -> None:
    away = [(Q - MINUTE, Q + MINUTE)]
    assert judged([(1, 0, 2 * Q)], absences=away) == [GapCause.GATEWAY]
    assert judged([(1, 0, 3 * Q)], absences=away) == [GapCause.GATEWAY], "one of two"
    assert judged([(1, 0, 4 * Q)], absences=away) == [GapCause.DEVICE], "one of three"
    assert judged([(1, Q, 2 * Q)], absences=away) == [GapCause.GATEWAY], "an end of a single interval"
    assert judged([(1, 2 * Q, 3 * Q)], absences=away) == [GapCause.DEVICE]
    assert judged([(1, 0, HOUR)], absences=[(0, Q), (3 * Q, HOUR)]) == [GapCause.GATEWAY], "in two parts"


def test_a_meter_without_supply_is_no_fault_of_its_own() -> None:
    off = [(2, 0, HOUR), (3, 5 * HOUR, 6 * HOUR)]
    assert judged([(1, 0, HOUR), (2, 0, HOUR), (3, 0, HOUR)], off=off) == [
        GapCause.DEVICE,
        GapCause.SUPPLY,
        GapCause.DEVICE,
    ]
    assert judged([(2, 0, HOUR)], off=off, absences=[(0, HOUR)]) == [GapCause.GATEWAY]


def test_silence_of_the_others_on_a_path_is_communications() -> None:
    rows = [(key, 0, HOUR) for key in range(4)]
    assert judged(rows, paths=[one_path(4)]) == [GapCause.COMMUNICATIONS] * 4
    assert judged(rows, paths=[one_path(8)]) == [GapCause.DEVICE] * 4, "half of the path works"
    assert judged(rows[:1], paths=[one_path(1)]) == [GapCause.DEVICE], "nobody else on it says anything"


def test_only_silence_at_the_same_time_counts() -> None:
    rows = [(0, 0, HOUR), (1, 2 * HOUR, 3 * HOUR), (2, 4 * HOUR, 5 * HOUR)]
    assert judged(rows, paths=[one_path(3)]) == [GapCause.DEVICE] * 3
    mixed = [(0, 0, HOUR), (1, 0, HOUR), (2, 0, 5 * HOUR)]
    assert judged(mixed, paths=[one_path(3)]) == [GapCause.COMMUNICATIONS] * 2 + [GapCause.DEVICE]


def test_who_is_without_supply_says_nothing_of_the_path() -> None:
    """Of ten meters behind a concentrator eight are off: the silence of the other two is judged by these two."""
    off = [(key, 0, HOUR) for key in range(8)]
    rows = [(key, 0, HOUR) for key in range(9)]
    assert judged(rows, off=off, paths=[one_path(10)]) == [GapCause.SUPPLY] * 8 + [GapCause.DEVICE]
    rows.append((9, 0, HOUR))
    assert (
        judged(rows, off=off, paths=[one_path(10)]) == [GapCause.SUPPLY] * 8 + [GapCause.COMMUNICATIONS] * 2
    )


def test_any_level_may_be_silent_and_a_device_may_have_none() -> None:
    nothing = Paths(of=np.full(3, -1, np.int32), members=np.array([], np.int32))
    rows = [(key, 0, HOUR) for key in range(3)]
    assert judged(rows, paths=[nothing, one_path(3)]) == [GapCause.COMMUNICATIONS] * 3
    assert judged(rows, paths=[nothing]) == [GapCause.DEVICE] * 3
