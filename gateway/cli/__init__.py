"""The `feederline` command. Exit codes: 0 done, 1 the work failed, 2 the input or usage is wrong."""

from __future__ import annotations

import sys
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated

import typer

from gateway.cli.bench import bench
from gateway.cli.check import check
from gateway.cli.correct import correct
from gateway.cli.dashboards import dashboards
from gateway.cli.decode import decode
from gateway.cli.demo import demo
from gateway.cli.drill import drill
from gateway.cli.indices import indices
from gateway.cli.interval import interval
from gateway.cli.inventory import devices, network
from gateway.cli.payload import payload
from gateway.cli.planned import planned
from gateway.cli.replay import replay
from gateway.cli.report import report
from gateway.cli.run import run
from gateway.cli.sending import deliveries, targets
from gateway.cli.token import token
from gateway.cli.vee.command import vee
from gateway.core.errors import FeederlineError, InvalidInputError

app = typer.Typer(
    name="feederline",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"feederline {version('feederline')}")
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Gateway between an electricity distributor's field devices and its operations centre."""


for command in (demo, run, check, decode, payload, indices, replay, vee, report, correct, drill):
    app.command()(command)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(bench)
app.add_typer(planned)
app.add_typer(interval)
app.add_typer(network)
app.add_typer(devices)
app.add_typer(token)
app.add_typer(dashboards)
app.add_typer(deliveries)
app.add_typer(targets)


def main() -> None:
    """Entry point: errors become one line each on standard error, and the exit code that the contract names."""
    if isinstance(sys.stdout, TextIOWrapper):  # a terminal without β still gets its table
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()  # usage errors end here with exit code 2
    except InvalidInputError as exc:
        for fault in exc.faults:
            print(f"feederline: {fault}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except FeederlineError as exc:
        print(f"feederline: {exc}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
