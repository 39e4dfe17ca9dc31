"""What every part of the meter data's store stands on."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from psycopg_pool import AsyncConnectionPool

from gateway.store.devices import DeviceKeys


class Book:
    """devices: which local key is which row, as of now."""

    def __init__(
        self, pool: AsyncConnectionPool[psycopg.AsyncConnection], devices: Callable[[], DeviceKeys]
    ) -> None:
        self._pool = pool
        self._devices = devices
