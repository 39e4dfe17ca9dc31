"""Answers of many devices and endpoints become batches."""

from __future__ import annotations

import numpy as np

from drivers.modbus.decode import Decoder
from drivers.modbus.gather import Answer, batches
from drivers.profile import load_profiles, parse_profile
from gateway.core.model import Quality

DECODER = Decoder(
    parse_profile(
        """
title: t
comment: c
measures: secondary
registers:
  - {quantity: voltage_a, table: holding, address: 0, type: uint16, scale: 0.1}
  - {quantity: current_a, table: holding, address: 1, type: uint16}
""",
        name="p",
        where="p.yaml",
    )
)


def answer(key: int, source: str, volts: int, amps: int = 5, **more: object) -> Answer:
    image = volts.to_bytes(2, "big") + amps.to_bytes(2, "big")
    return Answer(key, 1_000_000 + key, image, source, **more)  # type: ignore[arg-type]


def test_one_batch_per_source_with_its_own_rows_and_rejects() -> None:
    found = batches(
        DECODER,
        [
            answer(1, "modbus:b:502", 2301),
            answer(2, "modbus:a:502", 0xFFFF),
            answer(3, "modbus:b:502", 0, 0xFFFF),
            answer(4, "modbus:a:502", 2300),
        ],
    )
    assert [(b.source, b.device.tolist()) for b in found] == [
        ("modbus:a:502", [2, 4]),
        ("modbus:b:502", [1, 3]),
    ]
    a, b = found
    assert np.isnan(a.values[0, 0])
    assert a.values[1].tolist() == [230.0, 5.0]
    assert b.values[0].tolist() == [230.1, 5.0]
    assert b.values[1, 0] == 0.0
    assert a.quality.tolist() == b.quality.tolist()[::-1] == [Quality.NO_VALUE, 0]
    assert [(r.device, r.quantity, r.measured_at) for r in a.rejected] == [(2, "voltage_a", 1_000_002)]
    assert [(r.device, r.quantity, r.measured_at) for r in b.rejected] == [(3, "current_a", 1_000_003)]
    assert b.measured_at.tolist() == b.received_at.tolist() == [1_000_001, 1_000_003]


def test_only_devices_behind_transformers_are_multiplied() -> None:
    (batch,) = batches(
        DECODER,
        [answer(1, "s", 1000), answer(2, "s", 1000, factors=DECODER.factors(40, 100))],
    )
    assert batch.values.tolist() == [[100.0, 5.0], [10_000.0, 200.0]]


def test_what_a_device_did_not_give_is_marked_in_its_row_only() -> None:
    (batch,) = batches(DECODER, [answer(1, "s", 0xFFFF, missing=(0,)), answer(2, "s", 2300)])
    assert batch.quality.tolist() == [Quality.PARTIAL, 0]
    assert np.isnan(batch.values[0, 0])
    assert batch.rejected == ()


def test_a_batch_can_be_written_and_read_back() -> None:
    from gateway.core import codec

    decoder = Decoder(load_profiles().get("feederline-dtu"))
    (batch,) = batches(decoder, [Answer(7, 9, bytes(decoder.size), "s")])
    copy = codec.decode(codec.encode(batch))
    assert copy.quantities == batch.quantities  # type: ignore[union-attr]
    assert np.array_equal(copy.values, batch.values)  # type: ignore[union-attr]
