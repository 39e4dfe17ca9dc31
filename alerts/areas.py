"""Which class of area an incident lies in: it decides how soon somebody has to be there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gateway.core.inventory import Inventory
from gateway.core.model import Incident

AREAS = ("urban", "rural", "remote")
"""Strictest first."""

ATTRIBUTE = "area"
_UNKNOWN = len(AREAS)


class Areas:
    """The attribute `area` of nodes and devices as columns, made once; other words than those of AREAS say nothing.

    node: uint8[nodes], of the node or the nearest above it that has one;  device: uint8[keys], its own or its node's.
    Both are places in AREAS, or one beyond where nothing says.
    """

    def __init__(self, inventory: Inventory, default: str) -> None:
        self._inventory = inventory
        self._default = default
        network = inventory.network
        node = np.full(len(network), _UNKNOWN, np.uint8)
        for i, attributes in network.attributes.items():
            node[i] = _code(attributes.get(ATTRIBUTE, ""))
        for depth in range(1, int(network.level.max(initial=0)) + 1):
            bare = np.flatnonzero((network.level == depth) & (node == _UNKNOWN))
            node[bare] = node[network.parent[bare]]
        device = np.full(len(inventory), _UNKNOWN, np.uint8)
        placed = np.flatnonzero(inventory.node >= 0)
        for key in placed.tolist():
            device[key] = _code(inventory.device(key).attributes.get(ATTRIBUTE, ""))
        bare = placed[device[placed] == _UNKNOWN]
        device[bare] = node[inventory.node[bare]]
        self.node: npt.NDArray[np.uint8] = node
        self.device: npt.NDArray[np.uint8] = device

    def of(self, incident: Incident) -> str:
        """The area of its node; else the one that most customers among its members are in, of equals the strictest;
        else the default."""
        network = self._inventory.network
        if incident.node in network:
            found = int(self.node[network.index(incident.node)])
            if found != _UNKNOWN:
                return AREAS[found]
        members = np.asarray(incident.devices, dtype=np.int32)
        area = self.device[members]
        known = area != _UNKNOWN
        if not known.any():
            return self._default
        there = np.bincount(area[known], minlength=len(AREAS))
        customers = np.bincount(
            area[known], weights=self._inventory.customers[members[known]], minlength=len(AREAS)
        )
        return AREAS[int(np.argmax(np.where(there > 0, customers, -1.0)))]


def _code(word: str) -> int:
    return AREAS.index(word) if word in AREAS else _UNKNOWN
