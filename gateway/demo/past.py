"""The weeks before the demo: what a gateway would have collected of the district, put into the database beforehand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import numpy as np

from alerts.desk import Desk
from alerts.settings import AlertSettings
from gateway.core.clock import SECOND, Clock
from gateway.core.inventory import DeviceKind, Inventory
from gateway.core.model import Batch, Commit
from gateway.csvfiles import load_devices, load_network
from gateway.store import Store
from gateway.store.settings import DatabaseSettings

DAYS = 35
INTERVAL_S = 3600
_MOST_METERS = 1000  # of more it would take longer than anyone waits
_ROWS = 50_000  # written in one transaction
_QUANTITIES = ("energy_import", "energy_export")


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """rows: readings put there;  until: µs UTC, after the last of them;  heard: devices to be heard from now on;
    thief, vacant: names of meters, empty where the district has none."""

    rows: int
    until: int
    heard: tuple[str, ...]
    thief: str = ""
    vacant: str = ""

    @property
    def words(self) -> str:
        """For people; empty where there is no past."""
        return f"{DAYS} days of hourly registers ({self.rows} readings)" if self.rows else ""


def days_of(meters: int) -> int:
    """How far back the past of so large a district goes."""
    return DAYS if meters <= _MOST_METERS else 0


async def load_past(database: str, about: dict[str, Any], clock: Clock) -> Past:
    """Bring a fresh database up to date and fill in what `about`, the simulator's own account, says was before.

    Raises UnavailableError, RefusedError, InvalidInputError.
    """
    inventory = load_devices(Path(about["devices_csv"]), load_network(Path(about["network"])))
    keys = np.flatnonzero(inventory.kind != DeviceKind.CONCENTRATOR).tolist()
    heard = tuple(inventory.ids[key] for key in keys)
    rows, until = 0, 0
    if about["history"]:
        desk = Desk(inventory, AlertSettings())
        async with Store.open(DatabaseSettings(url=database)) as store:
            await store.migrate()
            await store.sync_inventory(inventory)
            for batch in _batches(Path(about["history"]), inventory):
                await store.write(Commit(batches=[batch]), desk, uuid4())
                rows, until = rows + len(batch), int(batch.measured_at.max()) + SECOND
            await store.maintain(clock.now())
    first = {name: next(iter(about[name]), "") for name in ("thieves", "vacant")}
    return Past(rows=rows, until=until, heard=heard, thief=first["thieves"], vacant=first["vacant"])


def _batches(file: Path, inventory: Inventory) -> Iterator[Batch]:
    """As collected on time, in order of time."""
    with np.load(file) as archive:
        at, names = archive["at"], archive["device"].tolist()
        tables = [archive[quantity] for quantity in _QUANTITIES]
    device = np.array([inventory.key(name) for name in names], np.int32)
    step = max(1, math.floor(_ROWS / len(device)))
    for first in range(0, len(at), step):
        times = at[first : first + step]
        values = np.stack([table[first : first + step].ravel() for table in tables], axis=1)
        yield Batch.of(
            _QUANTITIES,
            np.tile(device, len(times)),
            np.repeat(times, len(device)),
            values,
            source="demo",
        )
