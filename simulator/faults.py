"""What is dark, and what devices say as they lose and regain supply. Pure: time is an argument."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gateway.core.clock import SECOND
from gateway.core.model import Bools, Int32s, Int64s
from gateway.core.network import Network, phase_mask
from simulator.noise import uniform


@dataclass(frozen=True, slots=True, eq=False)
class Dark:
    """Which phases of which nodes have no supply. mask: uint8[nodes], bits as in `core.network.phase_mask`."""

    mask: npt.NDArray[np.uint8]

    def supplied(self, nodes: Int32s) -> Bools:
        """bool[n, 3]: phase has supply at the node."""
        result: Bools = (self.mask[nodes][:, None] >> np.arange(3, dtype=np.uint8) & 1) == 0
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Supply lost below `node` (an index) on `phases` (a mask) from `start` until `end` (µs; None: not yet), save below
    the nodes `fed`, which are supplied some other way."""

    number: int
    node: int
    phases: int
    start: int
    end: int | None = None
    fed: frozenset[int] = frozenset()

    def active(self, at: int) -> bool:
        return self.start <= at and (self.end is None or at < self.end)


class Faults:
    """All faults of a run, past, present and planned."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._faults: list[Fault] = []

    def begin(self, node_id: str, at: int, *, phases: str = "ABC", until: int | None = None) -> Fault:
        """Raises KeyError for an unknown node, ValueError for phases or times that make no sense."""
        node = self._network.index(node_id)
        if until is not None and until <= at:
            raise ValueError(f"a fault at {at} cannot end at {until}")
        fault = Fault(number=len(self._faults), node=node, phases=phase_mask(phases), start=at, end=until)
        self._faults.append(fault)
        return fault

    def end(self, node_id: str, at: int) -> int:
        """End every fault at this very node; where there is none, feed it some other way than through those above.

        Returns how many faults it was. Raises KeyError for an unknown node.
        """
        node = self._network.index(node_id)
        here = [i for i, f in enumerate(self._faults) if f.node == node and f.active(at)]
        above = [
            i
            for i, f in enumerate(self._faults)
            if not here and f.active(at) and self._network.is_below(node, f.node) and not self._feeds(f, node)
        ]
        for i in here + above:
            fault = self._faults[i]
            self._faults[i] = replace(fault, end=at)
            if not here:
                number = len(self._faults)
                self._faults.append(replace(fault, number=number, start=at, fed=fault.fed | {node}))
        return len(here) + len(above)

    def _feeds(self, fault: Fault, node: int) -> bool:
        return any(self._network.is_below(node, fed) for fed in fault.fed)

    def active(self, at: int) -> tuple[int, ...]:
        """Numbers of the faults that are there at `at`."""
        return tuple(f.number for f in self._faults if f.active(at))

    def dark(self, at: int) -> Dark:
        mask = np.zeros(len(self._network), np.uint8)
        for f in self._faults:
            if f.active(at):
                lost = np.zeros(len(mask), np.uint8)
                lost[self._network.subtree(f.node)] = f.phases
                for node in f.fed:
                    lost[self._network.subtree(node)] = 0
                mask |= lost
        return Dark(mask)


@dataclass(frozen=True, slots=True, kw_only=True)
class Farewell:
    """How meters behave around an outage.

    delivery_rate: share of meters of whose last gasps at least one gets through;  gasp_delay_s: they leave between 0
    and this after the loss of supply (30 to 60 s is common in the field);  repeat_rate: share of those that say it
    once more, repeat_after_s later;  restore_delay_s: supply back to message, at most.
    """

    delivery_rate: float = 0.7
    gasp_delay_s: float = 5.0
    repeat_rate: float = 0.3
    repeat_after_s: float = 4.0
    restore_delay_s: float = 2.0

    def __post_init__(self) -> None:
        for name in ("delivery_rate", "repeat_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1")
        for name in ("gasp_delay_s", "repeat_after_s", "restore_delay_s"):
            if not 0 <= getattr(self, name) <= 3600:
                raise ValueError(f"{name} must be between 0 and 3600")

    def gasps(self, seed: int, number: int, devices: Int32s, at: int) -> tuple[Int64s, Int32s]:
        """When (µs) which of `devices` send a last gasp after transition `number` of the run at `at`.

        Returns two arrays of equal length, in order of time; a device that is not heard does not occur,
        one that repeats occurs twice.
        """
        key = devices.astype(np.int64) * 65_537 + number
        heard = uniform(seed, 11, key) < self.delivery_rate
        again = heard & (uniform(seed, 12, key) < self.repeat_rate)
        first = at + (uniform(seed, 13, key) * self.gasp_delay_s * SECOND).astype(np.int64)
        when = np.concatenate([first[heard], first[again] + round(self.repeat_after_s * SECOND)])
        who = np.concatenate([devices[heard], devices[again]])
        order = np.argsort(when, kind="stable")
        return when[order], who[order]

    def greetings(self, seed: int, number: int, devices: Int32s, at: int) -> tuple[Int64s, Int32s]:
        """Likewise for the message that supply is back; every device sends one."""
        key = devices.astype(np.int64) * 65_537 + number
        when = at + (uniform(seed, 14, key) * self.restore_delay_s * SECOND).astype(np.int64)
        order = np.argsort(when, kind="stable")
        return when[order], devices[order]
