"""`feederline indices`, from its entry point to the last line of standard output."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli import main

CASES = Path(__file__).parents[1] / "cases" / "indices"
HEADER = "event_id,start,end,customers,kind"
YEAR = ("--from", "2026-01-01", "--to", "2027-01-01")


class Ran:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def result(self) -> dict[str, dict[str, object]]:
        """The last line, which must be JSON as everybody reads it: no NaN, no Infinity."""

        def refuse(word: str) -> None:
            raise AssertionError(f"{word} is no JSON")

        assert self.code == 0, self.err
        parsed: dict[str, dict[str, object]] = json.loads(self.out.splitlines()[-1], parse_constant=refuse)
        return parsed

    @property
    def targets(self) -> list[dict[str, object]]:
        listed: list[dict[str, object]] = json.loads(self.out.splitlines()[-1])["targets"]
        return listed


class Command:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, file: Path | str, *arguments: str) -> Ran:
        self._monkeypatch.setattr(sys, "argv", ["feederline", "indices", str(file), *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._capsys.readouterr()
        return Ran(int(ended.value.code or 0), said.out, said.err)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("COLUMNS", "80")
    return Command(monkeypatch, capsys)


def written(tmp_path: Path, *rows: str) -> Path:
    file = tmp_path / "steps.csv"
    file.write_text("\n".join([HEADER, *rows]) + "\n")
    return file


@pytest.mark.parametrize("case", ["ieee1366_circuit", "retrip"])
def test_worked_cases(run: Command, case: str) -> None:
    expected = json.loads((CASES / f"{case}.json").read_text())
    window = ("--from", expected.pop("from"), "--to", expected.pop("to"))
    found = run(CASES / f"{case}.csv", "--served", str(expected.pop("served")), *window, "--json").result
    assert {name: found["all"][name] for name in expected} == pytest.approx(expected, rel=1e-9, abs=0)
    assert set(found) == {
        "all", "fault", "planned", "basis", "open", "major_events", "dlt836", "targets", "notes",
    }  # fmt: skip
    for kind in ("all", "fault", "planned"):
        assert set(found[kind]) >= {
            "customer_interruptions", "customer_minutes", "saifi", "saidi_minutes", "caidi_minutes", "asai",
            "maifi", "maifi_e", "caifi", "cemi", "celid_s", "celid_t",
        }  # fmt: skip
    assert (
        found["basis"].items() >= {"threshold_s": 300.0, "comparator": ">", "metering": "low_voltage"}.items()
    )
    assert found["open"].items() >= {"customers": 0, "customer_minutes": 0.0}.items()


def test_major_event_days_of_the_worked_case(run: Command, tmp_path: Path) -> None:
    """Interruptions of 10 min that add up to the daily SAIDI of the case, and one more day far above."""
    with (CASES / "med_days.csv").open(newline="") as lines:
        days = [(row["day"], float(row["saidi_minutes"])) for row in csv.DictReader(lines)]
    rows = [
        f"{day},{day}T00:00:00+08:00,{day}T00:10:00+08:00,{round(saidi * 100)},fault" for day, saidi in days
    ]
    arguments = ("--served", "1000", "--from", "2026-01-01", "--time-zone", "Asia/Shanghai", "--json")
    major = run(written(tmp_path, *rows), *arguments, "--to", "2026-01-13").result["major_events"]
    expected = json.loads((CASES / "med_days.json").read_text())
    assert {name: major[name] for name in expected} == pytest.approx(expected, rel=1e-9, abs=0)
    assert (major["days"], major["provisional"], major["history_days"]) == ([], True, 12)

    storm = "S,2026-01-13T23:00:00+08:00,2026-01-14T07:00:00+08:00,1000,fault"
    found = run(written(tmp_path, *rows, storm), *arguments, "--to", "2026-03-01").result
    assert found["major_events"]["days"] == ["2026-01-13"]
    assert found["major_events"]["on_major_days"] == {
        "customer_interruptions": 1000, "customer_minutes": 480_000.0, "saifi": 1.0, "saidi_minutes": 480.0,
    }  # fmt: skip
    assert found["all"]["saidi_minutes"] == 480 + sum(saidi for _, saidi in days)


def test_from_standard_input_with_another_basis(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"\ufeff{HEADER},device\r\nE1,2026-01-01T00:00:00Z,2026-01-01T00:04:00Z,3,planned,T1\r\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    ran = run("-", "--served", "2", *YEAR)
    assert "standard input line 2: customers 3 is more than" in ran.err
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    found = run(
        "-",
        "--served",
        "4",
        *YEAR,
        "--threshold-s",
        "240",
        "--comparator",
        ">=",
        "--metering",
        "medium_voltage",
        "--json",
    ).result
    assert (found["planned"]["saifi"], found["fault"]["saifi"]) == (0.75, 0.0)
    assert found["planned"]["cemi"] == {"1": 0.75, "2": 0.0, "3": 0.0, "5": 0.0}
    assert (found["dlt836"]["basis"], found["dlt836"]["customer_hours_s"]) == ("medium_voltage", 0.2)
    assert (found["basis"]["threshold_s"], found["basis"]["comparator"]) == (240.0, ">=")


def test_targets_and_what_still_goes_on(run: Command, tmp_path: Path) -> None:
    file = written(
        tmp_path, "E1,2026-03-10T00:00:00Z,,10,fault", "E2,2026-02-01T00:00:00Z,2026-02-01T10:00:00Z,9,fault"
    )
    ran = run(file, "--served", "100", *YEAR, "--at", "2026-03-11T00:00:00Z", "--json")
    assert ran.result["open"]["customer_minutes"] == 14_400
    month, year, saidi = ran.targets
    assert [target["window"] for target in (month, year, saidi)] == ["month", "rolling_year", "month"]
    assert (saidi["from"], saidi["to"]) == ("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z")
    assert (saidi["spent_minutes"], saidi["budget_minutes"], saidi["state"]) == (14_400, 1500, "missed")
    assert year["elapsed_share"] == pytest.approx(69 / 365)
    assert year["spent_minutes"] == 14_400 + 9 * 600
    assert (year["state"], year["to"]) == ("at_risk", "2027-01-01T00:00:00Z")


def test_a_rolling_year_that_ends_on_a_leap_day(run: Command, tmp_path: Path) -> None:
    ran = run(written(tmp_path), "--served", "1", "--from", "2020-01-01", "--to", "2028-02-29", "--json")
    assert ran.result["major_events"]["provisional"] is False
    assert ran.targets[1]["from"] == "2027-02-28T00:00:00Z"
    assert ran.targets[1]["elapsed_share"] == 1


def test_notes_go_to_standard_error(run: Command, tmp_path: Path) -> None:
    file = written(tmp_path, "E1,2025-12-31T23:59:59Z,,1,fault")
    ran = run(file, "--served", "1", *YEAR, "--json")
    assert len(ran.out.splitlines()) == 1
    assert "1 of 1 rows (1 customers) start outside the window" in ran.err
    assert ran.result["all"]["caidi_minutes"] is None


def test_for_people(run: Command, tmp_path: Path) -> None:
    rows = [f"E{day},2026-01-0{day}T00:00:00Z,2026-01-0{day}T01:00:00Z,{day},fault" for day in range(1, 5)]
    ran = run(written(tmp_path, *rows), "--served", "100", *YEAR)
    assert ran.code == 0
    for expected in (
        "SAIDI, min", "6", "99.99886%", "longer than 300 s", "rolling year", "ASAI 0.999", "met", "provisional",
        "SAIDI-1 0.1 h",
    ):  # fmt: skip
        assert expected in ran.out
    assert "…" not in ran.out, "a figure is cut off"


def test_every_fault_of_options_and_file_at_once(run: Command, tmp_path: Path) -> None:
    file = written(tmp_path, "E1,2026-01-02T00:00:00Z,2026-01-01T00:00:00Z,-1,fault")
    ran = run(
        file, "--served", "0", "--from", "2026-02-01", "--to", "2026-01-01", "--at", "noon", "--threshold-s", "nan",
        "--dlt-threshold-s", "-1", "--comparator", "<", "--metering", "high", "--time-zone", "Mars/Olympus", "--json",
    )  # fmt: skip
    assert (ran.code, ran.out) == (2, "")
    for expected in (
        "--from 2026-02-01 is not before --to 2026-01-01",
        "--served 0 is not above 0",
        "--at 'noon' is neither a day",
        "--threshold-s nan",
        "--dlt-threshold-s -1",
        "--comparator '<'",
        "--metering 'high'",
        "--time-zone 'Mars/Olympus' is not a time zone",
        "steps.csv line 2: ends at 2026-01-01T00:00:00Z, before its start",
        "steps.csv line 2: customers -1 is negative",
    ):
        assert f"feederline: {expected}" in ran.err


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("--served", "5", "--from", "2026-01-01", "--to", "2026-01-01"), "is not before"),
        (("--served", "-5", *YEAR), "--served -5 is not above 0"),
        (("--served", "9" * 30, *YEAR), "is more than 10000000000"),
        (("--served", "5.5", *YEAR), "Invalid value for '--served'"),
        (("--served", "5", "--from", "2026-13-01", "--to", "2027-01-01"), "--from '2026-13-01' is neither"),
        (("--served", "5", "--from", "2026-01-01T00:00:00", "--to", "2027-01-01"), "is neither a day"),
        (("--served", "5", "--from", "0001-01-01", "--to", "2027-01-01"), "is not within the years 1900"),
        (("--served", "5", *YEAR, "--at", "2026-01-01"), "--at 2026-01-01 is not after --from"),
        ((*YEAR,), "Missing option '--served'"),
    ],
)
def test_wrong_usage(run: Command, tmp_path: Path, arguments: tuple[str, ...], fault: str) -> None:
    ran = run(written(tmp_path), *arguments, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert fault in ran.err


def test_more_customers_than_served_and_a_missing_file(run: Command, tmp_path: Path) -> None:
    ran = run(written(tmp_path, "E1,2026-01-02T00:00:00Z,,6,fault"), "--served", "5", *YEAR)
    assert (ran.code, "steps.csv line 2: customers 6 is more than the 5 that are served" in ran.err) == (
        2,
        True,
    )
    ran = run(tmp_path / "nowhere.csv", "--served", "5", *YEAR)
    assert (ran.code, "nowhere.csv: No such file" in ran.err) == (2, True)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_these_letters_gets_its_tables(tmp_path: Path, encoding: str) -> None:
    file = written(tmp_path, "E1,2026-01-02T00:00:00Z,2026-01-02T01:00:00Z,1,fault")
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "indices", str(file), "--served", "5", *YEAR],
        env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"customers served" in done.stdout


def test_a_closed_standard_input_is_named(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    ran = run("-", "--served", "5", *YEAR)
    assert (ran.code, ran.err) == (2, "feederline: standard input is closed\n")
