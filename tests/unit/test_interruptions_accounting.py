"""Spells and accounts of metering points and transformers, against the rules applied minute by minute."""

from __future__ import annotations

from datetime import UTC, date
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.clock import DAY, HOUR, MINUTE, parse_time
from gateway.core.network import Network
from processors.interruptions.accounting import (
    IEEE_1366,
    Accounts,
    Threshold,
    Window,
    account,
    judge,
    points_per_transformer,
    rates,
    sums,
)
from processors.interruptions.periods import Period, midnight, period_of, periods, shift_years
from processors.interruptions.spells import OPEN, Spells, together, unite, unknown_minutes

POINTS, HORIZON = 5, 60
Stretch = tuple[int, int, int | None]  # metering point, from, to; in minutes


def spells_from(stretches: list[Stretch], customers: list[int] | None = None) -> Spells:
    ends = [OPEN if end is None else end * MINUTE for _, _, end in stretches]
    points = [point for point, _, _ in stretches]
    weights = None if customers is None else [customers[point] for point in points]
    return unite(points, [start * MINUTE for _, start, _ in stretches], ends, weights)


def minutes_off(stretches: list[Stretch], point: int) -> set[int]:
    return {
        minute
        for who, start, end in stretches
        if who == point
        for minute in range(start, HORIZON if end is None else end)
    }


def runs(minutes: set[int]) -> list[tuple[int, int]]:
    """(first, end) of each run of minutes in a row."""
    return [
        (first, next(m for m in range(first, HORIZON + 1) if m not in minutes))
        for first in sorted(m for m in minutes if m - 1 not in minutes)
    ]


