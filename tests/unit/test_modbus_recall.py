"""Rings of records: what is read of them, how few requests it takes, and what is left out."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from drivers.load_profile import Stamp
from drivers.modbus.client import NoAnswerError, RefusedByDeviceError
from drivers.modbus.plan import Read
from drivers.modbus.poll import Past
from drivers.modbus.recall import Recall, TooMuchError
from drivers.modbus.ring import Ring
from drivers.modbus.stamps import times
from drivers.profile import Order, parse_profile
from gateway.core.clock import DAY, HOUR, MINUTE, SECOND, format_time, parse_time
from gateway.core.model import Batch, Quality

QUARTER = 15 * MINUTE
T = parse_time("2026-03-02T00:00:00Z")
NOW = T + 30 * DAY
START, WORDS = 100, 5

TEXT = """
title: keeps
comment: for tests
measures: secondary
registers:
  - {{quantity: energy_import, table: holding, address: 0, type: uint32, scale: 0.1}}
load_profile:
  table: holding
  address: 100
  words: 5
  capacity: {capacity}
  newest: {{address: 50, holds: {holds}, type: uint32}}
  time: {{address: 0}}
  columns:
    - {{quantity: energy_import, address: 2, type: uint32, scale: 0.1}}
    - {{quantity: voltage_a, address: 4, type: uint16, scale: 0.1}}
