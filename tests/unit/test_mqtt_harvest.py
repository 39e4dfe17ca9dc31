"""How rows, signals and dead letters of one lot of messages are put in columns and in order."""

from __future__ import annotations

import math

import numpy as np

from drivers.mqtt.payloads import Harvest
from gateway.core.clock import MINUTE
from gateway.core.model import Batch, DeadLetter, Entry, Quality, RejectedValue, Signal, SignalKind


def _signal(device: int) -> Signal:
    return Signal(kind=SignalKind.LAST_GASP, device=device, received_at=9)


def _shape(entries: list[Entry]) -> list[object]:
    return [
        (entry.quantities, entry.device.tolist()) if isinstance(entry, Batch) else type(entry).__name__
        for entry in entries
    ]


def test_rows_of_the_same_quantities_share_a_batch() -> None:
    out = Harvest("mqtt:x")
    assert out.row(1, 10, 11, {"voltage_a": 230.0, "frequency": 50.0})
    assert out.row(2, 20, 21, {"voltage_a": 231.0, "frequency": 50.1}, Quality.TIME_ASSUMED)
    assert out.row(3, 30, 31, {"temperature": 40.0})
    first, second = out.entries()
    assert isinstance(first, Batch)
    assert isinstance(second, Batch)
    assert first.quantities == ("voltage_a", "frequency")
    assert first.device.tolist() == [1, 2]
    assert first.measured_at.tolist() == [10, 20]
    assert first.received_at.tolist() == [11, 21]
    assert first.values.tolist() == [[230.0, 50.0], [231.0, 50.1]]
    assert first.quality.tolist() == [0, Quality.TIME_ASSUMED]
    assert first.source == "mqtt:x"
    assert second.device.tolist() == [3]
    assert out.entries() == []


def test_refuses_unknown_names_and_nothing_at_all() -> None:
    out = Harvest("")
    assert not out.row(1, 1, 1, {"voltage_a": 1.0, "volts": 1.0})
    assert not out.row(1, 1, 1, {})
    assert out.entries() == []


def test_rows_without_a_time_of_their_own_never_share_one() -> None:
    given: dict[int, int] = {}
    for flag in (Quality.TIME_ASSUMED, Quality.CLOCK_SUSPECT):
        out = Harvest("", given)
        rejected = RejectedValue(
            device=1, measured_at=10, quantity="voltage_a", raw="null", reason="no_value"
        )
        out.row(1, 10, 10, {"voltage_a": math.nan}, flag | Quality.NO_VALUE, rejected=[rejected])
        out.row(1, 10, 10, {"frequency": 50.0}, flag)
        out.row(2, 10, 10, {"frequency": 50.0}, flag)
        out.row(1, 10, 10, {"frequency": 50.0})  # its own time stays as it is
        first, second = out.entries()
        assert isinstance(first, Batch)
        assert isinstance(second, Batch)
        start = 10 if flag is Quality.TIME_ASSUMED else 12
        assert first.measured_at.tolist() == [start]
        assert first.rejected[0].measured_at == start
        assert second.measured_at.tolist() == [start + 1, 10 + (start > 10), 10]
    assert given == {1: 13, 2: 11}


def test_a_clock_that_was_set_back_is_followed() -> None:
    out = Harvest("", {1: 2 * MINUTE, 2: MINUTE})
    for device in (1, 2):
        out.row(device, 10, 10, {"frequency": 50.0}, Quality.TIME_ASSUMED)
    (batch,) = out.entries()
    assert isinstance(batch, Batch)
    assert batch.measured_at.tolist() == [10, MINUTE + 1]


def test_a_row_that_is_refused_takes_no_time() -> None:
    given: dict[int, int] = {}
    assert not Harvest("", given).row(1, 10, 10, {"volts": 1.0}, Quality.TIME_ASSUMED)
    assert given == {}


def test_implausible_values_are_kept_and_marked() -> None:
    out = Harvest("")
    out.row(1, 1, 1, {"voltage_a": 1e9})
    out.row(2, 1, 1, {"voltage_a": 230.0})
    out.row(3, 1, 1, {"voltage_a": math.nan}, Quality.NO_VALUE)
    (batch,) = out.entries()
    assert isinstance(batch, Batch)
    assert batch.quality.tolist() == [Quality.OUT_OF_RANGE, 0, Quality.NO_VALUE]
    assert batch.values[0, 0] == 1e9
    assert np.isnan(batch.values[2, 0])


def test_rejected_values_go_with_their_batch() -> None:
    out = Harvest("")
    rejected = RejectedValue(device=1, measured_at=1, quantity="voltage_a", raw="null", reason="no_value")
    out.row(1, 1, 1, {"voltage_a": math.nan}, Quality.NO_VALUE, rejected=[rejected])
    (batch,) = out.entries()
    assert isinstance(batch, Batch)
    assert batch.rejected == (rejected,)


def test_a_signal_never_changes_places_with_readings_of_its_device() -> None:
    out = Harvest("")
    out.row(1, 1, 1, {"voltage_a": 230.0})
    out.signal(_signal(1))
    out.row(1, 2, 2, {"voltage_a": 0.0})
    assert _shape(out.entries()) == [(("voltage_a",), [1]), "Signal", (("voltage_a",), [1])]


def test_signals_of_others_do_not_cut_a_batch() -> None:
    out = Harvest("")
    out.row(1, 1, 1, {"voltage_a": 230.0})
    out.signal(_signal(2))
    out.row(3, 2, 2, {"voltage_a": 230.0})
    assert _shape(out.entries()) == ["Signal", (("voltage_a",), [1, 3])]


def test_dead_letters_hold_no_text_that_a_store_refuses() -> None:
    out = Harvest("mqtt:x")
    out.dead_letter("a\x00b", b"\x00\xff", 5, "odd \ud800 " + "x" * 2000)
    (letter,) = out.entries()
    assert isinstance(letter, DeadLetter)
    assert letter.topic == "a\\x00b"
    assert letter.payload == b"\x00\xff"
    assert letter.reason.startswith("odd \\ud800 x")
    assert len(letter.reason) < 600
