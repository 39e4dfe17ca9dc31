"""Every profile that comes with the project, and what a wrong one is told."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from drivers.modbus.decode import Decoder
from drivers.profile import MAX_WORDS, Order, Profile, load_profiles, parse_profile
from gateway.core import quantities
from gateway.core.errors import InvalidInputError

PROFILES = load_profiles()

# Facts from public register maps, written down apart from the profiles: quantity, table, address, type, factor.
SPOT_CHECKS: dict[str, list[tuple[str, str, int, str, float]]] = {
    "eastron-sdm630": [
        ("voltage_a", "input", 0x0000, "float32", 1), ("active_power", "input", 0x0034, "float32", 1),
        ("frequency", "input", 0x0046, "float32", 1), ("energy_import", "input", 0x0048, "float32", 1),
    ],
    "eastron-sdm120": [
        ("current_a", "input", 0x0006, "float32", 1), ("active_power", "input", 0x000C, "float32", 1),
        ("power_factor", "input", 0x001E, "float32", 1), ("energy_export", "input", 0x004A, "float32", 1),
    ],
    "acrel-adw300": [
        ("voltage_a", "holding", 20, "uint16", 0.1), ("current_c", "holding", 28, "uint16", 0.01),
        ("active_power", "holding", 36, "int32", 1), ("energy_import", "holding", 62, "int32", 0.01),
    ],
    "schneider-iem3000": [
        ("voltage_a", "holding", 0x0BD3, "float32", 1), ("active_power_a", "holding", 0x0BED, "float32", 1000),
        ("energy_import", "holding", 0x0C83, "int64", 0.001),
    ],
    "abb-b23": [
        ("voltage_a", "holding", 0x5B00, "uint32", 0.1), ("energy_import", "holding", 0x5000, "uint64", 0.01),
    ],
    "carlo-gavazzi-em24": [
        ("voltage_a", "input", 0x00, "int32", 0.1), ("current_a", "input", 0x0C, "int32", 0.001),
        ("energy_import", "input", 0x42, "int32", 0.1),
    ],
    "chint-dtsu666": [
        ("voltage_a", "holding", 0x2006, "float32", 0.1), ("energy_import", "holding", 0x101E, "float32", 1),
    ],
    "feederline-meter": [
        ("energy_import", "holding", 18, "uint32", 0.01), ("active_power", "holding", 12, "int32", 1),
    ],
    "feederline-dtu": [("breaker_closed", "discrete", 0, "bit", 1), ("fault_indicator", "discrete", 1, "bit", 1)],
}  # fmt: skip


@pytest.mark.parametrize("name", list(PROFILES))
def test_every_profile_holds_together(name: str) -> None:
    profile = PROFILES.get(name)
    decoder = Decoder(profile)
    assert len(decoder.reads) <= 5  # a poll is a handful of requests, not one per register
    for read in decoder.reads:
        assert read.table.of_bits or read.length <= min(profile.max_read, MAX_WORDS)
    for span in decoder.spans:
        assert sum(read.covers(span) for read in decoder.reads) == 1
    # The decoder looks at every byte that the profile names and gives every quantity a value or says why not.
    decoded = decoder.decode(np.zeros((3, decoder.size), np.uint8))
    assert decoded.values.shape == (3, len(profile.quantities))
    assert (np.isnan(decoded.values) == decoded.no_value).all()
    # Where all bytes are ones, no number comes out that is not a sentinel: only bits do.
    ones = decoder.decode(np.full((1, decoder.size), 0xFF, np.uint8))
    for i, register in enumerate(profile.registers):
        state = quantities.BY_NAME[register.quantity].kind == "state"
        assert state or ones.no_value[0, i] or register.type.signed


@pytest.mark.parametrize("name", list(PROFILES))
def test_every_profile_is_spot_checked_against_its_source(name: str) -> None:
    registers = {register.quantity: register for register in PROFILES.get(name).registers}
    for quantity, table, address, kind, factor in SPOT_CHECKS[name]:
        register = registers[quantity]
        assert (register.table, register.address, register.type, register.scale) == (
            table,
            address,
            kind,
            factor,
        )


def test_the_word_swapped_meter_is_read_word_swapped() -> None:
    assert PROFILES.get("carlo-gavazzi-em24").order is Order.CDAB


GOOD = (
    "title: t\ncomment: c\nregisters:\n  - {quantity: frequency, table: holding, address: 1, type: uint16}\n"
)


def profile(*registers: str, head: str = "title: t\ncomment: c\n") -> Profile:
    text = head + "registers:\n" + "".join(f"  - {{{register}}}\n" for register in registers)
    return parse_profile(text, name="p", where="p.yaml")


def test_hexadecimal_addresses_are_read() -> None:
    assert (
        profile("quantity: frequency, table: holding, address: 0x0BD3, type: uint16").registers[0].address
        == 0xBD3
    )


V_A = "quantity: voltage_a, table: holding, address: 0, type: uint32"
DOOR = "quantity: door_open, table: holding, address: 9, type: uint16"
BREAKER = "quantity: breaker_closed, table: holding, address: 9, type: uint16"
COIL = "quantity: door_open, table: coils, address: 9"


@pytest.mark.parametrize(
    ("registers", "wrong"),
    [
        (["quantity: volts, table: holding, address: 0, type: uint16"], "unknown quantity 'volts'"),
        ([V_A + ", colour: red"], "registers.0.colour"),
        (["quantity: voltage_a, table: holdings, address: 0, type: uint16"], "registers.0.table"),
        (["quantity: voltage_a, table: holding, address: 0, type: float16"], "registers.0.type"),
        (["quantity: voltage_a, table: holding, address: 65536, type: uint16"], "registers.0.address"),
        (["quantity: voltage_a, table: holding, address: -1, type: uint16"], "registers.0.address"),
        (["quantity: voltage_a, table: holding, address: '7', type: uint16"], "registers.0.address"),
        (["quantity: voltage_a, table: holding, address: 65535, type: uint32"], "beyond address 65535"),
        ([V_A + ", order: ACBD"], "registers.0.order"),
        ([V_A + ", scale: 0"], "scale 0"),
        ([V_A + ", scale: .nan"], "registers.0.scale"),
        ([V_A + ", scale: 1e300"], "registers.0.scale"),
        ([V_A + ", scale: 5e-324"], "closer to 0"),
        ([V_A + ", scale: '0.1'"], "registers.0.scale"),
        ([V_A + ", offset: 1_000"], "registers.0.offset"),
        ([V_A + ", no_value: [-1]"], "registers.0.no_value.0: must be all_ones, or"),
        ([V_A + ", no_value: all_ones"], "registers.0.no_value: must be a list"),
        ([V_A + ", '5': 6"], "registers.0.5: unknown key; there are: quantity, table, address"),
        ([V_A + ", bit: 3"], "cannot be a bit"),
        ([V_A + ", invert: true"], "invert is for states"),
        ([V_A + ", no_value: [4294967296]"], "wider than uint32"),
        ([V_A + ", no_value: [none]"], "registers.0.no_value"),
        (
            [V_A, V_A.replace("address: 0", "address: 2")],
            "quantity 'voltage_a' is there already at registers.0",
        ),
        ([V_A, "quantity: voltage_b, table: holding, address: 1, type: uint32"], "overlaps voltage_a"),
        ([V_A, "quantity: voltage_b, table: holding, address: 0, type: uint32"], "overlaps voltage_a"),
        ([DOOR + ", bit: 1", BREAKER + ", bit: 1"], "overlaps door_open"),
        ([DOOR, BREAKER + ", bit: 1"], "overlaps door_open"),
        ([DOOR + ", bit: 16"], "bit 16 is outside a uint16"),
        ([DOOR.replace("uint16", "int16") + ", bit: 1"], "needs an unsigned type"),
        ([DOOR + ", scale: 2"], "takes no scale"),
        ([COIL + ", type: uint16"], "does not fit table coils"),
        (["quantity: voltage_a, table: coils, address: 9, type: bit"], "cannot be a bit"),
        (["quantity: door_open, table: holding, address: 9, type: bit"], "does not fit table holding"),
        (
            [COIL + ", type: bit", COIL.replace("door_open", "battery_ok") + ", type: bit"],
            "overlaps door_open",
        ),
    ],
)
def test_a_wrong_register_is_refused_with_its_key(registers: list[str], wrong: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        profile(*registers)
    line = 3 + len(registers)  # the last one is at fault
    assert any(
        wrong in fault and fault.startswith(f"p.yaml line {line}: registers") for fault in caught.value.faults
    ), caught.value.faults


def test_all_faults_come_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        profile(
            "quantity: volts, table: holding, address: 0, type: uint16",
            V_A,
            V_A,
            "quantity: frequency, table: nowhere, address: 0, type: uint16",
            head="title: t\nmax_read: 126\nsize: big\n",
        )
    told = "\n".join(caught.value.faults)
    for key in ("comment", "max_read", "size", "registers.0", "registers.2", "registers.3.table"):
        assert re.search(rf"^p\.yaml( line \d+)?: {re.escape(key)}[.:]", told, re.MULTILINE), key


def faults_of(text: str) -> tuple[str, ...]:
    with pytest.raises(InvalidInputError) as caught:
        parse_profile(text, name="p", where="p.yaml")
    return caught.value.faults


def test_faults_are_told_in_the_words_of_whoever_writes_profiles() -> None:
    text = """title: t
