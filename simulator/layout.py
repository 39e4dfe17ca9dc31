"""Lays out a district: how many customers on which transformer, what hangs on what, who is polled and who publishes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gateway.core.inventory import Device
from gateway.core.model import Float64s, Int32s
from gateway.core.network import PHASES, Network
from simulator.district import CLASSES, METER_MAPPING, NOMINAL_V, District, Node
from simulator.field_devices import Terminals, field_devices, with_terminal

_MIX = {  # share of the classes in each area
    "urban": (0.80, 0.14, 0.02, 0.00, 0.04),
    "rural": (0.76, 0.06, 0.04, 0.11, 0.03),
    "remote": (0.72, 0.03, 0.02, 0.21, 0.02),
}
_MEAN_W = np.array([420.0, 2_400.0, 9_000.0, 1_500.0, 3_200.0])
_THREE_PHASE = np.array([0.06, 0.55, 1.0, 0.5, 0.7])
_KVA = (50, 63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000)
_AREAS = ("urban", "urban", "rural", "urban", "rural", "remote")
_FEWEST, _MOST, _USUAL = 10, 60, 25  # customers of one transformer
_TREE = (
    4  # transformers of a district at least, for a lateral and something beside it, with fewer customers each
)
_SPLIT = 5  # customers of each of them at least

SINGLE_PHASE_PROFILE = "eastron-sdm120"
THREE_PHASE_PROFILES = ("eastron-sdm630", "acrel-adw300", "feederline-meter")


def build(meters: int, seed: int, *, interval_s: int = 3, terminals: Terminals = "all") -> District:
    """A district of `meters` metering points; the same arguments give the same district.

    terminals: on the busbars of all transformers, or only of those on the `trunk`, not behind a lateral's fuse.

    Raises ValueError for fewer than 4 or more than 100,000 meters.
    """
    if not 4 <= meters <= 100_000:
        raise ValueError(f"a district has between 4 and 100000 meters, not {meters}")
    rng = np.random.default_rng(seed)
    sizes = _sizes(meters, rng)
    count = len(sizes)
    feeder = np.sort(np.arange(count, dtype=np.int32) % max(2, -(-count // 12)))
    feeders = [f"F{f + 1}" for f in range(int(feeder[-1]) + 1)]
    areas = [_AREAS[f % len(_AREAS)] for f in range(len(feeders))]
    nodes: list[Node] = [
        Node(id="SS1", parent="", kind="substation", name="Lakeside substation", lat=30.26, lon=120.08)
    ]
    distance = np.zeros(count)
    homes: list[tuple[int, str, float, float]] = []  # transformer row, parent node, lat, lon
    for f, name in enumerate(feeders):
        rows = np.flatnonzero(feeder == f)
        distance[rows] = (np.arange(len(rows)) + 1) / len(rows)
        homes += _lay_feeder(nodes, name, number=f, rows=rows, distance=distance, rng=rng)

    transformer = np.repeat(np.arange(count, dtype=np.int32), sizes)
    klass = np.zeros(meters, np.int32)
    for f, area in enumerate(areas):
        here = np.flatnonzero(feeder[transformer] == f)
        klass[here] = rng.choice(len(CLASSES), size=len(here), p=_MIX[area])
    mean_w = _MEAN_W[klass] * np.exp(rng.normal(-0.06, 0.35, meters))
    share = _phase_share(klass, rng)
    apartments = np.where((klass == 0) & (rng.random(meters) < 0.03), rng.integers(2, 13, meters), 1)
    mean_w *= np.sqrt(apartments)
    peak = np.bincount(transformer, weights=mean_w, minlength=count) * 2.2
    kva = np.array([next((k for k in _KVA if k * 1e3 >= w * 1.25), _KVA[-1]) for w in peak])

    services = _hang_services(nodes, homes, sizes=sizes, share=share, kva=kva, rng=rng)
    network = Network(
        [n.id for n in nodes],
        [n.parent for n in nodes],
        [n.kind for n in nodes],
        names=[n.name for n in nodes],
        phases=[n.phases for n in nodes],
        lat=[n.lat for n in nodes],
        lon=[n.lon for n in nodes],
    )
    concentrated = np.zeros(count, np.bool_)
    pairs = np.arange(count // 2) * 2  # one of each two neighbours, so that both kinds are everywhere
    concentrated[pairs + rng.integers(0, 2, len(pairs))] = True
    transformers = tuple(f"T{t + 1:02}" for t in range(count))
    priority = _priorities(klass, rng)
    digits = len(str(meters))
    devices: list[Device] = []
    three = 0
    for i in range(meters):
        t, letters = int(transformer[i]), _letters(share[i])
        if not concentrated[t]:
            profile = METER_MAPPING
        elif len(letters) == 1:
            profile = SINGLE_PHASE_PROFILE
        else:
            profile = THREE_PHASE_PROFILES[three % len(THREE_PHASE_PROFILES)]
            three += 1
        device_id = f"M{i + 1:0{digits}}"
        devices.append(
            Device(
                id=device_id,
                node=services[i],
                kind="meter",
                protocol="modbus" if concentrated[t] else "mqtt",
                profile=profile,
                address="" if concentrated[t] else device_id,
                via=f"C{t + 1:02}" if concentrated[t] else "",
                phases=letters,
                customers=int(apartments[i]),
                priority=priority[i],
                interval_s=interval_s,
                attributes={
                    "customer_class": CLASSES[klass[i]],
                    "area": areas[feeder[t]],
                    "contract_kw": str(max(4, int(-(-mean_w[i] * 6 // 1000)))),
                    "nominal_voltage": f"{NOMINAL_V:g}",
                    "register_digits": "6",
                },
            )
        )
    devices += field_devices(
        transformers,
        feeders,
        feeder=feeder,
        areas=areas,
        kva=kva,
        concentrated=concentrated,
        with_terminal=with_terminal(network, transformers, terminals),
        interval_s=interval_s,
    )
    return District(
        seed=seed,
        nodes=tuple(nodes),
        network=network,
        devices=tuple(devices),
        node=_indices(network, services),
        transformer=transformer,
        klass=klass,
        mean_w=mean_w,
        share=share,
        position=rng.random(meters) ** 0.7,
        transformers=transformers,
        transformer_node=_indices(network, transformers),
        concentrated=concentrated,
        feeder=feeder,
        rated_va=kva * 1e3,
        distance=distance,
        feeders=tuple(feeders),
        feeder_node=_indices(network, feeders),
    )


def _indices(network: Network, names: list[str] | tuple[str, ...]) -> Int32s:
    return np.array([network.index(name) for name in names], np.int32)


def _letters(share: Float64s) -> str:
    return "".join(letter for letter, part in zip(PHASES, share, strict=True) if part > 0)


def _sizes(meters: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Customers per transformer, summing to `meters`, each within 10 … 60 wherever that is possible."""
    count = max(2, round(meters / _USUAL), min(_TREE, meters // _SPLIT))
    sizes = np.full(count, min(_FEWEST, meters // count), np.int64)
    weight = rng.gamma(2.0, 1.0, count)
    while (rest := meters - int(sizes.sum())) > 0:
        room = _MOST - sizes
        chance = np.where(room > 0, weight, 0.0)
        sizes += np.minimum(rng.multinomial(rest, chance / chance.sum()), room)
    return sizes


def _lay_feeder(
    nodes: list[Node],
    name: str,
    *,
    number: int,
    rows: npt.NDArray[np.int64],
    distance: Float64s,
    rng: np.random.Generator,
) -> list[tuple[int, str, float, float]]:
    """Trunk, recloser or switch, laterals behind fuses. Returns where each transformer goes."""
    bearing = 2 * np.pi * (number * 0.381966 + 0.07)

    def place(along: float, aside: float = 0.0) -> tuple[float, float]:
        lat = 30.26 + 0.045 * (along * np.sin(bearing) + aside * np.cos(bearing))
        return float(lat), float(120.08 + 0.052 * (along * np.cos(bearing) - aside * np.sin(bearing)))

    def add(node_id: str, parent: str, kind: str, title: str, where: tuple[float, float]) -> str:
        nodes.append(Node(id=node_id, parent=parent, kind=kind, name=title, lat=where[0], lon=where[1]))
        return node_id

    label = f"Feeder {number + 1}"
    add(name, "SS1", "feeder", label, place(0.02))
    near = add(f"{name}-S1", name, "section", f"{label}, section 1", place(0.2))
    middle = "recloser" if number % 2 == 0 else "switch"
    code = f"{name}-R1" if middle == "recloser" else f"{name}-SW1"
    device = add(code, near, middle, f"{label}, {middle} 1", place(0.45))
    far = add(f"{name}-S2", device, "section", f"{label}, section 2", place(0.6))
    homes: list[tuple[int, str, float, float]] = []
    lateral = 0
    left = [int(r) for r in rows]
    while left:
        size = int(rng.integers(1, 4))
        if number == 0 and len(left) == len(rows):  # one lateral with several transformers in every district
            size = 3
        group = [left.pop(0) for _ in range(min(len(left), size))]
        along = float(distance[group[0]])
        parent = near if along <= 0.5 else far
        side = 0.12 if lateral % 2 else -0.12
        fuse = ""
        if len(group) > 1 or rng.random() < 0.5:
            lateral += 1
            title = f"{label}, lateral {lateral}"
            fuse = add(f"{name}-L{lateral}", parent, "fuse", f"{title} fuse", place(along, side / 4))
        for k, row in enumerate(group):
            where = place(along + 0.04 * k, side * (1 + 0.5 * k))
            if fuse:
                middle_of = place(along + 0.02 * k, side / 2)
                parent = add(f"{fuse}-S{k + 1}", fuse, "section", f"{title}, section {k + 1}", middle_of)
            homes.append((row, parent, *where))
    return homes


def _phase_share(klass: Int32s, rng: np.random.Generator) -> Float64s:
    """float64[M, 3]: one-hot for single-phase services, about a third each for three-phase ones."""
    count = len(klass)
    three = rng.random(count) < _THREE_PHASE[klass]
    split = rng.dirichlet((30.0, 30.0, 30.0), count)
    phase = (np.arange(count) + rng.integers(0, 2, count)) % 3
    return np.where(three[:, None], split, np.eye(3)[phase])


def _hang_services(
    nodes: list[Node],
    homes: list[tuple[int, str, float, float]],
    *,
    sizes: npt.NDArray[np.int64],
    share: Float64s,
    kva: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> list[str]:
    """Add transformers and services; returns each meter's service node."""
    start = np.cumsum(sizes) - sizes
    services = [""] * int(sizes.sum())
    for row, parent, lat, lon in homes:
        name = f"T{row + 1:02}"
        title = f"Transformer {row + 1}"
        nodes.append(
            Node(
                id=name,
                parent=parent,
                kind="transformer",
                name=title,
                lat=lat,
                lon=lon,
                rated_kva=int(kva[row]),
            )
        )
        scatter = rng.normal(0.0, 0.0012, (int(sizes[row]), 2))
        for k in range(int(sizes[row])):
            i = int(start[row]) + k
            services[i] = f"{name}-{k + 1:02}"
            nodes.append(
                Node(
                    id=services[i],
                    parent=name,
                    kind="service",
                    name=f"{title}, service {k + 1}",
                    phases=_letters(share[i]),
                    lat=lat + float(scatter[k, 0]),
                    lon=lon + float(scatter[k, 1]),
                )
            )
    return services


def _priorities(klass: Int32s, rng: np.random.Generator) -> list[str]:
    """A hundredth of the metering points critical, three hundredths important; public services come first."""
    count = len(klass)
    order = np.argsort(
        np.where(klass == CLASSES.index("public"), 0.0, 1.0) + rng.random(count), kind="stable"
    )
    critical, important = max(1, round(count * 0.01)), max(2, round(count * 0.03))
    words = [""] * count
    for rank, i in enumerate(order[: critical + important].tolist()):
        words[i] = "critical" if rank < critical else "important"
    return words
