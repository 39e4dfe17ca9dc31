"""What the API wants to know of the running gateway; `gateway.running` provides it."""

from __future__ import annotations

from typing import Protocol

from gateway.core.model import Record


class DriverState(Record, frozen=True, kw_only=True):
    """One driver as an operator sees it. `state` is one word, `detail` says why where it is not "running"."""

    name: str
    state: str
    detail: str = ""


class Condition(Record, frozen=True, kw_only=True):
    """The gateway at this moment. `stream_at` is the last tick that was worked off, 0 before the first."""

    started_at: int
    stream_at: int = 0
    spool_bytes: int = 0
    lag_entries: int = 0  # in the spool and not yet in the database
    drivers: tuple[DriverState, ...] = ()
    alarms: tuple[str, ...] = ()  # targets that do not get their messages, one sentence each


class GatewayState(Protocol):
    def ready(self) -> list[str]:
        """Why the gateway cannot do its work now, one sentence per reason; empty when it can."""
        ...

    def condition(self) -> Condition: ...
