"""Who does something, and what they may do: roles, and the part of the network that they are for."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec

from gateway.core.model import Record
from gateway.core.network import Network


class Role(IntEnum):
    """Each may do what those before it may."""

    VIEWER = 0  # reads
    OPERATOR = 1  # drives tickets and incidents, announces outages, corrects interruptions
    ENGINEER = 2  # changes devices and network, replays deliveries, holds drills
    ADMIN = 3  # gives and takes access, reads the audit log

    @property
    def word(self) -> str:
        return self.name.lower()


ROLES: dict[str, Role] = {role.word: role for role in Role}


class Actor(Record, frozen=True, kw_only=True):
    """Somebody or something that asks. `below`: only what lies at or below these nodes; empty for the whole network."""

    name: str
    role: Role
    below: tuple[str, ...] = ()
    origin: str  # "api", "page", "command", "callback desk", …
    address: str = ""  # of the network peer
    token: str = ""  # id of the token, not the token

    def reaches(self, node: str, network: Network) -> bool:
        """Whether the node is theirs. One that the network does not have any more is for those of the whole only."""
        if not self.below:
            return True
        if node not in network:
            return False
        return any(network.ids[i] in self.below for i in network.path(network.index(node)))


class AuditEntry(Record, frozen=True, kw_only=True):
    """One write, or one attempt that was denied; append-only."""

    at: int
    actor: str
    role: str = ""
    origin: str = ""
    address: str = ""
    token: str = ""
    action: str  # like "ticket.close", "token.create", "signin"
    object: str = ""  # id of what it was done to
    outcome: str  # "done", "denied" (may not), "refused" (cannot), "failed"
    detail: dict[str, Any] = msgspec.field(default_factory=dict)
