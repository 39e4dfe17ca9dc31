"""The part of the network that an exercise is played on, as an inventory of its own."""

from __future__ import annotations

import numpy as np
from msgspec import structs

from gateway.core.inventory import DeviceKind, Inventory
from gateway.core.model import Bools, Int32s
from gateway.core.network import Network, NodeKind, phase_letters

MOST_DEVICES = 50_000
"""In one exercise. To begin one takes 7 µs for each, in which the stream stands still."""


def count_below(whole: Inventory, node: int) -> int:
    """Devices at or below a node."""
    found = whole.network.subtree(node)
    return int(np.count_nonzero((whole.node >= found.start) & (whole.node < found.stop)))


class Scope:
    """The feeder that a node hangs on (all below the root where there is none), or as much around the node as has no
    more than `MOST_DEVICES`, with the nodes above it.

    inventory: its m devices under keys of their own;  keys: int32[m], their keys in the whole inventory;
    speaks: bool[m], everything but concentrators, which say nothing of their own accord;  below: bool[m], what of this
    hangs at or below the node;  meters: bool[m], the metering points among those.
    """

    def __init__(self, whole: Inventory, node: str) -> None:
        """Raises KeyError for a node that is not there."""
        network = whole.network
        path = network.path(network.index(node))
        widest = next((i for i in reversed(path) if network.kind[i] == NodeKind.FEEDER), path[0])
        around = path[path.index(widest) :]
        top = next((i for i in around if count_below(whole, i) <= MOST_DEVICES), path[-1])
        found = network.subtree(top)
        self.keys: Int32s = np.flatnonzero((whole.node >= found.start) & (whole.node < found.stop)).astype(
            np.int32
        )
        above = path[: path.index(top)]
        self.inventory = _part(whole, self.keys, [*above, *range(found.start, found.stop)])
        below = network.subtree(path[-1])
        at = whole.node[self.keys]
        kind = self.inventory.kind
        self.speaks: Bools = kind != DeviceKind.CONCENTRATOR
        self.below: Bools = (at >= below.start) & (at < below.stop) & self.speaks
        self.meters: Bools = self.below & (kind == DeviceKind.METER)


def _part(whole: Inventory, keys: Int32s, nodes: list[int]) -> Inventory:
    network = whole.network
    part = Network(
        [network.ids[i] for i in nodes],
        [network.ids[parent] if (parent := int(network.parent[i])) >= 0 else "" for i in nodes],
        [NodeKind(int(network.kind[i])).word for i in nodes],
        names=[network.names[i] for i in nodes],
        phases=[phase_letters(int(network.phases[i])) for i in nodes],
        lat=network.lat[nodes],
        lon=network.lon[nodes],
        attributes=[network.attributes.get(i, {}) for i in nodes],
    )
    devices = [whole.device(key) for key in keys.tolist()]
    inside = {device.id for device in devices}
    found = Inventory(
        [device if device.via in inside else structs.replace(device, via="") for device in devices], part
    )
    found.nominal_v[:] = whole.nominal_v[keys]
    return found
