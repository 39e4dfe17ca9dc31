"""The command line keeps its contract: exit codes, every fault named, JSON as the last line."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gateway.spool import Spool

EXAMPLES = Path(__file__).parents[2] / "examples"


def feederline(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The example configuration, to be spoilt."""
    shutil.copytree(EXAMPLES, tmp_path / "site")
    return tmp_path / "site"


def test_the_example_is_good() -> None:
    done = feederline("check", "-c", EXAMPLES / "feederline.yaml")
    assert done.returncode == 0, done.stderr
    assert "6 devices serving 3 customers on 8 nodes" in done.stdout


async def test_devices_that_only_the_spool_remembers_are_not_counted(site: Path) -> None:
    document = yaml.safe_load((site / "feederline.yaml").read_text())
    document["gateway"] = {"data_dir": str(site / "data")}
    (site / "feederline.yaml").write_text(yaml.safe_dump(document))
    before = feederline("check", "-c", site / "feederline.yaml").stdout
    async with Spool(site / "data" / "spool", max_bytes=1 << 20) as spool:
        spool.remember_devices(["retired"])
    done = feederline("check", "-c", site / "feederline.yaml")
    assert (done.returncode, done.stdout) == (0, before)


def test_every_fault_of_every_file_is_told_at_once(site: Path) -> None:
    (site / "network.csv").write_text((site / "network.csv").read_text() + "X,Y,fuse,,,,,\nY,X,fuse,,,,,\n")
    file = site / "feederline.yaml"
    document = yaml.safe_load(file.read_text())
    document["alerts"]["targets"] = [
        {"name": "desk", "url": "https://desk.example/", "secret": {"env": "FEEDERLINE_TEST_NOT_SET"}}
    ]
    document["database"]["password"] = {"file": "missing.txt"}
    document["mqtt"][0] |= {
        "url": "mqtts://broker.example", "ca_file": "no-ca.pem",
        "username": "gateway", "password": {"file": "no-password"},
    }  # fmt: skip
    file.write_text(yaml.safe_dump(document))
    done = feederline("check", "-c", file)
    assert done.returncode == 2
    assert "network.csv line 10: the network has a cycle: X -> Y -> X" in done.stderr
    assert "FEEDERLINE_TEST_NOT_SET" in done.stderr
    assert "missing.txt" in done.stderr
    assert "mqtt field: password: secret file" in done.stderr
    assert "mqtt field: ca_file" in done.stderr


def test_one_look_finds_what_is_wrong_in_every_file(site: Path) -> None:
    with (site / "network.csv").open("a") as file:
        file.write("X,Y,fuse,,,,,\nY,X,fuse,,,,,\n")
    with (site / "devices.csv").open("a") as file:
        file.write(
            "M4,T9,meter,mqtt,,,,A,1,,60,,\n"
            "M1,T1,meter,mqtt,,,,A,1,,60,,\n"
            "M5,T1,meter,modbus,eastron-sdm120,192.0.2.10:502/2,,A,1,,60,,\n"
            "M6,T1,meter,modbus,no-such-meter,192.0.2.10:502/9,,A,1,,60,,\n"
        )
    config = site / "feederline.yaml"
    config.write_text(config.read_text().replace("tick_s: 0.5 ", "tik_s: 0.5 ") + "nonsense: 1\n")
    done = feederline("check", "-c", config)
    assert done.returncode == 2
    for expected in (
        "gateway.tik_s: unknown key",
        "nonsense: unknown key",
        "network.csv line 10: the network has a cycle: X -> Y -> X",
        "devices.csv line 8: node_id 'T9' of device 'M4' is not a node",
        "devices.csv line 9: device_id 'M1' is there already at devices.csv line 3",
        "no-such-meter",
    ):
        assert expected in done.stderr, done.stderr
    assert any("M5" in line and "M1" in line for line in done.stderr.splitlines()), done.stderr


def test_faults_of_devices_and_profiles_are_told_with_their_place(site: Path) -> None:
    (site / "devices.csv").write_text(
        (site / "devices.csv").read_text() + "M4,T9,meter,mqtt,,,,A,1,,60,,\n"  # a node that is not there
    )
    done = feederline("check", "-c", site / "feederline.yaml")
    assert done.returncode == 2
    assert "devices.csv line 8: node_id 'T9' of device 'M4' is not a node of the network" in done.stderr

    shutil.copy(EXAMPLES / "devices.csv", site / "devices.csv")
    (site / "devices.csv").write_text(
        (site / "devices.csv").read_text()
        + "M4,T1,meter,modbus,eastron-sdm120,192.0.2.10:502/2,,A,1,,60,,\n"  # M1's unit
        + "M5,T1,meter,modbus,no-such-meter,192.0.2.10:502/9,,A,1,,60,,\n"
        + "M6,T1,meter,modbus,eastron-sdm120,nowhere,,A,1,,60,,\n"
    )
    done = feederline("check", "-c", site / "feederline.yaml")
    assert done.returncode == 2
    told = done.stderr.splitlines()
    for place, device, word in ((8, "M4", "M1"), (9, "M5", "no-such-meter"), (10, "M6", "nowhere")):
        begins = f"devices.csv line {place}: device '{device}': "
        assert any(begins in line and word in line for line in told), done.stderr


