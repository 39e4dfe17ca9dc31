"""`feederline replay`: recordings, good and bad, to incidents; as an engineer calls it and as a test feeds it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.cli.replay import prepare
from gateway.core.clock import SECOND, format_time, parse_time
from gateway.core.errors import InvalidInputError
from gateway.core.model import IncidentKind, IncidentState
from gateway.replay.outcome import outcome
from gateway.replay.run import Replay
from processors.outage.settings import OutageSettings
from tests.unit.outage_cases import ROOT, load, names

T0 = parse_time("2026-03-01T08:00:00Z")
NETWORK = """node_id,parent_id,kind,name,phases,lat,lon
S,,substation,,ABC,,
F,S,feeder,,ABC,,
T1,F,transformer,Mill Lane,ABC,,
T2,F,transformer,,ABC,,
"""
METERS = 20


def write_district(folder: Path) -> dict[str, str]:
    """network.csv and devices.csv with twenty meters below T1 and as many below T2; the options that name them."""
    rows = [
        f"{t}-{i:02},{t},meter,mqtt,,,,ABC,{2 if i == 0 else 1},,60"
        for t in ("T1", "T2")
        for i in range(METERS)
    ]
    header = "device_id,node_id,kind,protocol,profile,address,via,phases,customers,priority,interval_s"
    (folder / "network.csv").write_text(NETWORK)
    (folder / "devices.csv").write_text("\n".join([header, *rows]) + "\n")
    return {"--network": str(folder / "network.csv"), "--devices": str(folder / "devices.csv")}


def line(second: float, device: str | None, kind: str = "reading", **more: object) -> dict[str, object]:
    found: dict[str, object] = {"received_at": format_time(T0 + round(second * SECOND)), "type": kind, **more}
    if device is not None:
        found["device"] = device
    if kind == "reading":
        found.setdefault("values", {"voltage_a": 230.0})
    return found


def window(start: int, end: int) -> dict[str, object]:
    return {"from": format_time(start), "to": format_time(end)}


def steady(start: int, end: int, *, without: Iterable[str] = ()) -> list[dict[str, object]]:
    """A reading of every meter each minute."""
    silent = set(without)
    return [
        line(second + 0.5, device)
        for second in range(start, end)
        for device in (f"T1-{second % 60:02}", f"T2-{second % 60:02}")
        if second % 60 < METERS and device not in silent
    ]


T1 = [f"T1-{i:02}" for i in range(METERS)]


def outage(restored_at: int | None = None) -> list[dict[str, object]]:
    """T1 loses supply at 120 s, told by all its meters within 20 s."""
    lines = steady(0, 120)
    lines += [
        line(121 + i * 0.9, name, "last_gasp", at=format_time(T0 + 120 * SECOND)) for i, name in enumerate(T1)
    ]
    if restored_at is not None:
        lines += steady(140, restored_at, without=T1)
        lines += [line(restored_at + i / 50, name, "power_restored") for i, name in enumerate(T1)]
    return lines


def play(folder: Path, lines: Iterable[dict[str, object] | bytes], **options: Any) -> dict[str, Any]:
    """What the lines come to, fed as they would stand in a file."""
    files = write_district(folder)
    replay = prepare(Path(files["--network"]), Path(files["--devices"]), **options)
    for item in lines:
        replay.line(item if isinstance(item, bytes) else json.dumps(item).encode())
    replay.finish()
    found = outcome(replay)
    json.dumps(found, allow_nan=False)
    return found


def settings_file(folder: Path, text: str) -> Path:
    file = folder / "outage.yaml"
    file.write_text(f"outage:\n  {text}\n")
    return file


def run(folder: Path, lines: Iterable[dict[str, object] | bytes], *more: str) -> Any:
    """The command on a file of these lines."""
    (folder / "stream.jsonl").write_bytes(
        b"\n".join(item if isinstance(item, bytes) else json.dumps(item).encode() for item in lines)
    )
    options = [word for pair in write_district(folder).items() for word in pair]
    return CliRunner().invoke(app, ["replay", str(folder / "stream.jsonl"), *options, *more])


@pytest.mark.parametrize("name", names())
def test_golden_cases_give_what_the_detector_gives_by_hand(name: str) -> None:
    case = load(name)
    replay = Replay(case.inventory, case.settings, until=case.until)
    for raw in (ROOT / name / "stream.jsonl").read_bytes().splitlines():
        replay.line(raw)
    replay.finish()
    found = outcome(replay)
    expected = case.expected
    assert replay.ignored == {}
    assert sorted(
        (i["kind"], i["node"], i["state"], i["started_at"], i["restored_at"], i["devices"], i["summary"])
        for i in found["incidents"]
    ) == sorted(
        (i["kind"], i["node"], i["state"], i["started_at"], i["restored_at"], i["devices"], i["summary"])
        for i in expected["incidents"]
    )
    assert sorted(
        (row["device"], row["step"], row["started_at"], row["ended_at"] or "")
        for row in found["interruptions"]
    ) == sorted(
        (row["device"], row["step"], row["start"], row["end"] or "") for row in expected["interruptions"]
    )


# -- the end of a recording ------------------------------------------------------------------------------------------


def test_gasps_that_are_the_last_lines_still_give_their_outage(tmp_path: Path) -> None:
    found = play(tmp_path, outage())
    (incident,) = found["incidents"]
    assert (incident["kind"], incident["node"], incident["state"]) == ("outage", "T1", "open")
    assert incident["started_at"] == format_time(T0 + 120 * SECOND)
    assert incident["ended_at"] is None
    assert incident["customers"] == METERS + 1
    assert incident["devices"] == T1
    assert all(row["ended_at"] is None and row["state"] == "off" for row in found["interruptions"])
    assert sum(row["customers"] for row in found["interruptions"]) == METERS + 1


def test_an_outage_whose_meters_are_read_again_is_closed_though_nothing_follows(tmp_path: Path) -> None:
    found = play(tmp_path, [*outage(restored_at=1200), *steady(1201, 1290)])
    (incident,) = found["incidents"]
    assert incident["state"] == "closed"
    assert incident["ended_at"] == incident["restored_at"] is not None
    assert {row["device"] for row in found["interruptions"]} == set(T1)
    assert all(row["ended_at"] > row["started_at"] for row in found["interruptions"])


def test_restore_messages_alone_do_not_close_an_outage_that_nobody_could_read(tmp_path: Path) -> None:
    found = play(tmp_path, outage(restored_at=900), settings=settings_file(tmp_path, "verify_max_s: 60"))
    assert [incident["state"] for incident in found["incidents"]] == ["restored"]


def test_an_announced_outage_that_was_going_on_at_the_end_is_not_said_to_outlast_its_window(
    tmp_path: Path,
) -> None:
    announced = line(
        1, None, "planned", node="T1", reference="W1", **window(T0 + 110 * SECOND, T0 + 300 * SECOND)
    )
    found = play(tmp_path, [announced, *outage()], settings=settings_file(tmp_path, "planned_grace_s: 10"))
    (incident,) = found["incidents"]
    assert (incident["kind"], incident["state"]) == ("planned_outage", "open")
    assert incident["evidence"]["reference"] == "W1"


@pytest.mark.parametrize("gasps", [12, 20])
def test_half_a_restoration_at_the_end_is_told_as_far_as_it_was_seen(tmp_path: Path, gasps: int) -> None:
    told, back = T1[:gasps], T1[:12]
    lines = [item for item in outage() if item["type"] != "last_gasp" or item["device"] in told]
    lines += steady(140, 600, without=T1)
    lines += [line(600 + i / 50, name) for i, name in enumerate(back)]
    found = play(tmp_path, lines)
    going_on = {row["device"] for row in found["interruptions"] if row["ended_at"] is None}
    assert going_on == set(T1[12:])
    assert any(
        incident["state"] == "open" and set(T1[12:]) <= set(incident["devices"])
        for incident in found["incidents"]
    )


def test_nobody_becomes_silent_because_the_recording_ends(tmp_path: Path) -> None:
    assert play(tmp_path, steady(0, 300))["incidents"] == []


def test_until_says_that_the_recording_reaches_further(tmp_path: Path) -> None:
    found = play(tmp_path, steady(0, 300), until="2026-03-01T09:00:00Z")
    assert found["until"] == "2026-03-01T09:00:00Z"
    assert {incident["kind"] for incident in found["incidents"]} == {"communications_loss"}
    assert {row["state"] for row in found["interruptions"]} == {"unknown"}


def test_until_leaves_out_what_comes_later(tmp_path: Path) -> None:
    found = play(tmp_path, outage(restored_at=1200), until="2026-03-01T08:03:00Z")
    assert [incident["state"] for incident in found["incidents"]] == ["open"]
    assert found["until"] == "2026-03-01T08:03:00Z"


def test_an_empty_recording_has_no_incidents(tmp_path: Path) -> None:
    found = play(tmp_path, [b"", b"  "])
    assert (found["incidents"], found["lines"], found["until"]) == ([], 2, None)


# -- lines that are not as they should be ----------------------------------------------------------------------------


BAD: dict[str, list[dict[str, object] | bytes]] = {
    "not_json": [b"{", b"[1]", b"\xff\xfe", b"[" * 5000, line(60, "T1-01", "last_gasp", detail="\ud800")],
    "no_received_at": [{"type": "reading", "device": "T1-01", "values": {}}],
    "impossible_time": [
        {"received_at": "2026-13-01T08:00:00Z", "type": "reading", "device": "T1-01", "values": {}},
        {"received_at": "yesterday", "type": "reading", "device": "T1-01", "values": {}},
        {"received_at": "2026-03-01T08:00:00", "type": "reading", "device": "T1-01", "values": {}},
        {"received_at": "1970-01-01T00:00:00Z", "type": "last_gasp", "device": "T1-01"},
        {"received_at": 1772352000, "type": "last_gasp", "device": "T1-01"},
        {"received_at": "2093-03-01T08:00:00Z", "type": "last_gasp", "device": "T1-01"},
        {"received_at": "2003-03-01T08:00:00Z", "type": "last_gasp", "device": "T1-01"},
        {"received_at": "9999-12-31T23:59:59-23:59", "type": "last_gasp", "device": "T1-01"},
        line(60, "T1-01", "last_gasp", at="2026-02-30T08:00:00Z"),
        line(60, None, "planned", node="T1", reference="W1", **window(T0 + SECOND, T0)),
        line(60, None, "planned", node="T1", reference="W1", **{**window(T0, T0), "to": "9999-12-31T23:59:59Z"}),
    ],
    "unknown_type": [line(60, "T1-01", "exploded")],
    "unknown_device": [line(60, "T9-01"), line(60, "T9-01", "last_gasp")],
    "no_device": [line(60, None), line(60, None, "last_gasp"), line(60, None, "connection_lost")],
    "no_values": [{"received_at": format_time(T0), "type": "reading", "device": "T1-01"}],
    "not_understood": [
        line(60, "T1-01", values=[1]),
        line(60, "T1-01", quality="odd"),
        line(60, "T1-01", quality={"voltage_a": "odd"}),
        line(60, "T1-01", quality=-1),
        {"received_at": format_time(T0), "device": "T1-01"},
        line(60, None, "planned", node="T1"),
        line(60, None, "planned", node="T1", reference="W" * 101, **window(T0, T0 + SECOND)),
    ],
    "unknown_node": [
        line(60, None, "planned", node="T7", reference="W1", **window(T0, T0 + SECOND))
    ],
    "duplicate": [steady(0, 60)[7]],
}  # fmt: skip


@pytest.mark.parametrize("reason", BAD)
def test_bad_lines_are_counted_by_reason_and_change_nothing(tmp_path: Path, reason: str) -> None:
    good: list[dict[str, object] | bytes] = [*outage(restored_at=900), *steady(901, 1000)]
    clean = play(tmp_path, good)
    found = play(tmp_path, [*good[:50], *BAD[reason], *good[50:]])
    count = len(BAD[reason])
    assert found["ignored"] == {reason: {"count": count, "lines": list(range(51, 51 + min(5, count)))}}
    assert found["lines"] == clean["lines"] + count
    for key in ("incidents", "interruptions", "until", "readings"):
        assert found[key] == clean[key]


@pytest.mark.parametrize("year", ["2003", "2093"])
@pytest.mark.parametrize("last", [True, False])
def test_an_impossible_time_at_either_end_of_the_file_is_not_waited_for(
    tmp_path: Path, year: str, last: bool
) -> None:
    good: list[dict[str, object] | bytes] = [*outage(restored_at=900), *steady(901, 1000)]
    odd: dict[str, object] = {
        "received_at": f"{year}-03-01T08:00:00Z",
        "type": "last_gasp",
        "device": "T2-01",
    }
    found = play(tmp_path, [*good, odd] if last else [odd, *good])
    assert found["ignored"]["impossible_time"]["count"] == 1
    assert found["incidents"] == play(tmp_path, good)["incidents"]


def test_lines_out_of_order_are_put_in_their_place(tmp_path: Path) -> None:
    good: list[dict[str, object] | bytes] = [*outage(restored_at=900), *steady(901, 1000)]
    mixed = [*good[100:], *good[:100]]
    found, clean = play(tmp_path, mixed), play(tmp_path, good)
    assert found["reordered"] == 100
    assert found["ignored"] == {}
    assert found["incidents"] == clean["incidents"]
    assert found["interruptions"] == clean["interruptions"]


def test_a_long_quiet_stretch_in_the_right_order_is_believed(tmp_path: Path) -> None:
    days = 30 * 86_400
    found = play(tmp_path, [line(0, "T1-01"), line(days, "T1-01")])
    assert found["ignored"] == {}
    assert found["readings"] == 2
    assert {incident["kind"] for incident in found["incidents"]} == {"communications_loss"}


def test_what_is_no_value_is_not_measured(tmp_path: Path) -> None:
    odd = [
        line(121, "T1-00", values={"voltage_a": None}),
        line(122, "T1-01", values={"voltage_a": "n/a"}),
        line(123, "T1-02", values={"voltage_a": float("nan")}),
        line(124, "T1-03", values={}),
        line(125, "T1-04", values={"voltage_a": 10**400}),
    ]
    found = play(tmp_path, [*steady(0, 120), *odd, *steady(126, 300)])
    assert (found["incidents"], found["ignored"]) == ([], {})


def test_zero_volts_are_a_loss_of_supply(tmp_path: Path) -> None:
    zero = [line(121 + i / 10, name, values={"voltage_a": 0.0}) for i, name in enumerate(T1)]
    (incident,) = play(tmp_path, [*steady(0, 120), *zero])["incidents"]
    assert (incident["kind"], incident["node"]) == ("outage", "T1")


def test_unknown_quantities_are_counted_and_the_rest_of_the_line_is_taken(tmp_path: Path) -> None:
    lines = [line(i, "T1-00", values={"voltage_a": 230.0, "voltage": 1.0}) for i in range(3)]
    found = play(tmp_path, lines)
    assert found["unknown_quantities"] == {"voltage": 3}
    assert found["readings"] == 3


@pytest.mark.parametrize("at", ["1975-01-01T00:00:00Z", "2031-01-01T00:00:00Z"])
def test_a_clock_that_is_far_off_is_listed_and_reception_counts(tmp_path: Path, at: str) -> None:
    gasps = [line(121 + i / 10, name, "last_gasp", at=at) for i, name in enumerate(T1)]
    found = play(tmp_path, [*steady(0, 120), *gasps])
    assert found["clock_faults"] == T1
    (incident,) = found["incidents"]
    assert format_time(T0 + 60 * SECOND) <= incident["started_at"] <= format_time(T0 + 121 * SECOND)


def test_other_ways_to_write_a_time_and_a_state_are_taken(tmp_path: Path) -> None:
    found = play(
        tmp_path,
        [
            line(0, "T1-00", values={"door_open": True}, received_at="2026-03-01 16:00:00,5+0800"),
            {"received_at": "2026-03-01T08:01Z", "device": "", "type": "gateway_down"},
            {"received_at": "2026-03-01T08:02:00Z", "device": None, "type": "gateway_up", "at": None},
        ],
    )  # fmt: skip
    assert (found["ignored"], found["readings"]) == ({}, 1)


def test_the_gateways_own_absence_is_nobodys_outage(tmp_path: Path) -> None:
    lines = [
        *steady(0, 300),
        line(301, None, "gateway_down"),
        line(2000, None, "gateway_up"),
        *steady(2001, 2300),
    ]
    assert play(tmp_path, lines)["incidents"] == []


# -- the command -----------------------------------------------------------------------------------------------------


def test_json_is_the_last_line_and_the_rest_goes_to_standard_error(tmp_path: Path) -> None:
    result = run(tmp_path, [b"{", *outage()], "--json")
    assert result.exit_code == 0, result.output
    (last,) = result.stdout.splitlines()
    assert json.loads(last)["incidents"][0]["node"] == "T1"
    assert "stream.jsonl: 1 ignored, not json: line 1:" in result.stderr


def test_people_get_a_story(tmp_path: Path) -> None:
    result = run(tmp_path, outage(restored_at=900))
    assert "Outage at T1" in result.stdout
    assert (
        "20 of 20 meters below transformer T1 (Mill Lane) reported loss of supply"
        in result.stdout.replace("\n", " ")
    )


def test_the_outcome_does_not_depend_on_chunks(tmp_path: Path) -> None:
    lines = [*outage(restored_at=900), *steady(901, 1000)]
    assert run(tmp_path, lines, "--json", "--chunk", "1").stdout == run(tmp_path, lines, "--json").stdout


def test_interruptions_are_written_for_the_indices(tmp_path: Path) -> None:
    file = tmp_path / "interruptions.csv"
    result = run(
        tmp_path, [*outage(restored_at=900), *steady(901, 1000)], "--json", "--interruptions", str(file)
    )
    incident = json.loads(result.stdout)["incidents"][0]
    rows = list(csv.DictReader(io.StringIO(file.read_text())))
    assert list(rows[0]) == ["event_id", "start", "end", "customers", "kind", "node", "cause", "device"]
    assert {row["event_id"] for row in rows} == {incident["id"]}
    assert {(row["kind"], row["node"], row["start"]) for row in rows} == {
        ("fault", "T1", incident["started_at"])
    }
    assert sum(int(row["customers"]) for row in rows) == incident["customers"]


def test_announced_outages_come_from_a_table_or_the_recording_alike(tmp_path: Path) -> None:
    starts, ends = format_time(T0 + 60 * SECOND), format_time(T0 + 3600 * SECOND)
    table = tmp_path / "planned.csv"
    table.write_text(f"reference,node,from,to\nW1,T1,{starts},{ends}\n")
    lines = [*outage(restored_at=900), *steady(901, 1000)]
    told = line(0, None, "planned", reference="W1", node="T1", **{"from": starts, "to": ends})
    by_table = json.loads(run(tmp_path, lines, "--json", "--planned", str(table)).stdout)
    by_line = json.loads(run(tmp_path, [told, *lines], "--json").stdout)
    assert [incident["kind"] for incident in by_table["incidents"]] == ["planned_outage"]
    assert by_table["incidents"] == by_line["incidents"]
    file = tmp_path / "interruptions.csv"
    run(tmp_path, lines, "--planned", str(table), "--interruptions", str(file))
    rows = list(csv.DictReader(io.StringIO(file.read_text())))
    assert {(row["kind"], row["cause"]) for row in rows} == {("planned", "W1")}


def test_settings_come_from_a_section_outage(tmp_path: Path) -> None:
    own = tmp_path / "outage.yaml"
    own.write_text("outage:\n  collecting_s: 90\n")
    usual, patient = (
        json.loads(run(tmp_path, outage(), "--json", *more).stdout)["incidents"][0]["detected_at"]
        for more in ((), ("--settings", str(own)))
    )
    assert parse_time(patient) - parse_time(usual) == 80 * SECOND


def test_every_fault_of_the_input_is_told_at_once(tmp_path: Path) -> None:
    own = tmp_path / "outage.yaml"
    own.write_text("outage:\n  collecting_s: no\n  colecting_s: 3\n")
    files = write_district(tmp_path)
    (tmp_path / "devices.csv").write_text(
        (tmp_path / "devices.csv").read_text().replace("T1-03,T1", "T1-03,T8")
    )
    with pytest.raises(InvalidInputError) as caught:
        prepare(
            Path(files["--network"]), Path(files["--devices"]), settings=own, until="soon", chunk=0,
            planned=tmp_path / "none.csv",
        )  # fmt: skip
    told = "\n".join(caught.value.faults)
    for part in (
        "--chunk 0", "--until: 'soon'", "outage.yaml line 2: outage.collecting_s",
        "outage.yaml line 3: outage.colecting_s", "devices.csv line 5: node_id 'T8'", "none.csv",
    ):  # fmt: skip
        assert part in told


def test_missing_files_are_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="--network and --devices missing"):
        prepare(None, None)
    with pytest.raises(InvalidInputError, match=r"network\.csv: No such file"):
        prepare(tmp_path / "network.csv", tmp_path / "devices.csv")
    files = write_district(tmp_path)
    result = CliRunner().invoke(
        app, ["replay", str(tmp_path / "none.jsonl"), *(word for pair in files.items() for word in pair)]
    )
    assert isinstance(result.exception, InvalidInputError)
    assert "none.jsonl: No such file" in result.exception.faults[0]


def test_defaults_are_those_of_the_detector_but_that_a_recording_need_not_hold_all_devices(
    tmp_path: Path,
) -> None:
    files = write_district(tmp_path)
    settings = prepare(Path(files["--network"]), Path(files["--devices"])).settings
    assert settings == OutageSettings(expect_unheard=False)
    gateway = tmp_path / "feederline.yaml"
    gateway.write_text("database: {url: postgresql://localhost/x}\noutage: {collecting_s: 20}\n")
    assert prepare(None, None, config=gateway).settings == OutageSettings(
        collecting_s=20, expect_unheard=False
    )


def test_a_device_that_is_not_in_the_recording_is_silent_only_where_that_is_asked_for(tmp_path: Path) -> None:
    files = write_district(tmp_path)
    network, devices = Path(files["--network"]), Path(files["--devices"])
    asked = tmp_path / "settings.yaml"
    asked.write_text("outage:\n  expect_unheard: true\n")
    kinds = []
    for replay in (prepare(network, devices), prepare(network, devices, settings=asked)):
        name = replay.inventory.ids[0]
        for minute in range(30):
            replay.line(
                f'{{"received_at": "2026-03-01T08:{minute:02}:00Z", "device": "{name}", "type": "reading", '
                '"values": {"voltage_a": 230}}'.encode()
            )
        replay.finish()
        kinds.append({incident.kind for incident in replay.incidents.values()})
    assert kinds == [set(), {IncidentKind.COMMUNICATIONS_LOSS}]


def test_the_example_has_an_outage_with_one_who_stays_off_and_a_loss_of_communications() -> None:
    examples = Path(__file__).parents[2] / "examples"
    replay = prepare(None, None, config=examples / "feederline.yaml")
    for line in (examples / "recording.jsonl").read_bytes().splitlines():
        replay.line(line)
    replay.finish()
    assert not replay.ignored
    found = sorted((i.detected_at, i.kind, i.node, i.state, i.customers) for i in replay.incidents.values())
    assert [rest for _, *rest in found] == [
        [IncidentKind.OUTAGE, "T1", IncidentState.CLOSED, 2],
        [IncidentKind.OUTAGE, "T1-2", IncidentState.CLOSED, 1],
        [IncidentKind.COMMUNICATIONS_LOSS, "T1", IncidentState.CLOSED, 2],
    ]
