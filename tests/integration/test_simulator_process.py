"""`python -m simulator` as its parent sees it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.embedded import BrokerAddress, embedded_broker, free_port


class Process:
    def __init__(self, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "simulator", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )

    def hear(self) -> dict[str, Any]:
        assert self.popen.stdout is not None
        event: dict[str, Any] = json.loads(self.popen.stdout.readline())
        return event

    def tell(self, text: str) -> dict[str, Any]:
        assert self.popen.stdin is not None
        self.popen.stdin.write(text + "\n")
        self.popen.stdin.flush()
        return self.hear()

    def do(self, **command: object) -> dict[str, Any]:
        return self.tell(json.dumps(command))

    def end(self) -> tuple[int, str]:
        """Exit code and standard error, once it has ended by itself."""
        _, errors = self.popen.communicate(timeout=10)
        return self.popen.returncode, errors


@pytest.fixture(scope="module")
def field_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerAddress]:
    with embedded_broker(tmp_path_factory.mktemp("field"), users={"field": "s3cret"}) as address:
        yield address


@contextlib.contextmanager
def running(broker: BrokerAddress, directory: Path) -> Iterator[Process]:
    process = Process(
        *("--meters", "30", "--dir", str(directory), "--mqtt-port", str(broker.port), "--interval", "0.3"),
        *("--mqtt-user", "field", "--mqtt-password-env", "FIELD_PASSWORD"),
        env={"FIELD_PASSWORD": "s3cret"},
    )
    try:
        yield process
    finally:
        process.popen.kill()
        process.popen.communicate()


def test_it_obeys_line_by_line_and_ends_with_its_parent(field_broker: BrokerAddress, tmp_path: Path) -> None:
    with running(field_broker, tmp_path) as process:
        ready = process.hear()
        assert ready["event"] == "ready"
        assert ready["meters"] == 30
        assert Path(ready["network"]).is_file()
        assert Path(ready["devices_csv"]).read_text().count("\n") == ready["devices"] + 1
        started = process.do(do="start")
        fault = process.do(do="fault", node=ready["transformers"][0])
        assert (started["event"], fault["event"]) == ("started", "fault")
        assert fault["at"] >= started["at"] > 1_700_000_000_000_000
        assert process.do(do="restore", node=ready["transformers"][0])["event"] == "restored"
        assert process.do(do="cut_comms", device=ready["concentrators"][0])["event"] == "comms_cut"
        assert process.do(do="mend_comms", device=ready["concentrators"][0])["event"] == "comms_mended"
        fuse, behind = next(iter(ready["fuses"].items()))
        assert len(behind) > 1
        assert sum(behind.values()) < ready["meters"]
        assert process.do(do="fault", node=fuse)["event"] == "fault"
        assert process.do(do="restore", node=next(iter(behind)))["event"] == "restored"
        assert process.do(do="restore", node=fuse)["event"] == "restored"
        assert process.do(do="cut_comms", node=fuse)["event"] == "comms_cut"
        assert process.do(do="mend_comms", node=fuse)["event"] == "comms_mended"
        while not process.do(do="ledger")["readings"]:
            pass
        assert process.do(do="pause")["flushed"] is True
        told = process.do(do="ledger")
        ledger = json.loads(Path(told["path"]).read_text())
        assert told["readings"] == sum(len(times) for times in ledger["mqtt"].values()) > 0
        assert told["signals"] == len(ledger["signals"])
        assert process.do(do="ledger")["readings"] == told["readings"]
        assert process.end() == (0, "")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"do":"fault","node":"nowhere"}', "no 'nowhere'"),
        ('{"do":"restore","node":"T01"}', "no fault at T01"),
        ('{"do":"cut_comms","device":"X"}', "no 'X'"),
        ('{"do":"cut_comms","node":"nowhere"}', "no 'nowhere'"),
        ('{"do":"cut_comms","device":"M01","how":"wrong"}', "not a command"),
        ('{"do":"dance"}', "unknown command"),
        ("nonsense", "not a command"),
        ('{"do":"start","nodes":1}', "not a command"),
        ('{"do":"fault","node":"T01","phases":"Q"}', "phases"),
    ],
)
def test_a_wrong_command_is_named_and_changes_nothing(
    field_broker: BrokerAddress, tmp_path: Path, line: str, complaint: str
) -> None:
    with running(field_broker, tmp_path) as process:
        process.hear()
        answer = process.tell(line)
        assert answer["event"] == "error"
        assert complaint in answer["message"]
        assert process.do(do="stop")["event"] == "stopped"
        assert process.end() == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_in_good_order(
    field_broker: BrokerAddress, tmp_path: Path, number: signal.Signals
) -> None:
    with running(field_broker, tmp_path) as process:
        process.hear()
        process.do(do="start")
        process.popen.send_signal(number)
        assert process.popen.wait(10) == 0


def test_without_a_broker_it_says_so_in_one_line(tmp_path: Path) -> None:
    port = free_port()
    code, errors = Process("--dir", str(tmp_path), "--mqtt-port", str(port)).end()
    assert code == 1
    assert errors.count("\n") == 1
    assert f"no MQTT broker at 127.0.0.1:{port}" in errors


def test_a_refused_password_is_told_from_a_missing_broker(
    field_broker: BrokerAddress, tmp_path: Path
) -> None:
    code, errors = Process("--dir", str(tmp_path), "--mqtt-port", str(field_broker.port)).end()
    assert code == 1
    assert errors.count("\n") == 1
    assert "refused" in errors


@pytest.mark.parametrize(
    "arguments",
    [
        ["--meters", "0"],
        ["--meters", "many"],
        ["--interval", "0"],
        ["--delivery-rate", "1.5"],
        ["--mqtt-port", "70000"],
        ["--mqtt-password-env", "NOT_THERE_AT_ALL"],
        ["--own-sessions", "-1"],
        ["--unknown"],
    ],
)
def test_arguments_that_make_no_sense_are_refused(tmp_path: Path, arguments: list[str]) -> None:
    code, errors = Process("--dir", str(tmp_path), *arguments).end()
    assert code == 2
    assert "error:" in errors
    assert list(tmp_path.iterdir()) == []
