"""Real parts for tests: PostgreSQL, TimescaleDB where offered, an MQTT broker, Mosquitto where installed."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

from gateway.embedded import BrokerAddress, _await_listener, embedded_broker, embedded_postgres, free_port
from gateway.store import DatabaseSettings, Store

# How long an example takes says how busy the machine is, and nothing about the program.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

TIMESCALE_SERVER = "FEEDERLINE_TEST_DATABASE_URL"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of the superuser on an embedded PostgreSQL that lives as long as the session.

    In a folder of its own: under root the server is another user, and pytest shuts its folders to others.
    """
    with (
        tempfile.TemporaryDirectory(prefix="feederline-test-", ignore_cleanup_errors=True) as folder,
        embedded_postgres(Path(folder), durable=False) as url,
    ):
        yield url


@pytest.fixture(scope="session")
def timescale_server() -> str:
    """URL of a superuser on a server that offers TimescaleDB, named by the environment; skips without one."""
    url = os.environ.get(TIMESCALE_SERVER, "")
    if not url:
        pytest.skip(f"no TimescaleDB: {TIMESCALE_SERVER} does not name a server")
    with psycopg.connect(url, autocommit=True) as connection:
        offered = connection.execute("select 1 from pg_available_extensions where name = 'timescaledb'")
        if offered.fetchone() is None:
            pytest.skip("no TimescaleDB: the server does not offer the extension")
    return url


@pytest.fixture(scope="session")
def migrated(postgres_server: str) -> str:
    """Name of a database on plain PostgreSQL that has the schema and nothing else; copies of it cost a quarter."""
    name = "migrated"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))

    async def migrate() -> None:
        async with Store.open(DatabaseSettings(url=_url(postgres_server, name))) as store:
            await store.migrate()

    with ThreadPoolExecutor(1) as apart:  # from whatever loop there is
        apart.submit(asyncio.run, migrate()).result()
    return name


def _fresh_database(server: str, template: str | None = None) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    create = sql.SQL("create database {}").format(sql.Identifier(name))
    if template is not None:
        create += sql.SQL(" template {} strategy file_copy").format(sql.Identifier(template))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(create)
    yield _url(server, name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _url(server: str, name: str) -> str:
    parts = psycopg.conninfo.conninfo_to_dict(server)
    user, host, port = parts.get("user"), str(parts.get("host", "")), parts.get("port", 5432)
    at = f"/{name}?host={host}&port={port}" if host.startswith("/") else f"{host}:{port}/{name}"
    secret = f":{parts['password']}" if parts.get("password") else ""
    return f"postgresql://{user}{secret}@{at}"


@pytest.fixture
def postgres_url(postgres_server: str, migrated: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh database on plain PostgreSQL with the schema and nothing else; without it where the test is marked
    `before_migrations`."""
    bare = request.node.get_closest_marker("before_migrations") is not None
    yield from _fresh_database(postgres_server, None if bare else migrated)


@pytest.fixture
def timescale_url(timescale_server: str) -> Iterator[str]:
    """A fresh, empty database on a server that offers TimescaleDB."""
    yield from _fresh_database(timescale_server)


@pytest.fixture(params=["postgresql", "timescaledb"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database, once on each backend; with the schema on one and without it on the other, as gateways may find
    it."""
    fixture = "postgres_url" if request.param == "postgresql" else "timescale_url"
    url: str = request.getfixturevalue(fixture)
    return url


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerAddress]:
    """The embedded MQTT broker; one for the session, so use client ids and topics of your own."""
    with embedded_broker(tmp_path_factory.mktemp("broker")) as address:
        yield address


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[BrokerAddress]:
    """A fresh Mosquitto on loopback, anonymous; skips where it is not installed."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("mosquitto is not installed")
    port = free_port()
    config = tmp_path / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000\n"
    )
    log = tmp_path / "mosquitto.log"
    with log.open("wb") as output:
        process = subprocess.Popen([program, "-c", str(config)], stdout=output, stderr=output)
    try:
        _await_listener(process, port, log)
        yield BrokerAddress("127.0.0.1", port, process.pid)
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerAddress]:
    """An embedded MQTT broker for one test alone."""
    with embedded_broker(tmp_path_factory.mktemp("broker")) as address:
        yield address
