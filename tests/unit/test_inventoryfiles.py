"""network.csv and devices.csv are replaced both or none, wherever the power goes out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway import inventoryfiles
from gateway.core.clock import HOUR, parse_time
from gateway.core.errors import InvalidInputError, RefusedError
from gateway.inventoryfiles import KEPT, InventoryFiles, Table

NOW = parse_time("2026-03-01T08:00:00Z")
OLD = {"network": b"old network", "devices": b"old devices"}
NEW = {"network": b"new network", "devices": b"new devices"}


class PowerOutError(BaseException):
    """No code of ours may catch it."""


@pytest.fixture
def files(tmp_path: Path) -> InventoryFiles:
    (tmp_path / "elsewhere").mkdir()
    network, devices = tmp_path / "network.csv", tmp_path / "elsewhere" / "devices.csv"
    network.write_bytes(OLD["network"])
    devices.write_bytes(OLD["devices"])
    return InventoryFiles(network, devices)


def seen(files: InventoryFiles) -> dict[str, bytes]:
    """What a program that starts now would read."""
    faults: list[str] = []
    tables = InventoryFiles(*files.configured.values()).read(faults)
    assert not faults
    return {part: table.data for part, table in tables._asdict().items()}


def on_disk(files: InventoryFiles) -> dict[str, bytes]:
    return {part: file.read_bytes() for part, file in files.configured.items()}


def leftovers(files: InventoryFiles) -> list[str]:
    folders = {file.parent for file in files.configured.values()}
    names = [path.name for folder in folders for path in folder.iterdir() if path.is_file()]
    return sorted(name for name in names if not name.endswith((".csv", ".bak")))


def test_both_are_replaced_and_the_former_ones_kept(files: InventoryFiles) -> None:
    files.configured["devices"].chmod(0o640)
    kept = files.replace(NEW, at=NOW)
    assert on_disk(files) == seen(files) == NEW
    assert [path.name for path in kept] == [
        "network.csv.20260301T080000.000000Z.bak",
        "devices.csv.20260301T080000.000000Z.bak",
    ]
    assert [path.read_bytes() for path in kept] == list(OLD.values())
    assert files.configured["devices"].stat().st_mode & 0o777 == 0o640
    assert leftovers(files) == []


def test_one_of_them_and_what_is_the_same_already(files: InventoryFiles) -> None:
    kept = files.replace({"network": NEW["network"], "devices": OLD["devices"]}, at=NOW)
    assert [path.name[:11] for path in kept] == ["network.csv"]
    assert on_disk(files) == {"network": NEW["network"], "devices": OLD["devices"]}
    assert files.replace({"network": NEW["network"]}, at=NOW) == []


def test_the_last_ones_are_kept(files: InventoryFiles) -> None:
    for i in range(KEPT + 3):
        files.replace({"network": b"%d" % i}, at=NOW + i * HOUR)
    folder = files.configured["network"].parent
    assert [path.read_bytes() for path in sorted(folder.glob("network.csv.*.bak"))] == [
        b"%d" % i for i in range(2, KEPT + 2)
    ]


def test_a_link_leads_to_what_is_replaced(files: InventoryFiles, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link.csv"
    link.symlink_to(files.configured["network"])
    InventoryFiles(link, files.configured["devices"]).replace(NEW, at=NOW)
    assert link.is_symlink()
    assert on_disk(files) == NEW


STEPS = 40


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_wherever_it_is_killed_the_pair_is_one_of_the_two(
    files: InventoryFiles, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """The power goes out before each step that changes the disk."""
    left = step

    def counting(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise PowerOutError
            return real(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for owner, name in (
            (os, "fsync"), (os, "link"), (Path, "replace"), (Path, "unlink"), (inventoryfiles, "_write"),
        ):  # fmt: skip
            patch.setattr(owner, name, counting(getattr(owner, name)))
        try:
            files.replace(NEW, at=NOW)
        except PowerOutError:
            pass
        else:
            assert step > 10, "it was never killed"
    found = seen(files)
    assert found in (OLD, NEW)
    finished = files.finish()
    assert on_disk(files) == seen(files) == found
    assert not finished or found == NEW
    assert not files.finish()
    files.replace(NEW, at=NOW + HOUR)
    assert on_disk(files) == NEW
    assert leftovers(files) == []


def test_the_power_goes_out_between_the_two_renames(
    files: InventoryFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, renamed = Path.replace, []

    def replace(path: Path, target: Path) -> Path:
        if target.name == "devices.csv":
            raise PowerOutError
        renamed.append(target.name)
        return real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        with pytest.raises(PowerOutError):
            files.replace(NEW, at=NOW)
    assert renamed == ["network.csv.import", "network.csv"]
    assert on_disk(files) == {"network": NEW["network"], "devices": OLD["devices"]}
    assert seen(files) == NEW
    assert files.finish()
    assert on_disk(files) == NEW


def test_a_disk_that_refuses_the_second_one_gives_the_first_one_back(
    files: InventoryFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.replace

    def replace(path: Path, target: Path) -> Path:
        if target.name == "devices.csv":
            raise PermissionError(13, "Permission denied", str(target))
        return real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        with pytest.raises(RefusedError, match=r"cannot be replaced: .*devices\.csv Permission denied"):
            files.replace(NEW, at=NOW)
    assert on_disk(files) == seen(files) == OLD
    assert leftovers(files) == []


def test_who_edits_after_an_interruption_is_not_overwritten(
    files: InventoryFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.replace

    def replace(path: Path, target: Path) -> Path:
        if target.name == "devices.csv":
            raise PowerOutError
        return real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        with pytest.raises(PowerOutError):
            files.replace(NEW, at=NOW)
    files.configured["devices"].write_bytes(b"edited by hand")
    faults: list[str] = []
    files.read(faults)
    assert len(faults) == 1
    assert "devices.csv: has changed since an import was interrupted" in faults[0]
    assert "remove network.csv.import" in faults[0]
    for attempt in (files.finish, lambda: files.replace(NEW, at=NOW)):
        with pytest.raises(InvalidInputError, match="has changed since"):
            attempt()
    assert files.configured["devices"].read_bytes() == b"edited by hand"


def test_a_journal_that_is_none_is_named(files: InventoryFiles) -> None:
    files.configured["network"].with_name("network.csv.import").write_bytes(b"{")
    faults: list[str] = []
    files.read(faults)
    assert "network.csv.import: cannot be read" in faults[0]


def test_one_writer_at_a_time(files: InventoryFiles) -> None:
    other = InventoryFiles(*files.configured.values())
    with files._alone(), pytest.raises(RefusedError, match="another import writes"):
        other.replace(NEW, at=NOW)
    assert on_disk(files) == OLD


def test_what_is_not_there_is_told_and_can_be_made(tmp_path: Path) -> None:
    files = InventoryFiles(tmp_path / "network.csv", tmp_path / "devices.csv")
    faults: list[str] = []
    assert files.read(faults) == (None, None)
    assert [fault.rpartition(": ")[2] for fault in faults] == ["No such file or directory"] * 2
    assert files.replace(NEW, at=NOW) == []
    assert on_disk(files) == NEW


def test_the_revision_is_that_of_the_text() -> None:
    tables = inventoryfiles.Tables(Table("a", b"x"), Table("b", b"y"))
    assert tables.revision == inventoryfiles.Tables(Table("c", b"x"), Table("d", b"y")).revision
    assert tables.revision != inventoryfiles.Tables(Table("a", b"xy"), Table("b", b"")).revision
