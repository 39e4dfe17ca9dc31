"""The figures as tables for people."""

from __future__ import annotations

import sys
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table

_COLUMNS = (
    ("outages", "outages"), ("unheard", "unheard"), ("recall", "recall"), ("recall_heard", "of heard"),
    ("recall_customers", "of cust."), ("precision", "precision"), ("node_exact", "node"), ("kind_right", "kind"),
    ("member_precision", "m. prec."), ("member_recall", "m. rec."), ("start_error_s", "start ± s"),
    ("start_error_s_p95", "p95"), ("delay_s", "delay s"), ("delay_s_p95", "p95"), ("invented", "invented"),
    ("silence_called_outage", "silence"), ("false_tickets", "f. tickets"), ("superfluous_tickets", "s. tickets"),
)  # fmt: skip
_SECONDS = ("start_error_s", "start_error_s_p95", "delay_s", "delay_s_p95")
_LEGEND = (
    "of heard: recall of outages that anything told of; of cust.: weighted by customers; node, kind: exact, of those "
    "found; m.: members;\nsilence: lost communications or the gateway's absence called an outage; f. tickets: about "
    "nothing; s. tickets: about an outage that another one tells of"
)


def show(result: dict[str, object], *, misses: bool = False, out: TextIO | None = None) -> None:
    """Print what `run` returned, to standard output if not told otherwise."""
    console = Console(file=out or sys.stdout, width=200, highlight=False)
    for key, title in (("by_rate", "p"), ("by_network", "network"), ("by_kind", "kind")):
        _print(console, title, _figures(result[key]))
    both = _figures(result["by_kind_and_rate"])
    for key, title in (("recall", "recall"), ("recall_heard", "recall of heard"), ("precision", "precision")):
        _cross(console, title, key, both)
    console.print(_LEGEND)
    console.print(f"{result['plays']} plays in {result['seconds']:.0f} s")
    if misses:
        for line in _lines(result["misses"]):
            console.print(line, markup=False, soft_wrap=True)


def markdown(result: dict[str, object]) -> str:
    """The tables as they stand in docs/accuracy.md."""
    parts = []
    for key, title in (("by_rate", "p"), ("by_kind", "kind"), ("by_network", "network")):
        columns = [name for name, _ in _COLUMNS]
        lines = [[title, *(heading for _, heading in _COLUMNS)], ["---"] * (len(columns) + 1)]
        for name, figures in _figures(result[key]).items():
            lines.append([name, *(_cell(column, figures[column]) for column in columns)])
        parts.append("\n".join("| " + " | ".join(line) + " |" for line in lines))
    return "\n\n".join(parts)


def _print(console: Console, title: str, rows: dict[str, dict[str, float | None]]) -> None:
    table = Table(title, box=box.SIMPLE, padding=(0, 1, 0, 0))
    for _, heading in _COLUMNS:
        table.add_column(heading, justify="right")
    for name, figures in rows.items():
        table.add_row(name, *(_cell(key, figures[key]) for key, _ in _COLUMNS))
    console.print(table)


def _cross(console: Console, title: str, key: str, rows: dict[str, dict[str, float | None]]) -> None:
    """One figure by kind, downwards, and rate, across."""
    rates = list(dict.fromkeys(name.rpartition(" ")[2] for name in rows))
    table = Table(title, *rates, box=box.SIMPLE, padding=(0, 1, 0, 0))
    for kind in dict.fromkeys(name.rpartition(" ")[0] for name in rows):
        table.add_row(kind, *(_cell(key, rows[f"{kind} {rate}"][key]) for rate in rates))
    console.print(table)


def _cell(key: str, value: float | None) -> str:
    if value is None:
        return "·"
    if key in _SECONDS:
        return f"{value:.1f}"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _figures(value: object) -> dict[str, dict[str, float | None]]:
    if not isinstance(value, dict):
        raise TypeError(f"figures are a dictionary, not {value!r}")
    return value


def _lines(value: object) -> list[str]:
    return [str(line) for line in value] if isinstance(value, list) else []
