"""`feederline network import` and `devices import` where no gateway answers."""

from __future__ import annotations

import fcntl
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.core.errors import InvalidInputError, RefusedError, UnavailableError
from gateway.embedded import free_port

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example configuration, a port that nobody listens on, and no secret in the environment."""
    folder = tmp_path / "site"
    shutil.copytree(EXAMPLES, folder)
    file = folder / "feederline.yaml"
    document = yaml.safe_load(file.read_text())
    document["api"] = {"port": free_port()}
    document["gateway"]["data_dir"] = "data"
    file.write_text(yaml.safe_dump(document))
    monkeypatch.chdir(tmp_path)
    return folder


def run(site: Path, *arguments: str | Path) -> Result:
    command = [*map(str, arguments), "-c", str(site / "feederline.yaml")]
    return CliRunner().invoke(app, command, catch_exceptions=False)


def answer(site: Path, *arguments: str | Path) -> dict[str, Any]:
    done = run(site, *arguments, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def counts(answer: dict[str, Any], part: str) -> tuple[int, ...]:
    return tuple(answer[part]["counts"][kind] for kind in ("added", "changed", "retired", "kept"))


def edited(site: Path, tmp_path: Path, name: str, old: str, new: str) -> Path:
    text = (site / name).read_text()
    assert old in text
    file = tmp_path / f"new-{name}"
    file.write_text(text.replace(old, new))
    return file


def test_offline_it_replaces_the_file_and_keeps_the_former_one(site: Path, tmp_path: Path) -> None:
    before = (site / "devices.csv").read_text()
    file = edited(site, tmp_path, "devices.csv", "M2,T1-2,", "N1,T1-2,mqtt-not,\nM2,T1-3,")
    file.write_text(file.read_text().replace("N1,T1-2,mqtt-not,", "N1,T1-2,meter,mqtt,,n1,,B,1,,60,,"))
    dry = answer(site, "devices", "import", file, "--dry-run")
    assert (dry["dry_run"], dry["offline"], dry["reload"]) == (True, True, False)
    assert counts(dry, "devices") == (1, 1, 0, 5)
    assert counts(dry, "nodes") == (0, 0, 0, 8)
    assert dry["devices"]["changed"] == [
        {"id": "M2", "before": {"node_id": "T1-2"}, "after": {"node_id": "T1-3"}}
    ]
    assert (site / "devices.csv").read_text() == before
    with pytest.raises(UnavailableError, match=r"no gateway answers .* --offline replaces the files"):
        run(site, "devices", "import", file)
    assert (site / "devices.csv").read_text() == before
    done = answer(site, "devices", "import", file, "--offline")
    assert (done["dry_run"], done["offline"], counts(done, "devices")) == (False, True, (1, 1, 0, 5))
    assert (site / "devices.csv").read_bytes() == file.read_bytes()
    (kept,) = done["kept"]
    assert (site / kept).read_text() == before
    again = run(site, "devices", "import", file, "--offline")
    assert "nothing to replace" in again.stdout


def test_in_words_what_changes(site: Path, tmp_path: Path) -> None:
    text = (site / "devices.csv").read_text().replace("FTU1,F1", "FTU1,F1R1")
    extra = "".join(f"X{i:02},T1,sensor,mqtt,,,,ABC,0,,60,,\n" for i in range(30))
    (tmp_path / "d.csv").write_text(
        text.replace("M2,T1-2,meter,mqtt,,meter-0017,,B,1,,60,residential,urban\n", "") + extra
    )
    done = run(site, "devices", "import", tmp_path / "d.csv", "--dry-run")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "nodes: 0 added, 0 changed, 0 retired, 8 kept"
    assert lines[1] == "devices: 30 added, 1 changed, 1 retired, 4 kept"
    assert lines[2] == "  + X00"
    assert "  and 10 more added" in lines
    assert "  ~ FTU1: node_id F1 -> F1R1" in lines
    assert "  - M2" in lines
    assert lines[-1] == "nothing done"


def test_every_fault_at_once_each_with_its_line_and_nothing_is_done(site: Path, tmp_path: Path) -> None:
    before = {name: (site / name).read_bytes() for name in ("network.csv", "devices.csv")}
    (tmp_path / "n.csv").write_text(
        (site / "network.csv").read_text() + "X,nowhere,fuse,,,,\nY,S1,pole,,,,,\n"
    )
    devices = (site / "devices.csv").read_text()
    devices += "B1,T1,meter,modbus,no-such,192.0.2.1:502/1,,A,1,,60,,\n"
    devices += "B2,T9,meter,mqtt,,b/2,,A,1,,60,,\nB3,T1,meter,modbus,eastron-sdm120,nonsense,,A,1,,60,,\n"
    devices += "B4,T1,meter,mqtt,,meter-0017,,A,1,,60,,\n"
    (tmp_path / "d.csv").write_text(devices)
    for offline in ((), ("--offline",), ("--dry-run",)):
        with pytest.raises(InvalidInputError) as refused:
            run(site, "network", "import", tmp_path / "n.csv", "--devices", tmp_path / "d.csv", *offline)
        said = "\n".join(refused.value.faults)
        for expected in (
            "n.csv line 10: 7 fields where the header has 8",
            "n.csv line 11: kind 'pole' is not one of substation",
            "d.csv line 9: node_id 'T9' of device 'B2' is not a node of the network",
            "no-such",
            "nonsense",
            "meter-0017",
        ):
            assert expected in said, said
    assert {name: (site / name).read_bytes() for name in before} == before


def test_the_other_file_counts_as_well(site: Path, tmp_path: Path) -> None:
    file = edited(
        site, tmp_path, "network.csv", "T1-2,T1,service,Market Street 12 flat 2,B,31.2338,121.4777,\n", ""
    )
    with pytest.raises(InvalidInputError) as refused:
        run(site, "network", "import", file, "--offline")
    assert refused.value.faults == (
        "devices.csv line 4: node_id 'T1-2' of device 'M2' is not a node of the network",
    )
    devices = edited(site, tmp_path, "devices.csv", "M2,T1-2,", "M2,T1-3,")
    done = answer(site, "devices", "import", devices, "--network", file, "--offline")
    assert (counts(done, "nodes"), counts(done, "devices")) == ((0, 0, 1, 7), (0, 1, 0, 5))
    assert sorted(name.partition(".csv")[0] for name in done["kept"]) == ["devices", "network"]
    assert (site / "network.csv").read_bytes() == file.read_bytes()


def test_a_file_cut_short_needs_consent(site: Path, tmp_path: Path) -> None:
    whole = (site / "devices.csv").read_text()
    extra = "".join(f"X{i:02},T1,sensor,mqtt,,,,ABC,0,,60,,\n" for i in range(30))
    (site / "devices.csv").write_text(whole + extra)
    (tmp_path / "d.csv").write_text(whole)
    with pytest.raises(InvalidInputError, match="30 of 36 devices would be retired, more than 10%"):
        run(site, "devices", "import", tmp_path / "d.csv", "--offline")
    assert (site / "devices.csv").read_text() == whole + extra
    dry = answer(site, "devices", "import", tmp_path / "d.csv", "--dry-run")
    assert (len(dry["refused"]), counts(dry, "devices")) == (1, (0, 0, 30, 6))
    done = answer(site, "devices", "import", tmp_path / "d.csv", "--offline", "--allow-retire")
    assert counts(done, "devices") == (0, 0, 30, 6)
    assert (site / "devices.csv").read_text() == whole


def test_faulty_or_missing_files_on_disk_can_be_mended(site: Path, tmp_path: Path) -> None:
    good = (site / "devices.csv").read_bytes()
    (tmp_path / "d.csv").write_bytes(good)
    (site / "devices.csv").write_text("device_id,nonsense\n")
    assert counts(answer(site, "devices", "import", tmp_path / "d.csv", "--offline"), "devices") == (
        6,
        0,
        0,
        0,
    )
    (site / "devices.csv").unlink()
    assert counts(answer(site, "devices", "import", tmp_path / "d.csv", "--offline"), "devices") == (
        6,
        0,
        0,
        0,
    )
    (site / "network.csv").unlink()
    with pytest.raises(InvalidInputError, match=r"network\.csv: No such file"):
        run(site, "devices", "import", tmp_path / "d.csv", "--offline")
    with pytest.raises(InvalidInputError) as refused:
        run(site, "devices", "import", tmp_path / "none.csv", "--network", tmp_path / "nor.csv")
    assert len(refused.value.faults) == 2


def test_a_gateway_that_does_not_answer_is_not_passed_by(site: Path, tmp_path: Path) -> None:
    file = edited(site, tmp_path, "devices.csv", "FTU1,F1,", "FTU1,F1R1,")
    spool = site / "data" / "spool"
    spool.mkdir(parents=True)
    with (spool / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RefusedError, match="does not answer"):
            run(site, "devices", "import", file, "--offline")
    assert counts(answer(site, "devices", "import", file, "--offline"), "devices") == (0, 1, 0, 5)


def test_a_port_that_nobody_knows(site: Path, tmp_path: Path) -> None:
    file = edited(site, tmp_path, "devices.csv", "FTU1,F1,", "FTU1,F1R1,")
    config = site / "feederline.yaml"
    document = yaml.safe_load(config.read_text())
    document["api"]["port"] = 0
    config.write_text(yaml.safe_dump(document))
    with pytest.raises(InvalidInputError, match="--url"):
        run(site, "devices", "import", file)
    assert counts(answer(site, "devices", "import", file, "--offline"), "devices") == (0, 1, 0, 5)
