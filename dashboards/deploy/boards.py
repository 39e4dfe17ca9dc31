"""Folders and dashboards: made by their uid, kept where people moved them, not taken from people who edited them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from dashboards.deploy.client import Grafana, document, documents
from dashboards.deploy.steps import Faults, Step, any_of
from dashboards.deploy.wanted import Dashboard, Wanted
from gateway.core.errors import FeederlineError, InvalidInputError, NotFoundError

_MESSAGE = re.compile(r"Feederline \S+, content ([0-9a-f]{12})")
_OF_THE_SERVER = ("id", "version")


def folders(grafana: Grafana, wanted: Wanted, faults: Faults) -> Iterator[Step]:
    for uid, title in wanted.titles():
        what = f"folder {title} ({uid})"
        try:
            there = _folder(grafana, uid, what)
        except FeederlineError as error:
            faults.caught(error)
            continue
        if there is None:
            yield Step(
                what=what,
                verb="create",
                needs=any_of("folders:create"),
                take=grafana.later(what, grafana.api.folder.create_folder, title, uid),
            )
        elif wanted.folder and there["title"] != title:
            yield Step(
                what=what,
                verb="update",
                note=f"was called {there['title']}",
                needs=any_of("folders:write"),
                take=grafana.later(
                    what, grafana.api.folder.update_folder, uid, title, there.get("version", 1)
                ),
            )
        else:
            yield Step(what=f"folder {there['title']} ({uid})", verb="same")


def _folder(grafana: Grafana, uid: str, what: str) -> dict[str, Any] | None:
    try:
        return document(grafana.ask(what, grafana.api.folder.get_folder, uid), grafana.address)
    except NotFoundError:
        return None


def dashboards(grafana: Grafana, wanted: Wanted, faults: Faults) -> Iterator[Step]:
    for dashboard in wanted.dashboards():
        try:
            yield _dashboard(grafana, wanted, dashboard)
        except FeederlineError as error:
            faults.caught(error)


def _dashboard(grafana: Grafana, wanted: Wanted, dashboard: Dashboard) -> Step:
    """Raises what `Grafana.ask` does; InvalidInputError where this very dashboard comes from files."""
    what = f"dashboard {dashboard.title} ({dashboard.uid})"
    try:
        answer = document(
            grafana.ask(what, grafana.api.dashboard.get_dashboard, dashboard.uid), grafana.address
        )
    except NotFoundError:
        take = _saving(grafana, wanted, dashboard, what, folder=dashboard.folder, at={"id": None})
        return Step(what=what, verb="create", needs=any_of("dashboards:create"), take=take)
    there, meta = answer["dashboard"], answer.get("meta", {})
    if _content(there) == _content(dashboard.content):
        return Step(what=what, verb="same")
    if meta.get("provisioned"):
        raise InvalidInputError(
            [f"{what} is provisioned from files in this Grafana; nothing can be deployed over it"]
        )
    last = _last_version(grafana, dashboard.uid, what)
    ours = _MESSAGE.fullmatch(last.message) if last.number == there.get("version") else None
    if ours and ours[1] == _digest(dashboard.content):
        return Step(what=what, verb="same")  # Grafana wrote it in its own way
    note = ""
    if not ours:
        note = f"version {last.number} by {last.who}"
        if not wanted.overwrite:
            return Step(
                what=what,
                verb="keep",
                note=f"changed in Grafana ({note}); --overwrite replaces it, a copy under another name is left alone",
            )
        note += " is replaced; it can be restored among the dashboard's versions"
    at = {"id": there.get("id"), "version": there.get("version")}
    take = _saving(grafana, wanted, dashboard, what, folder=meta.get("folderUid", ""), at=at)
    return Step(what=what, verb="update", note=note, needs=any_of("dashboards:write"), take=take)


def _saving(
    grafana: Grafana, wanted: Wanted, dashboard: Dashboard, what: str, *, folder: str, at: dict[str, Any]
) -> Callable[[], None]:
    """`at`: id and version that were read. Grafana refuses to save over a later one, so that nothing is lost."""
    body = {
        "dashboard": {**dashboard.content, **at},
        "folderUid": folder,
        "message": f"Feederline {wanted.release}, content {_digest(dashboard.content)}",
        "overwrite": False,
    }
    return grafana.later(what, grafana.api.dashboard.update_dashboard, body)


@dataclass(frozen=True)
class _Version:
    number: int
    who: str
    message: str


def _last_version(grafana: Grafana, uid: str, what: str) -> _Version:
    # By grafana-client's own function the limit would go out as the body of a GET, which nobody reads.
    answer = grafana.ask(what, grafana.api.client.GET, f"/dashboards/uid/{uid}/versions", params={"limit": 1})
    if isinstance(answer, dict):  # a page of them; a list by itself in earlier releases
        answer = answer.get("versions")
    found = documents(answer, grafana.address)
    if not found:
        return _Version(0, "somebody", "")
    last = max(found, key=lambda one: int(one["version"]))
    return _Version(
        int(last["version"]), str(last.get("createdBy") or "somebody"), str(last.get("message") or "")
    )


def _content(dashboard: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in dashboard.items() if key not in _OF_THE_SERVER}


def _digest(dashboard: dict[str, Any]) -> str:
    text = json.dumps(_content(dashboard), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
