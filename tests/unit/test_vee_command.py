"""`feederline vee`, from its entry point to the last line of standard output."""

from __future__ import annotations

import errno
import json
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.cli.vee import outcome, parts
from gateway.core.clock import SECOND, format_time, parse_time

CASES = Path(__file__).parents[1] / "cases" / "vee"
DEVICES = "device_id,node_id,kind,protocol,profile,address,via,phases,customers,priority,interval_s"
READINGS = "device_id,measured_at,energy_import"
EDITS = "device_id,start,end,quantity,value,by,at,reason"
FIELDS = ["device", "start", "end", "quantity", "raw", "value", "status", "rules"]


class Ran:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def result(self) -> dict[str, Any]:
        """The last line, which must be JSON as everybody reads it: no NaN, no Infinity."""

        def refuse(word: str) -> None:
            raise AssertionError(f"{word} is no JSON")

        assert self.code == 0, self.err
        parsed: dict[str, Any] = json.loads(self.out.splitlines()[-1], parse_constant=refuse)
        return parsed

    @property
    def faults(self) -> list[str]:
        assert self.code == 2, self.out
        assert self.out == ""
        return [line.removeprefix("feederline: ") for line in self.err.splitlines()]


Command = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("COLUMNS", "120")

    def command(file: Path, *arguments: str | Path) -> Ran:
        monkeypatch.setattr(sys, "argv", ["feederline", "vee", str(file), *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Ran(int(ended.value.code or 0), said.out, said.err)

    return command


def written(tmp_path: Path, name: str, *rows: str) -> Path:
    file = tmp_path / name
    file.write_text("\n".join(rows) + "\n")
    return file


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    return written(
        tmp_path, "devices.csv", DEVICES, "M1,T1,meter,mqtt,,,,,1,,60", "M2,T1,meter,mqtt,,,,,1,,900"
    )


@pytest.mark.parametrize("case", sorted(folder.name for folder in CASES.iterdir()))
def test_cases(run: Command, case: str) -> None:
    folder = CASES / case
    edits = ["--edits", folder / "edits.csv"] if (folder / "edits.csv").exists() else []
    found = run(
        folder / "readings.csv",
        "--devices",
        folder / "devices.csv",
        *edits,
        "--at",
        "2026-03-06T00:00:00Z",
        "--json",
    ).result
    expected = json.loads((folder / "expected.json").read_text())
    assert [list(one) for one in found["intervals"]] == [FIELDS] * len(found["intervals"])
    for mine, theirs in zip(found["intervals"], expected["intervals"], strict=True):
        assert {**mine, "raw": 0, "value": 0} == {**theirs, "raw": 0, "value": 0}
        for name in ("raw", "value"):
            assert mine[name] == (None if theirs[name] is None else pytest.approx(theirs[name], abs=1e-9))
    assert found["readings"] == expected["readings"]
    assert found["summary"] == expected["summary"]


def test_intervals_are_as_long_as_readings_are_apart(run: Command, tmp_path: Path, devices: Path) -> None:
    rows = [f"M1,2026-03-02T{h:02}:{m:02}:00Z,{100 + h + m / 60}" for h in range(3) for m in (0, 30)]
    file = written(tmp_path, "r.csv", READINGS, *rows)
    found = run(file, "--devices", devices, "--json").result["intervals"]
    assert [(one["start"][11:16], one["end"][11:16]) for one in found][:2] == [
        ("00:00", "00:30"),
        ("00:30", "01:00"),
    ]
    assert all(one["rules"] == [] and one["value"] == pytest.approx(0.5) for one in found)
    hours = run(file, "--devices", devices, "--interval", "3600", "--json").result["intervals"]
    assert [one["value"] for one in hours] == [pytest.approx(1.0)] * 2
    finer = run(file, "--devices", devices, "--interval", "900", "--json").result["intervals"]
    assert len(finer) == 10
    assert sum(one["value"] for one in finer) == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("seconds", "length"),
    [((840, 960, 930, 960), 900), ((1200, 1190, 1210), 1200), ((80_000, 86_400), 86_400)],
)
def test_lengths_are_usual_ones_though_readings_come_unevenly(
    run: Command, tmp_path: Path, devices: Path, seconds: tuple[int, ...], length: int
) -> None:
    at = [parse_time("2026-03-02T00:00:00Z") + sum(seconds[:i]) * SECOND for i in range(len(seconds) + 1)]
    rows = [f"M2,{format_time(when)},{100 + i}" for i, when in enumerate(at)]
    found = run(written(tmp_path, "r.csv", READINGS, *rows), "--devices", devices, "--json").result
    first = found["intervals"][0]
    assert parse_time(first["end"]) - parse_time(first["start"]) == length * SECOND


def test_columns_of_what_no_register_counts_are_not_read(run: Command, tmp_path: Path, devices: Path) -> None:
    rows = [f"M2,2026-03-02T00:{m:02}:00Z,x,{5 + m}" for m in (0, 15)]
    file = written(tmp_path, "r.csv", "device_id,measured_at,voltage_a,energy_import", *rows)
    [one] = run(file, "--devices", devices, "--json").result["intervals"]
    assert (one["quantity"], one["value"]) == ("energy_import", 15.0)


def test_a_row_that_stands_there_twice_is_marked_and_doubts_nothing(
    run: Command, tmp_path: Path, devices: Path
) -> None:
    rows = [f"M2,2026-03-02T00:{m:02}:00Z,{m}" for m in (0, 15, 15, 30)]
    found = run(written(tmp_path, "r.csv", READINGS, *rows), "--devices", devices, "--json").result
    assert [(one["value"], one["rules"]) for one in found["intervals"]] == [(15.0, []), (15.0, [])]
    assert [(one["line"], one["rules"]) for one in found["readings"]] == [(4, ["duplicate"])]


def test_numbers_too_large_for_their_unit_are_marked_without_noise(
    run: Command, tmp_path: Path, devices: Path
) -> None:
    rows = [f"M2,2026-03-02T00:{m:02}:00Z,{value},MWh" for m, value in ((0, 1), (15, 1e308), (30, 1.002))]
    ran = run(written(tmp_path, "r.csv", f"{READINGS},unit", *rows), "--devices", devices, "--json")
    assert [(one["raw"], one["value"]) for one in ran.result["intervals"]] == [(None, 1.0)] * 2
    assert ran.err == ""


def test_a_full_disk_is_told_in_one_line(
    run: Command, tmp_path: Path, devices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, "r.csv", READINGS, *readings(["M2"], 4))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(outcome.Outcome, "write", full)
    ran = run(file, "--devices", devices, "--json")
    assert (ran.code, ran.err) == (1, "feederline: cannot write what was found: No space left on device\n")


def test_an_empty_file_is_told_as_such(run: Command, tmp_path: Path, devices: Path) -> None:
    (tmp_path / "r.csv").touch()
    assert run(tmp_path / "r.csv", "--devices", devices, "--json").faults == ["r.csv: is empty"]


def test_a_window_holds_for_all_devices(run: Command, tmp_path: Path, devices: Path) -> None:
    file = written(tmp_path, "r.csv", READINGS, "M2,2026-03-02T01:00:00Z,5", "M2,2026-03-02T01:15:00Z,6")
    window = ("--from", "2026-03-02T00:30:00Z", "--to", "2026-03-02T01:30:00Z")
    found = run(file, "--devices", devices, *window, "--json").result["intervals"]
    assert [(one["start"][11:16], one["status"]) for one in found] == [
        ("00:30", "estimated"), ("00:45", "estimated"), ("01:00", "valid"), ("01:15", "estimated"),
    ]  # fmt: skip


def test_people_are_told_what_is_not_simply_valid(run: Command, tmp_path: Path, devices: Path) -> None:
    rows = [
        f"M2,2026-03-02T0{i // 4}:{i % 4 * 15:02}:00Z,{value}"
        for i, value in enumerate([100, 101, 0, 103, 104])
    ]
    said = run(written(tmp_path, "r.csv", READINGS, *rows), "--devices", devices)
    assert said.code == 0
    assert "5 rows of 1 devices: 0 edited, 2 valid, 0 suspect, 2 estimated, 0 missing intervals." in said.out
    assert "no_value" in said.out


@pytest.mark.parametrize(
    ("header", "wrong"),
    [
        ("device,measured_at,energy_import", "column device_id is missing; column device is unknown"),
        ("device_id,measured_at", "there is no column of a register"),
        ("device_id,measured_at,energy_exprot,energy_import", "column energy_exprot is unknown"),
        ("device_id,measured_at,voltage_a", "there is no column of a register"),
        ("device_id,measured_at,energy_import,energy_import", "column energy_import stands there twice"),
        ("device_id,measured_at,energy_import,", "a column has no name"),
        ("", "column device_id is missing"),
    ],
)
def test_wrong_headers_are_refused(
    run: Command, tmp_path: Path, devices: Path, header: str, wrong: str
) -> None:
    [fault] = run(written(tmp_path, "r.csv", header), "--devices", devices, "--json").faults
    assert fault.startswith("r.csv line 1: ")
    assert wrong in fault


def test_every_fault_is_told_at_once_with_its_line(run: Command, tmp_path: Path, devices: Path) -> None:
    file = written(
        tmp_path,
        "r.csv",
        f"{READINGS},unit,multiplier,received_at",
        "M1,2026-03-02T00:00:00Z,5,,,",
        "M9,2026-03-02T00:00:00Z,5,,,",
        "M1,2026-03-02T00:15:00,6,,,",
        'M1,2026-03-02T00:30:00Z,"1,5",J,0,',
        "M1,2026-03-02T00:45:00Z,1_000,,x,soon",
        "M1,2026-03-02T01:00:00Z",
        ",,,,,",
        "",
    )
    edits = written(
        tmp_path,
        "e.csv",
        EDITS,
        "M1,2026-03-02T01:00:00Z,2026-03-02T00:00:00Z,energy_import,5,a,2026-03-02T00:00:00Z,b",
        "M8,x,2026-03-02T00:00:00Z,power,-5,,2026-03-02T00:00:00Z,",
    )
    faults = run(
        file, "--devices", devices, "--edits", edits, "--interval", "5", "--time-zone", "Mars", "--json"
    ).faults
    assert [fault.split(": ")[0] for fault in faults] == [
        "--time-zone 'Mars' is not a time zone such as Asia/Shanghai", "--interval 5 is not between 60 and 86400",
        "e.csv line 2", *["e.csv line 3"] * 6, "r.csv line 3", "r.csv line 4",
        *["r.csv line 5"] * 3, *["r.csv line 6"] * 3, "r.csv line 7", *["r.csv line 8"] * 2,
    ]  # fmt: skip
    assert "r.csv line 3: device_id 'M9' is not listed" in faults
    assert "r.csv line 5: energy_import '1,5' is not a number" in faults
    assert "r.csv line 7: 2 fields where the header has 6" in faults


def test_thousands_of_faults_are_told_as_so_many(run: Command, tmp_path: Path, devices: Path) -> None:
    rows = [f"M1,2026-03-02T00:{i % 60:02}:00Z,x" for i in range(1500)]
    faults = run(written(tmp_path, "r.csv", READINGS, *rows), "--devices", devices, "--json").faults
    assert len(faults) == 1001
    assert faults[-1] == "r.csv: 500 more faults"


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"\x1f\x8b\x08\x00", "is compressed"),
        (READINGS.encode() + b"\nM1,2026-03-02T00:00:00Z,\xff\n", "is not UTF-8"),
        (READINGS.encode() + b'\nM1,"2026-03-02T00:00:00Z,5\n', "unexpected end of data"),
    ],
)
def test_what_is_no_table_is_refused(
    run: Command, tmp_path: Path, devices: Path, data: bytes, wrong: str
) -> None:
    file = tmp_path / "r.csv"
    file.write_bytes(data)
    assert any(wrong in fault for fault in run(file, "--devices", devices, "--json").faults)


