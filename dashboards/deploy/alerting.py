"""Alert rules, contact point and the route to it. What others made beside them is read and left as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dashboards.deploy.client import Grafana, covers, document, documents
from dashboards.deploy.steps import Faults, Rights, Step, harmless
from dashboards.deploy.wanted import ALERT_FOLDER, Wanted
from gateway.core.errors import FeederlineError, InvalidInputError

CONTACT_POINT = "Feederline"
PREFIX = "feederline-"
_PROVENANCE = "alert.provisioning.provenance:write"


def _rights(part: str, *granular: str) -> Rights:
    """As Grafana's own check of the provisioning API: one right for all of it, one for the part, or the rights of
    people who do the same by hand together with the one to mark things as provisioned."""
    return (
        frozenset({"alert.provisioning:write"}),
        frozenset({f"alert.{part}.provisioning:write"}),
        frozenset({_PROVENANCE, *granular}),
    )


_RULES = _rights("rules", "alert.rules:create", "alert.rules:write")
_NOTIFICATIONS = _rights("notifications", "alert.notifications:write")


def alerting(grafana: Grafana, wanted: Wanted, faults: Faults, notes: list[str]) -> Iterator[Step]:
    """In an order in which an alert always has somewhere to go: contact point, route, rules."""
    for plan in (_contact_points, _rules):
        try:
            yield from plan(grafana, wanted, notes)
        except FeederlineError as error:
            faults.caught(error)


def _contact_points(grafana: Grafana, wanted: Wanted, notes: list[str]) -> Iterator[Step]:
    points = documents(
        grafana.ask("contact points", grafana.api.alertingprovisioning.get_contactpoints), grafana.address
    )
    there = {str(point.get("uid")): point for point in points}
    ours: dict[str, dict[str, Any]] = {}
    if wanted.webhook:
        ours["webhook"] = {"url": wanted.webhook, "httpMethod": "POST"}
    if wanted.mail:
        ours["email"] = {"addresses": ";".join(wanted.mail)}
    for kind, settings in ours.items():
        yield _contact_point(grafana, kind, settings, there.get(f"{PREFIX}{kind}"))
    if not ours and not any(point.get("name") == CONTACT_POINT for point in points):
        notes.append(
            "alerts go where Grafana's default policy sends them; --alerts-to or --alerts-email names somebody"
        )
        return
    yield _route(grafana, wanted)


def _contact_point(
    grafana: Grafana, kind: str, settings: dict[str, Any], there: dict[str, Any] | None
) -> Step:
    uid = f"{PREFIX}{kind}"
    what = f"contact point {CONTACT_POINT} ({kind})"
    body: dict[str, Any] = {"uid": uid, "name": CONTACT_POINT, "type": kind, "settings": settings}
    api = grafana.api.alertingprovisioning
    if there is None:
        body["disableResolveMessage"] = False
        take = grafana.later(what, api.create_contactpoint, body)
        return Step(what=what, verb="create", needs=_NOTIFICATIONS, take=take)
    if covers(there, body):
        return Step(what=what, verb="same")
    _must_not_come_from_files(what, there, "--alerts-to and --alerts-email")
    body["settings"] = {**there.get("settings", {}), **settings}
    body["disableResolveMessage"] = there.get("disableResolveMessage", False)
    take = grafana.later(what, api.update_contactpoint, uid, body)
    return Step(what=what, verb="update", needs=_NOTIFICATIONS, take=take)


def _route(grafana: Grafana, wanted: Wanted) -> Step:
    what = f"route to contact point {CONTACT_POINT}"
    api = grafana.api.alertingprovisioning

    def read() -> dict[str, Any]:
        return document(grafana.ask(what, api.get_notification_policy_tree), grafana.address)

    tree = read()
    if _leads_to_us(tree):
        return Step(what=what, verb="same")
    _must_not_come_from_files("the tree of notification policies", tree, "--alerts-to and --alerts-email")

    def take() -> None:
        now = read()  # Grafana takes the tree only whole, and tells nobody that it changed meanwhile
        if _leads_to_us(now):
            return
        provenance = now.pop("provenance", "")
        now["routes"] = [wanted.route(), *(now.get("routes") or [])]
        # Who edits the tree by hand shall go on doing so: it is marked as provisioned only where it was before.
        grafana.ask(what, api.set_notification_policy_tree, now, disable_provenance=not provenance)

    return Step(what=what, verb="create", needs=_NOTIFICATIONS, take=take)


def _leads_to_us(route: dict[str, Any]) -> bool:
    return route.get("receiver") == CONTACT_POINT or any(map(_leads_to_us, route.get("routes") or []))


def _rules(grafana: Grafana, wanted: Wanted, notes: list[str]) -> Iterator[Step]:
    rules = documents(
        grafana.ask("alert rules", grafana.api.alertingprovisioning.get_alertrules_all), grafana.address
    )
    there = {str(rule.get("uid")): rule for rule in rules}
    known = set()
    for group in wanted.rule_groups():
        for rule in group["rules"]:
            known.add(rule["uid"])
            yield _rule(grafana, group["name"], rule, there.get(rule["uid"]))
    notes += [
        harmless(f"alert rule {rule.get('title')} ({uid})")
        + " is none of Feederline's any more; delete it where nobody wants it"
        for uid, rule in there.items()
        if rule.get("folderUID") == ALERT_FOLDER and uid.startswith(PREFIX) and uid not in known
    ]


def _rule(grafana: Grafana, group: str, rule: dict[str, Any], there: dict[str, Any] | None) -> Step:
    what = f"alert rule {rule['title']} ({rule['uid']})"
    api = grafana.api.alertingprovisioning
    body = {**rule, "folderUID": ALERT_FOLDER, "ruleGroup": group, "orgID": 1}
    if there is None:
        take = grafana.later(what, api.create_alertrule, body)
        return Step(what=what, verb="create", needs=_RULES, take=take)
    del body["isPaused"], body["orgID"]
    placed = ("folderUID",) if there.get("provenance") == "file" else ()  # by title there, whatever its uid
    if covers(there, {key: value for key, value in body.items() if key not in placed}):
        return Step(what=what, verb="same")
    _must_not_come_from_files(what, there, "deploying alert rules")
    kept = ("orgID", "isPaused", "notification_settings")
    body |= {name: there[name] for name in kept if there.get(name) is not None}
    take = grafana.later(what, api.update_alertrule, rule["uid"], body)
    return Step(what=what, verb="update", needs=_RULES, take=take)


def _must_not_come_from_files(what: str, there: dict[str, Any], instead: str) -> None:
    if there.get("provenance") == "file":
        raise InvalidInputError(
            [f"{what} is provisioned from files in this Grafana; change those, and do without {instead}"]
        )
