"""Decoding, held against `struct` one value at a time."""

from __future__ import annotations

import math
import struct
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.decode import Decoder
from drivers.modbus.plan import Read
from drivers.profile import Order, Profile, Table, Type, parse_profile
from gateway.core.model import Quality

FORMATS = {
    Type.UINT16: "H", Type.INT16: "h", Type.UINT32: "I", Type.INT32: "i",
    Type.UINT64: "Q", Type.INT64: "q", Type.FLOAT32: "f", Type.FLOAT64: "d",
}  # fmt: skip


def profile(*registers: str, head: str = "") -> Profile:
    text = f"title: t\ncomment: c\n{head}registers:\n" + "".join(f"  - {{{r}}}\n" for r in registers)
    return parse_profile(text, name="p", where="p.yaml")


def wire(big_endian: bytes, order: Order) -> bytes:
    """A value as a device of that order sends it: words turned round, then bytes within words."""
    parts = [big_endian[i : i + 2] for i in range(0, len(big_endian), 2)]
    if order in {Order.CDAB, Order.DCBA}:
        parts.reverse()
    if order in {Order.BADC, Order.DCBA}:
        parts = [part[::-1] for part in parts]
    return b"".join(parts)


def images(*rows: bytes) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), -1)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (Order.ABCD, b"\x11\x22\x33\x44\x55\x66\x77\x88"),
        (Order.CDAB, b"\x77\x88\x55\x66\x33\x44\x11\x22"),
        (Order.BADC, b"\x22\x11\x44\x33\x66\x55\x88\x77"),
        (Order.DCBA, b"\x88\x77\x66\x55\x44\x33\x22\x11"),
    ],
)
def test_all_four_orders_of_64_bits(order: Order, expected: bytes) -> None:
    value = 0x1122334455667788
    assert wire(struct.pack(">Q", value), order) == expected
    decoder = Decoder(
        profile(f"quantity: energy_import, table: holding, address: 0, type: uint64, order: {order}")
    )
    assert decoder.decode(images(expected)).values.tolist() == [[float(value)]]


def test_what_overflows_in_the_arithmetic_is_no_value() -> None:
    decoder = Decoder(
        profile("quantity: energy_import, table: holding, address: 0, type: float64, scale: 1.0e+15")
    )
    decoded = decoder.decode(
        images(struct.pack(">d", 1e300), struct.pack(">d", -1e300), struct.pack(">d", 2.0))
    )
    assert decoded.no_value[:, 0].tolist() == [True, True, False]
    assert decoded.values[2, 0] == 2e15
    assert not np.isinf(decoded.values).any()


@given(
    kind=st.sampled_from(list(FORMATS)),
    order=st.sampled_from(list(Order)),
    data=st.binary(min_size=24, max_size=24),
    address=st.integers(0, 100),
)
def test_every_type_in_every_order(kind: Type, order: Order, data: bytes, address: int) -> None:
    size = 2 * kind.words
    decoder = Decoder(
        profile(
            f"quantity: voltage_a, table: input, address: {address}, type: {kind}",
            f"quantity: frequency, table: input, address: {address + kind.words}, type: {kind}, no_value: []",
            head=f"order: {order}\n",
        )
    )
    rows = [(data + data)[i : i + 2 * size] for i in range(3)]
    decoded = decoder.decode(images(*(wire(r[:size], order) + wire(r[size:], order) for r in rows)))
    for i, row in enumerate(rows):
        first, second = struct.unpack(f">2{FORMATS[kind]}", row)
        if math.isfinite(second):
            assert decoded.values[i, 1] == float(second)
        else:
            assert decoded.no_value[i, 1]
        raw = int.from_bytes(row[:size], "big")
        if not math.isfinite(first) or raw in decoder.profile.registers[0].sentinels():
            assert np.isnan(decoded.values[i, 0])
            assert decoded.no_value[i, 0]
        else:
            assert decoded.values[i, 0] == float(first)
            assert decoded.out_of_range[i, 0] == (not 0 <= first <= 500e3 * 1.000001)


