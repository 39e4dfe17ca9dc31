"""Stand-ins for ServiceNow's Table API and for Jira Service Management, as far as their documents describe them.

They refuse what the real ones refuse or would leave out in silence, and misbehave on demand.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import uuid
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from simulator.receiver import Behaviour, hang_up

USER, PASSWORD = "feederline", "s3cret-of-the-desk"
_BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class RefusedError(Exception):
    """The service system says no."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        self.text = text
        super().__init__(text)


class DeskServer:
    """Listens while entered as an async context manager. `asked`: method and path of every request, in order."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self._behaviours: deque[tuple[str, Behaviour]] = deque()
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [asked for asked in self.asked if asked[0] != "GET"]

    def misbehave(self, *behaviours: Behaviour, method: str = "POST") -> None:
        """The next requests of this method are answered so, one each."""
        self._behaviours.extend((method, behaviour) for behaviour in behaviours)

    async def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        """Status and JSON of an answer, after its effect. Raises RefusedError."""
        raise NotImplementedError

    def refusal(self, error: RefusedError) -> Any:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path))
        behaviour = Behaviour()
        if self._behaviours and self._behaviours[0][0] == request.method:
            behaviour = self._behaviours.popleft()[1]
        if behaviour.drop == "before":
            return hang_up(request)
        data = await request.read()
        if behaviour.delay_s:
            await asyncio.sleep(behaviour.delay_s)
        if not 200 <= behaviour.status < 300:
            return web.Response(status=behaviour.status, text=behaviour.text, headers=behaviour.headers)
        try:
            status, document = await self._decide(request, data)
        except RefusedError as exc:
            return web.json_response(self.refusal(exc), status=exc.status)
        if behaviour.drop == "after":
            return hang_up(request)
        if status == 204:
            return web.Response(status=204)
        return web.json_response(document, status=status)

    async def _decide(self, request: web.Request, data: bytes) -> tuple[int, Any]:
        if request.headers.get("authorization") != _BASIC:
            raise RefusedError(401, "User Not Authenticated")
        if "application/json" not in request.headers.get("accept", ""):
            raise RefusedError(406, "Accept is not application/json")
        if data and request.content_type != "application/json":
            raise RefusedError(415, "Unsupported Media Type")
        body = json.loads(data) if data else None
        return await self.answer(request.method, request.path.strip("/"), request.query, body)


class ServiceNow(DeskServer):
    """`incidents`: rows by sys_id; `notes`: the work notes of each, in order."""

    fields = frozenset(
        {
            "short_description", "description", "impact", "urgency", "state", "caller_id", "assignment_group",
            "category", "close_code", "close_notes", "work_notes", "comments", "correlation_id",
            "correlation_display", "contact_type",
        }
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.incidents: dict[str, dict[str, str]] = {}
        self.notes: dict[str, list[str]] = {}
        self.hidden: set[str] = set()  # fields that the user may not read

    @property
    def only(self) -> dict[str, str]:
        (row,) = self.incidents.values()
        return row

    def refusal(self, error: RefusedError) -> Any:
        return {"error": {"message": error.text, "detail": ""}, "status": "failure"}

    async def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        found = re.fullmatch(r"api/now/table/incident(?:/([^/]+))?", path)
        if found is None:
            raise RefusedError(400, "Invalid table")
        name = found[1]
        if name is None:
            if method == "GET":
                rows = self._matching(query.get("sysparm_query", ""))
                limit = int(query.get("sysparm_limit", "10000"))
                return 200, {"result": [self._seen(row, query) for row in rows[:limit]]}
            if method == "POST":
                return 201, {"result": self._seen(self._made(body), query)}
        elif name not in self.incidents:
            raise RefusedError(404, "No Record found")
        elif method == "GET":
            return 200, {"result": self._seen(self.incidents[name], query)}
        elif method == "PATCH":
            return 200, {"result": self._seen(self._changed(self.incidents[name], body), query)}
        raise RefusedError(405, "Method Not Allowed")

    def _matching(self, query: str) -> list[dict[str, str]]:
        """Conditions on fields that are unknown or may not be read are left out, as ServiceNow does."""
        rows = list(self.incidents.values())
        for part in re.split(r"(?<!\^)\^(?!\^)", query):
            condition = part.replace("^^", "^")
            if condition.startswith("ORDERBYDESC"):
                rows.reverse()
            elif "=" in condition:
                field, _, value = condition.partition("=")
                if field in self.fields - self.hidden:
                    rows = [row for row in rows if row.get(field) == value]
        return rows

    def _seen(self, row: Mapping[str, str], query: Mapping[str, str]) -> dict[str, str]:
        wanted = [name for name in query.get("sysparm_fields", "").split(",") if name] or list(row)
        return {name: row.get(name, "") for name in wanted if name not in self.hidden}

    def _made(self, body: Any) -> dict[str, str]:
        row = {"sys_id": uuid.uuid4().hex, "number": f"INC{len(self.incidents) + 1:07}", "state": "1"}
        self._write(row, body)
        self.incidents[row["sys_id"]] = row
        return row

    def _changed(self, row: dict[str, str], body: Any) -> dict[str, str]:
        after = dict(row)
        self._write(after, body)
        row.update(after)
        return row

    def _write(self, row: dict[str, str], body: Any) -> None:
        if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
            raise RefusedError(400, "Exception while reading request")
        if unknown := body.keys() - self.fields:
            raise RefusedError(400, f"no fields of incident: {', '.join(sorted(unknown))}")
        after = {**row, **body}
        if not after.get("short_description") or len(after["short_description"]) > 160:
            raise RefusedError(400, "short_description is not of 1 to 160 characters")
        if any(after.get(name) not in (None, "1", "2", "3") for name in ("impact", "urgency")):
            raise RefusedError(400, "impact and urgency are 1, 2 or 3")
        if after["state"] in ("6", "7") and not (after.get("close_code") and after.get("close_notes")):
            raise RefusedError(403, "Data Policy Exception: Resolution code and notes are mandatory")
        notes = body.get("work_notes")
        row.update({name: value for name, value in body.items() if name != "work_notes"})
        if notes:
            self.notes.setdefault(row["sys_id"], []).append(notes)


class Jira(DeskServer):
    """`issues`: by key, with `fields`, `status` and `comments`. `lag`: searches that do not see new issues yet."""

    workflow: Mapping[str, Mapping[str, str]] = {
        "Waiting for support": {"11": "In progress", "761": "Resolved"},
        "In progress": {"761": "Resolved", "901": "Canceled"},
        "Resolved": {"51": "Waiting for support"},
        "Canceled": {},
    }
    fields = frozenset({"summary", "description", "labels", "priority", "customfield_10042"})

    def __init__(self, *, cloud: bool = True, lag: int = 0) -> None:
        super().__init__()
        self.issues: dict[str, dict[str, Any]] = {}
        self.lag = lag
        self._search = f"rest/api/2/search{'/jql' if cloud else ''}"

    @property
    def only(self) -> dict[str, Any]:
        (issue,) = self.issues.values()
        return issue

    def refusal(self, error: RefusedError) -> Any:
        return {"errorMessage": error.text, "errorMessages": [error.text], "errors": {}}

    async def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        if (method, path) == ("POST", "rest/servicedeskapi/request"):
            return 201, self._made(body)
        if (method, path) == ("GET", self._search):
            return 200, {"issues": self._found(query)}
        found = re.fullmatch(
            r"rest/(?:api/2/issue|servicedeskapi/request)/([^/]+)/(comment|transitions)", path
        )
        if found is None:
            raise RefusedError(404, "null for uri")
        if found[1] not in self.issues:
            raise RefusedError(404, "Issue does not exist or you do not have permission to see it.")
        issue = self.issues[found[1]]
        if found[2] == "transitions":
            return self._transitions(method, issue, body)
        if method == "GET":
            latest = issue["comments"][:: -1 if query.get("orderBy") == "-created" else 1]
            shown = latest[: int(query.get("maxResults", "50"))]
            return 200, {"comments": shown, "total": len(issue["comments"]), "startAt": 0}
        if not path.startswith("rest/servicedeskapi") or set(body) != {"body", "public"}:
            raise RefusedError(400, "a comment has body and public")
        issue["comments"].append(body)
        return 201, {"id": str(len(issue["comments"])), **body}

    def _made(self, body: Any) -> dict[str, str]:
        if set(body) != {"serviceDeskId", "requestTypeId", "requestFieldValues"}:
            raise RefusedError(400, "not the fields of a request")
        values = body["requestFieldValues"]
        if unknown := values.keys() - self.fields:
            raise RefusedError(400, f"not on the form of the request type: {', '.join(sorted(unknown))}")
        if not 1 <= len(values.get("summary", "")) <= 255 or "\n" in values["summary"]:
            raise RefusedError(400, "summary is not one line of at most 255 characters")
        if any(" " in label for label in values.get("labels", ())):
            raise RefusedError(400, "a label holds spaces")
        key = f"OPS-{len(self.issues) + 1}"
        self.issues[key] = {
            "key": key,
            "desk": (body["serviceDeskId"], body["requestTypeId"]),
            "fields": values,
            "status": "Waiting for support",
            "comments": [],
            "unseen": self.lag,
        }
        return {"issueId": str(10000 + len(self.issues)), "issueKey": key}

    def _found(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        asked = re.fullmatch(
            r'project = "OPS" AND (?:labels = "([^"]+)"|cf\[10042\] ~ "\\"([^"]+)\\"") ORDER BY created ASC',
            query.get("jql", ""),
        )
        if asked is None:
            raise RefusedError(400, "Error in the JQL Query")
        found = []
        for key, issue in self.issues.items():
            issue["unseen"] -= 1
            held = [*issue["fields"].get("labels", ()), issue["fields"].get("customfield_10042")]
            if issue["unseen"] < 0 and (asked[1] or asked[2]) in held:
                names = query.get("fields", "").split(",")
                shown = {name: value for name, value in issue["fields"].items() if name in names}
                found.append({"id": "1", "key": key, "fields": shown})
        return found[: int(query.get("maxResults", "50"))]

    def _transitions(self, method: str, issue: dict[str, Any], body: Any) -> tuple[int, Any]:
        open_now = self.workflow[issue["status"]]
        if method == "GET":
            offered = [{"id": number, "name": to, "to": {"name": to}} for number, to in open_now.items()]
            return 200, {"expand": "transitions", "transitions": offered}
        number = body["transition"]["id"]
        if number not in open_now:
            raise RefusedError(
                400, "It seems that you have tried to perform a workflow operation that is not valid."
            )
        issue["status"] = open_now[number]
        return 204, None
