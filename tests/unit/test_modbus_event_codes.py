"""Alarm bits of profiles: which faults are told, and what begins and ends from poll to poll."""

from __future__ import annotations

import pytest

from drivers.modbus.alarms import Watch
from drivers.modbus.decode import Decoder
from drivers.modbus.plan import Read
from drivers.profile import Profile, Table, parse_profile
from gateway.core.errors import InvalidInputError

HEAD = """
title: alarmed
comment: for tests
registers:
  - {quantity: voltage_a, table: input, address: 0, type: float32}
  - {quantity: door_open, table: holding, address: 100, type: uint16, bit: 9}
events:
"""
GOOD = """
  - {event: cover_open, table: holding, address: 100, bit: 0}
  - {event: magnetic_field, table: holding, address: 100, bit: 15}
  - {event: under_voltage, phase: A, table: holding, address: 101, type: uint32, order: CDAB, bit: 17}
  - {event: terminal_cover_open, table: discrete, address: 11, type: bit, invert: true}
"""


def profile(events: str) -> Profile:
    return parse_profile(HEAD + events, name="p", where="p.yaml")


def faults(events: str) -> list[str]:
    with pytest.raises(InvalidInputError) as found:
        profile(events)
    return list(found.value.faults)


class Meter:
    """Registers that are turned into the image of a poll."""

    def __init__(self) -> None:
        self.decoder = Decoder(profile(GOOD))
        self.watch = Watch(self.decoder.alarms)
        self.words = {100: 0, 101: 0, 102: 0}
        self.closed = True

    def poll(self, *, without: Table | None = None) -> list[str]:
        image, done = bytearray(self.decoder.size), []
        for read, offset in zip(self.decoder.reads, self.decoder.offsets, strict=False):
            if read.table is without:
                continue
            done.append(read)
            if read.table is Table.HOLDING:
                for address, word in self.words.items():
                    place = offset + 2 * (address - read.address)
                    image[place : place + 2] = word.to_bytes(2, "big")
            elif read.table is Table.DISCRETE:
                image[offset + (11 - read.address) // 8] |= self.closed << (11 - read.address) % 8
        reads: list[Read] | None = done if without else None
        return self.watch.look(bytes(image), reads)


def test_what_begins_and_what_ends_is_told_once() -> None:
    meter = Meter()
    assert meter.poll() == []
    meter.words[100] = 0x8001
    assert meter.poll() == ["cover_open", "magnetic_field"]
    assert meter.poll() == []
    meter.words[100] = 0x8000
    assert meter.poll() == ["cover_open end"]
    meter.closed = False
    assert meter.poll() == ["terminal_cover_open"]


def test_a_bit_of_a_long_word_is_counted_after_its_order() -> None:
    meter = Meter()
    meter.poll()
    meter.words[102] = 0x0002  # the high word comes second
    assert meter.poll() == ["under_voltage A"]
    meter.words[102] = 0
    assert meter.poll() == ["under_voltage end A"]


def test_after_a_restart_what_holds_is_told_and_nothing_else() -> None:
    meter = Meter()
    meter.words[100] = 0x0001
    assert meter.poll() == ["cover_open"]


def test_what_was_not_answered_stays_as_it_was() -> None:
    meter = Meter()
    meter.words[100] = 0x0001
    assert meter.poll(without=Table.HOLDING) == []
    assert meter.poll() == ["cover_open"]
    meter.words[100] = 0
    assert meter.poll(without=Table.HOLDING) == []
    assert meter.poll() == ["cover_open end"]


def test_all_ones_are_no_alarm() -> None:
    meter = Meter()
    meter.words = dict.fromkeys(meter.words, 0xFFFF)
    assert meter.poll() == []
    meter.words = dict.fromkeys(meter.words, 0)
    assert meter.poll() == []


def test_alarms_are_read_along_and_change_nothing_of_the_values() -> None:
    decoder = Decoder(profile(GOOD))
    assert decoder.quantities == ("voltage_a", "door_open")
    assert [(read.table, read.address, read.length) for read in decoder.reads] == [
        (Table.DISCRETE, 11, 1),
        (Table.HOLDING, 100, 3),
        (Table.INPUT, 0, 2),
    ]


@pytest.mark.parametrize(
    ("line", "place", "fault"),
    [
        ("{event: party, table: holding, address: 9, bit: 0}", "events.0.event", "'cover_open'"),
        ("{event: cover_open, table: holding, address: 9}", "events.0", "bit is missing"),
        ("{event: cover_open, table: holding, address: 9, bit: 16}", "events.0", "outside a uint16"),
        ("{event: cover_open, table: holding, address: 9, type: int16, bit: 1}", "events.0", "unsigned"),
        ("{event: cover_open, table: discrete, address: 9, bit: 1}", "events.0", "does not fit table"),
        ("{event: cover_open, table: discrete, address: 9, type: bit, bit: 1}", "events.0", "is one already"),
        ("{event: cover_open, table: holding, address: 65535, type: uint32, bit: 1}", "events.0", "beyond"),
        ("{event: cover_open, table: holding, address: 9, bit: 0, phase: D}", "events.0.phase", "'A'"),
        (
            "{event: cover_open, table: holding, address: 9, bit: 0, scale: 2}",
            "events.0.scale",
            "unknown key",
        ),
        ("{event: cover_open, table: input, address: 1, bit: 0}", "events.0", "bit within voltage_a"),
        ("{event: cover_open, bit: 0, table: holding}", "events.0.address", "is missing"),
        ("cover_open", "events.0", "must be a mapping"),
    ],
)
def test_nonsense_is_refused_where_it_stands(line: str, place: str, fault: str) -> None:
    (told,) = faults(f"  - {line}\n")
    assert told.startswith(f"p.yaml line 8: {place}: ")
    assert fault in told


def test_nothing_stands_twice() -> None:
    told = faults(
        "  - {event: cover_open, table: holding, address: 9, bit: 0}\n"
        "  - {event: cover_open, table: holding, address: 9, bit: 1}\n"
        "  - {event: overload, table: holding, address: 9, bit: 1}\n"
    )
    assert told == [
        "p.yaml line 9: events.1: 'cover_open' is there already at events.0",
        "p.yaml line 10: events.2: the same bit is 'cover_open' at events.1",
    ]
