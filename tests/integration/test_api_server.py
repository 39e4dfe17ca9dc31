"""The application on a real socket: listening, health, metrics, headers, refusals."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from fastapi import FastAPI

from gateway import api
from gateway.api.app import create_app
from gateway.api.serving import bind, serve, url_of
from gateway.api.settings import AccessSettings, ApiSettings
from gateway.api.state import Condition, DriverState
from gateway.core.clock import Clock, ManualClock, parse_time
from gateway.core.errors import RefusedError, UnavailableError
from gateway.core.model import Entry
from gateway.core.ports import Sink
from gateway.store.reports import Reports
from gateway.store.settings import DatabaseSettings
from gateway.store.store import Store
from gateway.store.views import IncidentView
from tests.integration.store_world import small_network
from tests.signing import READERS, signed
from tests.waiting import until

LOOPBACK = ApiSettings(port=0)


class StandInState:
    """The gateway as the test says it is."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def ready(self) -> list[str]:
        return self.reasons

    def condition(self) -> Condition:
        return Condition(
            started_at=parse_time("2026-03-01T00:00:00Z"),
            stream_at=parse_time("2026-03-15T12:00:00Z"),
            spool_bytes=4096,
            lag_entries=3,
            drivers=(
                DriverState(name="modbus", state="running"),
                DriverState(name="mqtt", state="connecting", detail="broker does not answer"),
            ),
        )


