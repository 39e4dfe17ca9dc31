"""`feederline indices`: reliability indices from interruption records, offline."""

from __future__ import annotations

import json
import math
import sys
from datetime import date
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from gateway.cli.when import zone_of
from gateway.core.clock import parse_time
from gateway.core.errors import InvalidInputError
from processors.interruptions.accounting import Comparator, Threshold
from processors.interruptions.indices import KINDS, Indices
from processors.interruptions.periods import midnight
from processors.interruptions.records import Records, read_records
from processors.interruptions.report import Report, report

_COMPARATORS: dict[str, Comparator] = {">": ">", ">=": ">="}
_METERING = ("low_voltage", "medium_voltage")
_MOST_SERVED = 10**10  # more than there are people; sums stay exact
_YEARS = (1900, 2200)  # beyond that a time is a slip of the pen


def indices(
    file: Annotated[Path, typer.Argument(help="Interruption records (CSV); - for standard input.")],
    *,
    served: Annotated[int, typer.Option(help="Customers served, N_T.")],
    window_from: Annotated[
        str, typer.Option("--from", help="Start of the window: 2026-01-01, or an ISO 8601 time with a zone.")
    ],
    window_to: Annotated[str, typer.Option("--to", help="End of the window, not itself in it.")],
    threshold_s: Annotated[
        float, typer.Option(help="What lasts longer is sustained, s. IEEE 1366: 300.")
    ] = 300.0,
    comparator: Annotated[
        str, typer.Option(help="Sustained is > (longer than) or >= (at least) the threshold.")
    ] = ">",
    dlt_threshold_s: Annotated[float, typer.Option(help="The same for the indices of DL/T 836, s.")] = 180.0,
    metering: Annotated[
        str, typer.Option(help=f"What the records count as customers: {' or '.join(_METERING)} users.")
    ] = "low_voltage",
    time_zone: Annotated[str, typer.Option(help="Where days and months begin.")] = "UTC",
    at: Annotated[str, typer.Option(help="As known at this moment. Default: the end of the window.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Compute reliability indices from interruption records; needs no database."""
    faults: list[str] = []
    zone = zone_of(time_zone, faults)
    low, high = _moment("--from", window_from, zone, faults), _moment("--to", window_to, zone, faults)
    known = _moment("--at", at, zone, faults) if at else high
    if low is not None and high is not None and low >= high:
        faults.append(f"--from {window_from} is not before --to {window_to}")
    elif low is not None and known is not None and known <= low:
        faults.append(f"--at {at} is not after --from {window_from}")
    if served <= 0:
        faults.append(f"--served {served} is not above 0")
    elif served > _MOST_SERVED:
        faults.append(f"--served {served} is more than {_MOST_SERVED}")
    if comparator not in _COMPARATORS:
        faults.append(f"--comparator {comparator!r} is not one of {', '.join(_COMPARATORS)}")
    if metering not in _METERING:
        faults.append(f"--metering {metering!r} is not one of {', '.join(_METERING)}")
    for option, seconds in (("--threshold-s", threshold_s), ("--dlt-threshold-s", dlt_threshold_s)):
        if not math.isfinite(seconds) or seconds < 0:
            faults.append(f"{option} {seconds:g} is not a number of seconds from 0 on")
    name = "standard input" if str(file) == "-" else file.name
    records = _records(file, name, served, faults)
    if faults or records is None or low is None or high is None or known is None:
        raise InvalidInputError(faults)
    found = report(
        records,
        served=served,
        low=low,
        high=high,
        at=known,
        zone=zone,
        threshold=Threshold(seconds=threshold_s, comparator=_COMPARATORS[comparator]),
        dlt_threshold=Threshold(seconds=dlt_threshold_s, comparator=_COMPARATORS[comparator]),
        metering=metering,
    )
    complain = Console(stderr=True)
    for note in found.notes:
        complain.print(f"{name}: {note}", markup=False, soft_wrap=True)
    if as_json:
        print(json.dumps(as_object(found), allow_nan=False))  # noqa: T201
    else:
        _show(found)


def as_object(found: Report) -> dict[str, object]:
    """The report as one JSON object; what cannot be told is null."""
    result: dict[str, object] = msgspec.to_builtins(found)
    result["basis"] = {_short(name): value for name, value in msgspec.structs.asdict(found.basis).items()}
    result["targets"] = [
        {
            "index": held.standing.target.index,
            "window": held.standing.target.span.value,
            "target": held.standing.target.value,
            "from": held.window_from,
            "to": held.window_to,
            **{
                name: value
                for name, value in msgspec.structs.asdict(held.standing).items()
                if name != "target"
            },
        }
        for held in found.targets
    ]
    return result


def _short(name: str) -> str:
    return name.removeprefix("window_")


def _moment(option: str, text: str, zone: ZoneInfo, faults: list[str]) -> int | None:
    """A day begins at its midnight in the time zone; a time says its own zone."""
    try:
        at = midnight(date.fromisoformat(text), zone) if len(text) == 10 else parse_time(text)
    except ValueError:
        faults.append(
            f"{option} {text!r} is neither a day such as 2026-01-01 nor a time such as 2026-01-01T00:00:00Z"
        )
        return None
    if not midnight(date(_YEARS[0], 1, 1)) <= at < midnight(date(_YEARS[1], 1, 1)):
        faults.append(f"{option} {text} is not within the years {_YEARS[0]} to {_YEARS[1] - 1}")
        return None
    return at


def _records(file: Path, name: str, served: int, faults: list[str]) -> Records | None:
    if str(file) == "-" and sys.stdin is None:
        faults.append("standard input is closed")
        return None
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as exc:
        faults.append(f"{file}: {exc.strerror}")
        return None
    try:
        return read_records(data, name, served=served if 0 < served <= _MOST_SERVED else None)
    except InvalidInputError as exc:
        faults += exc.faults
        return None


def _show(found: Report) -> None:
    console, basis = Console(), found.basis
    by_kind = [found.all, found.fault, found.planned]
    sustained = f"{'longer than' if basis.comparator == '>' else 'at least'} {basis.threshold_s:g} s"
    table = Table(
        "",
        *KINDS,
        title=f"Reliability, {basis.window_from} to {basis.window_to}",
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for label, field, form in _ROWS:
        table.add_row(label, *(_figure(getattr(one, field), form) for one in by_kind))
    for label, field, suffix in _SHARES:
        for level in getattr(found.all, field) or ():
            table.add_row(f"{label} {level}{suffix}", *(_share(one, field, level) for one in by_kind))
    console.print(table)
    metering = basis.metering.replace("_", " ")
    console.print(f"{basis.served:,} customers served; sustained is {sustained}; {metering} basis")
    _show_targets(console, found)
    major, dlt = found.major_events, found.dlt836
    limit = (
        "too few days with interruptions to tell"
        if major.t_med_minutes is None
        else f"{major.t_med_minutes:.4g} min"
    )
    console.print(
        f"Major event days (2.5 β{', provisional' if major.provisional else ''}): limit {limit}; "
        f"{', '.join(major.days) or 'none'}; SAIDI without them {major.on_other_days.saidi_minutes:.8g} min"
    )
    console.print(
        f"DL/T 836 (sustained {dlt.comparator} {dlt.threshold_s:g} s): SAIDI-1 {dlt.saidi_1_hours:.6g} h "
        f"(-F {dlt.saidi_f_hours:.6g}, -S {dlt.saidi_s_hours:.6g}), SAIFI-1 {dlt.saifi_1:.6g}, "
        f"ASAI-1 {_figure(dlt.asai_1, '.5%')}, {dlt.customer_hours:.6g} customer hours"
    )


def _show_targets(console: Console, found: Report) -> None:
    table = Table("Target", "Window", "Budget", "Spent", "Burn", "Forecast", "State", box=SIMPLE)
    table.title = "Targets (budget in customer minutes)"
    for column in table.columns:
        column.no_wrap = True
    for column in table.columns[2:6]:
        column.justify = "right"
    for held in found.targets:
        now = held.standing
        asai = now.target.index == "asai"
        wanted = f"ASAI {now.target.value:.5g}" if asai else f"SAIDI {now.target.value:g} min"
        table.add_row(
            wanted,
            now.target.span.value.replace("_", " "),
            f"{now.budget_minutes:,.0f}",
            _figure(now.spent_share, ".1%"),
            _figure(now.burn_rate, ".2f"),
            _figure(now.forecast, ".3%" if asai else ".4g"),
            now.state.value.replace("_", " "),
        )
    console.print(table)


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _share(one: Indices, field: str, level: str) -> str:
    shares: dict[str, float] | None = getattr(one, field)
    return _figure(None if shares is None else shares[level], ".4%")


_ROWS = (
    ("Customer interruptions", "customer_interruptions", ",d"),
    ("Customer minutes", "customer_minutes", ",.1f"),
    ("SAIFI", "saifi", ".8g"),
    ("SAIDI, min", "saidi_minutes", ".8g"),
    ("CAIDI, min", "caidi_minutes", ".8g"),
    ("CAIFI", "caifi", ".8g"),
    ("ASAI", "asai", ".5%"),
    ("MAIFI", "maifi", ".8g"),
    ("MAIFI_E", "maifi_e", ".8g"),
    ("Still off, customers", "open_customers", ",d"),
    ("Still off, min so far", "open_customer_minutes", ",.1f"),
)
_SHARES = (("CEMI", "cemi", ""), ("CELID_s", "celid_s", " h"), ("CELID_t", "celid_t", " h"))
