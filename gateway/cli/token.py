"""`feederline token`: give access and take it back, straight in the database, so that the first token can be made."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer

from gateway.api.access import tokens
from gateway.cli.remote import who
from gateway.config import load_config
from gateway.core.access import ROLES, AuditEntry
from gateway.core.clock import DAY, SystemClock, format_time
from gateway.core.errors import InvalidInputError, NotFoundError
from gateway.csvfiles import load_network
from gateway.store import Store
from gateway.store.access import Access, Token
from gateway.store.settings import DatabaseSettings

T = TypeVar("T")

token = typer.Typer(name="token", help="Who may ask what of the gateway.", no_args_is_help=True)

ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="The configuration file (YAML).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
By = Annotated[str, typer.Option("--by", help="Who does it; stays on record. Default: the user.")]

_LONGEST_NAME = 100
_MOST_NODES = 100
_MOST_DAYS = 400


@token.command()
def create(
    *,
    config: ConfigFile,
    name: Annotated[str, typer.Option(help="Who or what it is for; stands in every record of what it does.")],
    role: Annotated[Literal["viewer", "operator", "engineer", "admin"], typer.Option(help="What it may do.")],
    below: Annotated[
        list[str] | None, typer.Option(help="Only what lies at or below this node. May be repeated.")
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(help=f"How long it is good, at most {_MOST_DAYS}. Default: access.token_days."),
    ] = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Make a token and print it; it is shown this once."""
    settings = load_config(config)
    nodes = list(dict.fromkeys(below or ()))
    lasts = settings.access.token_days if days is None else days
    faults = _faults(name, by, lasts, len(nodes))
    if nodes:
        known = load_network(settings.inventory.network)
        faults += [f"--below {node!r} is not a node of the network" for node in nodes if node not in known]
    if faults:
        raise InvalidInputError(faults)
    minted, at = tokens.mint(), SystemClock().now()
    made = Token(
        id=minted.id,
        name=name.strip(),
        role=ROLES[role],
        below=tuple(nodes),
        created_at=at,
        created_by=by or who(),
        expires_at=at + lasts * DAY,
    )
    entry = _entry(
        "token.create", made.id, made.created_by, at, {"name": made.name, "role": role, "below": nodes}
    )
    asyncio.run(_in(settings.database, lambda access: access.create(made, minted.hash, entry)))
    if as_json:
        print(json.dumps({"token": minted.text, **_told(made)}))  # noqa: T201
        return
    typer.echo(f"{_line(made, at)}; shown this once, keep it where others cannot read it:", err=True)
    print(minted.text)  # noqa: T201


@token.command("list")
def list_(*, config: ConfigFile, as_json: AsJson = False) -> None:
    """List all tokens that ever were, newest first; of the secrets there is nothing to show."""
    found = asyncio.run(_in(load_config(config).database, lambda access: access.tokens()))
    if as_json:
        print(json.dumps({"tokens": [_told(one) for one in found]}))  # noqa: T201
        return
    at = SystemClock().now()
    for one in found:
        print(_line(one, at))  # noqa: T201


@token.command()
def revoke(
    token_id: Annotated[str, typer.Argument(help="Its id: the part after fdl_.")],
    *,
    config: ConfigFile,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Take a token back: it and whoever is signed in with it are refused within seconds."""
    at, doer = SystemClock().now(), by or who()
    token_id = token_id.removeprefix("fdl_").partition("_")[0]
    if faults := _faults("-", by, 1, 0):
        raise InvalidInputError(faults)
    entry = _entry("token.revoke", token_id, doer, at, {})
    try:
        gone = asyncio.run(_in(load_config(config).database, lambda access: access.revoke(token_id, entry)))
    except NotFoundError as exc:
        raise InvalidInputError([str(exc)]) from exc
    if as_json:
        print(json.dumps(_told(gone)))  # noqa: T201
        return
    before = "" if gone.revoked_at == at else "was revoked before: "
    print(before + _line(gone, at))  # noqa: T201


async def _in(settings: DatabaseSettings, do: Callable[[Access], Awaitable[T]]) -> T:
    """Raises what opening and migrating a store raises."""
    async with Store.open(settings) as store:
        await store.migrate()
        return await do(store.access)


def _faults(name: str, by: str, days: int, nodes: int) -> list[str]:
    found = []
    for option, text in (("--name", name), ("--by", by or "-")):
        if not text.strip() or len(text) > _LONGEST_NAME or not text.isprintable():
            found.append(
                f"{option} {text[:40]!r} is not a name of at most {_LONGEST_NAME} printable characters"
            )
    if not 1 <= days <= _MOST_DAYS:
        found.append(f"--days {days}: a token is good for 1 to {_MOST_DAYS} days")
    if nodes > _MOST_NODES:
        found.append(f"--below: more than {_MOST_NODES} nodes; name a node above them")
    return found


def _entry(action: str, token_id: str, by: str, at: int, detail: dict[str, Any]) -> AuditEntry:
    return AuditEntry(
        at=at, actor=by, origin="command", action=action, object=token_id, outcome="done", detail=detail
    )


def _told(one: Token) -> dict[str, Any]:
    def time(at: int | None) -> str | None:
        return None if at is None else format_time(at)

    return {
        "id": one.id,
        "name": one.name,
        "role": one.role.word,
        "below": list(one.below),
        "created_at": time(one.created_at),
        "created_by": one.created_by,
        "expires_at": time(one.expires_at),
        "revoked_at": time(one.revoked_at),
        "revoked_by": one.revoked_by,
        "last_used_at": time(one.last_used_at),
    }


def _line(one: Token, at: int) -> str:
    if one.revoked_at is not None:
        state = f"revoked {format_time(one.revoked_at)} by {one.revoked_by}"
    elif one.expires_at <= at:
        state = f"expired {format_time(one.expires_at)}"
    else:
        state = f"good until {format_time(one.expires_at)}"
    used = f", last used {format_time(one.last_used_at)}" if one.last_used_at is not None else ""
    part = f" below {', '.join(one.below)}" if one.below else ""
    return f"{one.id}  {one.role.word}{part}  {one.name}: {state}{used}"
