"""Networks with customers, furnished with meters: from pandapower (extra `bench`), and the simulator's district.

`schutterwald` is pandapower's `lv_schutterwald`: low-voltage trees of 14 transformers as built, fuses where it has
switches, a service at every bus with a load. It has no medium voltage; two feeders with laterals behind fuses are put
above it. `oberrhein` is `mv_oberrhein`: two substations and their feeders as switched, every station a transformer with
a handful of services. pandapower and its networks are under the BSD 3-clause licence.

What meters there are is invented, and the same at every run: a third of the transformers has a concentrator that polls
over Modbus each minute, the others' meters publish each minute, each quarter of an hour, or some so and some so.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.core.errors import InvalidInputError
from gateway.core.inventory import Device, DeviceKind, Inventory
from gateway.core.model import Bools, Float64s, Int64s
from gateway.core.network import Network, NodeKind
from simulator.layout import build

_FAST_S, _SLOW_S = 60, 900
_SESSIONS = 2
_PER_CELL = 3  # transformers
_SINGLE_PHASE = 0.7  # share of services


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """A network with its meters, and how each meter behaves. Columns have one row per device key.

    points: keys of meters in the order of their nodes, and below node i lie points[first[i] : first[i + size[i]]];
    polled: behind a concentrator;  session: broker session, −1 where polled;  cell: radio cell, −1 where polled;
    interval_s;  phase_s: when within its interval it reports;  wait_s: from loss of supply to last gasp;
    timed: its signals carry its own time;  askable: it answers to a ping.
    """

    name: str
    inventory: Inventory
    points: Int64s
    first: Int64s
    polled: Bools
    session: Int64s
    cell: Int64s
    interval_s: Float64s
    phase_s: Float64s
    wait_s: Float64s
    timed: Bools
    askable: Bools

    def below(self, node: int) -> Int64s:
        """Keys of the meters at and below a node."""
        return self.points[self.first[node] : self.first[node + int(self.inventory.network.size[node])]]


class _Node(NamedTuple):
    id: str
    parent: str
    kind: str


NAMES = ("district", "schutterwald", "oberrhein")


@lru_cache(maxsize=4)
def load(name: str) -> Grid:
    """Raises InvalidInputError for a name that is not one of `NAMES`, or where pandapower is not installed."""
    if name == "district":
        district = build(600, seed=5)
        nodes = [_Node(n.id, n.parent, n.kind) for n in district.nodes]
        return _furnish(name, nodes, [(d.node, d.phases, d.customers) for d in district.meters])
    if name not in _FROM_PANDAPOWER:
        raise InvalidInputError([f"unknown network {name!r}; there are: {', '.join(NAMES)}"])
    try:
        networks = importlib.import_module("pandapower.networks")
    except ImportError as exc:
        raise InvalidInputError(
            [f"network {name!r} comes from pandapower, which is not installed: pip install -e '.[bench]'"]
        ) from exc
    logging.getLogger("pandapower").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it solves the power flow on the way, and warns of its own data
        nodes, services = _FROM_PANDAPOWER[name](networks)
    rng = np.random.default_rng(3)
    meters = [
        (service, "ABC"[int(rng.integers(3))] if rng.random() < _SINGLE_PHASE else "ABC", 1)
        for service in services
    ]
    return _furnish(name, nodes, meters)


def available() -> tuple[str, ...]:
    """The networks that can be loaded here."""
    return NAMES if importlib.util.find_spec("pandapower") else NAMES[:1]


# -- from pandapower -------------------------------------------------------------------------------------------------


class _Wires:
    """The lines of a pandapower network that carry supply: bus -> (bus, line, whether a switch stands in it)."""

    def __init__(self, net) -> None:  # type: ignore[no-untyped-def]
        switched = net.switch[net.switch.et == "l"]
        open_ = set(switched.element[~switched.closed])
        closed = set(switched.element[switched.closed])
        self.next: dict[int, list[tuple[int, int, bool]]] = defaultdict(list)
        for line, a, b, live in net.line[["from_bus", "to_bus", "in_service"]].itertuples():
            if live and line not in open_:
                self.next[int(a)].append((int(b), int(line), line in closed))
                self.next[int(b)].append((int(a), int(line), line in closed))

    def walk(self, bus: int, node: str, step: Callable[[str, int], str]) -> Iterator[tuple[int, str]]:
        """(bus, node it belongs to) of everything fed from `bus`; `step(node, line)` names what a switch begins."""
        seen, stack = {bus}, [(bus, node)]
        while stack:
            here, at = stack.pop()
            yield here, at
            for there, line, switched in sorted(self.next[here]):
                if there not in seen:
                    seen.add(there)
                    stack.append((there, step(at, line) if switched else at))


def _schutterwald(networks) -> tuple[list[_Node], list[str]]:  # type: ignore[no-untyped-def]
    net = networks.lv_schutterwald(include_heat_pumps=True)
    loads: dict[int, int] = net.load.groupby("bus").size().to_dict()
    nodes = [_Node("SS", "", "substation")]
    services: list[str] = []
    wires = _Wires(net)

    def fuse(above: str, line: int) -> str:
        nodes.append(_Node(f"{transformer}-F{line}", above, "fuse"))
        return nodes[-1].id

    for i, bus in enumerate(net.trafo.lv_bus.tolist()):
        feeder, lateral = f"F{i // 7 + 1}", f"F{i // 7 + 1}-L{i % 7 // 2 + 1}"
        if i % 7 == 0:
            nodes.append(_Node(feeder, "SS", "feeder"))
        if i % 7 % 2 == 0:
            nodes.append(_Node(lateral, feeder, "recloser" if i % 7 == 4 else "fuse"))
        transformer = f"T{i + 1:02}"
        nodes.append(_Node(transformer, lateral, "transformer"))
        for here, at in wires.walk(bus, transformer, fuse):
            if count := loads.get(here, 0):
                nodes.append(_Node(f"{transformer}-B{here}", at, "service"))
                services += [nodes[-1].id] * count
    return nodes, services


def _oberrhein(networks) -> tuple[list[_Node], list[str]]:  # type: ignore[no-untyped-def]
    net = networks.mv_oberrhein()
    loads = set(net.load.bus.tolist())
    nodes: list[_Node] = []
    services: list[str] = []
    wires = _Wires(net)

    def switch(above: str, line: int) -> str:
        first = above.startswith("SS")
        nodes.append(_Node(f"F{line}" if first else f"W{line}", above, "feeder" if first else "switch"))
        return nodes[-1].id

    for i, bus in enumerate(net.trafo.lv_bus.tolist()):
        nodes.append(_Node(f"SS{i + 1}", "", "substation"))
        for here, at in wires.walk(bus, nodes[-1].id, switch):
            if here in loads:
                nodes.append(_Node(f"T{here}", at, "transformer"))
                for k in range(4 + here % 5):
                    nodes.append(_Node(f"T{here}-{k + 1}", f"T{here}", "service"))
                    services.append(nodes[-1].id)
    return nodes, services


_FROM_PANDAPOWER = {"schutterwald": _schutterwald, "oberrhein": _oberrhein}


# -- meters ----------------------------------------------------------------------------------------------------------


def _furnish(name: str, nodes: list[_Node], meters: list[tuple[str, str, int]]) -> Grid:
    """`meters`: (node, phases, customers)."""
    network = Network([n.id for n in nodes], [n.parent for n in nodes], [n.kind for n in nodes])
    above = network.ancestor_of_kind(NodeKind.TRANSFORMER)
    rng = np.random.default_rng(4)
    transformers = np.flatnonzero(network.kind == NodeKind.TRANSFORMER).tolist()
    number = {transformer: i for i, transformer in enumerate(transformers)}
    devices = []
    for i, (node, phases, customers) in enumerate(meters):
        transformer = int(above[network.index(node)])
        how = number[transformer] % 6
        polled = how in {0, 3}
        fast = polled or how == 1 or (how in {2, 5} and bool(rng.random() < 0.5))
        devices.append(
            Device(
                id=f"M{i + 1:04}",
                node=node,
                protocol="modbus" if polled else "mqtt",
                via=f"C-{network.ids[transformer]}" if polled else "",
                phases=phases,
                customers=customers,
                interval_s=_FAST_S if fast else _SLOW_S,
                attributes={} if polled else {"cell": f"cell-{number[transformer] // _PER_CELL}"},
            )
        )
    devices += [
        Device(
            id=f"C-{network.ids[t]}", node=network.ids[t], kind="concentrator", protocol="modbus", customers=0
        )
        for t in transformers
        if number[t] % 6 in {0, 3}
    ]
    return _grid(name, Inventory(devices, network), np.searchsorted(transformers, above), rng)


def _grid(name: str, inventory: Inventory, row: npt.NDArray[np.int64], rng: np.random.Generator) -> Grid:
    """`row`: number of the transformer above each node."""
    n = len(inventory)
    meters = np.flatnonzero(inventory.kind == DeviceKind.METER)
    points = meters[np.argsort(inventory.node[meters], kind="stable")]
    polled = inventory.via >= 0
    of = row[inventory.node]
    interval = inventory.interval_s.astype(np.float64)
    at_once = rng.random(n) < 0.4
    return Grid(
        name=name,
        inventory=inventory,
        points=points,
        first=np.searchsorted(inventory.node[points], np.arange(len(inventory.network) + 1)),
        polled=polled,
        session=np.where(polled, -1, of * _SESSIONS // (int(of.max()) + 1)),
        cell=np.where(polled, -1, of // _PER_CELL),
        interval_s=interval,
        phase_s=rng.random(n) * interval,
        wait_s=np.where(at_once, rng.uniform(0.0, 3.0, n), rng.uniform(10.0, 60.0, n)),
        timed=rng.random(n) < 0.7,
        askable=polled | (rng.random(n) < 0.7),
    )
