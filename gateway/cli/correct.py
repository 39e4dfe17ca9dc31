"""`feederline correct`: an operator's word over the detector's, straight into the database."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.remote import who
from gateway.cli.when import moment
from gateway.config import read_config
from gateway.core.access import AuditEntry
from gateway.core.clock import SystemClock, format_time
from gateway.core.errors import InvalidInputError
from gateway.store import DatabaseSettings, Store
from gateway.store.corrections import Correction, CorrectionView, InterruptionState


def correct(
    incident: Annotated[str, typer.Argument(help="The incident whose interruptions are meant.")],
    *,
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file (YAML).")],
    reason: Annotated[str, typer.Option(help="Why; stays on record.")],
    by: Annotated[str, typer.Option(help="Who corrects; stays on record. Default: the user.")] = "",
    device: Annotated[str, typer.Option(help="Only this device's interruptions.")] = "",
    step: Annotated[
        int | None, typer.Option(min=0, help="Only this one of the device's interruptions.")
    ] = None,
    start: Annotated[str, typer.Option(help="When supply was lost: an ISO 8601 time with a zone.")] = "",
    end: Annotated[str, typer.Option(help="When supply was back.")] = "",
    void: Annotated[bool | None, typer.Option("--void/--no-void", help="It was no interruption.")] = None,
    kind: Annotated[str, typer.Option(help="fault or planned.")] = "",
    cause: Annotated[str | None, typer.Option(help="What caused it, in words.")] = None,
    as_detected: Annotated[
        bool, typer.Option("--as-detected", help="Take back what was corrected before.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change and change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Correct the interruptions of an incident, for good and on record; accounts follow at once."""
    faults: list[str] = []
    started_at, ended_at = moment("--start", start, faults), moment("--end", end, faults)
    correction = Correction(
        incident=incident,
        device=device or None,
        step=step,
        started_at=started_at,
        ended_at=ended_at,
        voided=void,
        kind=kind or None,
        cause=cause,
        as_detected=as_detected,
        by=by or who(),
        reason=reason,
    )
    faults = faults or correction.faults(SystemClock().now())
    settings, wrong = read_config(config)
    if faults or wrong or settings is None:
        raise InvalidInputError(faults + wrong)
    made = asyncio.run(_make(settings.database, correction, dry_run=dry_run))
    if as_json:
        print(json.dumps(_as_json(made, dry_run=dry_run)))  # noqa: T201
    else:
        _show(made, dry_run=dry_run)


async def _make(database: DatabaseSettings, correction: Correction, *, dry_run: bool) -> CorrectionView:
    at = SystemClock().now()
    entry = AuditEntry(
        at=at,
        actor=who(),
        origin="command",
        action="interruption.correct",
        object=correction.incident,
        outcome="done",
        detail={"by": correction.by, "reason": correction.reason},
    )
    async with Store.open(database) as store:
        return await store.corrections.make(correction, at=at, dry_run=dry_run, audit=entry)


def _as_json(made: CorrectionView, *, dry_run: bool) -> dict[str, object]:
    def state(of: InterruptionState) -> dict[str, object]:
        return {
            "started_at": format_time(of.started_at),
            "ended_at": None if of.ended_at is None else format_time(of.ended_at),
            "kind": of.kind,
            "voided": of.voided,
        }

    return {
        "dry_run": dry_run,
        "number": made.number,
        "incident": made.correction.incident,
        "by": made.correction.by,
        "reason": made.correction.reason,
        "changed": made.changed,
        "effects": [
            {"device": e.device, "step": e.step, "before": state(e.before), "after": state(e.after)}
            for e in made.effects
        ],
    }


def _show(made: CorrectionView, *, dry_run: bool) -> None:
    done = "would change" if dry_run else f"correction {made.number} changed"
    plural = "" if made.changed == 1 else "s"
    typer.echo(f"{done} {made.changed} interruption{plural} of {made.correction.incident}")
    for effect in made.effects:
        typer.echo(f"  {effect.device}.{effect.step}: {_words(effect.before)} -> {_words(effect.after)}")
    if made.changed > len(made.effects):
        typer.echo(f"  and {made.changed - len(made.effects)} more")


def _words(state: InterruptionState) -> str:
    end = "going on" if state.ended_at is None else format_time(state.ended_at)
    return f"{format_time(state.started_at)} to {end}, {state.kind}{', void' if state.voided else ''}"
