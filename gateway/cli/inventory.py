"""`feederline network import` and `devices import`: another inventory, for the running gateway or onto the disk."""

from __future__ import annotations

import asyncio
import functools
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import typer

from gateway.api.inventory.imports import LARGEST
from gateway.cli.remote import CaFile, Credentials, TokenFile, address_of, ask, credentials
from gateway.compose import check_field, inventory_files, spool_directory
from gateway.config import Config, read_config
from gateway.core.clock import SystemClock
from gateway.core.errors import InvalidInputError, RefusedError, UnavailableError
from gateway.core.inventory import Inventory
from gateway.csvfiles import check_devices, check_network, read_bytes
from gateway.inventoryfiles import InventoryFiles, Table, Tables
from gateway.inventoryimport import compare
from gateway.spool import is_held, known_devices

network = typer.Typer(name="network", help="The places of the network.", no_args_is_help=True)
devices = typer.Typer(name="devices", help="The devices.", no_args_is_help=True)

ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="The configuration file (YAML).")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change and change nothing.")]
AllowRetire = Annotated[
    bool, typer.Option("--allow-retire", help="Though it retires more than inventory.retire_share.")
]
Offline = Annotated[
    bool, typer.Option("--offline", help="Where no gateway answers, replace the files all the same.")
]
Address = Annotated[
    str, typer.Option("--url", help="Where the gateway answers. Default: api.host and api.port.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]

_SHOWN = 20  # lines of each list in words
_PATIENCE_S = 600.0  # for the gateway to look at a million devices, and again to take them up
_LOOK_S = 0.3


@network.command("import")
def import_network(
    file: Annotated[Path, typer.Argument(help="network.csv: node_id,parent_id,kind,name,phases,lat,lon,…")],
    *,
    config: ConfigFile,
    with_devices: Annotated[
        Path | None, typer.Option("--devices", help="A devices.csv to take together with it.")
    ] = None,
    dry_run: DryRun = False,
    allow_retire: AllowRetire = False,
    offline: Offline = False,
    url: Address = "",
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: AsJson = False,
) -> None:
    """Take another network, whole or not at all, and show what that changes."""
    files = {"network": file} | ({"devices": with_devices} if with_devices is not None else {})
    _import(
        "network", files, config, _Asked(dry_run, allow_retire, offline, url, token_file, ca_file), as_json
    )


@devices.command("import")
def import_devices(
    file: Annotated[Path, typer.Argument(help="devices.csv: device_id,node_id,kind,protocol,…")],
    *,
    config: ConfigFile,
    with_network: Annotated[
        Path | None, typer.Option("--network", help="A network.csv to take together with it.")
    ] = None,
    dry_run: DryRun = False,
    allow_retire: AllowRetire = False,
    offline: Offline = False,
    url: Address = "",
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: AsJson = False,
) -> None:
    """Take another list of devices, whole or not at all, and show what that changes."""
    files = {"devices": file} | ({"network": with_network} if with_network is not None else {})
    _import(
        "devices", files, config, _Asked(dry_run, allow_retire, offline, url, token_file, ca_file), as_json
    )


class _Asked(NamedTuple):
    dry_run: bool
    allow_retire: bool
    offline: bool
    url: str
    token_file: Path | None
    ca_file: Path | None

    @property
    def params(self) -> dict[str, str]:
        return {name: "true" for name in ("dry_run", "allow_retire") if getattr(self, name)}


def _import(part: str, files: Mapping[str, Path], config: Path, asked: _Asked, as_json: bool) -> None:
    settings, faults = read_config(config)
    texts = {}
    for name, file in files.items():
        try:
            texts[name] = _text(file)
        except InvalidInputError as exc:
            faults += exc.faults
    if faults or settings is None:
        raise InvalidInputError(faults)
    shown = credentials(asked.token_file, asked.ca_file)
    try:
        base = asked.url.rstrip("/")
        if not base and not settings.api.port and asked.offline:
            raise UnavailableError("api.port 0 lets the gateway pick a port, so none was asked")
        base = base or address_of(settings.api)
        answer = asyncio.run(_ask(base, part, texts, asked.params, shown))
    except InvalidInputError as exc:
        raise InvalidInputError(_named(exc.faults, files, settings)) from exc
    except UnavailableError as exc:
        local = _Local(settings, {name: Table(files[name].name, data) for name, data in texts.items()})
        answer = local.difference(allow_retire=asked.allow_retire or asked.dry_run)
        if not (asked.offline or asked.dry_run):
            raise UnavailableError(f"{exc}; --offline replaces the files without it") from exc
        print(f"feederline: {exc}; compared with the files on disk", file=sys.stderr)  # noqa: T201
        answer |= {"dry_run": asked.dry_run, "kept": [] if asked.dry_run else local.write()}
    else:
        answer |= {"offline": False}
    _show(answer, as_json=as_json)


def _text(file: Path) -> bytes:
    data = read_bytes(file)
    if len(data) > LARGEST:
        raise InvalidInputError([f"{file.name}: is larger than {LARGEST >> 20} MiB"])
    return data


async def _ask(
    base: str, part: str, texts: Mapping[str, bytes], params: dict[str, str], shown: Credentials
) -> dict[str, Any]:
    """The gateway's answer, once it works with what was sent.

    Raises what `ask` raises; UnavailableError only where nothing was sent.
    """
    url = f"{base}/api/{part}/import"
    send = functools.partial(ask, "POST", url, shown=shown, params=params, patience_s=_PATIENCE_S)
    if len(texts) == 1:
        answer = await send(data=texts[part], media="text/csv; charset=utf-8")
    else:
        try:
            both = {name: data.decode("utf-8-sig") for name, data in texts.items()}
        except UnicodeDecodeError as exc:
            raise InvalidInputError([f"byte {exc.start} of a file is not UTF-8"]) from exc
        answer = await send(data=json.dumps(both).encode(), media="application/json")
    if answer["reload"]:
        await _taken_up(base, answer["revision"], shown)
    return answer


async def _taken_up(base: str, revision: str, shown: Credentials) -> None:
    """Return when the gateway works with it. Raises RefusedError where it does not in time."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                try:
                    now = await ask("GET", f"{base}/api/inventory", shown=shown)
                except UnavailableError:
                    now = {"reloading": True}
                if not now["reloading"] and now["revision"] == revision:
                    return
                if not now["reloading"] and now["trouble"]:
                    raise RefusedError(f"the files are replaced, but {now['trouble']}")
                await asyncio.sleep(_LOOK_S)
    except TimeoutError as exc:
        raise RefusedError(
            f"the files are replaced, but the gateway has not taken them up within {_PATIENCE_S:.0f} s"
        ) from exc


def _named(faults: Sequence[str], files: Mapping[str, Path], settings: Config) -> list[str]:
    """The gateway's faults under the names of the files that were given to us."""
    configured = {"network": settings.inventory.network.name, "devices": settings.inventory.devices.name}
    found = []
    for fault in faults:
        for part, file in files.items():
            rest = fault.removeprefix(configured[part])
            if rest != fault and rest.startswith((" line ", ":")):
                fault = f"{file.name}{rest}"
                break
        found.append(fault)
    return found


class _Local:
    """The same without a gateway."""

    def __init__(self, settings: Config, given: Mapping[str, Table]) -> None:
        self._settings = settings
        self._given = given
        self._files: InventoryFiles = inventory_files(settings)
        self._clock = SystemClock()

    def difference(self, *, allow_retire: bool) -> dict[str, Any]:
        """As the gateway would answer. Raises InvalidInputError with every fault, consent among them."""
        unread: list[str] = []
        standing = self._files.read(unread)
        tables = Tables(**(standing._asdict() | dict(self._given)))
        faults = [] if all(tables) else unread
        known = known_devices(spool_directory(self._settings))
        field = check_field(self._settings, tables, clock=self._clock, known=known)
        faults += field.faults
        if faults or field.inventory is None:
            raise InvalidInputError(faults)
        found = compare(self._before(standing), field.inventory)
        refused = found.needs_consent(self._settings.inventory.retire_share)
        if refused and not allow_retire:
            raise InvalidInputError(refused)
        told = msgspec.to_builtins(found)
        for name, counts in found.counts.items():
            del told[name]["kept"]
            told[name]["counts"] = counts
        return {"revision": tables.revision, "reload": False, "refused": refused, "offline": True, **told}

    def write(self) -> list[str]:
        """Replace the files; returns what the former ones are called."""
        if is_held(spool_directory(self._settings)):
            raise RefusedError(
                f"a gateway works with {self._settings.gateway.data_dir} and does not answer; it is the one to ask: "
                "say where it answers with --url, or stop it first"
            )
        texts = {part: table.data for part, table in self._given.items()}
        return [path.name for path in self._files.replace(texts, at=self._clock.now())]

    @staticmethod
    def _before(standing: Tables) -> Inventory | None:
        """What can be made of the files on disk, faulty as they may be."""
        if standing.network is None or standing.devices is None:
            return None
        places, _ = check_network(standing.network.data, standing.network.name)
        if places is None:
            return None
        return check_devices(standing.devices.data, standing.devices.name, places)[0]


def _show(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(answer))  # noqa: T201
        return
    for part in ("nodes", "devices"):
        changes = answer[part]
        lines = [f"  + {name}" for name in changes["added"][:_SHOWN]]
        lines += _more(changes["added"], "added")
        lines += [f"  ~ {change['id']}: {_words(change)}" for change in changes["changed"][:_SHOWN]]
        lines += _more(changes["changed"], "changed")
        lines += [f"  - {name}" for name in changes["retired"][:_SHOWN]]
        lines += _more(changes["retired"], "retired")
        counted = ", ".join(f"{count} {kind}" for kind, count in changes["counts"].items())
        print("\n".join([f"{part}: {counted}", *lines]))  # noqa: T201
    for refusal in answer["refused"]:
        print(f"it would be refused: {refusal}")  # noqa: T201
    if answer["dry_run"]:
        print("nothing done")  # noqa: T201
        return
    if answer["kept"]:
        print(f"the former files are kept as {', '.join(answer['kept'])}")  # noqa: T201
    if answer["reload"]:
        print("the gateway works with it")  # noqa: T201
    elif answer["offline"] and answer["kept"]:
        print("the files are replaced; a gateway takes them up when it starts")  # noqa: T201
    else:
        print("the gateway worked with it already" if not answer["offline"] else "nothing to replace")  # noqa: T201


def _more(rows: Sequence[object], what: str) -> list[str]:
    return [f"  and {len(rows) - _SHOWN} more {what}"] if len(rows) > _SHOWN else []


def _words(change: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{column} {_value(value)} -> {_value(change['after'][column])}"
        for column, value in change["before"].items()
    )


def _value(value: object) -> str:
    return "(empty)" if value in ("", None) else str(value)
