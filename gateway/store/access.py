"""Tokens, who is signed in with them, and the audit log."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from msgspec import structs
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from gateway.core.access import ROLES, AuditEntry, Role
from gateway.core.clock import from_datetime
from gateway.core.errors import NotFoundError
from gateway.core.model import Record
from gateway.store.errors import boundary
from gateway.store.queries import sql
from gateway.store.rows import Row, micros, when, when_any
from gateway.store.text import storable, to_json


class Token(Record, frozen=True, kw_only=True):
    """A bearer token as it is on record; the secret itself is nowhere."""

    id: str
    name: str
    role: Role
    below: tuple[str, ...] = ()
    created_at: int
    created_by: str
    expires_at: int
    revoked_at: int | None = None
    revoked_by: str = ""
    last_used_at: int | None = None  # coarse

    def good(self, at: int) -> bool:
        return self.revoked_at is None and at < self.expires_at


class Session(Record, frozen=True, kw_only=True):
    """Somebody signed in on the page with a token."""

    token: Token
    created_at: int
    seen_at: int  # coarse
    expires_at: int


class AuditView(Record, frozen=True, kw_only=True):
    number: int
    entry: AuditEntry


async def audit_write(conn: psycopg.AsyncConnection, entry: AuditEntry) -> None:
    """Put an entry on record within the transaction of what it tells of."""
    await conn.execute(sql("audit_insert"), _audit_row(entry))


class Access:
    """Every method raises UnavailableError while the database is away. Times are µs UTC."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection]) -> None:
        self._pool = pool

    async def create(self, token: Token, secret_hash: bytes, entry: AuditEntry) -> None:
        """Keep a new token, on record."""
        given = {
            "token_id": token.id,
            "name": storable(token.name),
            "secret_hash": secret_hash,
            "role": token.role.word,
            "below": [storable(node) for node in token.below],
            "created_at": when(token.created_at),
            "created_by": storable(token.created_by),
            "expires_at": when(token.expires_at),
        }
        with boundary("keeping a token"):
            async with self._pool.connection() as conn, conn.transaction():
                await conn.execute(sql("access_token_insert"), given)
                await audit_write(conn, entry)

    async def tokens(self) -> list[Token]:
        """All that ever were, newest first."""
        with boundary("reading tokens"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                await cur.execute(sql("access_token_list"))
                return [_token(row) async for row in cur]

    async def find(self, token_id: str) -> tuple[Token, bytes] | None:
        """The token, good or not, and the SHA-256 of its secret."""
        with boundary("reading a token"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                await cur.execute(sql("access_token_find"), {"token_id": token_id})
                row = await cur.fetchone()
        return None if row is None else (_token(row), bytes(row["secret_hash"]))

    async def revoke(self, token_id: str, entry: AuditEntry) -> Token:
        """Take a token back, on record, with the sessions that were begun with it; a second time changes nothing.

        Raises NotFoundError when there is none of that id.
        """
        given = {"token_id": storable(token_id), "at": when(entry.at), "by": storable(entry.actor)}
        with boundary("taking back a token"):
            async with self._pool.connection() as conn, conn.transaction():
                async with conn.cursor(row_factory=dict_row) as cur:
                    row = await (await cur.execute(sql("access_token_revoke"), given)).fetchone()
                if row is None:
                    raise NotFoundError(f"there is no token {token_id!r}")
                await conn.execute(sql("access_session_end_of_token"), given)
                gone = _token(row)
                changed = gone.revoked_at == entry.at
                await audit_write(conn, structs.replace(entry, detail={**entry.detail, "changed": changed}))
        return gone

    async def used(self, token_id: str, at: int) -> None:
        await self._do("access_token_used", {"token_id": token_id, "at": when(at)})

    async def begin(self, session_hash: bytes, token_id: str, entry: AuditEntry, *, expires_at: int) -> None:
        """Keep a session, on record."""
        given = {
            "session_hash": session_hash,
            "token_id": token_id,
            "at": when(entry.at),
            "expires_at": when(expires_at),
        }
        with boundary("keeping a session"):
            async with self._pool.connection() as conn, conn.transaction():
                await conn.execute(sql("access_session_insert"), given)
                await audit_write(conn, entry)

    async def session(self, session_hash: bytes) -> Session | None:
        with boundary("reading a session"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                await cur.execute(sql("access_session_find"), {"session_hash": session_hash})
                row = await cur.fetchone()
        if row is None:
            return None
        return Session(
            token=_token(row),
            created_at=from_datetime(row["session_created_at"]),
            seen_at=from_datetime(row["seen_at"]),
            expires_at=from_datetime(row["session_expires_at"]),
        )

    async def seen(self, session_hash: bytes, at: int) -> None:
        await self._do("access_session_seen", {"session_hash": session_hash, "at": when(at)})

    async def end(self, session_hash: bytes, entry: AuditEntry) -> None:
        """End a session, on record where there was one."""
        with boundary("ending a session"):
            async with self._pool.connection() as conn, conn.transaction():
                ended = await conn.execute(sql("access_session_end"), {"session_hash": session_hash})
                if ended.rowcount:
                    await audit_write(conn, entry)

    async def prune_sessions(self, before: int) -> None:
        """Delete what expired before that time."""
        await self._do("access_session_prune", {"before": when(before)})

    async def audit(self, entries: Sequence[AuditEntry]) -> None:
        """Put entries on record, all or none."""
        with boundary("writing the audit log"):
            async with self._pool.connection() as conn, conn.transaction():
                for entry in entries:
                    await audit_write(conn, entry)

    async def audit_entries(
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        thing: str | None = None,
        outcome: str | None = None,
        address: str | None = None,
        token: str | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[AuditView]:
        """Newest first; `thing` is an entry's object; `before`: only what was before that time."""
        words = {
            "actor": actor,
            "action": action,
            "object": thing,
            "outcome": outcome,
            "address": address,
            "token": token,
        }
        given: dict[str, object] = {
            name: None if word is None else storable(word) for name, word in words.items()
        }
        given |= {"before": when_any(before), "limit": limit}
        with boundary("reading the audit log"):
            async with self._pool.connection() as conn, conn.cursor(row_factory=dict_row) as cur:
                await cur.execute(sql("audit_list"), given)
                return [_audit_view(row) async for row in cur]

    async def _do(self, name: str, given: dict[str, object]) -> None:
        with boundary("keeping access"):
            async with self._pool.connection() as conn:
                await conn.execute(sql(name), given)


def _token(row: Row) -> Token:
    return Token(
        id=row["token_id"],
        name=row["name"],
        role=ROLES[row["role"]],
        below=tuple(row["below"]),
        created_at=from_datetime(row["created_at"]),
        created_by=row["created_by"],
        expires_at=from_datetime(row["expires_at"]),
        revoked_at=micros(row["revoked_at"]),
        revoked_by=row["revoked_by"],
        last_used_at=micros(row["last_used_at"]),
    )


def _audit_row(entry: AuditEntry) -> dict[str, object]:
    """Parameters of `audit_insert`."""
    return {
        "at": when(entry.at),
        "actor": storable(entry.actor),
        "role": entry.role,
        "origin": storable(entry.origin),
        "address": storable(entry.address),
        "token": storable(entry.token),
        "action": storable(entry.action),
        "object": storable(entry.object),
        "outcome": entry.outcome,
        "detail": to_json(entry.detail),
    }


def _audit_view(row: Row) -> AuditView:
    return AuditView(
        number=row["audit_id"],
        entry=AuditEntry(
            at=from_datetime(row["at"]),
            actor=row["actor"],
            role=row["role"],
            origin=row["origin"],
            address=row["address"],
            token=row["token_id"],
            action=row["action"],
            object=row["object"],
            outcome=row["outcome"],
            detail=row["detail"],
        ),
    )
