"""Brings a database to the schema this program needs: numbered files, all that are missing at once, under a lock."""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import LiteralString

import psycopg
from psycopg import sql as compose
from psycopg.rows import dict_row

from gateway.core.errors import RefusedError
from gateway.store.queries import read, sql
from gateway.store.settings import DatabaseSettings

log = logging.getLogger(__name__)

OLDEST_SERVER = 160_000
ROLES = ("feederline_writer", "feederline_api", "feederline_grafana")
_NAME = re.compile(r"(\d{4})_(\w+?)(?:\.(timescale|plain))?\.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    version: int
    name: str
    text: LiteralString

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """What `migrate` did. `missing_roles` could not be created by this user and do not exist."""

    applied: tuple[str, ...]
    timescale: bool
    missing_roles: tuple[str, ...]


def migrations(*, timescale: bool) -> list[Migration]:
    """The files for one kind of server, in order.

    Raises RuntimeError when a number is missing, doubled, or has a variant for one kind of server only.
    """
    variant = "timescale" if timescale else "plain"
    found: list[Migration] = []
    folder = files("gateway.store").joinpath("migrations")
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        match = _NAME.fullmatch(file.name)
        if match and match[3] in (None, variant):
            text = read(file)
            found.append(Migration(version=int(match[1]), name=match[2], text=text))
    if [m.version for m in found] != list(range(1, len(found) + 1)):
        raise RuntimeError(f"migrations for {variant} servers are not numbered 1, 2, 3 …")
    return found


async def migrate(conn: psycopg.AsyncConnection, settings: DatabaseSettings) -> Migrated:
    """Bring the schema up to date. `conn` is in autocommit mode and acts as the login, not as a group.

    A login that is not the owner of the schema may call it too, and is refused only where something is missing.
    Several gateways may call this at once: one does the work, the others wait and find it done.

    Raises:
        RefusedError: an applied migration is not what it was, the database is newer than this program, the server is
            too old, or TimescaleDB is demanded and not there.
    """
    if conn.info.server_version < OLDEST_SERVER:
        raise RefusedError(
            f"PostgreSQL {OLDEST_SERVER // 10_000} or later is needed; this is {conn.info.server_version}"
        )
    await conn.execute(sql("migrate_session"))
    await conn.execute(sql("migrate_lock"))
    try:
        owner, _ = await _owner(conn)
        return await _compare(conn, owner) if owner else await _migrate(conn, settings)
    finally:
        if not conn.closed:
            await conn.execute(sql("migrate_unlock"))


async def not_ours(conn: psycopg.AsyncConnection, exc: psycopg.errors.InsufficientPrivilege) -> RefusedError:
    """What `migrate` was refused, with the command that mends it."""
    owner, command = await _owner(conn)
    advice = _migrate_as(owner) if owner else f"make the login the owner of the database: {command}"
    return RefusedError(f"migrating the database: {str(exc).strip().splitlines()[0]}; {advice}")


async def _owner(conn: psycopg.AsyncConnection) -> tuple[str | None, str]:
    """Whose the schema is, None where there is none or it is the login's; and the command to own the database."""
    row = await (await conn.execute(sql("migrate_owner"))).fetchone()
    assert row is not None
    return row[0], row[1]


def _migrate_as(owner: str) -> str:
    return f"the schema feederline belongs to {owner}: let {owner} migrate, by running the gateway once as that login"


async def _compare(conn: psycopg.AsyncConnection, owner: str) -> Migrated:
    """For a login that may not change the schema: fine where nothing is to be changed."""
    known = await _known(conn)
    timescale = known[min(known)][1] if known else False
    if pending := _pending(known, migrations(timescale=timescale)):
        raise RefusedError(f"{len(pending)} migrations are missing; {_migrate_as(owner)}")
    return Migrated(applied=(), timescale=timescale, missing_roles=())


async def _migrate(conn: psycopg.AsyncConnection, settings: DatabaseSettings) -> Migrated:
    await conn.execute(sql("migrate_table"))
    known = await _known(conn)
    timescale = await _timescale(conn, settings, known)
    await _search_path(conn)
    pending = _pending(known, migrations(timescale=timescale))
    async with conn.transaction():  # page and dashboards may be reading: nobody finds half of them
        for migration in pending:
            await conn.execute(migration.text)
            await conn.execute(
                sql("migrate_record"),
                {
                    "version": migration.version,
                    "name": migration.name,
                    "checksum": migration.checksum,
                    "timescale": timescale,
                },
            )
    for migration in pending:
        log.info("migration applied", extra={"version": migration.version, "migration": migration.name})
    missing = await _roles(conn)
    if timescale:
        await _policies(conn, settings)
    else:
        await conn.execute(sql("partitions_ensure"), {"ahead": settings.partitions_ahead_days})
    return Migrated(applied=tuple(m.name for m in pending), timescale=timescale, missing_roles=missing)


async def _known(conn: psycopg.AsyncConnection) -> dict[int, tuple[str, bool]]:
    rows = await (await conn.execute(sql("migrate_known"))).fetchall()
    return {version: (checksum, timescale) for version, checksum, timescale in rows}


def _pending(known: dict[int, tuple[str, bool]], wanted: list[Migration]) -> list[Migration]:
    if len(known) > len(wanted):
        raise RefusedError(
            f"the database is at migration {max(known)}, this program knows {len(wanted)}; update it"
        )
    for migration in wanted:
        if migration.version in known and known[migration.version][0] != migration.checksum:
            raise RefusedError(
                f"migration {migration.version:04d}_{migration.name} was applied in another form than this program "
                "has; applied migrations are never edited, add a new one"
            )
    return [m for m in wanted if m.version not in known]


async def _timescale(
    conn: psycopg.AsyncConnection, settings: DatabaseSettings, known: dict[int, tuple[str, bool]]
) -> bool:
    """Is this a TimescaleDB schema? A database stays what it was migrated as."""
    if known:
        return known[min(known)][1]
    if settings.timescale == "off":
        return False
    reason = await _hindrance(conn)
    if reason is None:
        return True
    if settings.timescale == "on":
        raise RefusedError(f"database.timescale is on, but it cannot be used: {reason}")
    log.info("without TimescaleDB", extra={"reason": reason})
    return False


async def _hindrance(conn: psycopg.AsyncConnection) -> str | None:
    """Create the extension; why it cannot be used, or None."""
    offered = await (await conn.execute(sql("timescale_offered"))).fetchone()
    if offered is None:
        return "the server does not offer the extension"
    if not offered[0]:  # creating it would end the connection
        return "the server has it installed, but not in shared_preload_libraries"
    try:
        await conn.execute(sql("timescale_create"))
    except psycopg.Error as exc:
        return str(exc).strip().splitlines()[0]
    licence = await (await conn.execute(sql("timescale_license"))).fetchone()
    if licence is None or licence[0] != "timescale":
        return "this build has neither compression nor continuous aggregates (timescaledb.license is apache)"
    return None


async def _search_path(conn: psycopg.AsyncConnection) -> None:
    """Our schema first; behind it the one that holds TimescaleDB's functions."""
    row = await (await conn.execute(sql("timescale_schema"))).fetchone()
    schemas = ["feederline", *([row[0]] if row else [])]
    await conn.execute(
        compose.SQL("set search_path = {}").format(compose.SQL(", ").join(map(compose.Identifier, schemas)))
    )


async def _roles(conn: psycopg.AsyncConnection) -> tuple[str, ...]:
    folder = files("gateway.store").joinpath("migrations", "roles")
    for attempt in range(10):
        try:
            await conn.execute(read(folder.joinpath("create.sql")))
        except psycopg.errors.InternalError_:  # "tuple concurrently updated": another database's migration
            if attempt == 9:
                raise
        else:
            break
    rows = await (await conn.execute(sql("roles_existing"), {"roles": list(ROLES)})).fetchall()
    existing = {name for (name,) in rows}
    for role in ROLES:
        if role in existing:
            await conn.execute(read(folder.joinpath(f"{role}.sql")))
    missing = tuple(role for role in ROLES if role not in existing)
    if missing:
        log.warning("roles are missing: everything acts as the login", extra={"roles": missing})
    return missing


async def _policies(conn: psycopg.AsyncConnection, settings: DatabaseSettings) -> None:
    """Compression and retention as the configuration says; replaced only where they say something else."""
    wanted = {"compress": settings.compress_after_days, "drop": settings.retention_days}
    async with conn.transaction(), conn.cursor(row_factory=dict_row) as cur:
        row = await (await cur.execute(sql("timescale_policies"))).fetchone()
        if row is not None and row["compress"] == wanted["compress"] and row["drop"] == wanted["drop"]:
            return
        await cur.execute(sql("timescale_set_policies"), wanted, prepare=False)