"""


def ring(capacity: int = 1000, holds: str = "count") -> Ring:
    return Ring(parse_profile(TEXT.format(capacity=capacity, holds=holds), name="keeps", where="keeps"))


class Meter:
    """Writes a record at each of these times into its ring; refuses what it does not have."""

    def __init__(
        self, at: Sequence[int], capacity: int = 1000, *, most: int = 125, unwritten: bool = True
    ) -> None:
        self.capacity = capacity
        self.most = most
        self.written = len(at)
        self.places: dict[int, bytes] = {}
        for number, when in enumerate(at):
            energy = 1000 + number
            self.put(number % capacity, struct.pack(">IIH", when // SECOND, energy, 2300))
        if unwritten:
            for place in range(min(len(at), capacity), capacity):
                self.put(place, bytes(2 * WORDS))
        self.asked: list[Read] = []
        self.mute = 0

    def put(self, place: int, record: bytes) -> None:
        self.places[place] = record

    async def fetch(self, read: Read) -> bytes:
        self.asked.append(read)
        assert 0 < read.length <= 125
        if self.mute:
            self.mute -= 1
            raise NoAnswerError("silence")
        if read.address == 50:
            return self.written.to_bytes(4)
        if read.length > self.most:
            raise RefusedByDeviceError(3)
        first, count = (read.address - START) // WORDS, read.length // WORDS
        if any(place not in self.places for place in range(first, first + count)):
            raise RefusedByDeviceError(2)
        return b"".join(self.places[place] for place in range(first, first + count))


async def recalled(
    meter: Meter, frm: int, till: int, *, requests: int = 300, kept: Ring | None = None, factor: float = 1.0
) -> list[Batch]:
    kept = kept or ring(meter.capacity)
    past = Past(kept, np.array([factor, 1.0]))
    work = Recall(past, 7, frm, till, meter.fetch, requests=requests)
    return [batch async for batch in work.run(lambda: NOW)]


def impossible() -> float:
    return REGISTRY.get_sample_value("feederline_modbus_impossible_records_total") or 0.0


def told(batches: Sequence[Batch]) -> list[int]:
    return sorted(at for batch in batches for at in batch.measured_at.tolist())


def quarters(count: int, first: int = T) -> list[int]:
    return [first + n * QUARTER for n in range(count)]


async def test_the_stretch_comes_with_its_own_times_and_values_and_nothing_else() -> None:
    meter = Meter(quarters(2500))
    frm, till = T + 2000 * QUARTER, T + 2100 * QUARTER
    batches = await recalled(meter, frm, till, factor=40.0)
    assert told(batches) == quarters(100, frm)
    for batch in batches:
        number = (batch.measured_at - T) // QUARTER
        assert set(batch.device.tolist()) == {7}
        assert set(batch.received_at.tolist()) == {NOW}
        assert batch.quantities == ("energy_import", "voltage_a")
        assert batch.values[:, 0] == pytest.approx((1000 + number) * 0.1 * 40)
        assert (batch.values[:, 1] == 230.0).all()
        assert not batch.quality.any()
    assert len(meter.asked) <= 2 + 1 + 100 // 25 + 2, "the interval says where to look"


@given(
    absent=st.sets(st.integers(0, 299), max_size=280),
    frm=st.integers(-20, 320),
    length=st.integers(1, 120),
    capacity=st.sampled_from([2, 7, 100, 130, 1000]),
    most=st.sampled_from([5, 12, 125]),
    unwritten=st.booleans(),
)
@settings(max_examples=150, deadline=None)
async def test_whatever_the_ring_holds_of_the_stretch_comes_once(
    *, absent: set[int], frm: int, length: int, capacity: int, most: int, unwritten: bool
) -> None:
    written = [T + n * QUARTER for n in range(300) if n not in absent]
    meter = Meter(written, capacity, most=most, unwritten=unwritten)
    frm, till = T + frm * QUARTER - MINUTE, T + (frm + length) * QUARTER
    batches = await recalled(meter, frm, till, requests=10_000)
    assert told(batches) == [at for at in written[-capacity:] if frm <= at < till]


@pytest.mark.parametrize(("holds", "told"), [("place", 2), ("next", 3)])
def test_the_pointer_may_name_a_place(holds: str, told: int) -> None:
    kept = ring(5, holds)
    assert kept.newest(told.to_bytes(4)) == 2
    assert kept.newest(b"\xff" * 4) is None
    with pytest.raises(ValueError, match="place 5 is none of 5"):
        kept.newest((5).to_bytes(4))


async def test_an_empty_ring_costs_one_request() -> None:
    meter = Meter([])
    assert await recalled(meter, T, NOW) == []
    assert len(meter.asked) == 1


async def test_impossible_times_are_left_out_and_counted() -> None:
    meter = Meter(quarters(40))
    meter.put(10, struct.pack(">IIH", 12, 5, 2300))  # 1970
    meter.put(11, struct.pack(">IIH", (NOW + 2 * HOUR) // SECOND, 5, 2300))
    before = impossible()
    expected = [at for n, at in enumerate(quarters(40)) if n not in (10, 11)]
    assert told(await recalled(meter, T, NOW + DAY)) == expected
    assert impossible() - before == 2


async def test_what_is_no_value_is_none_and_is_kept_as_it_came() -> None:
    meter = Meter(quarters(3))
    meter.put(1, struct.pack(">IIH", (T + QUARTER) // SECOND, 0xFFFFFFFF, 2300))
    (batch,) = await recalled(meter, T, NOW)
    assert np.isnan(batch.values[:, 0]).tolist() == [False, True, False]
    assert batch.quality.tolist() == [0, Quality.NO_VALUE, 0]
    (rejected,) = batch.rejected
    assert (rejected.measured_at, rejected.quantity, rejected.raw) == (T + QUARTER, "energy_import", "ff" * 4)


async def test_one_lost_frame_is_asked_again_and_silence_ends_it() -> None:
    meter = Meter(quarters(10))
    meter.mute = 1
    assert told(await recalled(meter, T, NOW)) == quarters(10)
    meter.mute = 2
    with pytest.raises(NoAnswerError):
        await recalled(meter, T, NOW)


async def test_requests_have_an_end() -> None:
    meter = Meter(quarters(1000))
    with pytest.raises(TooMuchError):
        await recalled(meter, T, NOW, requests=5)
    assert len(meter.asked) == 5


async def test_what_the_device_fails_at_is_no_reason_to_ask_for_less() -> None:
    async def fail(read: Read) -> bytes:
        del read
        raise RefusedByDeviceError(4)

    work = Recall(Past(ring(), np.ones(2)), 7, T, NOW, fail, requests=10)
    with pytest.raises(RefusedByDeviceError):
        [batch async for batch in work.run(lambda: NOW)]


def stamp(**keys: object) -> Callable[[str], tuple[str | None, ...]]:
    """Hex of several records' time fields to the times, None where there is no such time."""
    kind = Stamp.model_validate({"address": 0, **keys})

    def read(text: str) -> tuple[str | None, ...]:
        raw = np.frombuffer(bytes.fromhex(text), np.uint8).reshape(-1, 2 * kind.words)
        at, possible = times(kind, Order.ABCD, raw)
        return tuple(
            format_time(t) if yes else None for t, yes in zip(at.tolist(), possible.tolist(), strict=True)
        )

    return read


def test_times_in_every_form() -> None:
    assert stamp()("69A4D380") == (format_time(0x69A4D380 * SECOND),)
    assert stamp(order="CDAB", since=1988)("00010000") == ("1988-01-01T00:00:01Z",)
    bcd = stamp(form="bcd", utc_offset_h=8)
    assert bcd("260302081530 2A0302081530 260230081530 240229000000") == (
        "2026-03-02T00:15:30Z",
        None,
        None,
        "2024-02-28T16:00:00Z",
    )
    binary = stamp(form="bytes", fields=["-", "year", "month", "day", "hour", "minute"])
    assert binary("FF1A0302080F 001A0D02080F 001A0300080F 001A0302180F") == (
        "2026-03-02T08:15:00Z",
        None,
        None,
        None,
    )
    words = stamp(form="words", fields=["minute", "hour", "day", "month", "year"])
    assert words("000F 0008 0002 0003 07EA  000F 0008 0002 0003 FFFF") == ("2026-03-02T08:15:00Z", None)
