"""Runs the whole suite in several pytest processes at once; most tests wait for real parts, not for the processor.

With arguments it is pytest itself: `python -m tests tests/unit -k network`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pytest

HERE = Path(__file__).parent
AT_ONCE = 4  # each has a database server and a broker of its own


def parts(count: int = AT_ONCE) -> list[list[str]]:
    """Every test file once: those that wait dealt out in turn, the others where they belong together."""
    waiting = sorted(str(file) for file in (HERE / "integration").glob("test_*.py"))
    dealt = [waiting[i :: count - 1] for i in range(count - 1)]
    return [*dealt, [str(HERE / "unit"), str(HERE / "conformance")]]


def main(arguments: Sequence[str]) -> int:
    """The worst exit code of all parts."""
    if arguments:
        return pytest.main([*arguments])
    running: list[tuple[subprocess.Popen[bytes], IO[bytes]]] = []
    with tempfile.TemporaryDirectory(prefix="feederline-tests-") as folder:
        try:
            for i, files in enumerate(parts()):
                output: IO[bytes] = (Path(folder) / f"{i}.log").open("w+b")
                command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *files]
                running.append((subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT), output))
            print(f"{len(running)} parts at once, each told when it is done (some minutes)", flush=True)  # noqa: T201
            for process, told in running:
                process.wait()
                told.seek(0)
                sys.stdout.buffer.write(told.read())
                sys.stdout.flush()
        finally:
            for process, told in running:
                process.terminate()
                process.wait()
                told.close()
    return max(process.returncode for process, _ in running)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
