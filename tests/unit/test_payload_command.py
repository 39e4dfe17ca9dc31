"""`feederline payload`: every case directory, and what it says to wrong input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from gateway.cli.payload import decode_payload, payload
from gateway.core.clock import parse_time
from gateway.core.errors import InvalidInputError

CASES = Path(__file__).parent.parent / "cases" / "payload"
RECEIVED_AT = "2026-03-01T08:00:10Z"

app = typer.Typer()
app.command()(payload)


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda path: path.name)
def test_case(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """topic and payload give expected.json, received ten seconds after 08:00 on 1 March 2026."""
    topic = (case / "topic").read_text().rstrip("\n")
    common = ["--mapping", "feederline", "--topic", topic, "--received-at", RECEIVED_AT]
    app([str(case / "payload"), *common, "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == json.loads(
        (case / "expected.json").read_text()
    )


def test_what_was_not_understood_is_said_beside_the_result(
    capsys: pytest.CaptureFixture[str],
) -> None:
    case = CASES / "telemetry_unknown_quantity"
    app(
        [str(case / "payload"), "--mapping", "feederline", "--topic", "feederline/v1/M17/telemetry"],
        standalone_mode=False,
    )
    said = capsys.readouterr()
    assert "voltage_a" in said.out
    assert "unknown member 'rssi'; unknown quantity 'volts_b'" in said.err


def test_signals_are_shown_to_people(capsys: pytest.CaptureFixture[str]) -> None:
    case = CASES / "event_last_gasp"
    app(
        [str(case / "payload"), "--mapping", "feederline", "--topic", "feederline/v1/M17/event"],
        standalone_mode=False,
    )
    assert "M17 at 2026-03-01T08:00:00Z: last_gasp" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("channel", "document", "hint"),
    [
        ("telemetry", {"at": 1772352000, "values": {"voltage_a": 230}}, "at 1772352000 looks like seconds"),
        (
            "telemetry",
            {"samples": [{"at": 1772352000.5, "values": {"voltage_a": 230}}]},
            "1772352000.5 looks",
        ),
        ("event", {"type": "tamper", "sent_at": 1772352000}, "at is milliseconds"),
        ("telemetry", {"at": 1772352000000, "values": {"voltage_a": 230}}, ""),
        ("telemetry", {"at": 0, "values": {"voltage_a": 230}}, ""),
        ("telemetry", {"at": 1e308, "values": {"voltage_a": 230}}, ""),
        ("telemetry", {"at": 1772359999, "values": {"voltage_a": 230}}, ""),  # in the future even as seconds
    ],
)
def test_seconds_for_milliseconds_are_pointed_out(
    channel: str, document: object, hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "p.json"
    file.write_text(json.dumps(document))
    topic = f"feederline/v1/M17/{channel}"
    common = ["--mapping", "feederline", "--topic", topic, "--received-at", RECEIVED_AT, "--json"]
    app([str(file), *common], standalone_mode=False)
    said = capsys.readouterr()
    assert (hint in said.err) if hint else (said.err == "")
    json.loads(said.out)


@pytest.mark.parametrize(
    ("mapping", "topic", "data", "fault"),
    [
        ("sparkle", "feederline/v1/M17/telemetry", b"{}", "unknown payload mapping 'sparkle'"),
        ("feederline", "somewhere/else", b"{}", "no subscription"),
        ("feederline", "feederline/v1/M17/telemetry", b"{", "malformed: not JSON"),
        ("feederline", "feederline/v1/M17/telemetry", b"[1]", "malformed: not a JSON object"),
        ("feederline", "feederline/v1/M17/telemetry", b"{}", "no values"),
        (
            "feederline",
            "feederline/v1/M17/telemetry",
            b'{"values": {"volts": 1}}',
            "unknown quantity 'volts'",
        ),
        ("feederline", "feederline/v1/M17/event", b'{"type": "party"}', "unknown event type 'party'"),
        ("feederline", "feederline/v1/M17/status", b"maybe", "neither online nor offline"),
    ],
)
def test_nothing_understood_is_an_input_error(mapping: str, topic: str, data: bytes, fault: str) -> None:
    with pytest.raises(InvalidInputError, match=fault):
        decode_payload(mapping, topic, data, received_at=parse_time(RECEIVED_AT))


@pytest.mark.parametrize(
    "arguments",
    [
        ["nowhere.json", "--mapping", "feederline", "--topic", "t"],
        [__file__, "--mapping", "feederline", "--topic", "t", "--received-at", "noon"],
        [__file__, "--mapping", "feederline", "--topic", "t", "--template", "t"],
    ],
)
def test_wrong_usage_is_an_input_error(arguments: list[str]) -> None:
    with pytest.raises(InvalidInputError):
        app(arguments, standalone_mode=False)


def test_a_template_of_ones_own(tmp_path: Path) -> None:
    result, complaint = decode_payload(
        "feederline-telemetry",
        "acme/tele/M17",
        b'{"at": 1772352000000, "values": {"voltage_a": 230}}',
        received_at=parse_time(RECEIVED_AT),
        templates=["acme/tele/{device}"],
    )
    assert complaint == ""
    assert [reading["device"] for reading in result["readings"]] == ["M17"]
