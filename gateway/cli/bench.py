"""`feederline bench`: throughput of one part as a ratio to a raw limit measured in the same run."""

from __future__ import annotations

import asyncio
import importlib
import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from gateway.core.errors import InvalidInputError

BENCHMARKS = {
    "store": "batches into the reading table, against binary COPY of the same rows",
    "modbus": "polls through decode into batches, against bare pymodbus polls of the same registers",
    "outage": "readings in steady supply judged by the outage detector, against one pass of NumPy over them",
    "quality": "readings in steady supply judged for quality and meter events, against plain comparisons of them",
    "mqtt": "messages through decode, spool and acknowledgement, against a bare paho subscriber",
    "storm": "a storm of last gasps over a million metering points, and what the detector's state takes",
    "loop": "from a transformer's first last gasp to the first webhook accepted, against spool, commit and post alone",
    "accuracy": "outages found in random scenarios on networks with customers, by delivery rate of last gasps",
    "usage": "thefts found and honest people left alone in a year of thousands of customers; a day of a million timed",
    "vee": "register readings to validated intervals, against their plain difference; estimates and faults by kind",
    "dashboards": "every panel of every dashboard on a year of 10,000 meters, against a plain sum over all",
    "book": "days of meter data closed and judged by the real job, against one plain read of their readings",
    "outlook": "the load of the coming day foretold over four seasons, against yesterday and the same day of last week",
}


def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(BENCHMARKS)}.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Run a benchmark; every figure of throughput comes with the raw limit of the same run. Some take further options:
    feederline bench dashboards --help."""
    if name not in BENCHMARKS:
        raise InvalidInputError([f"unknown benchmark {name!r}; there are: {', '.join(BENCHMARKS)}"])
    given = options_of(name, context.args)
    Console(stderr=True).print(f"bench {name}: {BENCHMARKS[name]}")
    module = importlib.import_module(f"bench.{name}")
    result: dict[str, Any] = asyncio.run(module.run(**given))
    if as_json:
        print(json.dumps(result))  # noqa: T201
    else:
        getattr(module, "show", _show)(result)


def options_of(name: str, arguments: list[str]) -> dict[str, Any]:
    """What the benchmark's `run` takes of further arguments. Raises InvalidInputError where it takes none."""
    read = getattr(importlib.import_module(f"bench.{name}"), "options", None)
    if read is None and arguments:
        raise InvalidInputError([f"bench {name} takes no {arguments[0]}"])
    options: dict[str, Any] = read(arguments) if read else {}
    return options


def _show(result: dict[str, Any]) -> None:
    table = Table(show_header=False)
    for key, value in _flat(result):
        table.add_row(key, f"{value:,.3f}" if isinstance(value, float) else str(value))
    Console().print(table)


def _flat(result: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in result.items():
        rows += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return rows
