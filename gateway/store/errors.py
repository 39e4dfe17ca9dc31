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
    """What is wrong with a database URL, or None."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError as exc:
        return f"not a PostgreSQL URL: {str(exc).strip()}"
    if parts.get("password"):
        return "holds a password; write it as password: {env: NAME} or password: {file: PATH}"
    port = str(parts.get("port") or "5432")
    if not all(part.isdecimal() and 0 < int(part) < 65_536 for part in port.split(",")):
        return f"not a PostgreSQL URL: port {port!r} is not a number between 1 and 65535"
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
