"""`feederline replay` on files that are no recordings, or hardly: every fault in words, never a traceback."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.core.errors import InvalidInputError
from tests.unit.test_replay import line, outage, play, run, write_district


def test_one_line_from_the_end_of_time_is_refused(tmp_path: Path) -> None:
    far: dict[str, object] = {"received_at": "9999-12-31T23:59:59Z", "type": "last_gasp", "device": "T1-01"}
    assert play(tmp_path, [far])["ignored"] == {"impossible_time": {"count": 1, "lines": [1]}}


@pytest.mark.parametrize("depth", [100, 900, 990, 1500])
def test_deep_nesting_anywhere_is_refused_in_words(tmp_path: Path, depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    lines = [
        b'{"received_at": ' + deep + b', "type": "last_gasp"}',
        b'{"received_at": "2026-03-01T08:00:00Z", "type": ' + deep + b"}",
        b'{"received_at": "2026-03-01T08:00:00Z", "type": "reading", "device": "T1-01", "values": '
        + deep
        + b"}",
        b'{"received_at": "2026-03-01 08:00:00Z", "type": "reading", "device": "T1-01", "more": '
        + deep
        + b"}",
    ]
    assert sum(fault["count"] for fault in play(tmp_path, lines)["ignored"].values()) >= 3


def test_huge_names_make_no_huge_messages(tmp_path: Path) -> None:
    huge = "x" * 1_000_000
    odd = [line(1, huge), line(1, "T1-01", huge), line(1, "T1-01", values={huge: 1})]
    odd += [line(2, "T1-01", values={f"q{i}": 1.0 for i in range(2000)})]
    result = run(tmp_path, odd, "--json")
    assert len(result.stderr) < 5000
    assert len(json.loads(result.stdout)["unknown_quantities"]) == 1001


def test_a_recording_may_come_through_a_pipe(tmp_path: Path) -> None:
    files = [word for pair in write_district(tmp_path).items() for word in pair]
    text = json.dumps(line(1, "T1-01")).encode() + b"\n"
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "replay", "/dev/stdin", *files, "--json"],
        input=text * 20_001, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["lines"] == 20_001


def test_a_compressed_recording_is_no_recording(tmp_path: Path) -> None:
    result = run(tmp_path, [gzip.compress(b"\n".join(json.dumps(item).encode() for item in outage()))])
    assert isinstance(result.exception, InvalidInputError)
    assert "stream.jsonl: is compressed" in result.exception.faults[0]


def test_the_recording_is_not_overwritten(tmp_path: Path) -> None:
    result = run(tmp_path, outage(), "--interruptions", str(tmp_path / "stream.jsonl"))
    assert isinstance(result.exception, InvalidInputError)
    assert json.loads((tmp_path / "stream.jsonl").read_bytes().splitlines()[0])


@pytest.mark.parametrize("until", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00Z"])
def test_until_is_within_our_age(tmp_path: Path, until: str) -> None:
    with pytest.raises(InvalidInputError, match="is not within the years 2000 to 2199"):
        play(tmp_path, outage(), until=until)
