"""Answers of many devices and endpoints become batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.decode import Decoder
from drivers.modbus.gather import Answer, Gatherer, batch_of
from drivers.profile import load_profiles, parse_profile
from gateway.core.model import Batch, Entry, Quality, Signal, SignalKind

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


OTHER = Decoder(DECODER.profile)


def answer(key: int, volts: int, amps: int = 5, **more: object) -> Answer:
    image = volts.to_bytes(2, "big") + amps.to_bytes(2, "big")
    return Answer(key, 1_000_000 + key, image, **more)  # type: ignore[arg-type]


def signal(key: int, kind: SignalKind = SignalKind.NO_ANSWER) -> Signal:
    return Signal(kind=kind, device=key, received_at=1_000_000 + key, source="modbus:a:502")


async def gathered(fill: Callable[[Gatherer], None]) -> list[Entry]:
    """What reaches the sink, in one `put`."""
    lots: list[list[Entry]] = []

    class Kept:
        async def put(self, entries: Sequence[Entry]) -> None:
            lots.append(list(entries))

    gatherer = Gatherer(window_s=0, max_pending=1000)
    fill(gatherer)
    gatherer.finish()
    await gatherer.run(Kept())
    (lot,) = lots
    return lot


def shown(entries: list[Entry]) -> list[object]:
    """Keys of rows as lists, signals as themselves."""
    return [entry.device.tolist() if isinstance(entry, Batch) else entry for entry in entries]


async def test_answers_of_all_endpoints_are_one_batch_per_profile() -> None:
    def fill(gatherer: Gatherer) -> None:
        for key in (3, 1, 2):
            gatherer.add(DECODER, answer(key, 2300 + key))
            gatherer.add(OTHER, answer(10 + key, 2300))
            gatherer.tell([signal(20 + key)])

    entries = await gathered(fill)
    batches = [e for e in entries if isinstance(e, Batch)]
    assert [(b.source, b.device.tolist()) for b in batches] == [
        ("modbus", [3, 1, 2]),
        ("modbus", [13, 11, 12]),
    ]
    assert batches[0].column("voltage_a").tolist() == [230.3, 230.1, 230.2]  # type: ignore[union-attr]
    assert {e.source for e in entries if isinstance(e, Signal)} == {"modbus:a:502"}


async def test_signals_and_readings_of_a_device_never_change_places() -> None:
    def fill(gatherer: Gatherer) -> None:
        gatherer.tell([signal(1), signal(2)])
        for key in (1, 2, 3):
            gatherer.add(DECODER, answer(key, 2300))
        gatherer.tell([signal(2, SignalKind.CONNECTION_LOST), signal(4)])
        gatherer.add(DECODER, answer(1, 2300))
        gatherer.tell([signal(4, SignalKind.CONNECTION_LOST)])
        gatherer.add(DECODER, answer(2, 2300))
        gatherer.tell([signal(5)])

    assert shown(await gathered(fill)) == [
        signal(1),
        signal(2),
        [1, 2, 3, 1],
        signal(2, SignalKind.CONNECTION_LOST),
        signal(4),
        signal(4, SignalKind.CONNECTION_LOST),
        signal(5),
        [2],
    ]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=30))
def test_order_of_each_device_is_kept_whatever_comes(steps: list[tuple[bool, int]]) -> None:
    stretches: list[tuple[bool, int]] = []

    def fill(gatherer: Gatherer) -> None:
        for is_row, key in steps:
            if is_row:
                gatherer.add(DECODER, answer(key, 2300))
            else:
                gatherer.tell([signal(key)])

    if not steps:
        return
    for entry in asyncio.run(gathered(fill)):
        if isinstance(entry, Batch):
            stretches += [(True, key) for key in entry.device.tolist()]
        elif isinstance(entry, Signal):
            stretches.append((False, entry.device))
    for key in range(4):
        assert [s for s in stretches if s[1] == key] == [s for s in steps if s[1] == key]


def test_a_batch_has_its_rows_in_order_and_every_reject() -> None:
    batch = batch_of(DECODER, [answer(1, 2301), answer(2, 0xFFFF), answer(3, 0, 0xFFFF), answer(4, 2300)])
    assert batch.device.tolist() == [1, 2, 3, 4]
    assert np.isnan(batch.values[1, 0])
    assert batch.values[0].tolist() == [230.1, 5.0]
    assert batch.values[2, 0] == 0.0
    assert batch.quality.tolist() == [0, Quality.NO_VALUE, Quality.NO_VALUE, 0]
    assert [(r.device, r.quantity, r.measured_at) for r in batch.rejected] == [
        (2, "voltage_a", 1_000_002),
        (3, "current_a", 1_000_003),
    ]
    assert batch.measured_at.tolist() == batch.received_at.tolist() == [1_000_000 + n for n in (1, 2, 3, 4)]


def test_only_devices_behind_transformers_are_multiplied() -> None:
    batch = batch_of(DECODER, [answer(1, 1000), answer(2, 1000, factors=DECODER.factors(40, 100))])
    assert batch.values.tolist() == [[100.0, 5.0], [10_000.0, 200.0]]


def test_what_a_device_did_not_give_is_marked_in_its_row_only() -> None:
    batch = batch_of(DECODER, [answer(1, 0xFFFF, missing=(0,)), answer(2, 2300)])
    assert batch.quality.tolist() == [Quality.PARTIAL, 0]
    assert np.isnan(batch.values[0, 0])
    assert batch.rejected == ()


def test_a_batch_can_be_written_and_read_back() -> None:
    from gateway.core import codec

    decoder = Decoder(load_profiles().get("feederline-dtu"))
    batch = batch_of(decoder, [Answer(7, 9, bytes(decoder.size))])
    copy = codec.decode(codec.encode(batch))
    assert copy.quantities == batch.quantities  # type: ignore[union-attr]
    assert np.array_equal(copy.values, batch.values)  # type: ignore[union-attr]
