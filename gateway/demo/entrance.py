"""A token for whoever tries the demo, and what to do with it."""

from __future__ import annotations

import shlex

from gateway.api.access import tokens
from gateway.core.access import AuditEntry, Role
from gateway.core.clock import DAY, Clock
from gateway.store import Store
from gateway.store.access import Token

_NAME = "demo"


async def operator_token(store: Store, clock: Clock) -> str:
    """Make an operator's token, good for a day, as its holder has it. Raises UnavailableError without the database."""
    minted, at = tokens.mint(), clock.now()
    token = Token(
        id=minted.id,
        name="whoever tries the demo",
        role=Role.OPERATOR,
        created_at=at,
        created_by=_NAME,
        expires_at=at + DAY,
    )
    entry = AuditEntry(
        at=at,
        actor=_NAME,
        origin="command",
        action="token.create",
        object=token.id,
        outcome="done",
        detail={"name": token.name, "role": token.role.word, "below": []},
    )
    await store.access.create(token, minted.hash, entry)
    return minted.text


def example(page: str, token: str, ticket: str) -> str:
    """A command line that writes a word onto a ticket's record, whatever its revision by then."""
    return shlex.join(
        (
            "curl", "-X", "POST", f"{page}/api/tickets/{ticket}/comment", "-H", f"Authorization: Bearer {token}",
            "-H", "If-Match: *", "-H", "Content-Type: application/json", "-d", '{"reason": "my word on record"}',
        )
    )  # fmt: skip
