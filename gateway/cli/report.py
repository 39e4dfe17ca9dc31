"""`feederline report`: the reliability report of a month, a quarter or a year, from the database alone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.console import Console

from gateway.config import Config, read_config
from gateway.core.clock import SystemClock, format_time
from gateway.core.errors import InvalidInputError
from gateway.report.gather import Report, gather
from gateway.report.span import Span, SpanKind, span_of
from gateway.report.words import Words
from gateway.report.write import PAGE, files_of, writable, write
from gateway.store.snapshot import snapshot

REPLACED = "; they replace those of an earlier run"


def report(
    *,
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file (YAML).")],
    month: Annotated[str, typer.Option(help="Of this month: 2026-03.")] = "",
    quarter: Annotated[str, typer.Option(help="Of this quarter: 2026-Q1.")] = "",
    year: Annotated[str, typer.Option(help="Of this year: 2026.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder for the files. Default: report-2026-03 (its period) here.")
    ] = None,
    language: Annotated[Literal["en", "zh"], typer.Option(help="English or Simplified Chinese.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Write the reliability report of a month, quarter or year: one HTML page that prints well, and tables as CSV."""
    faults: list[str] = []
    at = SystemClock().now()
    settings, wrong = read_config(config)
    faults += wrong
    span = _span({"month": month, "quarter": quarter, "year": year}, faults)
    if span is not None and settings is not None:
        low, _ = span.bounds(ZoneInfo(settings.targets.time_zone))
        if low >= at:
            faults.append(f"--{span.kind} {span.label} lies ahead: it begins {format_time(low)}")
    folder = out or Path(f"report-{span.label}" if span is not None else ".")
    if (fault := writable(folder)) is not None:
        faults.append(f"--out {folder}: {fault}")
    if faults or settings is None or span is None:
        raise InvalidInputError(faults)
    found = asyncio.run(_gathered(settings, span, at))
    before = (folder / PAGE).exists()
    written = write(folder, files_of(found, Words(language)))
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    if found.zone != settings.targets.time_zone:
        console.print(
            f"days begin by {found.zone}, as the gateway last wrote it to the database; targets.time_zone says "
            f"{settings.targets.time_zone}: it holds from the next start of the gateway"
        )
    console.print(f"{folder / PAGE}, and {len(written) - 1} CSV files beside it{REPLACED if before else ''}")
    if as_json:
        print(json.dumps(_told(found, folder, written)))  # noqa: T201


def _span(given: dict[SpanKind, str], faults: list[str]) -> Span | None:
    named = {kind: text for kind, text in given.items() if text}
    if len(named) != 1:
        faults.append("name exactly one of --month, --quarter and --year")
    spans = []
    for kind, text in named.items():
        try:
            spans.append(span_of(kind, text))
        except ValueError as exc:
            faults.append(f"--{kind}: {exc}")
    return spans[0] if len(named) == len(spans) == 1 else None


async def _gathered(settings: Config, span: Span, at: int) -> Report:
    async with snapshot(settings.database) as seen:
        return await gather(
            seen, span, at=at, sla=settings.alerts.sla, drill_every_days=settings.drill.every_days
        )


def _told(found: Report, folder: Path, written: list[Path]) -> dict[str, object]:
    r = found.reliability
    return {
        "period": found.span.label,
        "from": format_time(r.window_from),
        "to": format_time(r.window_to),
        "at": format_time(found.at),
        "so_far": found.so_far,
        "heard_until": None if found.heard_until is None else format_time(found.heard_until),
        "time_zone": found.zone,
        "served": r.served,
        "page": str(folder / PAGE),
        "files": [str(path) for path in written],
        "indices": {kind: msgspec.to_builtins(getattr(r, kind)) for kind in ("all", "fault", "planned")},
        "unknown_share": r.unknown_share,
        "threshold_s": r.threshold_s,
        "comparator": r.comparator,
        "targets": [
            {
                "month": month.label,
                "index": s.target.index,
                "target": s.target.value,
                "budget_minutes": s.budget_minutes,
                "spent_minutes": s.spent_minutes,
                "state": s.state.value,
            }
            for month in found.months
            for s in month.standings
        ],
    }
