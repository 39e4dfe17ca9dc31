"""`feederline dashboards deploy`: dashboards, datasource and alert rules into a Grafana, through its HTTP API."""

from __future__ import annotations

import json
import os
import ssl
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from dashboards.deploy.steps import Outcome
from dashboards.deploy.wanted import Database, Language, Login, SslMode, Timescale, Wanted
from gateway.core.errors import InvalidInputError
from gateway.core.settings import Secret

TOKEN_VARIABLE = "FEEDERLINE_GRAFANA_TOKEN"  # noqa: S105 - the name of a variable
PASSWORD_VARIABLE = "FEEDERLINE_GRAFANA_PASSWORD"  # noqa: S105 - the name of a variable

dashboards = typer.Typer(
    name="dashboards", help="Grafana's dashboards and alert rules.", no_args_is_help=True
)

LANGUAGES: dict[str, tuple[Language, ...]] = {"en": ("en",), "zh": ("zh",), "both": ("en", "zh")}


@dashboards.callback()
def _group() -> None:
    """Grafana's dashboards and alert rules."""


@dashboards.command("deploy")
def deploy_dashboards(
    *,
    url: Annotated[str, typer.Option(help="Where Grafana answers, such as https://host/grafana/.")],
    token_file: Annotated[
        Path | None,
        typer.Option(
            help=f"File with a service account's token. Default: the environment's {TOKEN_VARIABLE}."
        ),
    ] = None,
    user: Annotated[
        str,
        typer.Option(help=f"Instead of a token: a user, whose password is in {PASSWORD_VARIABLE} or a file."),
    ] = "",
    password_file: Annotated[Path | None, typer.Option(help="File with that user's password.")] = None,
    language: Annotated[
        Literal["en", "zh", "both"], typer.Option(help="Dashboards in English, in Chinese, or both.")
    ] = "both",
    folder: Annotated[str, typer.Option(help="Title of the folder. Default: Feederline.")] = "",
    database: Annotated[
        str,
        typer.Option(
            help="HOST:PORT/NAME of the database, as Grafana reaches it. Default: the datasource stays."
        ),
    ] = "",
    database_user: Annotated[str, typer.Option(help="Its login: a member of feederline_grafana.")] = "",
    database_password_file: Annotated[
        Path | None, typer.Option(help="File with that login's password.")
    ] = None,
    database_ca_file: Annotated[
        Path | None,
        typer.Option(help="Certificates that Grafana checks the database's with. Default: its own."),
    ] = None,
    sslmode: Annotated[SslMode, typer.Option(help="How Grafana speaks to the database.")] = "verify-full",
    timescale: Annotated[
        Timescale, typer.Option(help="The datasource's TimescaleDB switch; auto asks the database.")
    ] = "auto",
    alerts_to: Annotated[str, typer.Option(help="Address of a webhook that alerts are sent to.")] = "",
    alerts_email: Annotated[
        list[str] | None, typer.Option(help="Address that alerts are mailed to; more than once for more.")
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option(help="Certificates that Grafana's is checked with. Default: the system's.")
    ] = None,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="Show the login to a Grafana elsewhere without TLS.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=0.1, max=600, help="Seconds to wait for an answer.")] = 30.0,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace dashboards of ours that somebody changed in Grafana, too."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Look at everything, say what would be done, change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Bring dashboards, datasource and alert rules into Grafana; what others made there stays."""
    from dashboards.deploy.client import Grafana  # a third of a second that no other command should wait for
    from dashboards.deploy.run import deploy

    faults: list[str] = []
    login, source, wanted = Login(), None, Wanted()
    try:
        login = _login(token_file, user, password_file)
    except InvalidInputError as error:
        faults.extend(error.faults)
    try:
        place = _place(database, database_user, database_password_file, database_ca_file)
        source = place and replace(place, sslmode=sslmode, timescale=timescale)
    except InvalidInputError as error:
        faults.extend(error.faults)
    try:
        wanted = Wanted(
            languages=LANGUAGES[language],
            folder=folder,
            database=source,
            webhook=alerts_to,
            mail=tuple(alerts_email or ()),
            overwrite=overwrite,
        )
    except InvalidInputError as error:
        faults.extend(error.faults)
    try:
        grafana = Grafana(url, login, ca_file=ca_file, timeout_s=timeout, plain_http=plain_http)
    except InvalidInputError as error:
        raise InvalidInputError([*faults, *error.faults]) from error
    with closing(grafana):
        if faults:
            raise InvalidInputError(faults)
        outcome = deploy(grafana, wanted, dry_run=dry_run, told=_progress)
    _show(outcome, as_json=as_json)
    if not outcome.complete:
        raise typer.Exit(1)


def _login(token_file: Path | None, user: str, password_file: Path | None) -> Login:
    """Raises InvalidInputError: no login, two of them, or a file without one."""
    if user:
        if token_file is not None:
            raise InvalidInputError(["give either --token-file or --user"])
        if ":" in user:
            raise InvalidInputError([f"--user {user}: no name that HTTP can carry; give a token"])
        return Login(user=user, password=_secret("--password-file", password_file, PASSWORD_VARIABLE))
    if password_file is not None:
        raise InvalidInputError(["--password-file goes with --user"])
    token = _secret("--token-file", token_file, TOKEN_VARIABLE)
    if not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidInputError([f"{token_file or TOKEN_VARIABLE}: holds more than a token"])
    return Login(token=token)


def _secret(option: str, file: Path | None, variable: str) -> str:
    if file is None and not os.environ.get(variable, "").strip():
        raise InvalidInputError([f"give Grafana's login: {option} FILE, or the environment's {variable}"])
    return (Secret(file=file) if file is not None else Secret(env=variable)).reveal()


def _place(place: str, user: str, password_file: Path | None, ca_file: Path | None) -> Database | None:
    """Raises InvalidInputError naming every fault; None where nothing was said of a database."""
    if not place:
        given = {
            "--database-user": user,
            "--database-password-file": password_file,
            "--database-ca-file": ca_file,
        }
        if named := [name for name, value in given.items() if value]:
            raise InvalidInputError([f"{', '.join(named)} without --database HOST:PORT/NAME"])
        return None
    faults: list[str] = []
    host, port, name, password, ca = "", 0, "", "", ""
    try:
        host, port, name = Database.place(place)
    except InvalidInputError as error:
        faults.extend(error.faults)
    if not user:
        faults.append("--database needs --database-user")
    if password_file is None:
        faults.append("--database needs --database-password-file")
    else:
        try:
            password = Secret(file=password_file).reveal()
        except InvalidInputError as error:
            faults.extend(error.faults)
    if ca_file is not None:
        try:
            ssl.create_default_context(cafile=ca_file)
            ca = ca_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            faults.append(f"--database-ca-file {ca_file}: {getattr(error, 'strerror', None) or error}")
    if faults:
        raise InvalidInputError(faults)
    return Database(host=host, port=port, name=name, user=user, password=password, ca=ca)


def _progress(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201


def _show(outcome: Outcome, *, as_json: bool) -> None:
    for text in outcome.kept:
        print(f"kept as it is: {text}", file=sys.stderr)  # noqa: T201
    for text in outcome.notes:
        print(f"note: {text}", file=sys.stderr)  # noqa: T201
    for text in outcome.failures:
        print(f"feederline: {text}", file=sys.stderr)  # noqa: T201
    if as_json:
        print(json.dumps(outcome.as_json(), ensure_ascii=False))  # noqa: T201
        return
    would = "would be " if outcome.dry_run else ""
    for verb, texts in (("created", outcome.created), ("changed", outcome.updated)):
        for text in texts:
            print(f"{would}{verb}: {text}")  # noqa: T201
    if not outcome.changed:
        print(f"nothing to change at {outcome.url}, Grafana {outcome.version}")  # noqa: T201
    print(f"{len(outcome.unchanged)} as they should be")  # noqa: T201
