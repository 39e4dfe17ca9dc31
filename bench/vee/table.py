"""What a run of the bench of validation came to, for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table


def tables(result: Mapping[str, object]) -> Iterable[tuple[str, Sequence[str], list[Sequence[str]]]]:
    """Title, heading and rows of each."""
    gaps, faults = _map(result["gaps"]), _map(result["faults"])
    yield (
        "Error of estimates by length of gap",
        [
            "gap",
            "estimated",
            "linear",
            "no reading follows: estimated",
            "last value",
            "of these filled",
            "day's sum off",
        ],
        [[name, *(_cell(_map(row)[key]) for key in _GAP_COLUMNS)] for name, row in gaps.items()],
    )
    yield (
        "Faults of registers",
        [
            "fault",
            "false",
            "lost",
            "doubted: false",
            "estimated: false",
            "lost",
            "off the register",
            "meters marked",
        ],
        [[name, *(_cell(_map(row)[key]) for key in _FAULT_COLUMNS)] for name, row in faults.items()],
    )
    yield "Speed", ["", ""], [[key, _cell(value)] for key, value in _map(result["throughput"]).items()]


_GAP_COLUMNS = ("estimated", "linear", "open_estimated", "open_last_value", "open_filled", "of_sum")
_FAULT_COLUMNS = (
    "false",
    "lost",
    "suspect_false",
    "estimated_false",
    "estimated_lost",
    "of_delta",
    "marked_meters",
)


def show(result: Mapping[str, object], *, out: TextIO | None = None) -> None:
    """Print what `run` returned, to standard output if not told otherwise."""
    console = Console(file=out or sys.stdout, width=160, highlight=False)
    for title, head, rows in tables(result):
        table = Table(*head, title=title, title_justify="left", box=box.SIMPLE)
        for row in rows:
            table.add_row(*row)
        console.print(table)


def markdown(result: Mapping[str, object]) -> str:
    """The tables as they stand in docs/usage-accuracy.md."""
    return "\n\n".join(
        f"### {title}\n\n"
        + "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])
        for title, head, rows in tables(result)
    )


def _map(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"figures are a dictionary, not {value!r}")
    return value


def _cell(value: object) -> str:
    if value is None:
        return "·"
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1_000 else f"{value:.2e}" if 0 < value < 1e-3 else f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
