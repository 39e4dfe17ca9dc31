"""Golden directories: registers as they come, quantities as they must come out. Every bug adds one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivers.profile import Table
from gateway.cli.decode import decode, decode_registers, find_profile, read_registers
from gateway.core.errors import InvalidInputError

CASES = sorted(path for path in (Path(__file__).parents[1] / "cases" / "decode").iterdir() if path.is_dir())


def test_there_are_cases() -> None:
    assert len(CASES) >= 9


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_registers_become_quantities(case: Path) -> None:
    expected = json.loads((case / "expected.json").read_text())
    result = decode_registers(find_profile(expected["profile"]), read_registers(case / "registers.json"))
    assert result["quality"] == expected["quality"]
    assert result["values"] == pytest.approx(expected["values"], rel=1e-6)


def test_the_command_prints_one_json_object_last(capsys: pytest.CaptureFixture[str]) -> None:
    case = CASES[0].parent / "adw300-sentinels"
    decode("acrel-adw300", case / "registers.json", as_json=True)
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["values"]["voltage_a"] == 230.5
    assert set(result) == {"values", "quality"}


def test_the_table_for_people_names_unit_and_quality(capsys: pytest.CaptureFixture[str]) -> None:
    decode("acrel-adw300", CASES[0].parent / "adw300-sentinels" / "registers.json")
    shown = capsys.readouterr().out
    assert "230.5" in shown
    assert "no_value" in shown


def test_the_table_shows_no_more_digits_than_the_meter_sent(capsys: pytest.CaptureFixture[str]) -> None:
    decode("eastron-sdm630", CASES[0].parent / "sdm630-phase-lost" / "registers.json")
    shown = capsys.readouterr().out
    assert " 231.4 " in shown
    assert "missing" not in shown


def test_it_is_a_command() -> None:
    import typer

    app = typer.Typer()
    app.command()(decode)
    case = CASES[0].parent / "sdm630-manual"
    result = CliRunner().invoke(
        app, ["--profile", "eastron-sdm630", "--registers", str(case / "registers.json"), "--json"]
    )
    assert result.exit_code == 0
    assert json.loads(result.output)["values"] == pytest.approx({"voltage_a": 230.2})


def test_a_profile_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "title: mine\ncomment: none\nregisters:\n"
        "  - {quantity: frequency, table: holding, address: 7, type: uint16, scale: 0.01}\n"
    )
    assert decode_registers(
        find_profile(str(path)), read_registers(_file(tmp_path, {"holding": {"7": 5000}}))
    ) == {
        "values": {"frequency": 50.0},
        "quality": {},
    }


def test_an_unknown_profile_lists_what_there_is() -> None:
    with pytest.raises(InvalidInputError, match="eastron-sdm630"):
        find_profile("sdm-something")


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ({"holdings": {}}, ["holdings"]),
        ({"holding": [1, 2]}, ["holding"]),
        (
            {"holding": {"0xg": 1, "-1": 2, "65536": 3, "0x10000": 4, "1" * 5000: 5, "1_0": 6, "": 7}},
            [
                "0xg",
                "holding.-1",
                "holding.65536",
                "holding.0x10000",
                "holding.1111",
                "holding.1_0",
                "holding.: ",
            ],
        ),
        ({"holding": {"16": 1, "0x10": 1}}, ["holding.0x10: address 16 stands there twice"]),
        (
            {"holding": {"0": 65536, "1": -1, "2": 1.5, "3": "7", "4": None}},
            [f"holding.{n}" for n in range(5)],
        ),
        ({"holding": {"0": True}, "coils": {"0": 2}}, ["holding.0", "coils.0"]),
        ([], ["tables"]),
    ],
)
def test_every_fault_of_a_register_file_is_named(tmp_path: Path, content: object, wrong: list[str]) -> None:
    path = _file(tmp_path, content)
    with pytest.raises(InvalidInputError) as caught:
        read_registers(path)
    assert len(caught.value.faults) == len(wrong)
    for fault, key in zip(caught.value.faults, wrong, strict=True):
        assert str(path) in fault
        assert key in fault


def test_addresses_may_be_hexadecimal_as_in_profiles(tmp_path: Path) -> None:
    path = _file(tmp_path, {"holding": {"0x0014": 2301, "21": 2}, "coils": {"0xA": 1}})
    assert read_registers(path) == {Table.HOLDING: {20: 2301, 21: 2}, Table.COILS: {10: 1}}


@pytest.mark.parametrize("text", ["", "{", "[1", "\xff", "[" * 100_000])
def test_a_register_file_that_is_not_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidInputError, match="not JSON"):
        read_registers(path)


def test_a_register_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="No such file"):
        read_registers(tmp_path / "nowhere.json")


def _file(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "registers.json"
    path.write_text(json.dumps(content))
    return path
