"""network.csv and devices.csv on disk, as a pair: both are replaced or none, whatever is killed in between.

What is new is first written whole beside the files. Then a journal beside network.csv names it; from that moment on
the new files are the valid ones, and what is left to do is to put them in place, which any later run can do as well.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway.core.clock import to_datetime
from gateway.core.errors import InvalidInputError, RefusedError
from gateway.csvfiles import read_bytes

KEPT = 10
"""Former versions of each file that are kept beside it."""


class Table(NamedTuple):
    """One of the two as text. `name` is what its faults are told under."""

    name: str
    data: bytes


class Tables(NamedTuple):
    """None for what cannot be read."""

    network: Table | None
    devices: Table | None

    @property
    def revision(self) -> str:
        """The same for the same text of both."""
        digest = hashlib.sha256()
        for table in self:
            data = table.data if table is not None else b""
            digest.update(len(data).to_bytes(8, "little") + data)
        return digest.hexdigest()[:16]


class _Step(msgspec.Struct, frozen=True):
    """`former`: digest of what is replaced, empty where there was nothing."""

    former: str
    fresh: str


_Journal = dict[str, _Step]  # by the part: network, devices
_decode = msgspec.json.Decoder(_Journal).decode


class InventoryFiles:
    """The two configured files. Links are followed, so that what they lead to is replaced."""

    def __init__(self, network: Path, devices: Path) -> None:
        self.configured = {"network": network, "devices": devices}
        self._files = {part: file.resolve() for part, file in self.configured.items()}
        self._journal = _beside(self._files["network"], "import")

    def read(self, faults: list[str]) -> Tables:
        """What is valid now, without changing anything on disk; what cannot be read is told in `faults`."""
        found: dict[str, Table | None] = {"network": None, "devices": None}
        try:
            pending = self._pending()
        except InvalidInputError as exc:
            faults += exc.faults
            pending = {}
        for part, file in self.configured.items():
            try:
                found[part] = Table(file.name, read_bytes(pending.get(part, file)))
            except InvalidInputError as exc:
                faults += exc.faults
        return Tables(found["network"], found["devices"])

    def finish(self) -> bool:
        """Put in place what an interrupted import left; False where there is nothing to do.

        Raises InvalidInputError as `read` tells, RefusedError when the files cannot be written.
        """
        with self._alone():
            return self._finish()

    def replace(self, tables: Mapping[str, bytes], *, at: int) -> list[Path]:
        """Replace these parts (network, devices), both or none; returns where their former versions are kept.

        Raises RefusedError when the files cannot be written, or another import is writing them.
        """
        with self._alone():
            self._finish()
            tables = {
                part: data
                for part, data in tables.items()
                if _digest(self._files[part]) != hashlib.sha256(data).hexdigest()
            }
            if not tables:
                return []
            kept = [_keep(self._files[part], at) for part in tables]
            steps = {}
            for part, data in tables.items():
                file = self._files[part]
                _write(_beside(file, "new"), data, like=file)
                steps[part] = _Step(_digest(file), hashlib.sha256(data).hexdigest())
            draft = _beside(self._journal, "new")
            _write(draft, msgspec.json.encode(steps), like=None)
            draft.replace(self._journal)
            _sync(self._journal.parent)
            try:
                self._finish()
            except OSError:
                self._undo(dict(zip(tables, kept, strict=True)))
                raise
            for part in tables:
                _forget(self._files[part])
        return [path for path in kept if path is not None]

    def _pending(self) -> dict[str, Path]:
        """Where the new version of a part waits to be put in place. Raises InvalidInputError as `finish`."""
        try:
            steps = _decode(self._journal.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as exc:
            raise InvalidInputError(
                [
                    f"{self._journal}: cannot be read ({exc}); restore both files from their .bak, then remove it"
                ]
            ) from exc
        found = {}
        for part, step in steps.items():
            file = self._files.get(part)
            if file is None or (standing := _digest(file)) == step.fresh:
                continue
            fresh = _beside(file, "new")
            if standing != step.former or _digest(fresh) != step.fresh:
                advice = f"make sure that both files are as they should be, then remove {self._journal.name}"
                raise InvalidInputError([f"{file}: has changed since an import was interrupted; {advice}"])
            found[part] = fresh
        return found

    def _finish(self) -> bool:
        """Raises OSError where a file cannot be put in place."""
        for part, fresh in self._pending().items():
            fresh.replace(self._files[part])
            _sync(self._files[part].parent)
        try:
            self._journal.unlink()
        except FileNotFoundError:
            return False
        _sync(self._journal.parent)
        return True

    def _undo(self, kept: Mapping[str, Path | None]) -> None:
        """Take back what `replace` has put in place, where the disk allows it; else the journal stays."""
        for part, former in kept.items():
            if former is None:
                self._files[part].unlink(missing_ok=True)
            elif _digest(former) != _digest(self._files[part]):
                _write(_beside(self._files[part], "new"), former.read_bytes(), like=former)
                _beside(self._files[part], "new").replace(self._files[part])
            _beside(self._files[part], "new").unlink(missing_ok=True)
        self._journal.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer at a time, of all programs on this machine."""
        folder = self._journal.parent
        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except OSError as exc:
            raise RefusedError(f"{folder}: {exc.strerror}") from exc
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as exc:
            raise RefusedError(f"another import writes to {folder} at this moment; try again") from exc
        except OSError as exc:
            raise RefusedError(
                f"the inventory in {folder} cannot be replaced: {exc.filename or ''} {exc.strerror}"
            ) from exc
        finally:
            os.close(descriptor)


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(f"{file.name}.{suffix}")


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


def _write(file: Path, data: bytes, *, like: Path | None) -> None:
    """Durably, with the owner and the rights of `like` where it is there."""
    with file.open("wb") as output:
        output.write(data)
        if like is not None and like.exists():
            known = like.stat()
            os.fchmod(output.fileno(), stat.S_IMODE(known.st_mode))
            with contextlib.suppress(PermissionError):
                os.fchown(output.fileno(), known.st_uid, known.st_gid)
        output.flush()
        os.fsync(output.fileno())


def _keep(file: Path, at: int) -> Path | None:
    """A second name for what stands there now; None where nothing does."""
    if not file.exists():
        return None
    kept = _beside(file, f"{to_datetime(at):%Y%m%dT%H%M%S.%fZ}.bak")
    kept.unlink(missing_ok=True)
    try:
        os.link(file, kept)
    except OSError:  # a file system without links
        _write(kept, file.read_bytes(), like=file)
    return kept


def _forget(file: Path) -> None:
    """Remove all but the latest versions; their names are in the order of their times."""
    for kept in sorted(file.parent.glob(f"{_escaped(file.name)}.*.bak"))[:-KEPT]:
        kept.unlink(missing_ok=True)


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