def test_files_that_are_not_there_are_told_together(run: Command, tmp_path: Path, devices: Path) -> None:
    assert run(tmp_path / "no.csv", "--devices", devices, "--json").faults == [
        f"{tmp_path / 'no.csv'}: No such file or directory"
    ]
    assert "No such file" in run(tmp_path / "no.csv", "--devices", tmp_path / "none.csv").faults[0]


def test_wrong_devices_are_told_by_line(run: Command, tmp_path: Path) -> None:
    wrong = written(
        tmp_path,
        "devices.csv",
        f"{DEVICES},register_digits",
        "M1,T1,meter,mqtt,,,,,1,,60,x",
        "M2,T1,spoon,mqtt,,,,,1,,60,",
    )
    file = written(tmp_path, "r.csv", READINGS, "M1,2026-03-02T00:00:00Z,5")
    faults = run(file, "--devices", wrong, "--json").faults
    assert [fault.split(": ")[0] for fault in faults][:2] == ["devices.csv line 3", "devices.csv line 2"]


def test_an_edit_that_holds_for_nothing_is_told(run: Command, tmp_path: Path, devices: Path) -> None:
    file = written(tmp_path, "r.csv", READINGS, "M2,2026-03-02T00:00:00Z,5", "M2,2026-03-02T00:15:00Z,6")
    far = "M2,2026-04-02T00:00:00Z,2026-04-03T00:00:00Z,energy_import,5,anna,2026-04-04T00:00:00Z,photo"
    said = run(file, "--devices", devices, "--edits", written(tmp_path, "e.csv", EDITS, far), "--json")
    assert said.result["summary"]["edits_without_intervals"] == 1
    assert "an edit of M2 holds for no interval" in said.err