def test_attributes_that_cannot_be_understood_are_told_once_with_their_line(site: Path) -> None:
    head, *rows = (site / "devices.csv").read_text().splitlines()
    rows = [*(f"{row}," for row in rows), "M4,T1,meter,mqtt,,,,A,1,,60,,,-2"]
    (site / "devices.csv").write_text("\n".join([f"{head},generation_kw", *rows]) + "\n")
    with (site / "network.csv").open("a") as file:
        file.write("T9,F1,transformer,,ABC,,,much\n")
    done = feederline("check", "-c", site / "feederline.yaml")
    assert done.returncode == 2
    assert "network.csv line 10: node T9: rated_kva 'much' is not a number of 0 or more" in done.stderr
    assert "devices.csv line 8: device M4: generation_kw '-2' is not a number of 0 or more" in done.stderr
    assert done.stderr.count("generation_kw") == 1


def test_a_register_map_that_overlaps_wrongly_is_refused_at_start(site: Path) -> None:
    (site / "profiles").mkdir()
    (site / "profiles" / "broken.yaml").write_text(
        "title: Broken\n"
        "comment: a test\n"
        "registers:\n"
        "  - {quantity: voltage_a, table: input, address: 0, type: float32}\n"
        "  - {quantity: current_a, table: input, address: 1, type: float32}\n"
    )
    file = site / "feederline.yaml"
    document = yaml.safe_load(file.read_text())
    document["modbus"]["profiles"] = "profiles"
    file.write_text(yaml.safe_dump(document))
    done = feederline("check", "-c", file)
    assert done.returncode == 2
    assert "broken.yaml" in done.stderr
    assert "overlap" in done.stderr


def test_a_port_in_use_is_said_in_one_line_with_what_to_do(site: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        file = site / "feederline.yaml"
        document = yaml.safe_load(file.read_text())
        document["api"]["port"] = taken.getsockname()[1]
        file.write_text(yaml.safe_dump(document))
        done = feederline("run", "-c", file)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert (
        f"port {document['api']['port']} on 127.0.0.1 is in use; stop what holds it, or set api.port" in line
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nonsense",), "No such command"),
        (("run",), "Missing option"),
        (("check", "-c", "/does/not/exist.yaml"), "No such file"),
        (("bench", "everything"), "there are: store, modbus, outage, quality, mqtt"),
        (("demo", "--meters", "5", "--duration", "1"), "--meters 5 is not between 20 and 20000"),
        (("decode", "--profile", "no-such-meter", "--registers", "/does/not/exist"), "no-such-meter"),
        (
            ("payload", "--mapping", "no-such-mapping", "--topic", "t", str(EXAMPLES / "network.csv")),
            "no-such-mapping",
        ),
    ],
)
def test_wrong_usage_is_exit_code_2_and_says_why(arguments: tuple[str, ...], said: str) -> None:
    done = feederline(*arguments)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_benchmark_ends_with_one_json_object() -> None:
    done = feederline("bench", "outage", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["ratio"] > 0
    assert figures["values_per_second"] > 0


def test_offline_commands_end_with_one_json_object(tmp_path: Path) -> None:
    registers = tmp_path / "registers.json"
    registers.write_text(json.dumps({"input": {"0": 0x4366, "1": 0x3333}}))
    done = feederline("decode", "--profile", "eastron-sdm120", "--registers", registers, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["values"]["voltage_a"] == pytest.approx(230.2)
    payload = tmp_path / "payload.json"
    payload.write_text('{"at": "2026-03-01T08:00:00Z", "values": {"voltage_a": 229.8}}')
    done = feederline(
        "payload", "--mapping", "feederline", "--topic", "feederline/v1/M17/telemetry", payload, "--json"
    )
    assert done.returncode == 0, done.stderr
    (reading,) = json.loads(done.stdout.splitlines()[-1])["readings"]
    assert (reading["device"], reading["at"], reading["values"]) == (
        "M17",
        "2026-03-01T08:00:00Z",
        {"voltage_a": 229.8},
    )
