"""Tokens for tests, and clients that bring them."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.api.access import tokens
from gateway.api.settings import AccessSettings
from gateway.core.access import AuditEntry, Role
from gateway.core.clock import DAY, SystemClock
from gateway.store import Store
from gateway.store.access import Token

READERS = AccessSettings.model_validate(
    {"loopback_role": "viewer", "limits": {"actor_per_s": 10_000, "address_per_s": 10_000}}
)
"""Everybody on this machine may read, as often as a test likes."""


async def make_token(
    store: Store,
    role: Role = Role.OPERATOR,
    *,
    name: str = "Li Wei",
    below: Sequence[str] = (),
    created_at: int | None = None,
    days: float = 90,
) -> tuple[Token, str]:
    """A token as it is kept, and its text."""
    minted = tokens.mint()
    at = SystemClock().now() if created_at is None else created_at
    token = Token(
        id=minted.id,
        name=name,
        role=role,
        below=tuple(below),
        created_at=at,
        created_by="test",
        expires_at=at + round(days * DAY),
    )
    entry = AuditEntry(at=at, actor="test", action="token.create", object=token.id, outcome="done")
    await store.access.create(token, minted.hash, entry)
    return token, minted.text


async def signed(
    store: Store, role: Role = Role.OPERATOR, *, name: str = "Li Wei", below: Sequence[str] = ()
) -> dict[str, str]:
    """Headers of somebody who has a token of that role."""
    _, text = await make_token(store, role, name=name, below=below)
    return bearer(text)


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}
