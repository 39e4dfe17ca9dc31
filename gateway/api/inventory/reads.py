"""Devices and the network to read: what there is, where it hangs, and who is without supply."""

from __future__ import annotations

import asyncio
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Path, Query

from gateway.api.access.gate import Gate
from gateway.api.inventory.field import DevicePage, Field, Lost, NetworkPage, SupplyState
from gateway.api.inventory.health import Silent
from gateway.api.problems import FOUND, within
from gateway.api.shapes import PlaceOut, Shape, Time
from gateway.api.shared import Shared
from gateway.core.access import Actor, Role
from gateway.core.clock import DAY, Clock
from gateway.core.errors import NotFoundError
from gateway.core.inventory import PRIORITIES
from gateway.core.network import NodeKind, phase_letters
from gateway.inventoryimport import Importer, node_row
from gateway.store.supply import Supply

LOST_KEPT_S = 2.0
HEARD_BACK = 35 * DAY
"""How far back the last reading is looked for."""

MOST_NODES = 5000
"""Nodes in one answer; what lies deeper is left to further questions."""


class DeviceOut(Shape):
    """`state` is `on` for whoever is not said to be without supply; `last_reading_at` is null after 35 days."""

    id: str
    node: str
    node_name: str
    kind: str
    protocol: str
    profile: str
    address: str
    via: str
    phases: str
    customers: int
    priority: str
    interval_s: int
    attributes: dict[str, str]
    state: SupplyState
    since: Time | None
    incident: str | None
    last_reading_at: Time | None


class DevicesOut(Shape):
    """By id; `next` is the `after` of the page that follows, null on the last one."""

    devices: list[DeviceOut]
    next: str | None


class NodeOut(PlaceOut):
    """Counts are of everything at or below the node. `children` is null where they are not told in this answer."""

    parent: str | None
    phases: str
    lat: float | None
    lon: float | None
    attributes: dict[str, str]
    devices: int
    customers: int
    customers_off: int
    customers_unknown: int
    child_count: int
    children: list[NodeOut] | None


class NodesOut(Shape):
    """In the order of network.csv; `next` is the `after` of the page that follows, null on the last one."""

    nodes: list[NodeOut]
    next: str | None


class NodePathOut(NodeOut):
    """`path`: from the uppermost node that may be seen down to this one."""

    path: list[PlaceOut]


class InventoryOut(Shape):
    """`revision` names the text of both files; `trouble` says why the last change was not taken up."""

    revision: str
    since: Time
    reloading: bool
    trouble: str
    nodes: int
    devices: int
    customers: int


class Seen(NamedTuple):
    """What is known of single devices, and of which of them nothing has been heard lately."""

    supply: Supply
    silent: Silent


Name = Annotated[str, Path(min_length=1, max_length=200)]


