"""A Grafana to deploy to, on loopback: keeps state, checks every body against what is documented, and counts writes.

What it knows of Grafana's behaviour was looked up (HTTP API reference, and the source of 11.x where that is silent); no
real Grafana was asked. Runs in a thread of its own, so that tests can use a blocking client.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

from tests.grafana import shapes
from tests.grafana.alerts import Alerts
from tests.grafana.answers import Document, Refusal, body_of, there_is

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ADMIN = "glsa_admin"
PLUGIN = "grafana-postgresql-datasource"
ALL_RIGHTS = frozenset(
    {
        "folders:read", "folders:create", "folders:write", "dashboards:read", "dashboards:create", "dashboards:write",
        "datasources:read", "datasources:create", "datasources:write", "datasources:query",
        "alert.provisioning:read", "alert.provisioning:write",
    }
)  # fmt: skip


class StandIn(Alerts):
    """State and switches; a test reads and sets them while the server runs."""

    def __init__(self, *, prefix: str = "") -> None:
        super().__init__()
        self.prefix = prefix
        self.version = "11.6.4"
        self.tokens: dict[str, frozenset[str]] = {ADMIN: ALL_RIGHTS}
        self.users = {"admin": "secret"}
        self.tells_rights = True
        self.lists_versions = False
        """As earlier releases did: by themselves, not in a page."""
        self.plugins = [PLUGIN, "prometheus"]
        self.datasources: dict[str, Document] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        self.dashboards: dict[str, Document] = {}
        self.metas: dict[str, Document] = {}
        self.versions: dict[str, list[Document]] = {}
        self.database_password = "reads"
        self.database_offers_timescale = True
        self.database_readable = True
        self.writes: list[str] = []
        self.fail_at: int | None = None
        """The how manieth write, from 0, fails with 500."""
        self.before: Callable[[web.Request], Awaitable[web.StreamResponse | None]] | None = None
        """Looks at each request first, and may answer it."""
        self.url = ""

    # What people do in Grafana's own pages.
    def edit(self, uid: str, by: str = "li.wei", message: str = "", **changes: object) -> int:
        dashboard = {**self.dashboards[uid], **changes}
        return self._save(uid, dashboard, self.metas[uid]["folderUid"], message, by)

    def routes(self) -> list[web.RouteDef]:
        table: list[tuple[str, str, str, Callable[[web.Request], Awaitable[tuple[int, object]]]]] = [
            ("GET", "/api/frontend/settings", "", self._settings),
            ("GET", "/api/access-control/user/permissions", "", self._rights),
            ("GET", "/api/plugins", "", self._plugins),
            ("GET", "/api/folders/{uid}", "folders:read", self._folder),
            ("POST", "/api/folders", "folders:create", self._new_folder),
            ("PUT", "/api/folders/{uid}", "folders:write", self._change_folder),
            ("GET", "/api/datasources", "datasources:read", self._datasources),
            ("GET", "/api/datasources/uid/{uid}", "datasources:read", self._datasource),
            ("POST", "/api/datasources", "datasources:create", self._new_datasource),
            ("PUT", "/api/datasources/uid/{uid}", "datasources:write", self._change_datasource),
            ("POST", "/api/ds/query", "datasources:query", self._query),
            ("GET", "/api/dashboards/uid/{uid}", "dashboards:read", self._dashboard),
            ("GET", "/api/dashboards/uid/{uid}/versions", "dashboards:write", self._versions),
            ("POST", "/api/dashboards/db", "dashboards:read", self._put_dashboard),
            ("GET", "/api/v1/provisioning/contact-points", "alert.provisioning:read", self._points),
            ("POST", "/api/v1/provisioning/contact-points", "alert.provisioning:write", self._new_point),
            (
                "PUT",
                "/api/v1/provisioning/contact-points/{uid}",
                "alert.provisioning:write",
                self._change_point,
            ),
            ("GET", "/api/v1/provisioning/policies", "alert.provisioning:read", self._policies),
            ("PUT", "/api/v1/provisioning/policies", "alert.provisioning:write", self._put_policies),
            ("GET", "/api/v1/provisioning/alert-rules", "alert.provisioning:read", self._every_rule),
            ("POST", "/api/v1/provisioning/alert-rules", "alert.provisioning:write", self._new_rule),
            ("PUT", "/api/v1/provisioning/alert-rules/{uid}", "alert.provisioning:write", self._change_rule),
        ]
        health = web.get(f"{self.prefix}/api/health", self._health)
        return [health, *(web.route(m, f"{self.prefix}{p}", self._guarded(r, h)) for m, p, r, h in table)]

    def _guarded(
        self, right: str, handler: Callable[[web.Request], Awaitable[tuple[int, object]]]
    ) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            if self.before is not None and (instead := await self.before(request)) is not None:
                return instead
            try:
                may = self._who(request)
                if right and right not in may:
                    raise Refusal(403, f"You'll need additional permissions: {right}", accessErrorId="ACE1")
                if request.method in ("POST", "PUT") and not request.path.endswith("/ds/query"):
                    if self.fail_at == len(self.writes):
                        raise Refusal(500, "Internal Server Error")
                    self.writes.append(f"{request.method} {request.path.removeprefix(self.prefix)}")
                status, body = await handler(request)
            except Refusal as refusal:
                return web.json_response(refusal.body, status=refusal.code)
            return web.json_response(body, status=status)

        return answer

    def _who(self, request: web.Request) -> frozenset[str]:
        kind, _, shown = request.headers.get("Authorization", "").partition(" ")
        if kind == "Bearer" and shown in self.tokens:
            return self.tokens[shown]
        if kind == "Basic":
            user, _, password = base64.b64decode(shown).decode().partition(":")
            if self.users.get(user) == password:
                return ALL_RIGHTS
        raise Refusal(401, "Invalid API key")

    async def _health(self, request: web.Request) -> web.StreamResponse:
        if self.before is not None and (instead := await self.before(request)) is not None:
            return instead
        return web.json_response({"commit": "abc", "database": "ok", "version": self.version})

    async def _settings(self, _: web.Request) -> tuple[int, object]:
        return 200, {"buildInfo": {"version": self.version, "edition": "Open Source"}}

    async def _rights(self, request: web.Request) -> tuple[int, object]:
        if not self.tells_rights:
            raise Refusal(404, "Not found")
        return 200, {right: ["*"] for right in self._who(request)}

    async def _plugins(self, _: web.Request) -> tuple[int, object]:
        return 200, [{"id": name, "type": "datasource"} for name in self.plugins]

    async def _folder(self, request: web.Request) -> tuple[int, object]:
        return 200, there_is(self.folders, request, "folder not found")

    async def _new_folder(self, request: web.Request) -> tuple[int, object]:
        body = await body_of(request, shapes.FOLDER_NEW)
        if body["uid"] in self.folders:
            raise Refusal(409, "a folder with the same uid already exists")
        self.folders[body["uid"]] = made = {"id": next(self._ids), "version": 1, **body}
        return 200, made

    async def _change_folder(self, request: web.Request) -> tuple[int, object]:
        there = there_is(self.folders, request, "folder not found")
        body = await body_of(request, shapes.FOLDER_CHANGED)
        if not body.get("overwrite") and body.get("version") != there["version"]:
            raise Refusal(412, "The folder has been changed by someone else", status="version-mismatch")
        there |= {"title": body["title"], "version": there["version"] + 1}
        return 200, there

    async def _datasources(self, _: web.Request) -> tuple[int, object]:
        return 200, list(self.datasources.values())

    async def _datasource(self, request: web.Request) -> tuple[int, object]:
        return 200, there_is(self.datasources, request, "Data source not found")

    async def _new_datasource(self, request: web.Request) -> tuple[int, object]:
        body = await body_of(request, shapes.DATASOURCE_NEW)
        if any(body["name"] == other["name"] for other in self.datasources.values()):
            raise Refusal(409, "data source with the same name already exists")
        there = {"id": next(self._ids), "orgId": 1, "version": 1, "readOnly": False}
        return 200, {"message": "Datasource added", "datasource": self._keep_datasource(there, body)}

    async def _change_datasource(self, request: web.Request) -> tuple[int, object]:
        there = there_is(self.datasources, request, "Data source not found")
        body = await body_of(request, shapes.DATASOURCE_CHANGED)
        if there["readOnly"]:
            raise Refusal(403, "Cannot update read-only data source")
        if body.get("version", there["version"]) != there["version"]:
            raise Refusal(
                409, "Datasource has already been updated by someone else. Please reload and try again"
            )
        there["version"] += 1
        return 200, {"message": "Datasource updated", "datasource": self._keep_datasource(there, body)}

    def _keep_datasource(self, there: Document, body: Document) -> Document:
        given = {key: value for key, value in body.items() if key not in ("secureJsonData", "version")}
        uid = body["uid"]
        self.secrets.setdefault(uid, {}).update(body.get("secureJsonData", {}))
        self.datasources[uid] = made = {
            **there,
            **given,
            "secureJsonFields": dict.fromkeys(self.secrets[uid], True),
        }
        return made

    async def _query(self, request: web.Request) -> tuple[int, object]:
        body = await body_of(request, shapes.QUERY)
        (query,) = body["queries"]
        uid = query["datasource"]["uid"]
        if uid not in self.datasources:
            raise Refusal(404, "data source not found")
        if self.secrets.get(uid, {}).get("password") != self.database_password:
            error = "pq: password authentication failed"
            return 400, {"results": {query["refId"]: {"error": error, "status": 400, "frames": []}}}
        values = [[self.database_offers_timescale], [self.database_readable]]
        frame = {
            "schema": {"fields": [{"name": "timescale"}, {"name": "readable"}]},
            "data": {"values": values},
        }
        return 200, {"results": {query["refId"]: {"status": 200, "frames": [frame]}}}

    async def _dashboard(self, request: web.Request) -> tuple[int, object]:
        there = there_is(self.dashboards, request, "Dashboard not found")
        return 200, {"dashboard": there, "meta": self.metas[there["uid"]]}

    async def _versions(self, request: web.Request) -> tuple[int, object]:
        found = there_is(self.versions, request, "Dashboard not found")
        page = found[: int(request.query.get("limit", 1000))]
        return 200, page if self.lists_versions else {"continueToken": "", "versions": page}

    async def _put_dashboard(self, request: web.Request) -> tuple[int, object]:
        body = await body_of(request, shapes.DASHBOARD)
        dashboard, folder = body["dashboard"], body.get("folderUid", "")
        there = self.dashboards.get(dashboard["uid"])
        may = self._who(request)
        if ("dashboards:write" if there else "dashboards:create") not in may:
            raise Refusal(403, "Access denied to this dashboard")
        if folder and folder not in self.folders:
            raise Refusal(400, "folder not found")
        if there is None:
            if dashboard.get("id") is not None:
                raise Refusal(404, "Dashboard not found", status="not-found")
        elif self.metas[dashboard["uid"]]["provisioned"]:
            raise Refusal(400, "Cannot save provisioned dashboard")
        elif not body.get("overwrite"):
            if dashboard.get("id") is None:
                raise Refusal(412, "A dashboard with the same uid already exists", status="name-exists")
            if dashboard.get("version") != there["version"]:
                raise Refusal(
                    412, "The dashboard has been changed by someone else", status="version-mismatch"
                )
        version = self._save(dashboard["uid"], dashboard, folder, body.get("message", ""), "sa-feederline")
        return 200, {"status": "success", "uid": dashboard["uid"], "version": version, "slug": "x"}

    def _save(self, uid: str, dashboard: Document, folder: str, message: str, who: str) -> int:
        there = self.dashboards.get(uid)
        version = there["version"] + 1 if there else 1
        number = there["id"] if there else next(self._ids)
        self.dashboards[uid] = {**copy.deepcopy(dashboard), "id": number, "version": version}
        self.metas[uid] = {"folderUid": folder, "provisioned": False, "updatedBy": who, "version": version}
        entry = {"id": number, "uid": uid, "version": version, "message": message, "createdBy": who}
        self.versions.setdefault(uid, []).insert(0, entry)
        return version


@contextmanager
def serving(standin: StandIn, *, tls: ssl.SSLContext | None = None) -> Iterator[StandIn]:
    """Runs it on a free port of loopback until left; `standin.url` is its address."""
    loop = asyncio.new_event_loop()
    started = threading.Event()
    runner = web.AppRunner(_application(standin), access_log=None, handle_signals=False, shutdown_timeout=0.1)

    async def start() -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        host, port = runner.addresses[0][:2]
        standin.url = f"{'https' if tls else 'http'}://{host}:{port}{standin.prefix}/"
        started.set()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        assert started.wait(10)
        yield standin
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def _application(standin: StandIn) -> web.Application:
    application = web.Application()
    application.add_routes(standin.routes())
    return application
