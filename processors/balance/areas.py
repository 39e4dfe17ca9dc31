"""Which meter measures the supply of a transformer, and whose use is to add up to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gateway.core.inventory import DeviceKind, Inventory
from gateway.core.model import Bools, Float64s, Int32s
from gateway.core.network import NodeKind


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Areas:
    """Transformers whose supply is measured, in columns.

    node: int32[a] network index of the transformer, rising;  rated_kva: float64[a], NaN where it is not known;
    feeder: int32[a] network index of the nearest feeder, −1 for none;
    area_of: int32[keys], for every device key the row of its area, −1 where it belongs to none;
    supply: bool[keys], its register counts what is supplied;  member: bool[keys], its register counts what is sold;
    members: int32[a], how many of these there are.
    """

    node: Int32s
    rated_kva: Float64s
    feeder: Int32s
    area_of: Int32s
    supply: Bools
    member: Bools
    members: Int32s

    def __len__(self) -> int:
        return len(self.node)

    def row(self, node: int) -> int:
        """The row of the transformer with this network index, −1 where its supply is not measured."""
        at = int(np.searchsorted(self.node, node))
        return at if at < len(self.node) and self.node[at] == node else -1

    def devices(self, rows: Int32s) -> Int32s:
        """Device keys, supply and members, of these areas: int32[n]."""
        wanted = np.zeros(len(self) + 1, np.bool_)
        wanted[rows] = True
        wanted[-1] = False
        return np.flatnonzero(wanted[self.area_of] & (self.supply | self.member)).astype(np.int32)

    @staticmethod
    def of(inventory: Inventory) -> Areas:
        """The supply is counted by terminals that hang on the transformer's own node; where there is none, by meters
        without customers there. What is sold is counted by meters with customers at or below it."""
        network = inventory.network
        transformer = inventory.transformer()
        listed = (inventory.node >= 0) & (transformer >= 0)
        there = listed & (inventory.node == transformer)
        terminal = there & (inventory.kind == DeviceKind.TERMINAL)
        head = there & (inventory.kind == DeviceKind.METER) & (inventory.customers == 0)
        has_terminal = np.zeros(len(network) + 1, np.bool_)
        has_terminal[transformer[terminal]] = True
        supply = terminal | (head & ~has_terminal[transformer])
        member = listed & (inventory.kind == DeviceKind.METER) & (inventory.customers > 0)
        node = np.unique(transformer[supply]).astype(np.int32)
        row = np.full(len(network) + 1, -1, np.int32)
        row[node] = np.arange(len(node), dtype=np.int32)
        area_of = row[transformer]
        member &= area_of >= 0
        feeders = network.ancestor_of_kind(NodeKind.FEEDER)
        return Areas(
            node=node,
            rated_kva=np.array(
                [_number(network.attributes.get(int(i), {}).get("rated_kva", "")) for i in node]
            ),
            feeder=feeders[node] if len(node) else np.empty(0, np.int32),
            area_of=area_of,
            supply=supply,
            member=member,
            members=np.bincount(area_of[member], minlength=len(node)).astype(np.int32),
        )


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return np.nan
    return value if 0 < value < 1e9 else np.nan
