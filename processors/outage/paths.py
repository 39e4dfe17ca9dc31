"""What devices are heard through, from the nearest hop on: concentrator, modem, cell, endpoint, broker session."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gateway.core.inventory import Inventory
from gateway.core.model import Int32s

SHARED = ("modem", "cell")  # attributes of a device, or of the concentrator that it is behind


def hops(inventory: Inventory, behind: Mapping[int, list[int]], number: Callable[[str], int]) -> list[Int32s]:
    """For each hop but the session, the number of what each device is heard through there, −1 for nothing: int32 per
    key. A modem or cell of one device alone says nothing beyond the device and is left out."""
    n = len(inventory)
    via, far = np.full(n, -1, np.int32), np.full(n, -1, np.int32)
    for key, keys in behind.items():
        via[keys] = via[key] = number(f"via:{inventory.ids[key]}")
    for key in inventory.of_protocol("modbus"):
        if address := inventory.device(key).address:
            far[key] = number(f"source:modbus:{endpoint(address)}")
    return [via, *(_shared(inventory, name, number) for name in SHARED), far]


def _shared(inventory: Inventory, name: str, number: Callable[[str], int]) -> Int32s:
    by_value: dict[str, list[int]] = {}
    for key in np.flatnonzero(inventory.node >= 0).tolist():
        value = inventory.device(key).attributes.get(name, "")
        via = int(inventory.via[key])
        if not value and via >= 0:
            value = inventory.device(via).attributes.get(name, "")
        if value:
            by_value.setdefault(value, []).append(key)
    found = np.full(len(inventory), -1, np.int32)
    for value, keys in by_value.items():
        if len(keys) > 1:
            found[keys] = number(f"{name}:{value}")
    return found


def endpoint(address: str) -> str:
    """`host:port` of a Modbus address `host[:port]/unit`."""
    place = address.rpartition("/")[0]
    return place if ":" in place.rpartition("]")[2] else f"{place}:502"
