"""How what somebody asks for becomes entries of the stream, or is refused with the reason."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fastapi import HTTPException

from gateway.api.problems import PATIENCE_S
from gateway.api.state import GatewayState
from gateway.core.errors import UnavailableError
from gateway.core.model import Entry
from gateway.core.ports import Sink


def check_at_work(state: GatewayState) -> None:
    """Raises HTTPException 503 when this gateway does not write: another one may be at work."""
    if not state.condition().stream_at:
        raise HTTPException(503, "this gateway is not at work yet", headers={"retry-after": "2"})


async def put(sink: Sink, entries: Sequence[Entry], doubt: str) -> None:
    """They are durable when this returns. Raises HTTPException 503 when the spool takes nothing now: `doubt` says what
    that means for what was asked."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            await sink.put(entries)
    except (TimeoutError, UnavailableError) as exc:
        raise HTTPException(
            503, f"the spool takes nothing now; {doubt}", headers={"retry-after": "10"}
        ) from exc
