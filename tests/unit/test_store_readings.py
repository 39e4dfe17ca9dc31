"""Gathering, uniting and encoding rows, without a database."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import NotStorableError
from gateway.core.model import Batch
from gateway.core.quantities import NAMES
from gateway.store.readings import Rows, Stored, encode, gather, unite

EPOCH = 946_684_800_000_000
KEYS = np.arange(100, 110, dtype=np.int32)


def rows_of(n: int, k: int, values: list[float]) -> Rows:
    at = np.arange(n, dtype=np.int64) + EPOCH
    return Rows(
        NAMES[:k],
        np.arange(n, dtype=np.int32),
        at,
        at + 5,
        np.full(n, 3, np.int32),
        np.array(values, np.float64).reshape(n, k),
    )


def decoded(data: bytes) -> Iterator[list[bytes | None]]:
    """The format read back field by field, as the manual describes it."""
    place = 0
    while place < len(data):
        (fields,) = struct.unpack_from(">h", data, place)
        place += 2
        row: list[bytes | None] = []
        for _ in range(fields):
            (length,) = struct.unpack_from(">i", data, place)
            place += 4
            row.append(None if length < 0 else data[place : place + length])
            place += max(length, 0)
        yield row


@given(st.integers(1, 40), st.integers(1, 6), st.data())
def test_encoding_is_the_copy_format(n: int, k: int, data: st.DataObject) -> None:
    numbers = st.one_of(st.just(math.nan), st.floats(allow_nan=False))
    values = data.draw(st.lists(numbers, min_size=n * k, max_size=n * k))
    rows = rows_of(n, k, values)
    found = list(decoded(b"".join(bytes(piece) for piece in encode(rows))))
    assert found == [
        [
            struct.pack(">i", i),
            struct.pack(">q", i),
            struct.pack(">q", i + 5),
            struct.pack(">i", 3),
            *(None if math.isnan(v) else struct.pack(">d", v) for v in rows.values[i]),
        ]
        for i in range(n)
    ]


def test_large_sets_are_cut_into_pieces() -> None:
    n = 20_000
    pieces = list(encode(rows_of(n, 1, [1.0] * n)))
    assert len(pieces) == 3
    assert sum(1 for _ in decoded(b"".join(bytes(p) for p in pieces))) == n


def test_rows_without_any_value_are_rows() -> None:
    assert [len(row) for row in decoded(b"".join(bytes(p) for p in encode(rows_of(2, 0, []))))] == [4, 4]


cells = st.tuples(
    st.integers(0, 2),
    st.integers(0, 2),
    st.lists(st.sampled_from([math.nan, 1.0, 2.0]), min_size=2, max_size=2),
)


@given(st.lists(cells, min_size=1, max_size=12))
def test_uniting_is_what_one_row_after_the_other_would_do(sent: list[tuple[int, int, list[float]]]) -> None:
    expected: dict[tuple[int, int], list[float]] = {}
    merged = 0
    for device, at, values in sent:
        known = (device, at) in expected
        stored = expected.setdefault((device, at), [math.nan, math.nan])
        news = [j for j in range(2) if math.isnan(stored[j]) and not math.isnan(values[j])]
        for j in news:
            stored[j] = values[j]
        merged += known and bool(news)
    rows = Rows(
        NAMES[:2],
        np.array([s[0] for s in sent], np.int32),
        np.array([s[1] for s in sent], np.int64),
        np.arange(len(sent), dtype=np.int64),
        np.zeros(len(sent), np.int32),
        np.array([s[2] for s in sent], np.float64),
    )
    united, counted = unite(rows)
    assert [(int(d), int(t)) for d, t in zip(united.device, united.measured_at, strict=True)] == list(
        expected
    )
    np.testing.assert_array_equal(united.values, np.array(list(expected.values())))
    assert counted == Stored(0, merged, len(sent) - len(expected) - merged)


def test_flags_and_arrival_of_united_rows() -> None:
    rows = Rows(
        NAMES[:1],
        np.zeros(3, np.int32),
        np.zeros(3, np.int64),
        np.array([7, 8, 9], np.int64),
        np.array([1, 4, 4], np.int32),
        np.array([[math.nan], [5.0], [6.0]]),
    )
    united, counted = unite(rows)
    assert (united.received_at.tolist(), united.quality.tolist(), united.values.tolist()) == (
        [7],
        [5],
        [[5.0]],
    )
    assert counted == Stored(0, 1, 1)


def test_batches_of_different_quantities_share_one_set_of_columns() -> None:
    a = Batch.of(("current_a", "voltage_a"), [1], [10], [[5.0, 230.0]], quality=[2])
    b = Batch.of(("voltage_b",), [0, 2], [11, 12], [[240.0], [241.0]])
    rows = gather([a, b], KEYS)
    assert rows.quantities == ("voltage_a", "voltage_b", "current_a")
    assert rows.device.tolist() == [101, 100, 102]
    np.testing.assert_array_equal(
        rows.values, [[230.0, math.nan, 5.0], [math.nan, 240.0, math.nan], [math.nan, 241.0, math.nan]]
    )
    assert rows.quality.tolist() == [2, 0, 0]


@pytest.mark.parametrize("at", [-(2**62), 2**63 - 1])
def test_times_beyond_a_timestamp_are_refused(at: int) -> None:
    with pytest.raises(NotStorableError, match="timestamp"):
        gather([Batch.of(("voltage_a",), [0], [at], [[1.0]])], KEYS)
