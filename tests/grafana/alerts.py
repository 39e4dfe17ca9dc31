"""The stand-in's contact points, notification policies and alert rules, with their marks of provenance."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from aiohttp import web

from tests.grafana import shapes
from tests.grafana.answers import Document, Refusal, body_of, there_is

TREE: Document = {"receiver": "grafana-default-email", "group_by": ["grafana_folder", "alertname"]}


class Alerts:
    """State, and what answers for it."""

    def __init__(self) -> None:
        self.folders: dict[str, Document] = {}
        self.points: list[Document] = [
            {"uid": "", "name": "grafana-default-email", "type": "email", "settings": {"addresses": "<a@b>"}}
        ]
        self.rules: dict[str, Document] = {}
        self.tree = copy.deepcopy(TREE)
        self._ids = iter(range(1, 1_000_000))

    async def _points(self, request: web.Request) -> tuple[int, object]:
        name = request.query.get("name")
        return 200, [point for point in self.points if name in (None, point["name"])]

    async def _new_point(self, request: web.Request) -> tuple[int, object]:
        body = await body_of(request, shapes.CONTACT_POINT)
        if any(point["uid"] == body["uid"] for point in self.points):
            raise Refusal(400, "contact point with the uid already exists")
        self.points.append({**body, "provenance": self._provenance(request)})
        return 202, self.points[-1]

    async def _change_point(self, request: web.Request) -> tuple[int, object]:
        body = await body_of(request, shapes.CONTACT_POINT)
        for point in self.points:
            if point["uid"] == request.match_info["uid"]:
                self._check_provenance(point, request)
                point |= {**body, "provenance": self._provenance(request)}
                return 202, {"message": "contactpoint updated"}
        raise Refusal(404, "contact point not found")

    async def _policies(self, _: web.Request) -> tuple[int, object]:
        return 200, self.tree

    async def _put_policies(self, request: web.Request) -> tuple[int, object]:
        body = await body_of(request, shapes.ROUTE)
        names = {point["name"] for point in self.points}

        def receivers(route: Document) -> Iterator[str]:
            if route.get("receiver"):
                yield route["receiver"]
            for below in route.get("routes", []):
                yield from receivers(below)

        if missing := set(receivers(body)) - names:
            raise Refusal(400, f"invalid object specification: receiver {missing} does not exist")
        self._check_provenance(self.tree, request)
        provenance = self._provenance(request)
        self.tree = {**body, "provenance": provenance} if provenance else body
        return 202, {"message": "policies updated"}

    async def _every_rule(self, _: web.Request) -> tuple[int, object]:
        return 200, list(self.rules.values())

    async def _new_rule(self, request: web.Request) -> tuple[int, object]:
        body = await body_of(request, shapes.ALERT_RULE)
        if body["uid"] in self.rules:
            raise Refusal(400, "rule with the uid already exists")
        return 201, self._keep_rule(body, request)

    async def _change_rule(self, request: web.Request) -> tuple[int, object]:
        there = there_is(self.rules, request, "")
        body = await body_of(request, shapes.ALERT_RULE)
        self._check_provenance(there, request)
        return 200, self._keep_rule({**body, "uid": there["uid"]}, request)

    def _keep_rule(self, body: Document, request: web.Request) -> Document:
        if body["folderUID"] not in self.folders:
            raise Refusal(400, "invalid alert rule: folder does not exist")
        if body["condition"] not in {query["refId"] for query in body["data"]}:
            raise Refusal(400, "invalid alert rule: condition is none of the queries")
        known = body.get("annotations", {})
        if ("__dashboardUid__" in known) != ("__panelId__" in known):
            raise Refusal(400, "both annotations __dashboardUid__ and __panelId__ must be specified")
        for other in self.rules.values():
            alike = all(other[key] == body[key] for key in ("folderUID", "title"))
            if alike and other["uid"] != body["uid"]:
                raise Refusal(400, "rule title under the same organisation and folder should be unique")
        made = copy.deepcopy(body)
        for query in made["data"]:
            query.setdefault("queryType", "")
        defaults = {"notification_settings": None, "record": None, "isPaused": False}
        made = {**defaults, **made, "id": next(self._ids), "provenance": self._provenance(request)}
        self.rules[body["uid"]] = made
        return made

    @staticmethod
    def _provenance(request: web.Request) -> str:
        return "" if "X-Disable-Provenance" in request.headers else "api"

    def _check_provenance(self, there: Document, request: web.Request) -> None:
        was = there.get("provenance", "")
        if was not in ("", self._provenance(request)):
            raise Refusal(403, f"cannot change provenance from '{was}' to '{self._provenance(request)}'")
