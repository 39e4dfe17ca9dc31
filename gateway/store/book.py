"""What every part of the meter data's store stands on."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from psycopg_pool import AsyncConnectionPool

from gateway.core.model import Record
from gateway.store.devices import DeviceKeys


class Retired(Record, frozen=True, kw_only=True):
    """A device that is listed no more: its row, and the node where it hung, empty where nowhere."""

    key: int
    node: str


class Book:
    """devices: which local key is which row, as of now."""

    def __init__(
        self, pool: AsyncConnectionPool[psycopg.AsyncConnection], devices: Callable[[], DeviceKeys]
    ) -> None:
        self._pool = pool
        self._devices = devices

    def _key(self, device: int | Retired) -> int | None:
        return device.key if isinstance(device, Retired) else self._devices().key(device)