def build(field: Field, seen: Seen, importer: Importer, clock: Clock, gate: Gate) -> APIRouter:
    supply, silent = seen
    api = APIRouter(prefix="/api", tags=["inventory"])
    reader = Depends(gate.needs(Role.VIEWER))

    async def look() -> Lost:
        without = await within(supply.without())
        return await asyncio.to_thread(field.lost, without)

    lost = Shared(look, keep_s=LOST_KEPT_S)

    async def told(keys: list[int]) -> list[DeviceOut]:
        now = await lost.get()
        devices = [field.inventory.device(key) for key in keys]
        heard = await within(
            supply.last_readings([device.id for device in devices], since=clock.now() - HEARD_BACK)
        )
        out = []
        for key, device in zip(keys, devices, strict=True):
            without = now.devices.get(device.id)
            out.append(
                DeviceOut(
                    id=device.id,
                    node=device.node,
                    node_name=field.network.names[int(field.inventory.node[key])],
                    kind=device.kind,
                    protocol=device.protocol,
                    profile=device.profile,
                    address=device.address,
                    via=device.via,
                    phases=field.inventory.phase_letters(key),
                    customers=device.customers,
                    priority=PRIORITIES[int(field.inventory.priority[key])],
                    interval_s=device.interval_s,
                    attributes=dict(device.attributes),
                    state=now.state(device.id),
                    since=without.since if without else None,
                    incident=without.incident if without else None,
                    last_reading_at=heard.get(device.id),
                )
            )
        return out

    @api.get("/devices", summary="Devices, by id", operation_id="list_devices")
    async def devices(asked: Annotated[DevicePage, Query()], actor: Actor = reader) -> DevicesOut:
        mute = (await silent.get()).devices if asked.silent is not None else frozenset[str]()
        found = await asyncio.to_thread(field.select, asked, actor, await lost.get(), mute)
        page = await told(found[: asked.limit])
        return DevicesOut(devices=page, next=page[-1].id if len(found) > asked.limit else None)

    @api.get("/devices/{device_id:path}", summary="One device", operation_id="get_device", responses=FOUND)
    async def device(device_id: Name, actor: Actor = reader) -> DeviceOut:
        key = field.device(device_id, actor)
        if key is None:
            raise NotFoundError(f"there is no device {device_id!r}")
        return (await told([key]))[0]

    @api.get("/network", summary="Nodes right below a node, or the uppermost", operation_id="list_nodes")
    async def network(asked: Annotated[NetworkPage, Query()], actor: Actor = reader) -> NodesOut:
        above = None if asked.parent is None else _known(asked.parent, actor)
        nodes = field.tops(actor) if above is None else field.children.get(above, [])
        if asked.after is not None:
            names = [field.network.ids[node] for node in nodes]
            nodes = nodes[names.index(asked.after) + 1 :] if asked.after in names else []
        now, left = await lost.get(), MOST_NODES
        out = [_node(node, now, actor) for node in nodes[: asked.limit]]
        level = list(zip(nodes, out, strict=False))
        for _ in range(asked.depth - 1):
            below = [(parent, field.children.get(node, [])) for node, parent in level]
            left -= sum(len(children) for _, children in below)
            if left < 0:
                break
            level = []
            for parent, children in below:
                parent.children = [_node(child, now, actor) for child in children]
                level += zip(children, parent.children, strict=True)
        return NodesOut(nodes=out, next=out[-1].id if len(nodes) > asked.limit else None)

    @api.get("/network/{node_id:path}", summary="One node", operation_id="get_node", responses=FOUND)
    async def one(node_id: Name, actor: Actor = reader) -> NodePathOut:
        node = _known(node_id, actor)
        path = [
            place
            for place in field.network.path(node)
            if actor.reaches(field.network.ids[place], field.network)
        ]
        return NodePathOut(
            **dict(_node(node, await lost.get(), actor)), path=[PlaceOut(**_place(place)) for place in path]
        )

    @api.get("/inventory", summary="Which inventory is in use", operation_id="get_inventory")
    async def inventory(actor: Actor = reader) -> InventoryOut:
        loaded, tops = importer.loaded(), field.tops(actor)
        return InventoryOut(
            revision=loaded.revision,
            since=loaded.since,
            reloading=loaded.reloading,
            trouble=loaded.trouble if not actor.below else "",
            nodes=int(field.network.size[tops].sum()),
            devices=int(field.devices[tops].sum()),
            customers=int(field.customers[tops].sum()),
        )

    def _known(name: str, actor: Actor) -> int:
        node = field.node(name, actor)
        if node is None:
            raise NotFoundError(f"there is no node {name!r}")
        return node

    def _place(node: int) -> dict[str, str]:
        return {
            "id": field.network.ids[node],
            "name": field.network.names[node],
            "kind": NodeKind(int(field.network.kind[node])).word,
        }

    def _node(node: int, now: Lost, actor: Actor) -> NodeOut:
        row, above = node_row(field.network, node), int(field.network.parent[node])
        parent = field.network.ids[above] if above >= 0 else None
        return NodeOut(
            **_place(node),
            parent=parent if parent is not None and actor.reaches(parent, field.network) else None,
            phases=phase_letters(int(field.network.phases[node])),
            lat=row["lat"] if isinstance(row["lat"], float) else None,
            lon=row["lon"] if isinstance(row["lon"], float) else None,
            attributes=dict(field.network.attributes.get(node, {})),
            devices=int(field.devices[node]),
            customers=int(field.customers[node]),
            customers_off=int(now.off[node]),
            customers_unknown=int(now.unknown[node]),
            child_count=len(field.children.get(node, ())),
            children=None,
        )

    return api