def readings(meters: Sequence[str], slots: int) -> list[str]:
    return [
        f"{name},2026-03-{2 + i // 96:02}T{i // 4 % 24:02}:{i % 4 * 15:02}:00Z,{100 + i / 4}"
        for i in range(slots)
        for name in meters
    ]


def test_how_a_file_is_parted_changes_nothing(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"M{i}" for i in range(20)]
    listed = written(tmp_path, "d.csv", DEVICES, *[f"{name},T1,meter,mqtt,,,,,1,,900" for name in names])
    file = written(tmp_path, "r.csv", READINGS, *readings(names, 60))
    whole = run(file, "--devices", listed, "--json").result
    monkeypatch.setattr(parts, "ROWS_AT_ONCE", 100)
    monkeypatch.setattr(parts, "_BLOCK", 77)
    parted = run(file, "--devices", listed, "--json").result

    def by_name(one: dict[str, Any]) -> tuple[str, str]:
        return one["device"], one["start"]

    assert sorted(parted["intervals"], key=by_name) == sorted(whole["intervals"], key=by_name)
    assert parted["summary"] == whole["summary"]


def test_memory_does_not_grow_with_the_file(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Peaks of files of 1 and 6 times as many rows, in parts of a few thousand."""
    names = [f"M{i}" for i in range(96)]
    listed = written(tmp_path, "d.csv", DEVICES, *[f"{name},T1,meter,mqtt,,,,,1,,900" for name in names])
    monkeypatch.setattr(parts, "ROWS_AT_ONCE", 1500)
    monkeypatch.setattr(parts, "_BLOCK", 1000)
    peaks: list[int] = []
    for many in (16, 96):
        file = written(tmp_path, "r.csv", READINGS, *readings(names[:many], 200))
        with (tmp_path / "out.json").open("w") as out:
            monkeypatch.setattr(sys, "stdout", out)
            monkeypatch.setattr(
                sys, "argv", ["feederline", "vee", str(file), "--devices", str(listed), "--json"]
            )
            if not peaks:
                with pytest.raises(SystemExit):
                    main()  # what is imported and remembered the first time
            tracemalloc.start()
            with pytest.raises(SystemExit):
                main()
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