@pytest.mark.parametrize(
    ("register", "raw", "expected"),
    [
        ("type: uint16", "ffff", None),
        ("type: uint16, no_value: []", "ffff", 65_535.0),
        ("type: uint16, no_value: [all_ones, 0x8000]", "8000", None),
        ("type: uint16, no_value: [all_ones, 0x8000]", "ffff", None),
        ("type: int16", "ffff", -1.0),
        ("type: int16", "8000", None),
        ("type: int16", "7fff", None),
        ("type: int16, no_value: [all_ones]", "ffff", None),
        ("type: int16, no_value: [all_ones]", "7fff", 32_767.0),
        ("type: uint32, order: CDAB, no_value: [0x00010002]", "00020001", None),
        ("type: uint32, order: CDAB, no_value: [0x00010002]", "00010002", 131_073.0),
        ("type: uint64", "ff" * 8, None),
        ("type: int64", "7f" + "ff" * 7, None),
        ("type: float32", "7fc00000", None),
        ("type: float32", "7f800001", None),  # a signalling NaN
        ("type: float32", "ff800000", None),
        ("type: float32, no_value: [0xc61c4000]", "c61c4000", None),  # -10000.0 as a maker's "nothing"
        ("type: float64", "7ff8000000000000", None),
        ("type: uint16, scale: 0.1", "08fd", 230.1),
        ("type: uint16, scale: 0.1, offset: -40", "01f4", 10.0),
        ("type: int16, scale: -0.01", "ff38", 2.0),
        ("type: uint16, scale: 2.5", "0004", 10.0),
    ],
)
def test_sentinels_and_scales(register: str, raw: str, expected: float | None) -> None:
    decoder = Decoder(profile(f"quantity: temperature, table: holding, address: 0, {register}"))
    image = images(bytes.fromhex(raw))
    decoded = decoder.decode(image)
    if expected is None:
        assert np.isnan(decoded.values[0, 0])
        assert decoded.quality.tolist() == [Quality.NO_VALUE]
        one = np.array([3], np.int32)
        (rejected,) = decoder.rejected(image, decoded, one, np.array([99]))
        assert (rejected.raw, rejected.device, rejected.measured_at, rejected.reason) == (
            raw,
            3,
            99,
            "no_value",
        )
    else:
        assert decoded.values[0, 0] == expected
        assert not decoded.no_value[0, 0]


def test_out_of_range_is_kept_and_marked() -> None:
    decoder = Decoder(
        profile(
            "quantity: frequency, table: holding, address: 0, type: uint16, scale: 0.1",
            "quantity: power_factor, table: holding, address: 1, type: float32",
        )
    )
    rows = images(
        *(struct.pack(">Hf", f, p) for f, p in [(500, 1.0), (1980, 1.0), (500, 1.0000001), (500, 1.1)])
    )
    decoded = decoder.decode(rows)
    assert decoded.quality.tolist() == [0, Quality.OUT_OF_RANGE, 0, Quality.OUT_OF_RANGE]
    assert decoded.values[1, 0] == 198.0
    rejected = decoder.rejected(rows, decoded, np.arange(4, dtype=np.int32), np.zeros(4, np.int64))
    assert [(r.device, r.quantity, r.raw, r.reason) for r in rejected] == [
        (1, "frequency", "07bc", "out_of_range"),
        (3, "power_factor", "3f8ccccd", "out_of_range"),
    ]


def test_bits_of_words_and_of_coils_and_turned_round() -> None:
    decoder = Decoder(
        profile(
            "quantity: breaker_closed, table: holding, address: 4, type: uint16, bit: 0",
            "quantity: fault_indicator, table: holding, address: 4, type: uint16, bit: 15",
            "quantity: door_open, table: coils, address: 17, type: bit, invert: true",
            "quantity: battery_ok, table: coils, address: 8, type: bit",
        )
    )
    assert decoder.reads == (Read(Table.COILS, 8, 10), Read(Table.HOLDING, 4, 1))
    decoded = decoder.decode(images(b"\x01\x02\x80\x00", b"\x00\x00\x00\x01", b"\xfe\xfd\x7f\xfe"))
    assert decoded.values.tolist() == [[0, 1, 0, 1], [1, 0, 1, 0], [0, 0, 1, 0]]
    assert decoded.clean


