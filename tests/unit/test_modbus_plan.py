"""Read planning, held against cases that other gateways test (telegraf's optimisers, wb-mqtt-serial's holes)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.plan import Read, Span, plan, split
from drivers.profile import MAX_BITS, MAX_WORDS, Table

HOLDING = Table.HOLDING


def words(*ranges: tuple[int, int]) -> list[Span]:
    """One-register spans: (first address, how many)."""
    return [Span(HOLDING, a, a + 1) for first, count in ranges for a in range(first, first + count)]


def planned(spans: list[Span], *, max_gap: int, max_read: int = MAX_WORDS) -> list[tuple[int, int]]:
    return [(read.address, read.length) for read in plan(spans, max_read=max_read, max_gap=max_gap)]


@pytest.mark.parametrize(
    ("ranges", "max_gap", "expected"),
    [
        ([(0, 250)], 0, [(0, 125), (125, 125)]),  # a long run is cut at the limit
        ([(0, 1), (124, 2), (249, 1)], 0, [(0, 1), (124, 2), (249, 1)]),  # nothing in between is read along
        ([(0, 1), (124, 2), (249, 1)], 125, [(0, 125), (125, 125)]),  # gaps are, up to the limit
        ([(18, 3), (123, 5), (167, 2)], 50, [(18, 3), (123, 46)]),  # one gap small enough, one not
        ([(18, 3), (123, 5), (167, 2)], 125, [(18, 110), (167, 2)]),  # the limit falls into a gap
        ([(2, 1), (251, 1)], 125, [(2, 1), (251, 1)]),  # far apart stays apart
        ([(3, 1), (1, 1), (2, 1)], 0, [(1, 3)]),  # order of writing does not matter
        ([(5, 1), (7, 1)], 1, [(5, 3)]),
        ([(5, 1), (8, 1)], 1, [(5, 1), (8, 1)]),
        ([], 8, []),
    ],
)
def test_neighbours_are_merged(
    ranges: list[tuple[int, int]], max_gap: int, expected: list[tuple[int, int]]
) -> None:
    assert planned(words(*ranges), max_gap=max_gap) == expected


def test_a_value_of_several_words_is_never_cut() -> None:
    spans = [Span(HOLDING, a, a + 4) for a in range(0, 132, 4)]
    assert planned(spans, max_gap=0) == [(0, 124), (124, 8)]


def test_a_meter_may_allow_less() -> None:
    assert planned(words((0, 12)), max_gap=0, max_read=5) == [(0, 5), (5, 5), (10, 2)]


def test_bits_have_limits_of_their_own() -> None:
    coils = [Span(Table.COILS, a, a + 1) for a in (0, 100, 1999, 2000)]
    reads = plan(coils, max_read=MAX_WORDS, max_gap=125)
    assert reads == (Read(Table.COILS, 0, MAX_BITS), Read(Table.COILS, 2000, 1))
    assert [read.size for read in reads] == [250, 1]


def test_tables_do_not_mix() -> None:
    spans = [Span(Table.INPUT, 0, 1), Span(HOLDING, 1, 2), Span(Table.INPUT, 1, 2)]
    assert set(plan(spans, max_read=MAX_WORDS, max_gap=8)) == {Read(HOLDING, 1, 1), Read(Table.INPUT, 0, 2)}


def test_bits_of_one_word_are_one_register() -> None:
    assert planned([Span(HOLDING, 7, 8)] * 3, max_gap=0) == [(7, 1)]


def test_what_no_request_can_hold_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        plan([Span(HOLDING, 0, 4)], max_read=3, max_gap=0)


def test_a_refused_read_is_cut_at_its_widest_gap_first() -> None:
    spans = words((0, 2), (4, 2), (14, 2))
    whole = Read(HOLDING, 0, 16)
    left, right = split(whole, spans)
    assert (left, right) == (Read(HOLDING, 0, 6), Read(HOLDING, 14, 2))
    assert split(left, spans) == (Read(HOLDING, 0, 2), Read(HOLDING, 4, 2))


def test_without_a_gap_it_is_halved_until_the_culprit_stands_alone() -> None:
    spans = [Span(HOLDING, 0, 2), Span(HOLDING, 2, 4), Span(HOLDING, 4, 8)]
    assert split(Read(HOLDING, 0, 8), spans) == (Read(HOLDING, 0, 4), Read(HOLDING, 4, 4))
    assert split(Read(HOLDING, 4, 4), spans) == ()


spans_of_words = st.lists(
    st.tuples(st.integers(0, 600), st.sampled_from([1, 2, 4])).map(lambda s: Span(HOLDING, 4 * s[0], 4 * s[0] + s[1])),
    min_size=1,
    max_size=60,
)  # fmt: skip


@given(spans_of_words, st.integers(0, 125), st.integers(4, 125))
def test_every_plan_reads_what_is_wanted_and_keeps_the_limits(
    spans: list[Span], max_gap: int, max_read: int
) -> None:
    reads = plan(spans, max_read=max_read, max_gap=max_gap)
    for span in spans:
        assert sum(read.covers(span) for read in reads) == 1
    for read in reads:
        assert read.length <= max_read
    for left, right in pairwise(reads):
        assert left.end <= right.address
        # Two that could have been one are one.
        first = next(s for s in sorted(spans) if s.start >= right.address)
        assert right.address - left.end > max_gap or first.end - left.address > max_read


@given(spans_of_words, st.sets(st.integers(0, 2404), max_size=20))
def test_splitting_finds_everything_that_a_device_with_holes_has(spans: list[Span], holes: set[int]) -> None:
    todo = list(plan(spans, max_read=MAX_WORDS, max_gap=16))
    answered: list[Read] = []
    tries = 0
    while todo:
        tries += 1
        assert tries < 5_000
        read = todo.pop()
        if holes & set(range(read.address, read.end)):
            todo += split(read, spans)
        else:
            answered.append(read)
    for span in spans:
        there = not holes & set(range(span.start, span.end))
        overlapped = any(
            o is not span and o.start < span.end and span.start < o.end for o in spans if o != span
        )
        assert any(read.covers(span) for read in answered) == there or overlapped
