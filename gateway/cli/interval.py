"""`feederline interval`: the whole story of one interval's energy, and a person's word about it."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from gateway.cli.intervalshown import show_edit, show_story
from gateway.cli.remote import Address, CaFile, Gateway, TokenFile, ask, base_of, credentials
from gateway.core.clock import parse_time
from gateway.core.errors import InvalidInputError

_SHOW = "show"
_PATH = "/api/meter-data"


class _ShowsByDefault(TyperGroup):
    """`feederline interval DEVICE START` is `feederline interval show DEVICE START`. (A device that has the name of a
    command needs the long form.)"""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # typer carries a click of its own
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [_SHOW, *args]
        return super().parse_args(ctx, args)


interval = typer.Typer(
    name="interval",
    cls=_ShowsByDefault,
    help="One interval of energy: what was read, which rules touched it, and who. DEVICE START shows it.",
    no_args_is_help=True,
)

Quantity = Annotated[
    Literal["energy_import", "energy_export", "reactive_energy_import", "reactive_energy_export"],
    typer.Option("--quantity", help="The register that is meant."),
]
Device = Annotated[str, typer.Argument(help="Id of the meter.")]
Start = Annotated[str, typer.Argument(help="When the interval begins: an ISO 8601 time with a zone.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]


@interval.command(_SHOW)
def show(
    device: Device,
    start: Start,
    *,
    quantity: Quantity = "energy_import",
    config: Gateway = None,
    url: Address = "",
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: AsJson = False,
) -> None:
    """Show everything on record of one interval: readings, versions, rules, edits."""
    _checked(device, START=start)
    story = asyncio.run(
        ask(
            "GET",
            f"{base_of(config, url)}{_PATH}/intervals/history",
            shown=credentials(token_file, ca_file),
            params={"device": device, "quantity": quantity, "start": start},
        )
    )
    if as_json:
        print(json.dumps(story))  # noqa: T201
    else:
        show_story(story)


@interval.command("edit")
def edit(
    device: Device,
    start: Start,
    *,
    reason: Annotated[str, typer.Option(help="Why; stays on record.")],
    value: Annotated[
        float | None, typer.Option(min=0, help="Energy of the whole stretch, in kWh (kvarh).")
    ] = None,
    take_back: Annotated[
        bool, typer.Option("--take-back", help="Take back what was said before: what the readings say holds.")
    ] = False,
    end: Annotated[str, typer.Option(help="When the stretch ends. Default: with the interval.")] = "",
    by: Annotated[str, typer.Option(help="Who says so; stays on record. Default: the token's name.")] = "",
    quantity: Quantity = "energy_import",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change and change nothing.")
    ] = False,
    config: Gateway = None,
    url: Address = "",
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: AsJson = False,
) -> None:
    """Put a person's value over an interval or a stretch of them, for good and on record."""
    faults = [] if (value is None) == take_back else ["say either --value or --take-back"]
    _checked(device, *faults, START=start, **({"--end": end} if end else {}))
    base, shown = base_of(config, url), credentials(token_file, ca_file)
    said: dict[str, object] = {
        "device": device,
        "quantity": quantity,
        "start": start,
        "value": value,
        "reason": reason,
    }
    if by:
        said["by"] = by

    async def send() -> dict[str, Any]:
        said["end"] = end or (await _story())["end"]
        return await ask(
            "POST",
            f"{base}{_PATH}/edits",
            shown=shown,
            params={"dry_run": "true"} if dry_run else {},
            data=json.dumps(said).encode(),
            media="application/json",
        )

    async def _story() -> dict[str, Any]:
        meant = {"device": device, "quantity": quantity, "start": start}
        return await ask("GET", f"{base}{_PATH}/intervals/history", shown=shown, params=meant)

    made = asyncio.run(send())
    if as_json:
        print(json.dumps(made))  # noqa: T201
    else:
        show_edit(made)


def _checked(device: str, *faults: str, **times: str) -> None:
    """Raises InvalidInputError with everything that needs no gateway to be known as wrong."""
    found = [*faults]
    try:
        device.encode()
    except UnicodeEncodeError:
        found.append(f"DEVICE: {device!r} is not text")
    if not device:
        found.append("DEVICE: is empty")
    for name, text in times.items():
        try:
            parse_time(text)
        except (ValueError, OverflowError) as exc:
            found.append(f"{name}: {exc}")
    if found:
        raise InvalidInputError(found)
