"""Networks to look at: a district as the simulator lays it out, and one that is large; served with whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import numpy as np

from alerts.desk import Desk
from gateway.api.app import create_app
from gateway.api.serving import bind, serve, url_of
from gateway.api.settings import ApiSettings
from gateway.core.clock import ManualClock
from gateway.core.inventory import Device, Inventory
from gateway.core.network import Network
from simulator.district import Node
from simulator.layout import build
from tests.integration.case_world import NOW, World, alerts
from tests.integration.store_world import ready_store
from tests.integration.test_api_server import StandInState
from tests.signing import READERS

LONG = " ".join(["An exceedingly long name of a transformer by the old mill at the river"] * 3)
MARKUP = "<img src=x onerror=alert(1)><b>Mill</b> & Lane"


def network_of(nodes: Sequence[Node], **places: object) -> Network:
    """`places`: of some nodes, `(lat, lon)` in place of their own by id; None for nowhere."""
    at = [places.get(node.id, (node.lat, node.lon)) or (np.nan, np.nan) for node in nodes]
    return Network(
        [node.id for node in nodes],
        [node.parent for node in nodes],
        [node.kind for node in nodes],
        names=[node.name for node in nodes],
        phases=[node.phases for node in nodes],
        lat=[place[0] for place in at],  # type: ignore[index]
        lon=[place[1] for place in at],  # type: ignore[index]
        attributes=[{"rated_kva": str(node.rated_kva)} if node.rated_kva else {} for node in nodes],
    )


def district(meters: int = 120, *, renamed: dict[str, str] | None = None, **places: object) -> Inventory:
    made = build(meters, 7)
    named = [
        Node(**{name: getattr(node, name) for name in node.__struct_fields__} | {"name": renamed[node.id]})
        if renamed and node.id in renamed
        else node
        for node in made.nodes
    ]
    return Inventory(list(made.devices), network_of(named, **places))


def large(nodes: int = 100_000) -> Inventory:
    """About that many nodes; only its first hundred services have a meter each that a database is told of."""
    rng = np.random.default_rng(7)
    made = [Node(id="SS", parent="", kind="substation", name="Harbour substation", lat=31.2, lon=121.4)]
    transformers = 0
    while len(made) < nodes:
        number = transformers // 12 + 1
        feeder, fuse = f"F{number}", f"F{number}-L"
        angle, away = 2.4 * number, 0.01 + 0.25 * (number / (nodes / 316)) ** 0.5
        if transformers % 12 == 0:
            middle = (31.2 + away * np.sin(angle), 121.4 + away * np.cos(angle))
            made.append(_node(feeder, "SS", "feeder", f"Feeder {number}", middle, 0.3))
            made.append(_node(fuse, feeder, "fuse", f"Fuse of feeder {number}", middle, 0.8))
        transformers += 1
        name = f"T{transformers:05}"
        spot = middle + rng.normal(0, 0.006, 2)
        made.append(_node(name, fuse, "transformer", f"Transformer {transformers}", spot, 1.0))
        made += [
            _node(f"{name}-{k}", name, "service", f"{name}, house {k}", spot + rng.normal(0, 0.0012, 2), 1.0)
            for k in range(1, 26)
        ]
    devices = [Device(id=f"M{node.id}", node=node.id) for node in made if node.kind == "service"]
    return Inventory(devices, network_of(made))


def _node(name: str, parent: str, kind: str, title: str, at: Sequence[float], along: float) -> Node:  # noqa: PLR0917
    lat, lon = 31.2 + (at[0] - 31.2) * along, 121.4 + (at[1] - 121.4) * along
    return Node(id=name, parent=parent, kind=kind, name=title, lat=float(lat), lon=float(lon))


@asynccontextmanager
async def network_world(database: str, shown: Inventory, known: int = 1000) -> AsyncIterator[World]:
    """The page over `shown`, whose first `known` devices the database has; everybody may look."""
    first = [shown.device(key) for key in range(min(known, len(shown)))]
    concentrators = {device.via for device in first} - {device.id for device in first} - {""}
    listed = Inventory(
        [*first, *(shown.device(shown.key(name) or 0) for name in concentrators)], shown.network
    )
    chosen = alerts()
    async with ready_store(database, listed) as store:
        there = World(store, Desk(listed, chosen), chosen, ManualClock(NOW), state=StandInState())
        app = create_app(
            store,
            settings=ApiSettings(port=0),
            state=there.state,
            sink=there.detector,
            network=shown.network,
            devices=shown,
            desk=there.desk,
            alerts=chosen,
            access=READERS,
            clock=there.clock,
        )
        listener = bind(ApiSettings(port=0))
        there.url = url_of(listener)
        task = asyncio.create_task(serve(app, ApiSettings(port=0), listener))
        try:
            yield there
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
