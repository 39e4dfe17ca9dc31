"""Which part of the network somebody sees: what they may, narrowed to what they ask for."""

from __future__ import annotations

from fastapi import HTTPException, Request

from gateway.api.access.gate import Gate
from gateway.core.access import Actor
from gateway.core.network import Network


def narrowed(actor: Actor, wanted: str | None, network: Network) -> tuple[str, ...] | None:
    """Top nodes of what `actor` may see at or below the node `wanted` (None: anywhere); None for everything.

    Empty when that is nothing. A node that the network does not have any more is for those of the whole only.
    """
    if not actor.below:
        return None if wanted is None else (wanted,)
    own = tuple(node for node in actor.below if node in network)
    if wanted is None:
        return own
    if actor.reaches(wanted, network):
        return (wanted,)
    return tuple(node for node in own if _is_below(node, wanted, network))


def _is_below(node: str, top: str, network: Network) -> bool:
    return any(network.ids[i] == top for i in network.path(network.index(node)))


def whole(gate: Gate, request: Request, actor: Actor, why: str) -> None:
    """Raises HTTPException 403 for somebody who sees a part only."""
    if actor.below:
        gate.deny(request, "area", actor)
        raise HTTPException(403, f"{why}; this token is for a part of it")
