"""`feederline replay`: recorded observations through the detectors, in event time, offline; prints the incidents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from drivers.mqtt.payloads.mapping import EARLIEST
from gateway.config import Config, InventorySettings, load_config
from gateway.core.clock import MINUTE, format_time, parse_time
from gateway.core.errors import InvalidInputError
from gateway.core.model import Incident, Interruption, PlannedOutage, SupplyState
from gateway.core.yamlfile import YamlFile
from gateway.csvfiles import read_devices, read_network
from gateway.plannedcsv import read_planned
from gateway.replay.lines import LATEST
from gateway.replay.outcome import incidents, interruptions, outcome, write_interruptions
from gateway.replay.run import Replay
from processors.outage.settings import OutageSettings

_SHOWN = 20  # unknown quantities that are named
_GZIP = b"\x1f\x8b"
_LINES = 20_000  # between two looks at the progress bar


def replay(
    file: Annotated[Path, typer.Argument(help="The recording: JSON lines in order of received_at.")],
    *,
    network: Annotated[Path | None, typer.Option(help="network.csv; default: the configuration's.")] = None,
    devices: Annotated[Path | None, typer.Option(help="devices.csv; default: the configuration's.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The gateway's configuration file (YAML).")
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(help="YAML with an outage: section, instead of a whole configuration.")
    ] = None,
    planned: Annotated[Path | None, typer.Option(help="CSV of announced outages.")] = None,
    until: Annotated[
        str, typer.Option(help="The recording reaches to here: ISO 8601 with a zone. Default: its last line.")
    ] = "",
    chunk: Annotated[
        int, typer.Option(help="Most readings handed over at once; changes no result.")
    ] = 10_000,
    interruptions_file: Annotated[
        Path | None, typer.Option("--interruptions", help="Write a CSV for `feederline indices`.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Run a recording through the detectors; needs no database, no broker and no waiting."""
    done = prepare(
        network, devices, config=config, settings=settings, planned=planned, until=until, chunk=chunk
    )
    notes = Console(stderr=True, soft_wrap=True)
    if interruptions_file is not None and interruptions_file.resolve() == file.resolve():
        raise InvalidInputError([f"--interruptions {interruptions_file} is the recording itself"])
    _play(file, done, notes)
    _tell_ignored(file, done, notes)
    if interruptions_file is not None:
        rows = write_interruptions(done, interruptions_file)
        notes.print(f"{interruptions_file}: {rows} interruptions", markup=False)
    if as_json:
        print(json.dumps(outcome(done), allow_nan=False))  # noqa: T201
    else:
        _show(done)


def prepare(
    network: Path | None,
    devices: Path | None,
    *,
    config: Path | None = None,
    settings: Path | None = None,
    planned: Path | None = None,
    until: str = "",
    chunk: int = 10_000,
) -> Replay:
    """A replay that has read nothing yet.

    Raises:
        InvalidInputError: every fault of the files and options.
    """
    faults: list[str] = []
    whole = None if config is None else load_config(config)
    if config is not None and settings is not None:
        faults.append("--settings and --config: give one of them")
    if whole is not None:
        network, devices = network or whole.inventory.network, devices or whole.inventory.devices
    if network is None or devices is None:
        missing = ["--network"] * (network is None) + ["--devices"] * (devices is None)
        raise InvalidInputError(
            [*faults, f"{' and '.join(missing)} missing, and no --config that names them"]
        )
    if chunk < 1:
        faults.append(f"--chunk {chunk} is not 1 or more")
    end = None
    if until:
        try:
            end = parse_time(until)
        except ValueError as exc:
            faults.append(f"--until: {exc}")
        else:
            if not EARLIEST <= end < LATEST:
                faults.append(f"--until {until} is not within the years 2000 to 2199")
    outage = OutageSettings() if whole is None else whole.outage
    if settings is not None:
        outage, wrong = read_settings(settings)
        faults += wrong
    if "expect_unheard" not in outage.model_fields_set:
        outage = outage.model_copy(update={"expect_unheard": False})
    tree, wrong = read_network(network)
    faults += wrong
    inventory = None
    if tree is not None:
        nominal = (whole.inventory if whole else InventorySettings()).nominal_voltage
        inventory, wrong = read_devices(devices, tree, nominal_v=nominal)
        faults += wrong
    windows: list[PlannedOutage] = []
    if planned is not None and tree is not None:
        windows, wrong = read_planned(planned, tree)
        faults += wrong
    if faults or inventory is None:
        raise InvalidInputError(faults)
    return Replay(inventory, outage, planned=windows, until=end, chunk=chunk)


def read_settings(file: Path) -> tuple[OutageSettings, list[str]]:
    """The section `outage` of a YAML file, and its faults. Other sections of a configuration may stand beside it."""
    try:
        document = YamlFile.read(file)
    except InvalidInputError as exc:
        return OutageSettings(), list(exc.faults)
    data = {} if document.data is None else document.data
    if not isinstance(data, dict) or not data.keys() <= Config.model_fields.keys():
        return OutageSettings(), [
            f"{file.name}: needs a section outage:, and nothing beside it that is no section of a configuration"
        ]
    try:
        return OutageSettings.model_validate({} if data.get("outage") is None else data["outage"]), []
    except ValidationError as exc:
        return OutageSettings(), [
            f"{document.place(('outage', *item['loc']))}: "
            f"{'.'.join(str(part) for part in ('outage', *item['loc']))}: {item['msg']}"
            for item in exc.errors(include_url=False, include_input=False)
        ]