registers:
  - quantity: voltage_a
    table: holding
    scale: 0
    size: 2
  - 7
max_reed: 10
"""
    keys = "quantity, table, address, type, order, scale, offset, bit, invert, no_value"
    head = "title, comment, order, max_read, max_gap, measures, registers, events, load_profile"
    assert faults_of(text) == (
        "p.yaml: comment: is missing: say where the register list comes from",
        "p.yaml line 3: registers.0.address: is missing",
        "p.yaml line 3: registers.0.type: is missing",
        f"p.yaml line 6: registers.0.size: unknown key; there are: {keys}",
        f"p.yaml line 7: registers.1: must be a mapping with keys such as: {keys}",
        f"p.yaml line 8: max_reed: unknown key; there are: {head}",
    )


def test_the_faults_of_one_file_have_an_end() -> None:
    row = "  - {quantity: voltage_a, table: holding, address: 7, type: uint16}\n"
    faults = faults_of("title: t\ncomment: c\nregisters:\n" + 2000 * row)
    assert len(faults) == 101
    assert faults[-1] == f"p.yaml: and {2 * 1999 - 100} more"


def test_more_registers_than_any_meter_has_are_refused() -> None:
    row = "  - {quantity: voltage_a, table: holding, address: 7, type: uint16}\n"
    faults = faults_of("title: t\ncomment: c\nregisters:\n" + 2001 * row)
    assert faults[0].startswith("p.yaml line 3: registers: 2001 are more than 2000")


def test_a_long_register_is_held_against_all_that_it_covers() -> None:
    text = "title: t\ncomment: c\nregisters:\n" + "".join(
        f"  - {{quantity: {quantity}, table: input, address: {address}, type: {kind}}}\n"
        for quantity, address, kind in (
            ("voltage_c", 3, "uint16"),
            ("voltage_b", 2, "uint16"),
            ("voltage_a", 0, "uint64"),
            ("frequency", 4, "uint16"),
        )
    )
    assert faults_of(text) == (
        "p.yaml line 4: registers.0: voltage_c at input 3 overlaps voltage_a at 0 (registers.2)",
        "p.yaml line 5: registers.1: voltage_b at input 2 overlaps voltage_a at 0 (registers.2)",
    )


def test_bits_of_one_word_that_runs_into_another_value_are_all_told() -> None:
    text = "title: t\ncomment: c\nregisters:\n" + "".join(
        f"  - {{quantity: {quantity}, table: input, address: {address}, type: {kind}}}\n"
        for quantity, address, kind in (
            ("voltage_a", 0, "uint32"),
            ("door_open", 1, "uint16, bit: 0"),
            ("battery_ok", 1, "uint16, bit: 1"),
        )
    )
    assert [fault.partition(" at ")[0] for fault in faults_of(text)] == [
        "p.yaml line 5: registers.1: door_open",
        "p.yaml line 6: registers.2: battery_ok",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10_000,
        "{a: " * 10_000,
        "registers: &a [*a]",
        "&a {title: *a, registers: [*a]}",
        "? [a]\n: b",
        "5: x\nnull: y\n1.5: z\ntrue: w",
        "{? {a: b} : c}",
        "registers: {quantity: voltage_a}",
        "registers: [{quantity: [], table: {}, address: [], type: {}, order: [], no_value: [[{}]]}]",
        "registers: [{address: 0x" + "f" * 30 + ", scale: " + "9" * 39 + ", bit: 1e99999}]",
        "title: !!int abc",
        "title: !!binary x",
        "title: !!set {a}",
        "title: \x01",
        "a: &a [1]\nb: &b [*a, *a]\nc: &c [*b, *b]\nregisters: [*c, *c]",
        "<<: 5",
        "<<: {title: t}",
    ],
)
def test_whatever_stands_in_a_file_is_told_as_a_fault(text: str) -> None:
    assert all(fault.startswith("p.yaml") for fault in faults_of(text))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "is a mapping"),
        ("- 1", "is a mapping"),
        ("title: [", "not YAML"),
        (GOOD + "title: again\n", "line 5: title stands there twice"),
        (GOOD + "name: other\n", "named after its file"),
        ("title: t\ncomment: c\nregisters: []\n", "registers"),
        ("title: t\ncomment: c\nregisters: 5\n", "registers"),
        (
            "title: t\ncomment: c\nregisters: !!python/object/apply:os.getcwd []\n",
            "not YAML: could not determine",
        ),
    ],
)
def test_a_file_that_is_no_profile_is_refused(text: str, wrong: str) -> None:
    with pytest.raises(InvalidInputError, match=wrong):
        parse_profile(text, name="p", where="p.yaml")


def test_bits_of_one_word_may_stand_side_by_side() -> None:
    assert len(profile(DOOR + ", bit: 1", BREAKER + ", bit: 2").registers) == 2


def test_a_site_adds_its_own_profiles(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(GOOD)
    (tmp_path / "short.yml").write_text(GOOD)
    (tmp_path / "notes.txt").write_text("none")
    assert "short" in load_profiles(tmp_path)
    assert "ours" in load_profiles(tmp_path)
    assert "eastron-sdm630" in load_profiles(tmp_path)


def test_faults_of_several_files_and_a_name_that_is_taken_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "eastron-sdm630.yaml").write_text(GOOD)
    (tmp_path / "a.yaml").write_text("title: a\n")
    (tmp_path / "b.yaml").write_bytes(b"\xff")
    with pytest.raises(InvalidInputError) as caught:
        load_profiles(tmp_path)
    told = "\n".join(caught.value.faults)
    assert f"{tmp_path / 'eastron-sdm630.yaml'}: there is a profile 'eastron-sdm630' already" in told
    assert "a.yaml: comment: is missing" in told
    assert "b.yaml: byte 0 is not UTF-8" in told


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="not a directory"):
        load_profiles(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInputError, match="not a directory"):
        load_profiles(tmp_path / "file")
