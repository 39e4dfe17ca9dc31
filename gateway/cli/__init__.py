"""The `feederline` command. Exit codes: 0 done, 1 the work failed, 2 the input or usage is wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from gateway.core.errors import FeederlineError, InvalidInputError

_COMMANDS = {
    "demo": "demo",
    "run": "run",
    "check": "check",
    "decode": "decode",
    "payload": "payload",
    "indices": "indices",
    "replay": "replay",
    "vee": "vee.command",
    "report": "report",
    "correct": "correct",
    "drill": "drill",
    "bench": "bench",
    "planned": "planned",
    "interval": "interval",
    "network": "inventory",
    "devices": "inventory",
    "token": "token",
    "dashboards": "dashboards",
    "deliveries": "sending",
    "targets": "sending",
}
"""The module of each, in the order in which they are listed."""
_PASSING_ON: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True}


class _Commands(Mapping[str, Any]):  # typer carries a click of its own
    """Each is imported when it is asked for: nobody waits for what another command needs."""

    def __getitem__(self, name: str) -> Any:
        found = getattr(import_module(f"gateway.cli.{_COMMANDS[name]}"), name)
        if isinstance(found, typer.Typer):
            return get_group(found)
        alone = typer.Typer(add_completion=False)
        alone.command(context_settings=_PASSING_ON if name == "bench" else None)(found)
        return get_command(alone)

    def __iter__(self) -> Iterator[str]:
        return iter(_COMMANDS)

    def __len__(self) -> int:
        return len(_COMMANDS)


class _Feederline(TyperGroup):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = _Commands()  # type: ignore[assignment]


app = typer.Typer(
    name="feederline",
    cls=_Feederline,
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
