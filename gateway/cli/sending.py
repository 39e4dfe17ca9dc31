"""`feederline deliveries` and `feederline targets`: what is sent to service systems, through the running gateway."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Annotated, Any, Literal
from urllib.parse import quote

import typer

from gateway.cli.remote import Address, CaFile, Credentials, Gateway, TokenFile, ask, base_of, credentials
from gateway.core.errors import InvalidInputError

deliveries = typer.Typer(name="deliveries", help="Messages to service systems.", no_args_is_help=True)
targets = typer.Typer(name="targets", help="Service systems that are sent to.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]


@deliveries.command("list")
def list_deliveries(
    *,
    config: Gateway = None,
    state: Annotated[
        Literal["any", "pending", "delivered", "dead"], typer.Option(help="Only those that are this.")
    ] = "any",
    target: Annotated[str, typer.Option(help="Only those for this target.")] = "",
    ticket: Annotated[str, typer.Option(help="Only those about this ticket (its number or id).")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
    url: Address = "",
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: AsJson = False,
) -> None:
    """List messages, newest first."""
    wanted = {"state": "" if state == "any" else state, "target": target, "ticket": ticket}
    asked = {name: text for name, text in wanted.items() if text}
    found = asyncio.run(_all(base_of(config, url), asked, limit, credentials(token_file, ca_file)))
    if as_json:
        print(json.dumps({"deliveries": found}))  # noqa: T201
        return
    for one in found:
        print(_delivery(one))  # noqa: T201
    if not found:
        print("no such messages" if asked else "no messages", file=sys.stderr)  # noqa: T201


@deliveries.command("replay")
def replay_deliveries(
    delivery: Annotated[str, typer.Argument(help="Id of one dead letter.")] = "",
    *,
    config: Gateway = None,
    target: Annotated[str, typer.Option(help="All dead letters for this target.")] = "",
    ticket: Annotated[str, typer.Option(help="All dead letters about this ticket (its number or id).")] = "",
    url: Address = "",
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: AsJson = False,
) -> None:
    """Send dead letters once more: one, or all of a target, of a ticket, or of both."""
    named = {name: text for name, text in {"target": target, "ticket": ticket}.items() if text}
    if bool(delivery) == bool(named):
        raise InvalidInputError(["name either the id of a delivery, or --target, --ticket or both"])
    shown = credentials(token_file, ca_file)
    base = f"{base_of(config, url)}/api/deliveries"
    if delivery:
        asyncio.run(ask("POST", f"{base}/{_quoted(delivery)}/replay", shown=shown))
        count = 1
    else:
        body = json.dumps(named).encode()
        answer = asyncio.run(ask("POST", f"{base}/replay", shown=shown, data=body, media="application/json"))
        count = answer["replayed"]
    print(json.dumps({"replayed": count}) if as_json else f"{count} sent once more")  # noqa: T201


@targets.command("list")
def list_targets(
    *,
    config: Gateway = None,
    url: Address = "",
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: AsJson = False,
) -> None:
    """List targets with what waits for each."""
    answer = asyncio.run(
        ask("GET", f"{base_of(config, url)}/api/targets", shown=credentials(token_file, ca_file))
    )
    if as_json:
        print(json.dumps(answer))  # noqa: T201
        return
    for one in answer["targets"]:
        print(_target(one))  # noqa: T201
    if not answer["targets"]:
        print("no targets", file=sys.stderr)  # noqa: T201


@targets.command("enable")
def enable_target(
    name: Annotated[str, typer.Argument(help="The target that wanted no more.")],
    *,
    config: Gateway = None,
    dead_too: Annotated[
        bool, typer.Option("--dead-too/--new-only", help="Send what could not be sent meanwhile, first.")
    ] = True,
    url: Address = "",
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: AsJson = False,
) -> None:
    """Send to a disabled target again."""
    path = f"{base_of(config, url)}/api/targets/{_quoted(name)}/enable"
    answer = asyncio.run(
        ask(
            "POST",
            path,
            shown=credentials(token_file, ca_file),
            data=json.dumps({"dead_too": dead_too}).encode(),
            media="application/json",
        )
    )
    if as_json:
        print(json.dumps(answer))  # noqa: T201
        return
    print(f"{_target(answer['target'])}; {answer['replayed']} sent once more")  # noqa: T201


def _quoted(name: str) -> str:
    try:
        return quote(name, safe="")
    except UnicodeEncodeError as exc:
        raise InvalidInputError([f"{name!r} is not text"]) from exc


async def _all(base: str, asked: dict[str, str], most: int, shown: Credentials) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < most:
        limit = {"limit": str(min(500, most - len(found)))}
        answer = await ask("GET", f"{base}/api/deliveries", shown=shown, params=asked | limit)
        found += answer["deliveries"]
        if answer["next"] is None:
            break
        asked = asked | {"before": answer["next"]}
    return found


def _delivery(one: dict[str, Any]) -> str:
    about = f"ticket {one['ticket_number']} ({one['ticket']})" if one["ticket_number"] else one["subject"]
    error = f", {one['last_error']}" if one["last_error"] else ""
    tries = f"{one['attempts']} {'try' if one['attempts'] == 1 else 'tries'}"
    made = f"{about} revision {one['revision']} for {one['target']}, {one['created_at']}"
    return f"{one['state']:<10}{one['id']}  {made}, {tries}{error}"


def _target(one: dict[str, Any]) -> str:
    why = f": {one['reason']}" if one["reason"] else ""
    known = "" if one["configured"] else ", not in the configuration"
    counts = f"{one['pending']} pending, {one['late']} late, {one['dead']} dead"
    state = one["state"].replace("_", " ")
    return f"{state:<14}{one['name']}  {counts}{known}{why}"