@pytest.mark.parametrize(("order", "raw"), [("ABCD", "00010000"), ("CDAB", "00000001"), ("DCBA", "00000100")])
def test_a_bit_is_counted_after_ordering(order: str, raw: str) -> None:
    decoder = Decoder(
        profile(f"quantity: door_open, table: holding, address: 0, type: uint32, bit: 16, order: {order}")
    )
    assert decoder.decode(images(bytes.fromhex(raw), bytes(4))).values.tolist() == [[1.0], [0.0]]


def test_a_state_in_a_whole_word_is_0_or_1() -> None:
    decoder = Decoder(
        profile("quantity: breaker_closed, table: input, address: 0, type: uint16, invert: true")
    )
    decoded = decoder.decode(images(b"\0\0", b"\0\1", b"\0\2"))
    assert decoded.values[:, 0].tolist() == [1, 0, -1]
    assert decoded.quality.tolist() == [0, 0, Quality.OUT_OF_RANGE]


def test_ratios_apply_to_the_secondary_side_only() -> None:
    registers = [
        f"quantity: {q}, table: holding, address: {i}, type: uint16"
        for i, q in enumerate(
            ["voltage_a", "current_n", "active_power", "energy_export", "frequency", "power_factor"]
        )
    ]
    secondary = Decoder(profile(*registers, head="measures: secondary\n"))
    assert secondary.factors(40, 100).tolist() == [100, 40, 4000, 4000, 1, 1]
    assert Decoder(profile(*registers)).factors(40, 100).tolist() == [1] * 6
    decoded = secondary.decode(images(b"\0\1" * 6, b"\0\1" * 6), factors=secondary.factors(40, 100))
    assert decoded.values[1].tolist() == [100, 40, 4000, 4000, 1, 1]


def test_missing_is_neither_a_value_nor_a_sentinel() -> None:
    decoder = Decoder(
        profile(
            "quantity: voltage_a, table: holding, address: 0, type: uint16",
            "quantity: voltage_b, table: holding, address: 1, type: uint16",
        )
    )
    decoded = decoder.decode(images(b"\xff\xff\0\1"), missing=np.array([[True, False]]))
    assert decoded.quality.tolist() == [Quality.PARTIAL]
    assert not decoded.no_value.any()


@given(st.binary(min_size=40, max_size=40), st.lists(st.integers(1, 19), max_size=6, unique=True))
def test_answers_to_other_requests_make_the_same_image(data: bytes, cuts: list[int]) -> None:
    """However a read was split, bits included, the parts come back to their places."""
    coils = [
        f"quantity: {q}, table: coils, address: {a}, type: bit"
        for q, a in (("door_open", 3), ("battery_ok", 22))
    ]
    words = [
        f"quantity: {q}, table: input, address: {a}, type: uint16"
        for q, a in (("voltage_a", 5), ("voltage_b", 24))
    ]
    decoder = Decoder(profile(*coils, *words, head="max_gap: 125\n"))
    assert decoder.reads == (Read(Table.COILS, 3, 20), Read(Table.INPUT, 5, 20))
    bits = [data[i] & 1 for i in range(20)]
    edges = [0, *sorted(cuts), 20]
    answers = []
    for start, end in pairwise(edges):
        packed = bytearray((end - start + 7) // 8)
        for i in range(start, end):
            packed[(i - start) // 8] |= bits[i] << (i - start) % 8
        answers.append((Read(Table.COILS, 3 + start, end - start), bytes(packed)))
        answers.append((Read(Table.INPUT, 5 + start, end - start), data[2 * start : 2 * end]))
    image, missing = decoder.assemble(answers)
    assert missing == ()
    assert image[3:] == data
    assert [image[i // 8] >> i % 8 & 1 for i in range(20)] == bits
    assert decoder.decode(images(image)).values[0, :2].tolist() == [bits[0], bits[19]]
