"""The inventory as somebody sees it: the devices and nodes that are theirs, counted, with who is without supply."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cached_property
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Given

from gateway.core.access import Actor
from gateway.core.inventory import DEVICE_KINDS, Inventory
from gateway.core.model import Bools, Int64s
from gateway.store.supply import Without

SupplyState = Literal["on", "off", "unknown"]
Name = Annotated[str, Given(min_length=1, max_length=200)]


class DevicePage(BaseModel):
    """Only those that are all of this. `below`: at or below this node; `node`: right at it; `text`: part of the id or
    of the name of its node, in either case of letters; `silent`: nothing was measured for three of their intervals, or
    something was; `after`: only devices whose id comes behind this one."""

    model_config = ConfigDict(extra="forbid")

    below: Name | None = None
    node: Name | None = None
    kind: Literal["meter", "terminal", "concentrator", "sensor"] | None = None
    protocol: Literal["modbus", "mqtt"] | None = None
    via: Name | None = None
    state: SupplyState | None = None
    silent: bool | None = None
    text: Name | None = None
    limit: Annotated[int, Given(ge=1, le=500)] = 100
    after: Name | None = None


class NetworkPage(BaseModel):
    """`parent`: nodes right below this one, without it the uppermost; `depth`: so many levels of them; `after`: only
    those behind this one."""

    model_config = ConfigDict(extra="forbid")

    parent: Name | None = None
    depth: Annotated[int, Given(ge=1, le=8)] = 1
    limit: Annotated[int, Given(ge=1, le=500)] = 500
    after: Name | None = None


class Lost(NamedTuple):
    """Who is without supply: by device, and customers off and unknown at or below every node, int64[nodes]."""

    devices: Mapping[str, Without]
    off: Int64s
    unknown: Int64s

    def state(self, device: str) -> SupplyState:
        found = self.devices.get(device)
        return found.state if found is not None else "on"


class Field:
    """Everything here is in memory; nothing of it changes."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self.network = inventory.network

    @cached_property
    def _by_id(self) -> tuple[list[str], Int64s]:
        """Ids of listed devices in their order, and the keys of these."""
        listed = np.flatnonzero(self.inventory.node >= 0).tolist()
        listed.sort(key=self.inventory.ids.__getitem__)
        return [self.inventory.ids[key] for key in listed], np.array(listed, np.int64)

    @cached_property
    def customers(self) -> Int64s:
        """At or below every node: int64[nodes]."""
        return self._below(self.inventory.customers.astype(np.int64))

    @cached_property
    def devices(self) -> Int64s:
        """Listed ones at or below every node: int64[nodes]."""
        return self._below(np.ones(len(self.inventory), np.int64))

    @cached_property
    def children(self) -> Mapping[int, list[int]]:
        """Nodes right below each that has any, in the order of the file; those of −1 are the roots."""
        order = np.argsort(self.network.parent, kind="stable")
        above, first = np.unique(self.network.parent[order], return_index=True)
        groups = [group.tolist() for group in np.split(order, first[1:])]
        return dict(zip(above.tolist(), groups, strict=len(self.network) > 0))

    def lost(self, without: Iterable[Without]) -> Lost:
        devices = {one.device: one for one in without}
        sums = []
        for state in ("off", "unknown"):
            keys = self.keys(name for name, one in devices.items() if one.state == state)
            per_device = np.zeros(len(self.inventory), np.int64)
            per_device[keys] = self.inventory.customers[keys]
            sums.append(self._below(per_device))
        return Lost(devices, sums[0], sums[1])

    def tops(self, actor: Actor) -> list[int]:
        """The uppermost nodes that somebody sees, none of them below another."""
        if not actor.below:
            return self.children.get(-1, [])
        own = sorted({self.network.index(node) for node in actor.below if node in self.network})
        return [
            node for node in own if not any(self.network.is_below(node, top) for top in own if top != node)
        ]

    def node(self, name: str, actor: Actor) -> int | None:
        """None for a node that is not there, or not theirs."""
        if name not in self.network or not actor.reaches(name, self.network):
            return None
        return self.network.index(name)

    def device(self, name: str, actor: Actor) -> int | None:
        """The key of a listed device; None where it is not there, or not theirs."""
        key = self.inventory.key(name)
        if key is None or not actor.reaches(self.inventory.device(key).node, self.network):
            return None
        return key

    def mine(self, actor: Actor) -> Bools:
        """Listed devices that somebody sees: bool per key."""
        return self._at_or_below(self.tops(actor)) if actor.below else self.inventory.node >= 0

    def keys(self, names: Iterable[str]) -> Int64s:
        """Of those of the devices that the inventory knows."""
        found = (self.inventory.key(name) for name in names)
        return np.array([key for key in found if key is not None], np.int64)

    def select(
        self, asked: DevicePage, actor: Actor, lost: Lost, silent: Set[str] = frozenset()
    ) -> list[int]:
        """Keys of the page and one more where there is one, by id. `silent`: names, where it is asked for them."""
        ids, keys = self._by_id
        start = bisect_right(ids, asked.after) if asked.after is not None else 0
        wanted = self._wanted(asked, actor)
        found: list[int] = []
        text = asked.text.casefold() if asked.text is not None else ""
        for place in (np.flatnonzero(wanted[keys[start:]]) + start).tolist():
            if text and text not in ids[place].casefold() and text not in self._place(keys[place]):
                continue
            if asked.silent is not None and (ids[place] in silent) != asked.silent:
                continue
            if asked.state is not None and lost.state(ids[place]) != asked.state:
                continue
            found.append(int(keys[place]))
            if len(found) > asked.limit:
                break
        return found

    def _place(self, key: int) -> str:
        return self.network.names[int(self.inventory.node[key])].casefold()

    def _wanted(self, asked: DevicePage, actor: Actor) -> Bools:
        inventory = self.inventory
        wanted = self.mine(actor)
        if asked.below is not None:
            top = self.node(asked.below, actor)
            wanted = wanted & self._at_or_below([] if top is None else [top])
        if asked.node is not None:
            at = self.node(asked.node, actor)
            wanted = wanted & (inventory.node == (-2 if at is None else at))
        if asked.kind is not None:
            wanted = wanted & (inventory.kind == DEVICE_KINDS[asked.kind])
        if asked.via is not None:
            via = inventory.key(asked.via)
            wanted = wanted & (inventory.via == (-2 if via is None else via))
        if asked.protocol is not None:
            spoken = np.zeros(len(inventory), np.bool_)
            spoken[inventory.of_protocol(asked.protocol)] = True
            wanted = wanted & spoken
        return wanted

    def _at_or_below(self, tops: Sequence[int]) -> Bools:
        here = np.zeros(len(self.network) + 1, np.bool_)  # the last one is for devices that hang nowhere
        for top in tops:
            here[self.network.subtree(top)] = True
        return here[self.inventory.node]

    def _below(self, per_device: Int64s) -> Int64s:
        listed = self.inventory.node >= 0
        per_node = np.bincount(
            self.inventory.node[listed], weights=per_device[listed], minlength=len(self.network)
        ).astype(np.int64)
        return self.network.subtree_sums(per_node).astype(np.int64)
