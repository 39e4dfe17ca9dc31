"""What a format is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from gateway.core.inventory import Inventory
from gateway.core.model import Incident, Ticket, Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One step of a ticket, with everything a message may say about it."""

    ticket: Ticket
    transition: Transition
    incident: Incident
    inventory: Inventory
    public_url: str
    max_devices: int
    merged_into: str | None = None  # ticket id


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    body: bytes
    content_type: str = "application/json"


Format: TypeAlias = Callable[[Notice], Message]
