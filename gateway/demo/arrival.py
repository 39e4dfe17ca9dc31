"""Waiting for what is on its way from the broker to the database."""

from __future__ import annotations

import asyncio

from gateway.store import Store
from gateway.store.completeness import Completeness, Delivered

_PATIENCE_S = 15.0
_LOOK_S = 0.2


async def arrived(store: Store, delivered: Delivered) -> Completeness:
    """What the database has of it, once nothing is missing or patience is over.

    A broker confirms a message to the meter before it hands it to the gateway: one that ends in between finds the
    message at its next start, and who counts at that moment finds it missing.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE_S
    while True:
        found = await store.completeness(delivered)
        if not found.missing or loop.time() > deadline:
            return found
        await asyncio.sleep(_LOOK_S)
