"""What goes into the spool comes out the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gateway.core import codec
from gateway.core.model import Batch, DeadLetter, RejectedValue, Signal, SignalKind, Tick
from gateway.core.quantities import NAMES

times = st.integers(-(2**62), 2**62)


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    rows = draw(st.integers(0, 20))
    quantities = tuple(draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=6)))
    column = st.integers(-(2**31), 2**31 - 1)
    return Batch.of(
        quantities,
        draw(st.lists(column, min_size=rows, max_size=rows)),
        draw(st.lists(times, min_size=rows, max_size=rows)),
        draw(hnp.arrays(np.float64, (rows, len(quantities)))),
        received_at=draw(st.lists(times, min_size=rows, max_size=rows)),
        quality=draw(st.lists(st.integers(0, 65535), min_size=rows, max_size=rows)),
        source=draw(st.text(max_size=10)),
        rejected=tuple(
            RejectedValue(device=1, measured_at=2, quantity="voltage_a", raw=raw, reason="no_value")
            for raw in draw(st.lists(st.text(max_size=5), max_size=2))
        ),
    )


@given(batches())
def test_batches(batch: Batch) -> None:
    back = codec.decode(codec.encode(batch))
    assert isinstance(back, Batch)
    assert (back.quantities, back.source, back.rejected) == (batch.quantities, batch.source, batch.rejected)
    for column in ("device", "measured_at", "received_at", "quality", "values"):
        before, after = getattr(batch, column), getattr(back, column)
        assert before.dtype == after.dtype
        assert np.array_equal(before, after, equal_nan=column == "values")


@given(st.sampled_from(SignalKind), times, st.none() | times, st.text())
def test_signals(kind: SignalKind, received_at: int, occurred_at: int | None, detail: str) -> None:
    signal = Signal(kind=kind, device=7, received_at=received_at, occurred_at=occurred_at, detail=detail)
    assert codec.decode(codec.encode(signal)) == signal


@given(st.binary(), st.text())
def test_dead_letters_and_ticks(payload: bytes, topic: str) -> None:
    letter = DeadLetter(received_at=1, source="s", topic=topic, payload=payload, reason="r")
    assert codec.decode(codec.encode(letter)) == letter
    assert codec.decode(codec.encode(Tick(at=5))) == Tick(at=5)


@given(batches(), st.data())
def test_damaged_bytes_are_a_value_error(batch: Batch, data: st.DataObject) -> None:
    whole = codec.encode(batch)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ValueError):
        codec.decode(whole[:cut])


def test_a_batch_with_columns_of_different_length_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="columns of a batch"):
        Batch.of(("voltage_a",), [1, 2], [1], [[1.0], [2.0]])
