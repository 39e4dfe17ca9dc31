"""The report as files: all of them whole, or none."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.core.errors import FeederlineError, InvalidInputError
from gateway.report.data import data_tables
from gateway.report.gather import Report
from gateway.report.page import page_of
from gateway.report.supply import supply_tables
from gateway.report.tables import csv_of, dictionary
from gateway.report.where import place_tables
from gateway.report.words import Words
from gateway.report.work import work_tables

PAGE = "report.html"
_BESIDE = ".report-"


def files_of(report: Report, words: Words) -> dict[str, bytes]:
    """Every file by its name: the page, the tables, and what their columns are."""
    parts = (supply_tables, place_tables, work_tables, data_tables)
    tables = [table for part in parts for table in part(report, words)]
    found = {PAGE: page_of(report, {table.name: table for table in tables}, words)}
    found |= {f"{table.name}.csv": csv_of(table) for table in tables}
    return found | {"columns.csv": csv_of(dictionary(tables, words))}


def writable(folder: Path) -> str | None:
    """Why files cannot be written into it, or None. What is missing of its path is not made yet."""
    there = folder
    try:
        while not there.exists() and there != there.parent:
            there = there.parent
    except OSError as exc:
        return exc.strerror or str(exc)
    if not there.is_dir():
        return f"{there} is not a folder"
    return None if os.access(there, os.W_OK | os.X_OK) else f"{there} cannot be written to"


def write(folder: Path, found: Mapping[str, bytes]) -> list[Path]:
    """Write all beside their places first, then put each there, the page last; those of an earlier run are replaced.

    Of two at once one waits for the other; what one left that was killed is cleared away.

    Raises:
        InvalidInputError: the folder cannot be made or written to.
        FeederlineError: the disk is full, or failed.
    """
    if in_the_way := [name for name in found if (folder / name).is_dir()]:
        raise InvalidInputError([f"--out {folder / name}: is a folder" for name in in_the_way])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder), tempfile.TemporaryDirectory(prefix=_BESIDE, dir=folder) as beside:
            for name, content in found.items():
                with (Path(beside) / name).open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            for name in sorted(found, key=lambda name: name == PAGE):
                (Path(beside) / name).replace(folder / name)
    except (PermissionError, NotADirectoryError, FileExistsError, IsADirectoryError) as exc:
        raise InvalidInputError([f"--out {folder}: {exc.strerror}"]) from exc
    except OSError as exc:
        raise FeederlineError(f"{folder}: {exc.strerror}") from exc
    return [folder / name for name in found]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else writes there meanwhile; afterwards what was renamed is on disk."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # file systems of the network may know no locks
            fcntl.flock(opened, fcntl.LOCK_EX)
            for left in folder.glob(f"{_BESIDE}*"):
                shutil.rmtree(left, ignore_errors=True)
        yield
        os.fsync(opened)
    finally:
        os.close(opened)
