"""The boundary to psycopg: its errors become ours here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import psycopg_pool
from psycopg.conninfo import conninfo_to_dict

from gateway.core.errors import FeederlineError, NotStorableError, RefusedError, UnavailableError

_REFUSED = ("28", "3D", "3F", "42", "0A")
# 25006 is "read-only transaction": a standby that may yet be promoted, or a server told to write nothing for a while.
_LATER = ("08", "25006", "40", "53", "55", "57", "58")


def url_fault(url: str) -> str | None:
    """What is wrong with a database URL, or None. Quotes nothing of it: any part may be a password gone astray."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # its text quotes the URL
        return "not a PostgreSQL URL; write it as postgresql://user@host:5432/database, without a password"
    if parts.get("password"):
        return "holds a password; write it as password: {env: NAME} or password: {file: PATH}"
    port = str(parts.get("port") or "5432")
    if not all(part.isdecimal() and 0 < int(part) < 65_536 for part in port.split(",")):
        return "not a PostgreSQL URL: the port is not a number between 1 and 65535"
    return None


def place(url: str) -> str:
    """Host, port and database of a URL, for messages; never a password."""
    parts = conninfo_to_dict(url)
    host = parts.get("host") or "localhost"
    return f"{host}:{parts.get('port') or 5432}, database {parts.get('dbname') or parts.get('user') or '(default)'}"


def translated(exc: Exception, what: str) -> FeederlineError:
    """Our error for psycopg's, in one line that says what to do."""
    text = (str(exc).strip().splitlines() or [type(exc).__name__])[0]
    if isinstance(exc, psycopg_pool.PoolTimeout):
        return UnavailableError(
            f"{what}: no free connection to the database in time; is it overloaded or down?"
        )
    if isinstance(exc, psycopg_pool.PoolClosed):
        closed = (
            "the connections are closed" if "already" in text else "the database has not been reached yet"
        )
        return UnavailableError(f"{what}: {closed}")
    code = getattr(exc, "sqlstate", None) or ""
    if code.startswith(_REFUSED):
        return RefusedError(f"{what}: {text}")
    if code.startswith(_LATER) or isinstance(exc, (psycopg.OperationalError, psycopg.InterfaceError)):
        return UnavailableError(f"{what}: {text}")
    if isinstance(exc, (psycopg.DataError, psycopg.IntegrityError)):
        return NotStorableError(f"{what}: {text}")
    return RefusedError(f"{what}: {text}")


@contextmanager
def boundary(what: str) -> Iterator[None]:
    """Raises:
    UnavailableError: the database is not there, too busy, or gave up this time.
    NotStorableError: these very data will never be taken.
    RefusedError: privileges, password, or a schema that is not ours.
    """
    try:
        yield
    except (psycopg.Error, psycopg_pool.PoolTimeout, psycopg_pool.PoolClosed) as exc:
        raise translated(exc, what) from exc
