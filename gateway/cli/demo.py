"""`feederline demo`: from meters on the wire to a delivered and closed outage ticket, with nothing to set up."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from gateway.core.errors import InvalidInputError


def demo(
    meters: Annotated[
        int, typer.Option(help="How many metering points the district has (20 to 20000).")
    ] = 200,
    duration: Annotated[
        float | None, typer.Option(help="End by itself after so many seconds (at least 30); else at Ctrl-C.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same district.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Show the whole product: a fuse outage and its ticket, beside a communications loss that is none."""
    from gateway.demo.run import run_demo

    faults = []
    if not 20 <= meters <= 20_000:
        faults.append(f"--meters {meters} is not between 20 and 20000")
    if duration is not None and not 30 <= duration <= 86_400:
        faults.append(f"--duration {duration:g} is not between 30 and 86400 seconds")
    if faults:
        raise InvalidInputError(faults)
    with tempfile.TemporaryDirectory(prefix="feederline-demo-", ignore_cleanup_errors=True) as folder:
        try:
            tally = asyncio.run(run_demo(Path(folder), meters=meters, duration_s=duration, seed=seed))
        except asyncio.CancelledError:  # SIGTERM; everything has been ended by now
            raise typer.Exit(128 + signal.SIGTERM) from None
        except KeyboardInterrupt:
            print("feederline: stopped before the story was told; nothing is left behind", file=sys.stderr)  # noqa: T201
            raise typer.Exit(128 + signal.SIGINT) from None
    print(json.dumps(tally.figures()) if as_json else tally.summary())  # noqa: T201
    faults = tally.faults()
    for fault in faults:
        print(f"feederline: {fault}", file=sys.stderr)  # noqa: T201
    if faults:
        raise typer.Exit(1)