def as_runs(spells: Spells, user: int) -> list[tuple[int, int]]:
    mine = spells.where(spells.user == user)
    ends = np.where(mine.going_on, HORIZON * MINUTE, mine.ended_at)
    return [(a // MINUTE, b // MINUTE) for a, b in zip(mine.started_at.tolist(), ends.tolist(), strict=True)]


@st.composite
def stretches(draw: st.DrawFn) -> list[Stretch]:
    start = st.integers(0, HORIZON - 1)
    length = st.one_of(st.integers(0, 20), st.none())
    chosen = draw(st.lists(st.tuples(st.integers(0, POINTS - 1), start, length), max_size=20))
    return [(p, a, None if n is None or a + n >= HORIZON else a + n) for p, a, n in chosen]


@given(stretches())
def test_a_spell_is_a_run_of_minutes_without_supply(given_: list[Stretch]) -> None:
    spells = spells_from(given_)
    for point in range(POINTS):
        assert as_runs(spells, point) == runs(minutes_off(given_, point))
    assert (np.diff(spells.user) >= 0).all()


@given(stretches())
def test_a_transformer_is_off_while_all_its_points_are(given_: list[Stretch]) -> None:
    """Points 0 and 1 hang on transformer 2, points 2 and 3 on 4; point 4 serves nobody there."""
    group, members = points_per_transformer(
        np.array([2, 2, 4, 4, 4], np.int32), np.array([1, 9, 3, 3, 0], np.int32), 6
    )
    assert members.tolist() == [0, 0, 2, 0, 2, 0]
    off = together(spells_from(given_), group, members)
    for transformer, (a, b) in {2: (0, 1), 4: (2, 3)}.items():
        assert as_runs(off, transformer) == runs(minutes_off(given_, a) & minutes_off(given_, b))
    assert set(off.user.tolist()) <= {2, 4}
    assert (off.customers == 1).all()


def test_one_who_comes_back_as_another_goes_off_makes_no_transformer_interruption() -> None:
    group, members = points_per_transformer(np.array([0, 0], np.int32), np.array([1, 1], np.int32), 1)
    assert len(together(spells_from([(0, 0, 10), (1, 10, 20)]), group, members)) == 0


def test_a_spell_weighs_the_most_of_its_stretches_and_is_named_by_the_earliest() -> None:
    spells = unite([7] * 4, [5, 0, 0, 50], [9, 6, 3, 60], [1, 3, 2, 8], [0, 9, 4, 1])
    assert spells.started_at.tolist() == [0, 50]
    assert (spells.customers.tolist(), spells.event.tolist()) == ([3, 8], [4, 1])


@given(off=stretches(), unknown=stretches(), low=st.integers(0, 30), length=st.integers(1, 40))
def test_unknown_time_is_what_is_not_known_to_be_off(
    off: list[Stretch], unknown: list[Stretch], low: int, length: int
) -> None:
    both = [*off, *unknown]
    customers = np.array([1 + point for point, _, _ in both], np.int64)
    users, minutes = unknown_minutes(
        user=np.array([point for point, _, _ in both], np.int64),
        started_at=np.array([start * MINUTE for _, start, _ in both], np.int64),
        ended_at=np.array([OPEN if end is None else end * MINUTE for _, _, end in both], np.int64),
        customers=customers,
        unknown=np.arange(len(both)) >= len(off),
        low=low * MINUTE,
        high=min(low + length, HORIZON) * MINUTE,
    )
    within = set(range(low, min(low + length, HORIZON)))
    expected = {
        point: (1 + point) * len((minutes_off(unknown, point) - minutes_off(off, point)) & within)
        for point in range(POINTS)
    }
    assert dict(zip(users.tolist(), minutes.tolist(), strict=True)) == {
        point: minutes for point, minutes in expected.items() if minutes
    }


def network() -> Network:
    """S ─ F ─ (T1 ─ (A, B), T2 ─ (C)); points 0 … 4 hang on A, A, B, C, F."""
    return Network(
        ["S", "F", "T1", "A", "B", "T2", "C"],
        ["", "S", "F", "T1", "T1", "F", "T2"],
        ["substation", "feeder", "transformer", "service", "service", "transformer", "service"],
    )


@given(stretches(), st.sampled_from([Threshold(seconds=300), Threshold(seconds=240, comparator=">=")]))
def test_the_account_of_a_node_holds_everything_below_it(given_: list[Stretch], threshold: Threshold) -> None:
    tree, customers = network(), [1, 2, 4, 8, 16]
    node = np.array([tree.index(name) for name in ("A", "A", "B", "C", "F")])
    window = Window(low=5 * MINUTE, high=50 * MINUTE, at=HORIZON * MINUTE)
    judged = judge(spells_from(given_, customers), window, threshold)
    accounts = account(judged, node[judged.spells.user], len(tree), at=window.at).below(tree)
    served = tree.subtree_sums(sums(np.array(customers), node, len(tree))).astype(np.float64)
    found = rates(accounts, served, window.minutes)
    for name, points in {
        "S": range(5),
        "F": range(5),
        "T1": (0, 1, 2),
        "A": (0, 1),
        "C": (3,),
        "T2": (3,),
    }.items():
        interruptions = momentary = open_customers = 0
        minutes = open_minutes = 0
        for point in points:
            for first, end in runs(minutes_off(given_, point)):
                if not 5 <= first < 50:
                    continue
                length, weight = end - first, customers[point]
                if end == HORIZON:
                    open_customers += weight
                    open_minutes += weight * length
                    interruptions += weight
                elif length * 60 > threshold.seconds or (length == 4 and threshold.comparator == ">="):
                    interruptions += weight
                    minutes += weight * length
                else:
                    momentary += weight
        i = tree.index(name)
        assert accounts.customer_interruptions[i] == interruptions
        assert accounts.momentary_interruptions[i] == momentary
        assert accounts.open_customers[i] == open_customers
        assert accounts.customer_minutes[i] == pytest.approx(minutes)
        assert accounts.open_customer_minutes[i] == pytest.approx(open_minutes)
        of = sum(customers[point] for point in points)
        assert found.saifi[i] == pytest.approx(interruptions / of)
        assert found.asai[i] == pytest.approx(1 - minutes / (of * 45))
        assert found.caidi_minutes[i] == pytest.approx(
            minutes / interruptions if interruptions else np.nan, nan_ok=True
        )
    assert np.isnan(rates(accounts, served * 0, window.minutes).saifi).all()


def test_nothing_below_a_node_stays_nothing_in_a_large_network() -> None:
    nodes = 3000
    tree = Network(
        [f"N{i}" for i in range(nodes)],
        ["", *(f"N{(i - 1) // 3}" for i in range(1, nodes))],
        ["section"] * nodes,
    )
    own = np.random.default_rng(1).random(nodes) * 1e12
    own[tree.subtree(tree.index("N40"))] = 0
    own[tree.index("N122")] = 1 / 3
    zero = np.zeros(nodes)
    accounts = Accounts(
        customer_interruptions=zero,
        customer_minutes=own,
        momentary_interruptions=zero,
        momentary_events=zero,
        open_customers=zero,
        open_customer_minutes=zero,
    ).below(tree)
    assert accounts.customer_minutes[tree.index("N40")] == pytest.approx(1 / 3)
    assert accounts.customer_minutes[tree.index("N123")] == 0
    assert accounts.customer_minutes[0] == pytest.approx(own.sum())


def test_spells_without_events_have_no_momentary_events() -> None:
    judged = judge(unite([0], [0], [MINUTE]), Window(low=0, high=DAY, at=DAY), IEEE_1366)
    found = account(judged, judged.spells.user, 2, at=DAY)
    assert np.isnan(found.momentary_events).all()
    assert np.isnan(rates(found, np.ones(2), 1440).maifi_e).all()


def test_accounts_by_day_and_feeder_and_of_momentary_events() -> None:
    """A momentary event counts where its first spell is; not where its event also cut the point off for longer."""
    start = np.array([0, 10, 1500, 1510, 1600, 3000, 3010]) * MINUTE
    spells = unite(
        [0, 0, 0, 1, 1, 1, 1], start, start + 2 * MINUTE, [3, 3, 3, 5, 5, 5, 5], [8, 8, 9, 9, 9, 7, 7]
    )
    longer = unite([0], [1700 * MINUTE], [1800 * MINUTE], [3], [9])
    merged = unite(
        *(np.concatenate([getattr(spells, part), getattr(longer, part)]) for part in Spells.__slots__)
    )
    judged = judge(merged, Window(low=0, high=3 * DAY, at=3 * DAY), IEEE_1366)
    names, begins = periods(Period.DAY, 0, 3 * DAY)
    day = period_of(judged.spells.started_at, begins)
    feeder = np.array([0, 1])
    found = account(judged, day * 2 + feeder[judged.spells.user], len(names) * 2, at=3 * DAY)
    assert found.momentary_interruptions.tolist() == [6, 0, 3, 10, 0, 10]
    assert found.momentary_events.tolist() == [3, 0, 0, 5, 0, 5]
    assert found.customer_minutes.tolist() == [0, 0, 300, 0, 0, 0]
    elsewhere = account(judged, np.full(len(judged.spells), -1), 1, at=3 * DAY)
    assert elsewhere.customer_interruptions.tolist() == [0]


def test_periods_begin_at_local_midnights_however_long_they_are() -> None:
    zone = ZoneInfo("Europe/Berlin")
    low = parse_time("2026-03-28T12:00:00Z")
    names, begins = periods(Period.DAY, low, low + 3 * DAY, zone)
    assert names == [date(2026, 3, day) for day in (28, 29, 30, 31)]
    assert (np.diff(begins) // HOUR).tolist() == [24, 23, 24]
    assert period_of(begins, begins).tolist() == [0, 1, 2, 3]
    assert period_of(begins - 1, begins).tolist() == [-1, 0, 1, 2]
    months, begins = periods(
        Period.MONTH, midnight(date(2026, 1, 1), zone), midnight(date(2027, 1, 1), zone), zone
    )
    assert months == [date(2026, month, 1) for month in range(1, 13)]
    assert begins[6] == parse_time("2026-06-30T22:00:00Z")
    years, _ = periods(Period.YEAR, midnight(date(2024, 5, 5)), midnight(date(2026, 1, 1)) + 1, UTC)
    assert years == [date(2024, 1, 1), date(2025, 1, 1), date(2026, 1, 1)]


def test_years_are_shifted_by_the_calendar() -> None:
    leap = parse_time("2028-02-29T10:00:00Z")
    assert shift_years(leap, -1) == parse_time("2027-02-28T10:00:00Z")
    assert shift_years(leap, 4) == parse_time("2032-02-29T10:00:00Z")


def test_years_of_a_large_metering_point_do_not_overflow() -> None:
    year = 366 * 1440
    _, minutes = unknown_minutes(
        user=np.zeros(1, np.int64),
        started_at=np.zeros(1, np.int64),
        ended_at=np.array([year * MINUTE]),
        customers=np.array([1_000_000]),
        unknown=np.ones(1, np.bool_),
        low=0,
        high=year * MINUTE,
    )
    assert minutes.tolist() == [year * 1e6]
