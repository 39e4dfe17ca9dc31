"""Brings folders, datasource, dashboards and alert rules into a Grafana, and leaves all else there as it is.

Everything is looked at first: what is there, what the login may do, what stands in the way. Only then steps are taken,
in an order in which a failure in between leaves what works: folders, datasource, dashboards, contact point, route, and
rules at last.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from dashboards.deploy.alerting import alerting
from dashboards.deploy.boards import dashboards, folders
from dashboards.deploy.client import OLDEST, Grafana, document, documents
from dashboards.deploy.datasource import datasource, probe
from dashboards.deploy.steps import Faults, Outcome, Step, harmless, lacking
from dashboards.deploy.wanted import DATASOURCE_TYPE, Wanted
from gateway.core.errors import (
    FeederlineError,
    ImpossibleError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)


def deploy(
    grafana: Grafana,
    wanted: Wanted,
    *,
    dry_run: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Deploys what is wanted; `told` hears of each step before it is taken.

    Raises:
        UnavailableError: Grafana does not answer, fails, or somebody changed the same thing meanwhile.
        RefusedError: the login is unknown or lacks rights; all that are lacking are named.
        InvalidInputError, ImpossibleError: what was asked for does not fit that Grafana; all reasons are named.
    Nothing was changed then, unless the message says how much was done; deploying again goes on from there.
    """
    if wanted.database is not None:
        grafana.conceal(wanted.database.password)
    grafana.conceal(wanted.webhook)
    outcome = Outcome(url=str(grafana.address), version=_version(grafana), dry_run=dry_run)
    faults = Faults()
    _look_for_plugin(grafana, faults)
    with grafana.understood():
        steps = [
            *folders(grafana, wanted, faults),
            *datasource(grafana, wanted, faults),
            *dashboards(grafana, wanted, faults),
            *alerting(grafana, wanted, faults, outcome.notes),
        ]
    for line in lacking(steps, _may(grafana)):
        faults.add(line, RefusedError)
    faults.settle()
    _take(grafana, steps, outcome, told)
    if not dry_run:
        trouble = probe(grafana).trouble
        if trouble:
            outcome.failures.append(trouble)
    return outcome


def _take(grafana: Grafana, steps: list[Step], outcome: Outcome, told: Callable[[str], None]) -> None:
    due = [step for step in steps if step.take is not None]
    done = 0
    for step in steps:
        if step.take is not None and not outcome.dry_run:
            told(harmless(f"{done + 1}/{len(due)} {step.what}"))
            try:
                with grafana.understood():
                    step.take()
            except FeederlineError as exc:
                raise _midway(exc, done, len(due)) from exc
            done += 1
        outcome.add(step)


def _midway(error: FeederlineError, done: int, of: int) -> FeederlineError:
    text = f"{error}\n{done} of {of} steps were taken before that; deploying again goes on from there"
    for kind in (UnavailableError, RefusedError):
        if isinstance(error, kind):
            return kind(text)
    return ImpossibleError(text)


def _version(grafana: Grafana) -> str:
    """Grafana's version. Raises ImpossibleError for one that is too old, or for something else that answers."""
    alive = document(grafana.ask("health", grafana.api.client.GET, "/health"), grafana.address)
    if "database" not in alive and "version" not in alive:
        raise ImpossibleError(f"what answers at {grafana.address} is no Grafana")
    build = document(grafana.ask("version", grafana.api.health.check), grafana.address)
    version = str(build.get("version") or alive.get("version") or "")
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None:
        raise ImpossibleError(f"{grafana.address} does not tell its version ({version!r})")
    if (int(found[1]), int(found[2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise ImpossibleError(f"{grafana.address} is Grafana {version}; {oldest} or later is needed")
    return version


def _look_for_plugin(grafana: Grafana, faults: Faults) -> None:
    try:
        plugins = documents(grafana.ask("plugins", grafana.api.plugin.list), grafana.address)
    except (RefusedError, NotFoundError):
        return  # who may not list them finds out when the datasource is made
    if not any(plugin.get("id") == DATASOURCE_TYPE for plugin in plugins):
        faults.add(
            f"Grafana lacks its plugin for PostgreSQL ({DATASOURCE_TYPE}), which is part of it by default"
        )


def _may(grafana: Grafana) -> frozenset[str] | None:
    """Actions that the login may do; None where Grafana does not tell."""
    try:
        answer = grafana.ask("permissions", grafana.api.client.GET, "/access-control/user/permissions")
    except (RefusedError, NotFoundError):
        return None
    return frozenset(answer) if isinstance(answer, dict) and answer else None
