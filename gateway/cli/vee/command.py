"""`feederline vee`: register readings to validated, estimated and edited intervals with their reasons, offline."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from gateway.cli.vee.given import read_edits, read_meters
from gateway.cli.vee.outcome import Outcome
from gateway.cli.vee.parts import partition
from gateway.cli.vee.work import Work
from gateway.cli.when import moment, zone_of
from gateway.config import load_config
from gateway.core.clock import SECOND, SystemClock
from gateway.core.errors import InvalidInputError, UnavailableError
from processors.vee.settings import VeeSettings


def vee(
    file: Annotated[Path, typer.Argument(help="Register readings (CSV).")],
    *,
    devices: Annotated[Path, typer.Option(help="devices.csv")],
    interval: Annotated[
        int | None, typer.Option(help="Length of intervals, s. Default: as the device reports.")
    ] = None,
    edits: Annotated[Path | None, typer.Option(help="Values that people gave (CSV).")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Take vee: and the time zone from it (YAML).")
    ] = None,
    time_zone: Annotated[
        str, typer.Option(help="Where days begin. Default: the configuration's, else UTC.")
    ] = "",
    frm: Annotated[
        str, typer.Option("--from", help="First interval: ISO 8601 with a zone. Default: each device's own.")
    ] = "",
    to: Annotated[str, typer.Option("--to", help="Where the last interval ends.")] = "",
    at: Annotated[str, typer.Option(help="When rows without received_at were received. Default: now.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Make intervals out of register readings; needs no database."""
    faults: list[str] = []
    whole = None if config is None else load_config(config)
    zone = zone_of(time_zone or (whole.targets.time_zone if whole else "UTC"), faults)
    settings = whole.vee if whole else VeeSettings()
    if interval is not None and not 60 <= interval <= 86_400:
        faults.append(f"--interval {interval} is not between 60 and 86400")
    low, high = moment("--from", frm, faults), moment("--to", to, faults)
    if low is not None and high is not None and low >= high:
        faults.append(f"--from {frm} is not before --to {to}")
    received = moment("--at", at, faults)
    inventory = read_meters(devices, settings, zone, faults)
    said = read_edits(edits, inventory, faults) if edits is not None and inventory is not None else []
    if inventory is None:
        raise InvalidInputError(faults)
    work = Work(
        inventory=inventory,
        settings=settings,
        zone=zone,
        interval=None if interval is None else interval * SECOND,
        edits=said,
        frm=low,
        till=high,
    )
    notes = Console(stderr=True, soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="feederline-vee-") as folder:
        try:
            with _progress(notes) as bar:
                task = bar.add_task(file.name, total=file.stat().st_size if file.exists() else None)
                parts = partition(
                    file,
                    inventory,
                    Path(folder),
                    received_at=SystemClock().now() if received is None else received,
                    advance=lambda done: bar.update(task, completed=done),
                )
        except InvalidInputError as exc:
            faults += exc.faults
        if faults:
            raise InvalidInputError(faults)
        outcome = Outcome(inventory, said)
        found = (one for rows in parts for one in work.run(rows))
        try:
            if as_json:
                outcome.write(found, parts.rows, sys.stdout)
                sys.stdout.flush()
            else:
                outcome.show(found, parts.rows)
        except BrokenPipeError:
            raise  # whoever reads has had enough
        except OSError as exc:
            raise UnavailableError(f"cannot write what was found: {exc.strerror}") from exc
    for edit in outcome.unused:
        notes.print(f"{edits}: an edit of {inventory.ids[edit.device]} holds for no interval", markup=False)


def _progress(notes: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"), TimeElapsedColumn(),
        console=notes, transient=True, disable=not notes.is_terminal,
    )  # fmt: skip
