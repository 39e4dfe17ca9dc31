"""A district whose past is random, and its account by the pure functions: what SQL is held to."""

from __future__ import annotations

import random
from dataclasses import dataclass, fields
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np

from gateway.core.clock import DAY, HOUR, MINUTE, SECOND
from gateway.core.inventory import Device, Inventory
from gateway.core.model import (
    Change,
    Event,
    Incident,
    IncidentKind,
    IncidentState,
    Int64s,
    Interruption,
    SupplyState,
)
from gateway.core.network import Network, NodeKind
from processors.interruptions.accounting import (
    Accounts,
    Threshold,
    Window,
    account,
    judge,
    points_per_transformer,
    sums,
)
from processors.interruptions.periods import Period, midnight, period_of, periods
from processors.interruptions.spells import OPEN, Spells, together, unite, unknown_minutes

ZONE = "Asia/Shanghai"
LOW = midnight(date(2026, 3, 1), ZoneInfo(ZONE))
HIGH = LOW + 40 * DAY
NOW = HIGH - 6 * HOUR
CLASSES = ("home", "shop", "")


def inventory() -> Inventory:
    """Two substations, three feeders, five transformers; districts at one section and one feeder only."""
    tree = [
        ("S1", "", "substation"), ("S2", "", "substation"), ("F1", "S1", "feeder"), ("F2", "S1", "feeder"),
        ("F3", "S2", "feeder"), ("X1", "F1", "section"), ("T1", "X1", "transformer"), ("T2", "F1", "transformer"),
        ("T3", "F2", "transformer"), ("T4", "F3", "transformer"), ("T5", "F3", "transformer"),
        ("V1", "T1", "service"), ("V2", "T1", "service"),
    ]  # fmt: skip
    district = {"X1": "old town", "F3": "harbour"}
    ids, parents, kinds = zip(*tree, strict=True)
    network = Network(
        ids, parents, kinds, attributes=[{"district": district[n]} if n in district else {} for n in ids]
    )
    places = ["V1", "V1", "V2", "T1", "T2", "T2", "T3", "T3", "T3", "T4", "T4", "F2", "T4"]
    return Inventory(
        [
            Device(
                id=f"M{i}",
                node=place,
                customers=(1, 3, 2, 0)[i % 4],
                attributes={"customer_class": CLASSES[i % 3]} if CLASSES[i % 3] else {},
            )
            for i, place in enumerate(places)
        ],
        network,
    )


