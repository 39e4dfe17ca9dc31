"""The datasource: PostgreSQL, read only, uid `feederline`. Grafana never shows its password, so it is tried instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dashboards.deploy.client import Grafana, document, documents
from dashboards.deploy.steps import Faults, Step, any_of
from dashboards.deploy.wanted import DATASOURCE_TYPE, DATASOURCE_UID, Database, Wanted
from gateway.core.errors import FeederlineError, ImpossibleError, InvalidInputError, NotFoundError

NAME = "Feederline"
_WHAT = f"datasource {NAME} ({DATASOURCE_UID})"
_PROBE = """\
select exists (select from pg_extension where extname = 'timescaledb') as timescale,
       coalesce(has_table_privilege(to_regclass('feederline.customers_now'), 'select'), false) as readable"""
# What people may tune in Grafana afterwards: set when the datasource is made, then left alone.
_POOL = {"maxOpenConns": 10, "maxIdleConns": 2, "connMaxLifetime": 14_400, "postgresVersion": 1500}


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What the database said through Grafana. `trouble`: why it does not do; empty where it does."""

    timescale: bool = False
    trouble: str = ""


def datasource(grafana: Grafana, wanted: Wanted, faults: Faults) -> Iterator[Step]:
    try:
        yield _step(grafana, wanted.database)
    except FeederlineError as error:
        faults.caught(error)


def probe(grafana: Grafana) -> Probe:
    """Asks the database through the datasource. Never raises for what is wrong with either: it tells it."""
    query = {
        "refId": "A",
        "datasource": {"type": DATASOURCE_TYPE, "uid": DATASOURCE_UID},
        "format": "table",
        "rawSql": _PROBE,
        "intervalMs": 1000,
        "maxDataPoints": 1,
    }
    body = {"queries": [query], "from": "now-5m", "to": "now"}
    try:
        answer = document(
            grafana.ask(_WHAT, grafana.api.client.POST, "/ds/query", json=body), grafana.address
        )
        result = answer["results"]["A"]
        if result.get("error"):
            return Probe(trouble=f"{_WHAT}: {grafana.said(result['error'])}")
        (timescale,), (readable,) = result["frames"][0]["data"]["values"]
    except FeederlineError as error:
        return Probe(trouble=str(error))
    except (LookupError, TypeError, ValueError, AttributeError):
        return Probe(trouble=f"{_WHAT}: Grafana's answer to a query is not understood")
    if not readable:
        return Probe(
            timescale=bool(timescale),
            trouble=f"{_WHAT}: its user may not read Feederline's tables, or they are not there yet; "
            "grant feederline_grafana to that user",
        )
    return Probe(timescale=bool(timescale))


def _step(grafana: Grafana, database: Database | None) -> Step:
    """Raises what `Grafana.ask` does; InvalidInputError and ImpossibleError for what stands in the way."""
    try:
        there = document(
            grafana.ask(_WHAT, grafana.api.datasource.get_datasource_by_uid, DATASOURCE_UID), grafana.address
        )
    except NotFoundError:
        return _making(grafana, database)
    if there.get("type") != DATASOURCE_TYPE:
        raise ImpossibleError(f"{_WHAT} is there, but is {there.get('type')}, not {DATASOURCE_TYPE}")
    what = f"datasource {there['name']} ({DATASOURCE_UID})"
    if database is None:
        return Step(what=what, verb="same")
    if there.get("readOnly"):
        raise InvalidInputError(
            [f"{what} is provisioned from files in this Grafana; leave out --database to keep it as it is"]
        )
    return _changing(grafana, database, there, what)


def _making(grafana: Grafana, database: Database | None) -> Step:
    if database is None:
        options = "--database, --database-user and --database-password-file"
        raise InvalidInputError(
            [f"there is no datasource {DATASOURCE_UID} yet: say what it reads with {options}"]
        )
    every = documents(grafana.ask(_WHAT, grafana.api.datasource.list_datasources), grafana.address)
    for other in every:
        if other.get("name") == NAME:
            raise ImpossibleError(
                f"another datasource is called {NAME} (uid {other.get('uid')}); rename it, or give it the uid "
                f"{DATASOURCE_UID}"
            )

    def take() -> None:
        fields = _fields(database, timescale=database.timescale == "on")
        body = {
            "name": NAME,
            "uid": DATASOURCE_UID,
            "type": DATASOURCE_TYPE,
            "access": "proxy",
            "basicAuth": False,
            "isDefault": False,
            **fields,
            "jsonData": {**_POOL, **fields["jsonData"]},
            "secureJsonData": _secrets(database),
        }
        grafana.ask(_WHAT, grafana.api.datasource.create_datasource, body)
        if database.timescale == "auto" and probe(grafana).timescale:
            made = grafana.ask(_WHAT, grafana.api.datasource.get_datasource_by_uid, DATASOURCE_UID)
            _put(grafana, database, document(made, grafana.address), timescale=True)

    return Step(what=_WHAT, verb="create", needs=any_of("datasources:create"), take=take)


def _changing(grafana: Grafana, database: Database, there: dict[str, Any], what: str) -> Step:
    said = probe(grafana)
    known = bool(there["jsonData"].get("timescaledb")) if said.trouble else said.timescale
    timescale = known if database.timescale == "auto" else database.timescale == "on"
    fields = _fields(database, timescale=timescale)
    differs = [name for name in ("url", "user") if there.get(name) != fields[name]]
    differs += [name for name, value in fields["jsonData"].items() if there["jsonData"].get(name) != value]
    if bool(database.ca) and not there.get("secureJsonFields", {}).get("tlsCACert"):
        differs.append("tlsCACert")
    if not differs and not said.trouble:
        return Step(what=what, verb="same")

    def take() -> None:
        _put(grafana, database, there, timescale=timescale)
        if database.timescale == "auto":
            now = probe(grafana)
            if not now.trouble and now.timescale != timescale:
                newer = grafana.ask(what, grafana.api.datasource.get_datasource_by_uid, DATASOURCE_UID)
                _put(grafana, database, document(newer, grafana.address), timescale=now.timescale)

    note = f"{', '.join(differs)} changed" if differs else "password given anew, as it does not work"
    return Step(what=what, verb="update", note=note, needs=any_of("datasources:write"), take=take)


def _put(grafana: Grafana, database: Database, there: dict[str, Any], *, timescale: bool) -> None:
    """All that is not ours stays as it was read; `version` lets Grafana refuse when somebody was faster."""
    kept = (
        "name",
        "uid",
        "type",
        "access",
        "basicAuth",
        "basicAuthUser",
        "withCredentials",
        "isDefault",
        "version",
    )
    fields = _fields(database, timescale=timescale)
    body = {
        **{name: there[name] for name in kept if name in there},
        **fields,
        "jsonData": {**there.get("jsonData", {}), **fields["jsonData"]},
        "secureJsonData": _secrets(database),
    }
    grafana.ask(_WHAT, grafana.api.datasource.update_datasource_by_uid, DATASOURCE_UID, body)


def _fields(database: Database, *, timescale: bool) -> dict[str, Any]:
    options: dict[str, Any] = {
        "database": database.name,
        "sslmode": database.sslmode,
        "timescaledb": timescale,
    }
    if database.ca:
        options |= {"tlsConfigurationMethod": "file-content", "tlsAuthWithCACert": True}
    return {"url": database.url, "user": database.user, "jsonData": options}


def _secrets(database: Database) -> dict[str, str]:
    return {"password": database.password, **({"tlsCACert": database.ca} if database.ca else {})}
