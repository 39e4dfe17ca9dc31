"""`feederline planned`: announce outages from a file, list them, withdraw them, through the running gateway."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.api.parameters import PlannedFilter
from gateway.cli.remote import (
    Address,
    CaFile,
    Credentials,
    Gateway,
    TokenFile,
    address_of,
    ask,
    base_of,
    credentials,
)
from gateway.config import Config, read_config
from gateway.core.errors import InvalidInputError
from gateway.csvfiles import read_bytes, read_network
from gateway.plannedcsv import check_csv

planned = typer.Typer(name="planned", help="Outages that are announced.", no_args_is_help=True)

ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="The configuration file (YAML).")]
By = Annotated[str, typer.Option("--by", help="Who announces or withdraws. Default: the token's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]

_PATH = "/api/planned-outages"
_COUNTS = ("new", "changed", "same", "withdrawn")


@planned.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="planned.csv: reference,node,from,to[,reason][,by][,withdrawn]")
    ],
    *,
    config: ConfigFile,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change and change nothing.")
    ] = False,
    by: By = "",
    url: Address = "",
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: AsJson = False,
) -> None:
    """Announce the outages of a file, all or none, and show what that changes."""
    settings, data = _checked(file, config)
    try:
        answer = asyncio.run(
            ask(
                "POST",
                (url.rstrip("/") or address_of(settings.api)) + _PATH,
                shown=credentials(token_file, ca_file),
                params=({"dry_run": "true"} if dry_run else {}) | _named(by),
                data=data,
                media="text/csv; charset=utf-8",
            )
        )
    except InvalidInputError as exc:  # its network is not the one of this configuration
        raise InvalidInputError(
            f"the running gateway: {file.name}{fault.removeprefix('body')}"
            if fault.startswith("body")
            else fault
            for fault in exc.faults
        ) from exc
    _show(answer, as_json=as_json)


@planned.command("list")
def list_(
    *,
    config: Gateway = None,
    state: Annotated[PlannedFilter, typer.Option(help="Only those that are this now.")] = "any",
    url: Address = "",
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: AsJson = False,
) -> None:
    """List announced outages, latest start first."""
    base = base_of(config, url)
    found = asyncio.run(_all(base + _PATH, state, credentials(token_file, ca_file)))
    if as_json:
        print(json.dumps({"planned_outages": found}))  # noqa: T201
        return
    for window in found:
        print(f"{window['state']:<10}{_line(window)}, revision {window['revision']}")  # noqa: T201


@planned.command()
def withdraw(
    reference: Annotated[str, typer.Argument(help="The reference that was announced.")],
    *,
    config: Gateway = None,
    node: Annotated[
        str, typer.Option(help="Only the window at this node. Default: all of the reference.")
    ] = "",
    by: By = "",
    url: Address = "",
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: AsJson = False,
) -> None:
    """Withdraw what was announced under a reference."""
    try:
        path = f"{_PATH}/{quote(reference, safe='')}"
    except UnicodeEncodeError as exc:
        raise InvalidInputError([f"reference {reference!r} is not text"]) from exc
    if not reference:
        raise InvalidInputError(["the reference is empty"])
    base = base_of(config, url)
    answer = asyncio.run(
        ask(
            "DELETE",
            base + path,
            shown=credentials(token_file, ca_file),
            params=({"node": node} if node else {}) | _named(by),
        )
    )
    _show(answer, as_json=as_json)


def _checked(file: Path, config: Path) -> tuple[Config, bytes]:
    """The configuration and the file's bytes. Raises InvalidInputError with every fault of both and of the network."""
    settings, faults = read_config(config)
    data = b""
    try:
        data = read_bytes(file)
        if settings is not None:
            if len(data) > (most := settings.access.limits.body_mb) * (1 << 20):
                faults.append(f"{file.name}: is larger than {most:g} MiB; announce it in parts")
            network, wrong = read_network(settings.inventory.network)
            faults += wrong
            if network is not None:
                faults += check_csv(data, file.name, network)[1]
    except InvalidInputError as exc:
        faults += exc.faults
    if faults or settings is None:
        raise InvalidInputError(faults)
    return settings, data


def _named(by: str) -> dict[str, str]:
    """Raises InvalidInputError for what is no name."""
    if not by:
        return {}
    if not by.strip() or not by.isprintable() or len(by) > 200:
        raise InvalidInputError([f"--by {by[:40]!r} is not a name of at most 200 printable characters"])
    return {"by": by}


async def _all(url: str, state: str, shown: Credentials) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    params = {"state": state, "limit": "500"}
    while True:
        answer = await ask("GET", url, shown=shown, params=params)
        found += answer["planned_outages"]
        if answer["next"] is None:
            return found
        params["before"] = answer["next"]


def _show(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(answer))  # noqa: T201
        return
    for change in answer["changes"]:
        before = change["before"] if change["change"] == "changed" else None
        instead = f", instead of: {_line(before)}" if before else ""
        print(f"{change['change']:<10}{_line(change['window'])}{instead}")  # noqa: T201
    counted = ", ".join(f"{answer[kind]} {kind}" for kind in _COUNTS)
    print(f"nothing done, it would be: {counted}" if answer["dry_run"] else counted)  # noqa: T201


def _line(window: dict[str, Any]) -> str:
    name = window.get("node_name")
    node = f"{window['node']} ({name})" if name and name != window["node"] else window["node"]
    reason = f", {window['reason']}" if window["reason"] else ""
    return f"{window['reference']} at {node}, {window['from']} to {window['to']}{reason}, by {window['by']}"
