"""Where a profile says that a meter keeps its past, and what a wrong one is told."""

from __future__ import annotations

import pytest

from drivers.profile import parse_profile
from gateway.core.errors import InvalidInputError

GOOD = (
    "title: t\ncomment: c\nregisters:\n  - {quantity: frequency, table: holding, address: 1, type: uint16}\n"
)


def faults_of(text: str) -> tuple[str, ...]:
    with pytest.raises(InvalidInputError) as caught:
        parse_profile(text, name="p", where="p.yaml")
    return caught.value.faults


RING = """\
load_profile:
  table: holding
  address: 0x1000
  words: 6
  capacity: 100
  newest: {address: 0x0FFE, type: uint32, holds: count}
  time: {address: 0}
  columns:
    - {quantity: energy_import, address: 2, type: uint32, scale: 0.01}
    - {quantity: energy_export, address: 4, type: uint32, scale: 0.01}
"""


def test_a_load_profile_is_read() -> None:
    kept = parse_profile(GOOD + RING, name="p", where="p.yaml").load_profile
    assert kept is not None
    assert (kept.end, kept.interval_s, kept.time.words) == (0x1000 + 600, 900, 2)
    assert [column.quantity for column in kept.columns] == ["energy_import", "energy_export"]


@pytest.mark.parametrize(
    ("was", "is_", "line", "wrong"),
    [
        ("capacity: 100", "capacity: 20000", 5, ": 20000 records of 6 registers from 4096 on reach"),
        ("capacity: 100", "capacity: 1", 9, ".capacity: "),
        ("words: 6", "words: 5", 14, ".columns.1: energy_export reaches beyond the 5 registers"),
        ("words: 6", "words: 126", 8, ".words: "),
        ("words: 6", "wirds: 6", 8, ".wirds: unknown key; there are: table, address"),
        ("table: holding", "table: coils", 5, ": records stand in holding or input registers"),
        ("0x1000", "0x0FFF", 10, ".newest.address: 4094 stands within the ring"),
        ("address: 0x1000", "address: 1", 7, ".address: the ring runs over frequency at 1 (registers.0)"),
        ("holds: count", "holds: newest", 10, ".newest.holds: "),
        ("holds: count", "holds: count, first: 1", 10, ".newest: first is for places"),
        ("type: uint32, holds", "type: int32, holds", 10, ".newest: a place or count needs an unsigned"),
        ("type: uint32, holds", "type: uint16, holds", 10, ".newest.type: a uint16 count starts again"),
        ("time: {address: 0}", "time: {address: 5}", 11, ".time: the time reaches beyond the 6"),
        ("time: {address: 0}", "time: {address: 1}", 13, ".columns.0: energy_import at 2 overlaps"),
        ("time: {address: 0}", "time: {address: 0, fields: [year]}", 11, ".time: fields are for the forms"),
        ("time: {address: 0}", "time: {address: 0, form: bcd, fields: [year]}", 11, ".time: fields lack month"),
        ("time: {address: 0}", "time: {address: 0, form: bcd, order: DCBA}", 11, ".time: order and since"),
        ("time: {address: 0}", "time: {address: 0, utc_offset_h: 8.1}", 11, ".time.utc_offset_h: "),
        ("time: {address: 0}", "time: 0", 11, ".time: must be a mapping with keys such as: address"),
        ("energy_export", "energy_import", 14, ".columns.1: quantity 'energy_import' is there already at load"),
        ("address: 4,", "address: 3,", 14, ".columns.1: energy_export at holding 3 overlaps"),
        ("address: 4,", "address: 4, table: input,", 14, ".columns.1: a column stands in the ring's table"),
        ("address: 4,", "address: 4, colour: red,", 14, ".columns.1.colour: unknown key; there are: qu"),
        ("address: 4,", "address: 4, no_value: [-1],", 14, ".columns.1.no_value.0: must be all_ones, or"),
        ("energy_export", "volts", 14, ".columns.1.quantity: unknown quantity 'volts'"),
    ],
)  # fmt: skip
def test_a_wrong_load_profile_is_refused_with_its_key(was: str, is_: str, line: int, wrong: str) -> None:
    assert was in RING
    faults = faults_of(GOOD + RING.replace(was, is_))
    assert any(fault.startswith(f"p.yaml line {line}: load_profile{wrong}") for fault in faults), faults


def test_a_record_fits_into_one_request() -> None:
    text = GOOD.replace("title: t", "title: t\nmax_read: 5") + RING
    assert faults_of(text) == (
        "p.yaml line 9: load_profile.words: a record of 6 does not fit into max_read 5",
    )
