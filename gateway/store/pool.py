"""Connections: one pool for statements, and single ones for migrating and listening."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from psycopg_pool import AsyncConnectionPool

from gateway.core.errors import RefusedError, UnavailableError
from gateway.store.errors import place
from gateway.store.queries import sql
from gateway.store.settings import DatabaseSettings

_ADVICE: Mapping[str, str] = {
    "password authentication failed": "check database.url's user and database.password",
    "no password supplied": "set database.password to {env: NAME} or {file: PATH}",
    "does not exist": "create it, or correct database.url",
    "no pg_hba.conf entry": "allow this host and user in the server's pg_hba.conf",
    "permission denied": "grant the login the right to connect",
    "not permitted to log in": "use a role that may log in",
}


def arguments(settings: DatabaseSettings) -> dict[str, str | int]:
    """Keyword arguments for psycopg's connect.

    Raises:
        InvalidInputError: the password's environment variable or file is missing.
    """
    given: dict[str, str | int] = {
        "application_name": settings.application_name,
        "connect_timeout": max(2, round(settings.connect_timeout_s)),
    }
    if settings.password is not None:
        given["password"] = settings.password.reveal()
    return given


async def connect(settings: DatabaseSettings) -> psycopg.AsyncConnection:
    """One connection in autocommit mode, acting as the login.

    Raises:
        UnavailableError: nobody answers there, or the server is still starting.
        RefusedError: the server answered no.
    """
    given = arguments(settings)
    try:
        return await psycopg.AsyncConnection.connect(
            settings.url,
            autocommit=True,
            password=given.get("password"),
            application_name=given["application_name"],
            connect_timeout=given["connect_timeout"],
        )
    except psycopg.OperationalError as exc:
        raise _explained(settings, exc) from exc


def _explained(settings: DatabaseSettings, exc: psycopg.OperationalError) -> UnavailableError | RefusedError:
    text = str(exc)
    said = [line.split("FATAL:")[-1].strip() for line in text.splitlines() if "FATAL:" in line]
    where = place(settings.url)
    for words, advice in _ADVICE.items():
        if said and words in text:
            return RefusedError(f"database at {where}: {said[0]}; {advice}")
    line = said[0] if said else text.strip().splitlines()[-1].strip()
    return UnavailableError(f"no database at {where}: {line}; start it, or correct database.url")


def build(settings: DatabaseSettings) -> AsyncConnectionPool[psycopg.AsyncConnection]:
    """The pool, not yet open. Its connections are in autocommit mode, see our schema only, and act as the group
    the settings name where the login is a member of it."""

    async def configure(conn: psycopg.AsyncConnection) -> None:
        await conn.execute(
            sql("session"),
            {"role": settings.role, "statement_timeout": f"{round(settings.statement_timeout_s * 1000)}ms"},
        )

    return AsyncConnectionPool(
        settings.url,
        min_size=settings.pool_min,
        max_size=settings.pool_max,
        kwargs={**arguments(settings), "autocommit": True},
        configure=configure,
        check=AsyncConnectionPool.check_connection,
        timeout=settings.connect_timeout_s,
        name=settings.application_name,
        open=False,
    )
