"""The device list and the network into the database, all or nothing, and the keys that come back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
import numpy as np
import psycopg

from gateway.core.inventory import PRIORITIES, DeviceKind, Inventory
from gateway.core.model import Int32s
from gateway.core.network import Network, NodeKind, phase_letters
from gateway.store.queries import sql
from gateway.store.text import storable, to_json


class InventoryDiff(msgspec.Struct, frozen=True, kw_only=True):
    """What a synchronisation changed. Retired ones keep their row, their key and their history."""

    nodes_added: int
    nodes_changed: int
    nodes_retired: int
    devices_added: int
    devices_changed: int
    devices_retired: int

    def __str__(self) -> str:
        """In words, like "2 devices added, 1 node changed"; empty when nothing changed."""
        said = []
        for name in self.__struct_fields__:
            thing, change = name.split("_")
            if count := getattr(self, name):
                said.append(f"{count} {thing[:-1] if count == 1 else thing} {change}")
        return ", ".join(said)


async def sync(conn: psycopg.AsyncConnection, inventory: Inventory) -> tuple[InventoryDiff, Int32s]:
    """Make `node` and `device` say what the inventory says, in one transaction.

    Returns what changed, and the database's device_key of every local key: int32[keys].
    """
    async with conn.transaction():
        await conn.execute(sql("inventory_lock"))
        nodes = await _merge(conn, "node", _nodes(inventory.network))
        devices = await _merge(conn, "device", _devices(inventory))
        async with conn.cursor() as cur:
            await cur.execute(sql("device_keys"))
            keys = np.fromiter((key for (key,) in await cur.fetchall()), np.int32, len(inventory))
        await conn.execute(sql("inventory_drop"))
    diff = InventoryDiff(
        nodes_added=nodes[0],
        nodes_changed=nodes[1],
        nodes_retired=nodes[2],
        devices_added=devices[0],
        devices_changed=devices[1],
        devices_retired=devices[2],
    )
    return diff, keys


async def _merge(
    conn: psycopg.AsyncConnection, table: str, rows: Iterable[tuple[object, ...]]
) -> tuple[int, int, int]:
    """Stage the rows, give new names keys, merge; returns how many were added, changed and retired."""
    await conn.execute(sql(f"{table}_staging"))
    async with conn.cursor() as cur, cur.copy(sql(f"{table}_copy")) as out:
        for row in rows:
            await out.write_row(row)
    added = (await conn.execute(sql(f"{table}_number"))).rowcount
    await conn.execute(sql(f"{table}_link"))
    retired = (await conn.execute(sql(f"{table}_retire"))).rowcount
    written = (await conn.execute(sql(f"{table}_merge"))).rowcount
    return added, written - added, retired


def _nodes(network: Network) -> Iterator[tuple[object, ...]]:
    paths: list[str] = []
    for i, node_id in enumerate(network.ids):
        above = int(network.parent[i])
        paths.append(f"{paths[above]}/{node_id}" if above >= 0 else node_id)
        lat, lon = float(network.lat[i]), float(network.lon[i])
        yield (
            storable(node_id),
            storable(network.ids[above]) if above >= 0 else None,
            NodeKind(int(network.kind[i])).word,
            storable(network.names[i]),
            phase_letters(int(network.phases[i])),
            None if np.isnan(lat) else lat,
            None if np.isnan(lon) else lon,
            int(network.level[i]),
            storable(paths[i]),
            to_json(dict(network.attributes.get(i, {}))),
        )


def _devices(inventory: Inventory) -> Iterator[tuple[object, ...]]:
    network = inventory.network
    transformer = inventory.transformer()
    feeders = network.ancestor_of_kind(NodeKind.FEEDER)
    for key, device_id in enumerate(inventory.ids):
        node = int(inventory.node[key])
        if node < 0:
            yield (key, storable(device_id), False, *([None] * 14))
            continue
        device = inventory.device(key)
        feeder = int(feeders[node])
        yield (
            key,
            storable(device_id),
            True,
            storable(device.node),
            DeviceKind(int(inventory.kind[key])).word,
            device.protocol,
            storable(device.profile),
            storable(device.address),
            storable(device.via) or None,
            inventory.phase_letters(key),
            int(inventory.customers[key]),
            PRIORITIES[int(inventory.priority[key])],
            int(inventory.interval_s[key]),
            float(inventory.nominal_v[key]),
            storable(network.ids[transformer[key]]) if transformer[key] >= 0 else None,
            storable(network.ids[feeder]) if feeder >= 0 else None,
            to_json(dict(device.attributes)),
        )
