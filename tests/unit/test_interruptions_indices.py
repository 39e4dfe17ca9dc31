"""Reliability indices of records: worked cases to the last digit, rules at their edges, what must not matter."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.clock import DAY, parse_time
from processors.interruptions.accounting import IEEE_1366, Threshold, Window
from processors.interruptions.indices import Indices, Levels, dlt836, indices, spells_of
from processors.interruptions.records import read_records
from processors.interruptions.report import Report, report
from tests.unit.interruption_records import T0, Row, moment, records_of

CASES = Path(__file__).parents[1] / "cases" / "indices"
SERVED = 100


def told(rows: Sequence[Row], *, at: int = T0 + DAY, served: int = SERVED, **more: object) -> Report:
    return report(records_of(rows), served=served, low=T0, high=T0 + DAY, at=at, zone=UTC, **more)  # type: ignore[arg-type]


def of(rows: Sequence[Row], **more: object) -> Indices:
    return told(rows, **more).all  # type: ignore[arg-type]


@pytest.mark.parametrize("case", ["ieee1366_circuit", "retrip"])
def test_worked_cases(case: str) -> None:
    expected = json.loads((CASES / f"{case}.json").read_text())
    low, high, served = (
        parse_time(expected.pop("from")),
        parse_time(expected.pop("to")),
        expected.pop("served"),
    )
    records = read_records((CASES / f"{case}.csv").read_bytes(), case)
    found = report(records, served=served, low=low, high=high, at=high, zone=UTC)
    assert {name: getattr(found.all, name) for name in expected} == pytest.approx(expected, rel=1e-9, abs=0)
    assert found.fault == found.all
    assert found.planned.customer_interruptions == 0
    assert found.planned.asai == 1


def test_a_file_without_interruptions() -> None:
    found = told([])
    assert (found.all.saifi, found.all.saidi_minutes, found.all.asai, found.all.maifi_e) == (0, 0, 1, 0)
    assert found.all.caidi_minutes is None
    assert found.major_events.alpha is None
    assert found.notes == ()


@pytest.mark.parametrize(
    ("minutes", "threshold", "sustained"),
    [
        (5, IEEE_1366, False),
        (5 + 1 / 60e6, IEEE_1366, True),
        (5, Threshold(seconds=300, comparator=">="), True),
        (4, Threshold(seconds=180), True),
        (3, Threshold(seconds=180), False),
        (0.001, Threshold(seconds=0), True),
    ],
)
def test_the_threshold_and_its_comparator(minutes: float, threshold: Threshold, sustained: bool) -> None:
    found = of([Row(0, minutes, 7)], threshold=threshold)
    assert (found.customer_interruptions, found.momentary_interruptions) == ((7, 0) if sustained else (0, 7))


def test_what_goes_on_counts_at_once_and_its_minutes_stand_apart() -> None:
    rows = [Row(60, None, 3), Row(0, 30, 2, "E2", "planned"), Row(61, None, 1, "E3", "planned")]
    found = told(rows, at=moment(62))
    assert (found.all.customer_interruptions, found.all.customer_minutes) == (6, 60)
    assert (found.open.customers, found.open.customer_minutes) == (4, 3 * 2 + 1)
    assert (found.open.fault_customers, found.open.planned_customers) == (3, 1)
    assert found.all.asai == 1 - 60 / (SERVED * 62), "time to come does not count as supplied"
    assert (found.fault.momentary_interruptions, found.fault.caidi_minutes) == (0, 0)


def test_what_starts_outside_the_window_is_told_and_not_counted() -> None:
    found = told(
        [
            Row(-10, 60, 9),
            Row(0, 1500, 2, "E2"),
            Row(1440, 1500, 5, "E3"),
            Row(1439, 5000, 4, "E4"),
            Row(7, 7),
        ]
    )
    assert found.all.customer_interruptions == 6
    assert found.all.customer_minutes == 2 * 1500 + 4 * 3561, (
        "an interruption belongs to its start, all of it"
    )
    assert (found.basis.rows, found.basis.outside_rows, found.basis.outside_customers) == (5, 2, 14)
    assert len(found.notes) == 2
    assert "2 of 5 rows (14 customers) start outside" in found.notes[0]
    assert found.basis.void_rows == 1


def test_rows_that_stand_there_twice_are_pointed_out() -> None:
    found = told(
        [Row(0, 30, 2), Row(0, 30, 2), Row(0, 30, 3), Row(0, 30, 2, device="M1"), Row(0, 30, 2, device="M1")]
    )
    assert (found.basis.repeated_rows, found.all.customer_interruptions) == (1, 9)
    assert found.notes == ("1 rows repeat another one to the letter; each of them counts",)


def test_what_starts_after_the_moment_of_knowing_is_outside() -> None:
    found = told([Row(10, 20), Row(100, 200)], at=moment(100))
    assert (found.all.customer_interruptions, found.basis.outside_rows) == (1, 1)


def test_rows_of_one_device_that_overlap_are_one_interruption() -> None:
    rows = [
        Row(0, 30, 2, "E1", device="M1"),
        Row(30, 40, 2, "E2", device="M1"),
        Row(10, 20, 3, "E3", "planned", device="M1"),
        Row(0, 30, 2, "E1", device="M2"),
        Row(100, 130, 2, "E4", device="M2"),
    ]
    found = told(rows)
    assert (found.all.customer_interruptions, found.all.customer_minutes) == (3 + 2 + 2, 120 + 60 + 60)
    assert (found.fault.customer_interruptions, found.fault.customer_minutes) == (6, 80 + 60 + 60)
    assert (found.planned.customer_interruptions, found.planned.customer_minutes) == (3, 30)
    without_names = of([replace(row, device="") for row in rows])
    assert without_names.customer_interruptions == 11


def test_a_spell_that_began_before_the_window_is_not_in_it_however_it_went_on() -> None:
    found = of([Row(-10, 5, device="M1"), Row(5, 90, device="M1")])
    assert found.customer_interruptions == 0


def test_who_was_interrupted_how_often_and_how_long() -> None:
    rows = [
        Row(0, 60, 1, "E1", device="M1"),
        Row(100, 600, 1, "E2", device="M1"),
        Row(0, 480, 5, "E1", device="M2"),
        Row(700, 702, 5, "E3", device="M2"),
        Row(900, None, 2, "E4", device="M3"),
        Row(0, 1, 50, "E5", device="M4"),
    ]
    found = of(rows, levels=Levels(cemi=(1, 2, 3), celid_s=(8.0, 8.5), celid_t=(9.0, 9.5)))
    assert found.caifi == (1 + 1 + 5 + 2) / (1 + 5 + 2)
    assert found.cemi == {"1": 8 / SERVED, "2": 1 / SERVED, "3": 0}
    assert found.celid_s == {"8": 6 / SERVED, "8.5": 0}
    assert found.celid_t == {"9": 1 / SERVED, "9.5": 0}


@pytest.mark.parametrize("rows", [[Row(0, 60)], [Row(0, 60, device="M1"), Row(0, 60)], []])
def test_distinct_customers_are_not_guessed(rows: list[Row]) -> None:
    found = of(rows)
    assert (found.caifi, found.cemi, found.celid_s, found.celid_t) == (None, None, None, None)


@pytest.mark.parametrize(
    ("rows", "maifi", "maifi_e"),
    [
        pytest.param([Row(0, 1, 80), Row(2, 3, 80)], 160, 80, id="two shots of one reclosing sequence"),
        pytest.param([Row(0, 1, 80), Row(2, 3, 80, "E2")], 160, 160, id="two events"),
        pytest.param([Row(0, 1, 80), Row(2, 3, 80), Row(4, 90, 80)], 160, 0, id="locked out in the end"),
        pytest.param([Row(0, 1, 80), Row(1, 90, 20)], 80, 60, id="a fuse melts for some of them"),
        pytest.param([Row(0, 2, 50), Row(0, 90, 30)], 50, 50, id="some are switched over at once"),
        pytest.param([Row(0, 1, 80), Row(2, None, 80)], 80, 0, id="locked out and still off"),
        pytest.param([Row(0, 1, 30), Row(0, 2, 40), Row(5, 6, 60)], 130, 70, id="restored in steps"),
    ],
)
def test_a_momentary_event_counts_once_and_not_before_a_lockout(
    rows: list[Row], maifi: int, maifi_e: int
) -> None:
    found = of(rows)
    assert (found.momentary_interruptions, found.momentary_events) == (maifi, maifi_e)
    assert (found.maifi, found.maifi_e) == (maifi / SERVED, maifi_e / SERVED)


def test_where_customers_are_named_momentary_events_are_counted_one_by_one() -> None:
    rows = [
        *(Row(0, 1, 2, device=device) for device in ("M1", "M2", "M3")),
        *(Row(2, 3, 2, device=device) for device in ("M1", "M2")),
        Row(4, 60, 2, device="M1"),
        Row(4, 60, 2, "E2", device="M2"),
    ]
    found = of(rows)
    assert (found.momentary_interruptions, found.momentary_events) == (10, 4)


def test_names_and_hours_of_the_chinese_standard() -> None:
    records = records_of([Row(0, 240, 10), Row(300, 304, 6, "E2", "planned"), Row(400, 403, 6, "E3")])
    window = Window(low=T0, high=T0 + DAY, at=T0 + DAY)
    found = dlt836(
        [spells_of(records, kind) for kind in ("all", "fault", "planned")], served=SERVED, window=window
    )
    assert (found.threshold_s, found.comparator) == (180, ">")
    assert (found.customer_hours, found.customer_hours_f, found.customer_hours_s) == pytest.approx(
        (40.4, 40, 0.4)
    )
    assert (found.saidi_1_hours, found.saidi_f_hours, found.saidi_s_hours) == pytest.approx(
        (0.404, 0.4, 0.004)
    )
    assert (found.saifi_1, found.saifi_f, found.saifi_s) == (0.16, 0.1, 0.06)
    assert found.asai_1 == pytest.approx(1 - 0.404 / 24)


def test_more_off_at_one_moment_than_are_served_is_pointed_out() -> None:
    assert told([Row(0, 60, 60), Row(0, 60, 60, "E2")]).notes == (
        "120 customers are off at one moment, more than the 100 served: rows may stand there twice",
    )


def test_without_anyone_served_there_are_no_indices() -> None:
    spells, window = spells_of(records_of([]), "all"), Window(low=0, high=1, at=1)
    with pytest.raises(ValueError, match="served"):
        indices(spells, devices=0, served=0, window=window, threshold=IEEE_1366)
    with pytest.raises(ValueError, match="served"):
        told([], served=0)


NUMBERS = (
    "customer_interruptions", "customer_minutes", "saifi", "saidi_minutes", "asai", "maifi", "maifi_e",
    "momentary_interruptions", "open_customers", "open_customer_minutes",
)  # fmt: skip


def numbers(found: Indices) -> dict[str, float]:
    return {name: getattr(found, name) for name in NUMBERS}


@st.composite
def rows_of_records(draw: st.DrawFn, *, named: bool | None = None) -> list[Row]:
    rows = []
    for _ in range(draw(st.integers(0, 12))):
        start = draw(st.integers(-30, 1460))
        length = draw(st.one_of(st.integers(0, 12), st.integers(0, 3000), st.none()))
        device = "" if named is False else draw(st.sampled_from(["", "M1", "M2", "M3"][named is True :]))
        rows.append(
            Row(
                start,
                None if length is None else start + length,
                draw(st.integers(0, 40)),
                draw(st.sampled_from(["E1", "E2", "E3"])),
                draw(st.sampled_from(["fault", "planned"])),
                device,
            )
        )
    return rows


@given(rows=rows_of_records(), seed=st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter(rows: list[Row], seed: int) -> None:
    shuffled = random.Random(seed).sample(rows, len(rows))
    assert numbers(of(shuffled)) == pytest.approx(numbers(of(rows)), rel=1e-12)


@given(rows=rows_of_records(named=False), share=st.floats(0, 1))
def test_splitting_the_customers_of_a_row_changes_nothing(rows: list[Row], share: float) -> None:
    split = [part for row in rows for part in row.split(round(row.customers * share))]
    assert numbers(of(split)) == pytest.approx(numbers(of(rows)), rel=1e-12)


@given(rows=rows_of_records(named=False))
def test_fault_and_planned_add_up_where_nothing_overlaps(rows: list[Row]) -> None:
    found = told(rows)
    for name in (
        "customer_interruptions",
        "customer_minutes",
        "momentary_interruptions",
        "open_customer_minutes",
    ):
        total = getattr(found.fault, name) + getattr(found.planned, name)
        assert total == pytest.approx(getattr(found.all, name), rel=1e-12)


@given(rows=rows_of_records())
def test_what_must_hold_of_any_records(rows: list[Row]) -> None:
    found = told(rows)
    for one in (found.all, found.fault, found.planned):
        assert 0 <= one.maifi_e <= one.maifi
        assert one.open_customers <= one.customer_interruptions
        assert one.caifi is None or one.caifi >= 1
    parts = (found.major_events.on_major_days, found.major_events.on_other_days)
    assert sum(part.customer_interruptions for part in parts) == found.all.customer_interruptions
    assert sum(part.saidi_minutes for part in parts) == pytest.approx(found.all.saidi_minutes)


@given(rows=rows_of_records(named=True))
def test_each_customer_minute_by_minute(rows: list[Row]) -> None:
    """A customer is off in every minute that any row says so; each run of such minutes is one interruption."""
    interruptions = momentary = 0
    minutes = 0.0
    end_of_time = 10_000
    for device in ("M1", "M2", "M3"):
        mine = [row for row in rows if row.device == device]
        off = {
            m for row in mine for m in range(int(row.start), int(end_of_time if row.end is None else row.end))
        }
        for begin in sorted(m for m in off if m - 1 not in off):
            length = next(n for n in range(1, 20_000) if begin + n not in off)
            weight = max(
                row.customers for row in mine if begin <= row.start < begin + length and row.end != row.start
            )
            going_on = begin + length == end_of_time
            if 0 <= begin < 1440 and (going_on or length > 5):
                interruptions += weight
                minutes += 0 if going_on else weight * length
            elif 0 <= begin < 1440:
                momentary += weight
    found = of(rows)
    assert (found.customer_interruptions, found.momentary_interruptions) == (interruptions, momentary)
    assert found.customer_minutes == pytest.approx(minutes)
    assert found.saidi_minutes == pytest.approx(minutes / SERVED)
