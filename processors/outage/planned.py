"""Announced outages as an index: which place is inside which window at which time."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.clock import DAY, SECOND
from gateway.core.model import Int64s, PlannedOutage
from gateway.core.network import Network
from processors.outage.settings import OutageSettings

Key: TypeAlias = tuple[str, str]  # reference and node


class Plans:
    """Windows by (reference, node). Those of nodes that the network does not have are kept aside in `unknown`.

    A window holds from `planned_early_s` before its start until just before its end. Where several do, the one that
    lasts longest counts, then the widest. `at` is the time as of the last `turn`.
    """

    def __init__(self, network: Network, settings: OutageSettings) -> None:
        self.network = network
        self.early = round(settings.planned_early_s * SECOND)
        self._keep = DAY + round((settings.planned_grace_s + settings.max_clock_error_s) * SECOND)
        self.windows: dict[Key, PlannedOutage] = {}
        self.unknown: dict[Key, PlannedOutage] = {}
        self.changed = False  # since `turn` was called last
        self.at = 0
        self._sorted: list[PlannedOutage] | None = None  # until a window comes or goes

    def __bool__(self) -> bool:
        return bool(self.windows)

    def put(self, planned: PlannedOutage) -> bool:
        """Take note of an announcement, a change or a withdrawal; whether it concerns a known node."""
        key = (planned.reference, planned.node)
        known = planned.node in self.network
        held = self.windows if known else self.unknown
        before = held.get(key)
        if planned.withdrawn or planned.ends_at <= planned.starts_at:
            held.pop(key, None)
        elif planned.ends_at + self._keep > self.at:
            held[key] = planned
        if known and _span(before) != _span(held.get(key)):
            self.changed = True
            self._sorted = None
        return known

    def turn(self, at: int, used: Collection[Key]) -> None:
        """Time goes on. Windows that ended long ago, and that no incident in `used` names, are forgotten."""
        self.at = at
        for held in (self.windows, self.unknown):
            for key in [
                key for key, old in held.items() if old.ends_at + self._keep <= at and key not in used
            ]:
                del held[key]
                self._sorted = None

    @property
    def _order(self) -> list[PlannedOutage]:
        if self._sorted is None:
            level = self.network.level
            self._sorted = sorted(
                self.windows.values(),
                key=lambda w: (-w.ends_at, int(level[self.network.index(w.node)]), w.node, w.reference),
            )
        return self._sorted

    def get(self, reference: str, node: str) -> PlannedOutage | None:
        return self.windows.get((reference, node))

    def all(self) -> list[PlannedOutage]:
        return [*self.windows.values(), *self.unknown.values()]

    def cover(self, nodes: npt.NDArray[np.integer], when: Int64s) -> npt.NDArray[np.int64]:
        """For each place and time, arrays of one length, the place in `ranked` of its window, −1 for none."""
        found = np.full(len(nodes), -1, np.int64)
        if not len(nodes):
            return found
        first, last = int(when.min()), int(when.max())
        for i, window in enumerate(self._order):
            start, end = window.starts_at - self.early, window.ends_at
            if start > last or end <= first:
                continue
            top = self.network.index(window.node)
            inside = (nodes >= top) & (nodes < top + int(self.network.size[top]))
            found[(found < 0) & inside & (when >= start) & (when < end)] = i
        return found

    def ranked(self, place: int) -> PlannedOutage:
        return self._order[place]

    def window_of(self, node: str, when: int) -> PlannedOutage | None:
        """The window that a node is in at a time, None also for a node of a former network."""
        if not self._order or node not in self.network:
            return None
        place = int(self.cover(np.array([self.network.index(node)]), np.array([when], np.int64))[0])
        return self._order[place] if place >= 0 else None

    def within(self, window: PlannedOutage, node: str, when: int) -> bool:
        if node not in self.network or not window.starts_at - self.early <= when < window.ends_at:
            return False
        return self.network.is_below(self.network.index(node), self.network.index(window.node))


def _span(window: PlannedOutage | None) -> tuple[int, int]:
    return (window.starts_at, window.ends_at) if window else (0, 0)
