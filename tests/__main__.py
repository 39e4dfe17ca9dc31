"""Runs the whole suite in several pytest processes at once; most tests wait for real parts, not for the processor.

With arguments it is pytest itself: `python -m tests tests/unit -k network`.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, zip_longest
from pathlib import Path

import pytest

HERE = Path(__file__).parent
AT_ONCE = 5  # each has a database server and a broker of its own
# More than at once, so that the slowest does not keep the others waiting; each costs a start of its own.
_WITH_BROWSER = 4  # which its tests share
_WAITING = 10
_COMPUTING = 12
_MEMORY = Path("/dev/shm")
_MEMORY_WANTED = 8 << 30  # bytes; what they leave on the way stays below 3 GiB


def parts() -> list[list[str]]:
    """Every test file once: those that keep a browser busy between those that wait, then the others, which are quick
    to even out the end."""
    computing = _deal(_COMPUTING, "conformance", "unit")
    pairs = zip_longest(_deal(_WITH_BROWSER, "browser"), _deal(_WAITING, "integration"))
    return [part for part in (*chain(*pairs), *computing) if part is not None]


def _deal(count: int, *kinds: str) -> list[list[str]]:
    files = sorted(str(file) for kind in kinds for file in (HERE / kind).glob("test_*.py"))
    return [files[i::count] for i in range(count)]


def settle() -> None:
    """Have this process and those it starts spend their time on tests.

    A thousand databases are made and dropped: in memory, where there is enough, that takes half the processor. And
    where images forbid to keep bytecode, each of the many processes would compile everything again.
    """
    with contextlib.suppress(OSError):
        room = os.statvfs(_MEMORY)
        enough = room.f_bavail * room.f_frsize >= _MEMORY_WANTED
        programs = not room.f_flag & os.ST_NOEXEC  # some tests lay down a program and start it
        if enough and programs and "TMPDIR" not in os.environ:
            with tempfile.TemporaryFile(dir=_MEMORY):  # may be written to
                os.environ["TMPDIR"] = str(_MEMORY)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def main(arguments: Sequence[str]) -> int:
    """The worst exit code of all parts."""
    settle()
    if arguments:
        return pytest.main([*arguments])
    running: set[subprocess.Popen[bytes]] = set()

    def run(log: Path, files: Sequence[str]) -> int:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *files]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        running.add(process)
        try:
            return process.wait()
        finally:
            running.discard(process)

    with tempfile.TemporaryDirectory(prefix="feederline-tests-") as folder:
        dealt = [(Path(folder) / f"{i}.log", files) for i, files in enumerate(parts())]
        print(f"{len(dealt)} parts, {AT_ONCE} at once, each told when it is done (some minutes)", flush=True)  # noqa: T201
        with ThreadPoolExecutor(AT_ONCE) as pool:
            codes = [pool.submit(run, *part) for part in dealt]
            try:
                for (log, _), code in zip(dealt, codes, strict=True):
                    code.result()
                    sys.stdout.buffer.write(log.read_bytes())
                    sys.stdout.flush()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for process in list(running):
                    process.terminate()
                raise
    return max(code.result() for code in codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