class StandInSink:
    """A stream that nobody reads: it keeps what was put."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    async def put(self, entries: Sequence[Entry]) -> None:
        self.entries += entries


@asynccontextmanager
async def serving(
    store: Store,
    *,
    settings: ApiSettings = LOOPBACK,
    state: StandInState | None = None,
    sink: Sink | None = None,
    access: AccessSettings = READERS,
    time_zone: str = "UTC",
    clock: Clock | None = None,
) -> AsyncIterator[str]:
    """The page and API of `store` on a free port; yields its address. Whoever brings no credentials may read."""
    app = create_app(
        store,
        settings=settings,
        state=state or StandInState(),
        sink=sink or StandInSink(),
        network=small_network(),
        access=access,
        time_zone=time_zone,
        clock=clock or ManualClock(parse_time("2026-03-15T12:00:00Z")),
    )
    listener = bind(settings)
    task = asyncio.create_task(serve(app, settings, listener))
    try:
        yield url_of(listener, tls=settings.tls is not None)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    async with Store.open(DatabaseSettings(url=url, role=None, connect_timeout_s=2)) as store:
        await store.migrate()
        yield store


@pytest.fixture
async def site(postgres_url: str) -> AsyncIterator[tuple[str, StandInState]]:
    state = StandInState()
    async with opened(postgres_url) as store, serving(store, state=state) as url:
        yield url, state


async def test_health_says_why_not_ready(site: tuple[str, StandInState]) -> None:
    url, state = site
    async with aiohttp.ClientSession(url) as client:
        async with client.get("/health/live") as answer:
            assert (answer.status, await answer.json()) == (200, {"alive": True})
        async with client.get("/health/ready") as answer:
            assert (answer.status, await answer.json()) == (200, {"ready": True, "reasons": []})
        state.reasons = ["the broker does not answer"]
        async with client.get("/health/ready") as answer:
            assert answer.status == 503
            assert await answer.json() == {"ready": False, "reasons": ["the broker does not answer"]}
        async with client.get("/health/live") as answer:
            assert answer.status == 200


async def test_head_answers_as_get_without_a_body(site: tuple[str, StandInState]) -> None:
    url, state = site
    state.reasons = ["the broker does not answer"]
    async with aiohttp.ClientSession(url) as client:
        for path, status in (("/", 200), ("/health/live", 200), ("/health/ready", 503)):
            async with client.head(path) as head, client.get(path) as got:
                assert (head.status, got.status) == (status, status)
                assert head.headers["content-length"] == got.headers["content-length"]
                assert head.content_type == got.content_type
                assert await head.read() == b""


async def test_metrics_are_what_prometheus_reads(site: tuple[str, StandInState]) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    async with aiohttp.ClientSession(site[0]) as client:
        for path in ("/api/incidents", "/api/incidents/nobody", "/nowhere/at/all"):
            await (await client.get(path)).read()
        async with client.get("/metrics") as answer:
            assert answer.content_type == "text/plain"
            text = await answer.text()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    routes = {sample.labels["route"] for sample in families["feederline_api_requests"].samples}
    assert "/api/incidents" in routes
    assert not {route for route in routes if "nobody" in route or "nowhere" in route}


async def test_every_answer_carries_the_security_headers(site: tuple[str, StandInState]) -> None:
    async with aiohttp.ClientSession(site[0]) as client:
        for path in ("/", "/web/page.js", "/api/incidents", "/health/live", "/nowhere", "/api/tickets?x=1"):
            async with client.get(path) as answer:
                policy = answer.headers["content-security-policy"]
                assert "default-src 'self'" in policy
                assert "frame-ancestors 'none'" in policy
                assert "unsafe" not in policy
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.headers["referrer-policy"] == "no-referrer"
                assert "server" not in answer.headers


async def test_page_needs_nothing_from_elsewhere(site: tuple[str, StandInState]) -> None:
    async with aiohttp.ClientSession(site[0]) as client:
        async with client.get("/") as answer:
            assert answer.content_type == "text/html"
            assert "http" not in (await answer.text()).replace("http-equiv", "")
        web = Path(api.__file__).parent / "web"
        modules = sorted(path.relative_to(web).as_posix() for path in web.rglob("*.js"))
        assert {"page.js", "core/live.js"} < {*modules}
        for name in modules:
            async with client.get(f"/web/{name}") as answer:
                assert answer.content_type == "text/javascript"
                text = await answer.text()
                assert "innerHTML" not in text
                assert "://" not in text
        for path in web.rglob("*.css"):
            async with client.get(f"/web/{path.relative_to(web).as_posix()}") as answer:
                assert "://" not in await answer.text()
        async with client.get("/web/../app.py") as answer:
            assert answer.status == 404


async def test_nothing_else_can_be_changed(site: tuple[str, StandInState]) -> None:
    async with aiohttp.ClientSession(site[0]) as client:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            for path in ("/api/incidents", "/api/tickets", "/api/reliability", "/metrics"):
                async with client.request(method, path, json={}) as answer:
                    assert answer.status == 405


async def test_openapi_lists_the_routes_and_there_is_no_docs_page(site: tuple[str, StandInState]) -> None:
    async with aiohttp.ClientSession(site[0]) as client:
        async with client.get("/api/openapi.json") as answer:
            document = await answer.json()
        assert {"/api/incidents", "/api/tickets", "/api/reliability", "/api/summary"} <= set(
            document["paths"]
        )
        for path in ("/docs", "/redoc"):
            async with client.get(path) as answer:
                assert answer.status == 404


async def test_foreign_host_name_is_misdirected(postgres_url: str) -> None:
    named = ApiSettings(port=0, hosts=("ops.example.org",))
    async with opened(postgres_url) as store, serving(store, settings=named) as url:
        port = url.rsplit(":", 1)[1]
        async with aiohttp.ClientSession(url, headers=await signed(store)) as client:
            for host, status in {
                f"localhost:{port}": 200,
                f"[::1]:{port}": 200,
                "OPS.example.org": 200,
                "rebound.example.net": 421,
                f"rebound.example.net:{port}": 421,
                "127.0.0.1.example.net": 421,
                "": 421,
            }.items():
                async with client.get("/api/incidents", headers={"host": host}) as answer:
                    assert answer.status == status, host


class MistakenReports(Reports):
    """Stands in for a mistake of ours anywhere behind a route."""

    def __init__(self) -> None:
        pass

    async def incident(self, incident: str, *, at: int | None = None) -> IncidentView | None:
        raise ZeroDivisionError("a secret of the inside")


async def test_mistake_of_ours_is_answered_without_its_inside(postgres_url: str) -> None:
    async with opened(postgres_url) as store:
        store.reports = MistakenReports()
        async with serving(store) as url, aiohttp.ClientSession(url) as client:
            async with client.get("/api/incidents/any") as answer:
                assert answer.status == 500
                assert answer.headers["x-content-type-options"] == "nosniff"
                text = await answer.text()
            assert "secret" not in text
            assert "Traceback" not in text
            async with client.get("/health/live") as answer:
                assert answer.status == 200


def test_open_address_is_refused_without_tls() -> None:
    for host in ("0.0.0.0", "192.0.2.7", "::", "gateway.example.org"):
        with pytest.raises(ValueError, match=r"api\.tls.*api\.plain_http"):
            ApiSettings(host=host)
        assert ApiSettings(host=host, plain_http=True).host == host
    for host in ("127.0.0.1", "127.8.9.1", "::1", "localhost"):
        assert ApiSettings(host=host).host == host


async def test_port_in_use_is_one_line_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        taken = ApiSettings(port=port)
        with pytest.raises(UnavailableError) as refusal:
            await serve(FastAPI(), taken)
    assert f"port {port} on 127.0.0.1 is in use" in str(refusal.value)
    assert "api.port" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_address_of_another_machine_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"192\.0\.2\.7"):
        bind(ApiSettings(host="192.0.2.7", port=0, plain_http=True))


async def test_stops_when_cancelled_and_frees_the_port(postgres_url: str) -> None:
    async with opened(postgres_url) as store:
        async with serving(store) as url, aiohttp.ClientSession(url) as client:
            async with client.get("/health/live") as answer:
                assert answer.status == 200
            port = int(url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port), 1).close()
        listener = bind(ApiSettings(port=port))
        listener.close()


async def test_database_away_is_said_and_passes(postgres_url: str, postgres_server: str) -> None:
    import psycopg
    from psycopg import sql

    name = psycopg.conninfo.conninfo_to_dict(postgres_url)["dbname"]
    away = f"{name}_away"
    rename = sql.SQL("alter database {} rename to {}")
    async with opened(postgres_url) as store, serving(store) as url, aiohttp.ClientSession(url) as client:
        async with await psycopg.AsyncConnection.connect(postgres_server, autocommit=True) as server:

            async def cut() -> bool:
                await server.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name]
                )
                try:
                    await server.execute(rename.format(sql.Identifier(str(name)), sql.Identifier(away)))
                except psycopg.errors.ObjectInUse:
                    return False
                return True

            await until(cut, what="the database is out of reach")
            try:
                paths = ("/api/incidents", "/api/tickets", "/api/reliability", "/api/summary")
                for answer in await asyncio.gather(*(client.get(path) for path in paths)):
                    assert answer.status == 503
                    assert answer.headers["retry-after"]
                    detail = (await answer.json())["detail"]
                    assert detail.startswith("The database cannot be read now")
                    assert "Traceback" not in detail
                async with client.get("/health/live") as answer:
                    assert answer.status == 200
                async with client.get("/") as answer:
                    assert answer.status == 200
            finally:
                await server.execute(rename.format(sql.Identifier(away), sql.Identifier(str(name))))

        async def back() -> bool:
            async with client.get("/api/incidents") as answer:
                return answer.status == 200

        await until(back, timeout_s=20, what="the API answers again")