def _play(file: Path, done: Replay, notes: Console) -> None:
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"), TimeElapsedColumn(),
        console=notes, transient=True, disable=not notes.is_terminal,
    )  # fmt: skip
    try:
        with file.open("rb") as stream, bar:
            task = bar.add_task(file.name, total=file.stat().st_size or None)
            read = 0  # not the place in the file: a pipe has none
            for raw in stream:
                if not read and raw.startswith(_GZIP):
                    raise InvalidInputError([f"{file.name}: is compressed; decompress it first (gunzip)"])
                done.line(raw)
                read += len(raw)
                if done.lines % _LINES == 0:
                    bar.update(task, completed=read)
                if done.over:
                    break
            done.finish()
    except OSError as exc:
        raise InvalidInputError([f"{file}: {exc.strerror}"]) from exc


def _tell_ignored(file: Path, done: Replay, notes: Console) -> None:
    """What was not taken, or not as it stood there, a line for each reason."""
    ignored = done.ignored
    for reason, fault in ignored.items():
        word = reason.replace("_", " ")
        lines = f"line{'s' if fault.total > 1 else ''} {', '.join(map(str, fault.lines))}"
        more = " …" if fault.total > len(fault.lines) else ""
        notes.print(
            f"{file.name}: {fault.total} ignored, {word}: {lines}{more}: {fault.example}", markup=False
        )
    if late := len(done.order.late):
        notes.print(
            f"{file.name}: {late} line{'s' if late > 1 else ''} put in place that stood behind later ones",
            markup=False,
        )
    unknown = sorted(done.reader.unknown_quantities.items())
    for name, count in unknown[:_SHOWN]:
        notes.print(
            f"{file.name}: {count} value{'s' if count > 1 else ''} of unknown quantity {name!r} left out",
            markup=False,
        )
    if len(unknown) > _SHOWN:
        notes.print(f"{file.name}: values of {len(unknown) - _SHOWN} more unknown quantities left out")


def _show(done: Replay) -> None:
    console = Console()
    found = incidents(done)
    if not found:
        console.print("No incident.")
    else:
        rows = interruptions(done)
        table = Table("Detected", "What", "Where", "State", "Began", "Ended", "Customers", title="Incidents")
        table.columns[-1].justify = "right"
        for column in table.columns:
            column.no_wrap = column.header in ("Detected", "Began", "Ended")
        for incident in found:
            ended = incident.restored_at or incident.ended_at
            table.add_row(
                _short(incident.detected_at),
                incident.kind.value.replace("_", " "),
                escape(incident.node),
                incident.state.value,
                _short(incident.started_at, incident.detected_at),
                "" if ended is None else _short(ended, incident.detected_at),
                str(incident.customers),
            )
        console.print(table)
        for incident in found:
            mine = [row for owner, row in rows if owner.id == incident.id]
            console.print(
                f"\n[bold]{_heading(incident)}[/bold]\n{escape(incident.summary)}\n{_interrupted(mine, done.at)}",
                highlight=False,
            )
    suspects = sorted(done.inventory.ids[key] for key in done.clock_faults | done.reader.clock_faults)
    if suspects:
        console.print(f"\nClocks not believed: {escape(', '.join(suspects))}.", highlight=False)
    console.print(
        f"\n{done.lines} lines, {done.readings} readings"
        + (f", concluded up to {format_time(done.at)}." if done.at else "."),
        highlight=False,
    )


def _interrupted(rows: list[Interruption], at: int) -> str:
    """How many metering points went without for how long together."""
    if not rows:
        return "No interruption."
    points = len({row.device for row in rows})
    minutes = sum((row.ended_at or at) - row.started_at for row in rows) / MINUTE
    state = "without supply" if rows[0].state is SupplyState.OFF else "of unknown supply"
    going_on = sum(row.ended_at is None for row in rows)
    return (
        f"{points} metering point{'s' if points > 1 else ''}"
        + (f", {len(rows)} interruptions" if len(rows) > points else "")
        + f": {minutes:.1f} minutes {state} together"
        + (f"; {going_on} so still." if going_on else ".")
    )


def _short(at: int, beside: int | None = None) -> str:
    """Month, day and time of day; the time alone where the day is that of the time beside."""
    same = beside is not None and format_time(at)[:10] == format_time(beside)[:10]
    return format_time(at)[11 if same else 5 : 19].replace("T", " ")


def _heading(incident: Incident) -> str:
    part = f", part of {incident.parent}" if incident.parent else ""
    return escape(
        f"{incident.kind.value.replace('_', ' ').capitalize()} at {incident.node} ({incident.id}{part})"
    )