def random_events(seed: int, devices: int, count: int = 60) -> list[Event]:
    """Stories of `count` incidents in the order of their changes; many overlap, some join up to the microsecond."""
    draw = random.Random(seed)
    events: list[Event] = []
    for i in range(count):
        start = (
            LOW
            - DAY
            + draw.randrange(0, 42 * DAY // (5 * MINUTE)) * 5 * MINUTE
            + draw.choice([0, 0, SECOND // 3])
        )
        kind = draw.choice(
            [IncidentKind.OUTAGE] * 4 + [IncidentKind.PLANNED_OUTAGE, IncidentKind.COMMUNICATIONS_LOSS]
        )
        state = draw.choice(
            [IncidentState.CLOSED] * 6 + [IncidentState.CANCELLED, IncidentState.MERGED, IncidentState.OPEN]
        )
        members = sorted(draw.sample(range(devices), draw.randint(1, devices)))
        off = SupplyState.UNKNOWN if kind == IncidentKind.COMMUNICATIONS_LOSS else SupplyState.OFF
        parts = []
        for device in members:
            at = start
            for step in range(draw.choice([1, 1, 1, 3])):
                length = draw.choice([0, MINUTE, 5 * MINUTE, 5 * MINUTE + 1, 2 * HOUR, 9 * HOUR, 30 * HOUR])
                parts.append((device, step, at, at + length))
                at += length + draw.choice([0, MINUTE])
        for revision in (1, 2, 3):
            told = [
                Interruption(
                    incident=f"i{i:03}",
                    device=device,
                    step=step,
                    state=off,
                    # Detectors move starts, tell ends late, and tell them again.
                    started_at=at - MINUTE if revision == 1 else at,
                    ended_at=None
                    if revision == 1 or (state in (IncidentState.OPEN, IncidentState.MERGED) and device % 2)
                    else end + (HOUR if revision == 2 else 0),
                )
                for device, step, at, end in parts
            ]
            incident = Incident(
                id=f"i{i:03}",
                kind=kind,
                node=f"n{i}",
                phases="ABC",
                state=state if revision == 3 else IncidentState.OPEN,
                started_at=start,
                detected_at=start,
                customers=len(members),
                devices=tuple(members),
                confidence=1.0,
                summary="",
                revision=revision,
            )
            events.append(
                Event(at=start, change=Change.UPDATED, incident=incident, interruptions=tuple(told))
            )
    events.sort(key=lambda event: (event.incident.revision, draw.random()))
    return events


def _columns(found: Accounts) -> list[str]:
    return [column.name for column in fields(found)]


@dataclass
class Expected:
    """The stretches that count after all `events`, in columns; and what pure functions make of them."""

    listed: Inventory
    events: list[Event]

    def __post_init__(self) -> None:
        rows = []
        for event in self.events:
            if event.incident.revision < 3 or event.incident.state == IncidentState.CANCELLED:
                continue
            planned = event.incident.kind == IncidentKind.PLANNED_OUTAGE
            for part in event.interruptions:
                if part.ended_at is not None or event.incident.state != IncidentState.MERGED:
                    end = OPEN if part.ended_at is None else part.ended_at
                    unknown = part.state == SupplyState.UNKNOWN
                    rows.append(
                        (part.device, part.started_at, end, int(event.incident.id[1:]), planned, unknown)
                    )
        table = np.array(rows, np.int64)
        self.user, self.start, self.end, self.event = table[:, 0], table[:, 1], table[:, 2], table[:, 3]
        self.planned, self.unknown = table[:, 4] > 0, table[:, 5] > 0
        self.customers = self.listed.customers.astype(np.int64)[self.user]

    def spells(self, of: str, basis: str = "lv") -> Spells:
        chosen = ~self.unknown
        if of != "all":
            chosen &= self.planned == (of == "planned")
        found = unite(
            self.user[chosen],
            self.start[chosen],
            self.end[chosen],
            self.customers[chosen],
            self.event[chosen],
        )
        if basis == "lv":
            return found
        group, members = self.points()
        return together(found, group, members)

    def points(self) -> tuple[Int64s, Int64s]:
        return points_per_transformer(
            self.listed.transformer(), self.listed.customers, len(self.listed.network)
        )

    def groups(self, place: str, basis: str = "lv") -> tuple[list[str], Int64s]:
        """(names, group of every user); on the basis mv users are nodes."""
        network = self.listed.network
        nodes = self.listed.node if basis == "lv" else np.arange(len(network))
        if place == "all":
            return [""], np.zeros(len(nodes), np.int64)
        if place in ("feeder", "transformer"):
            above = network.ancestor_of_kind(NodeKind.FEEDER if place == "feeder" else NodeKind.TRANSFORMER)
            names = [network.ids[above[n]] if above[n] >= 0 else "" for n in nodes]
        elif place == "node":
            names = [network.ids[n] for n in nodes]
        elif place == "district":
            names = [self._district(int(n)) for n in nodes]
        elif basis == "mv":
            names = ["" for _ in nodes]
        else:
            names = [self.listed.device(k).attributes.get("customer_class", "") for k in range(len(nodes))]
        listed = sorted(set(names))
        return listed, np.array([listed.index(name) for name in names], np.int64)

    def _district(self, node: int) -> str:
        network = self.listed.network
        for n in reversed(network.path(node)):
            if name := network.attributes.get(n, {}).get("district"):
                return str(name)
        substation = network.ancestor_of_kind(NodeKind.SUBSTATION)[node]
        return str(network.ids[substation])

    def accounts(
        self, place: str, period: Period | None, of: str, basis: str, threshold: Threshold
    ) -> dict[tuple[str, int], dict[str, float]]:
        """Sums by (group, start of period); groups and periods without anybody left out."""
        window = Window(low=LOW, high=HIGH, at=NOW)
        judged = judge(self.spells(of, basis), window, threshold)
        names, group = self.groups(place, basis)
        begins = np.array([LOW]) if period is None else periods(period, LOW, NOW, ZoneInfo(ZONE))[1]
        when = np.minimum(period_of(judged.spells.started_at, begins), len(begins) - 1)
        key = when * len(names) + group[judged.spells.user]
        found = account(judged, key, len(names) * len(begins), at=NOW)
        weights = self.listed.customers if basis == "lv" else (self.points()[1] > 0)
        served = sums(weights.astype(np.int64), group, len(names))
        if place == "node":
            names, found, served = self._lifted(names, found, served, len(begins))
        unknown = self._unknown(place, begins) if basis == "lv" else None
        columns = {name: getattr(found, name) for name in _columns(found)}
        return {
            (name, max(int(begins[p]), LOW)): {
                "served": float(served[i]),
                **{c: float(values[p * len(names) + i]) for c, values in columns.items()},
                **({} if unknown is None else {"unknown_customer_minutes": unknown[name, p]}),
            }
            for p in range(len(begins))
            for i, name in enumerate(names)
            if served[i] or any(values[p * len(names) + i] > 0 for values in columns.values())
        }

    def _lifted(
        self, names: list[str], found: Accounts, served: np.ndarray, times: int
    ) -> tuple[list[str], Accounts, np.ndarray]:
        """Accounts of every node, with everything below it."""
        network = self.listed.network
        at = [network.index(name) for name in names]

        def spread(column: np.ndarray) -> np.ndarray:
            table = np.zeros((len(network), times))
            table[at] = column.reshape(times, len(names)).T
            return table

        lifted = {
            c: network.subtree_sums(spread(getattr(found, c))).T.ravel().astype(np.float64)
            for c in _columns(found)
        }
        each = np.zeros(len(network))
        each[at] = served
        return list(network.ids), Accounts(**lifted), network.subtree_sums(each)

    def _unknown(self, place: str, begins: Int64s) -> dict[tuple[str, int], float]:
        names, group = self.groups(place)
        network = self.listed.network
        found: dict[tuple[str, int], float] = {}
        for p, begin in enumerate(begins):
            low, high = max(int(begin), LOW), min(NOW, int(begins[p + 1]) if p + 1 < len(begins) else NOW)
            users, minutes = unknown_minutes(
                user=self.user,
                started_at=self.start,
                ended_at=self.end,
                customers=self.customers,
                unknown=self.unknown,
                low=low,
                high=high,
            )
            by = sums(minutes, group[users], len(names))
            if place == "node":
                each = np.zeros(len(network))
                each[[network.index(name) for name in names]] = by
                found |= {(network.ids[i], p): float(v) for i, v in enumerate(network.subtree_sums(each))}
            else:
                found |= {(name, p): float(by[i]) for i, name in enumerate(names)}
        return found
