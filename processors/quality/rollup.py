"""Which place what is out of limits belongs to: the meter, the transformer, the feeder or the substation.

Everything out below one transformer in one direction is one incident at most. When most of the observed points below it
are out, or its own terminal, it is the transformer's; when that is so of most transformers of a feeder, or of several,
it is the feeder's; and likewise of feeders and substations.
"""

from __future__ import annotations

from collections.abc import Set
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.inventory import DeviceKind, Inventory
from gateway.core.model import Bools, Int32s
from gateway.core.network import NodeKind
from processors.quality.points import Points
from processors.quality.settings import QualitySettings

Keys: TypeAlias = npt.NDArray[np.int64]

_CONTRADICTING = 3  # so few meters cannot contradict a terminal
_TOGETHER = 2  # what is one alone is nobody's but its own


class RollUp:
    """Where each device belongs, int32 per key: group is its transformer, or its own node where there is none; feeder
    and root −1 where there is none."""

    def __init__(self, inventory: Inventory, settings: QualitySettings) -> None:
        network = inventory.network
        points = Points.of(inventory, settings)
        self.settings = settings
        self.network = network
        node = inventory.node
        transformer = inventory.transformer()
        listed = node >= 0
        self.group: Int32s = np.where(transformer >= 0, transformer, node)
        feeder = network.ancestor_of_kind(NodeKind.FEEDER)
        station = network.ancestor_of_kind(NodeKind.SUBSTATION)
        self._feeder_of: Int32s = feeder
        self._station_of: Int32s = station
        self.terminal: Bools = points.measuring & listed & (node == transformer)
        self.metering: Bools = listed & ~points.measuring & (inventory.kind == DeviceKind.METER)
        self.judging: Bools = self.terminal | self.metering | (points.measuring & listed)

    def owners(self, out: Bools, seen: Bools, whole: Set[int]) -> tuple[Int32s, Bools]:
        """For every device that is out the node it belongs to, −1 for the others: int32 per key; and which nodes are
        affected as a whole: bool per node.

        out, seen: bool per key;  whole: nodes that were affected as a whole so far: they stay so for longer.
        """
        out = out & self.judging
        seen = seen & self.judging
        n, settings = len(self.network), self.settings
        was = np.zeros(n, np.bool_)
        was[list(whole)] = True

        def count(which: Bools) -> npt.NDArray[np.int64]:
            return np.bincount(self.group[which], minlength=n)

        points, points_out = count(seen & ~self.terminal), count(out & ~self.terminal)
        told = count(out & self.terminal) > 0
        contradicted = told & (points >= _CONTRADICTING) & (points_out < settings.contradicted * points)
        most = (points_out >= _TOGETHER) & (points_out >= settings.roll_up * points)
        stays = was & (points_out >= 1) & (points_out >= settings.roll_up_stays * points)
        group_whole = (told & ~contradicted) | most | stays
        group_any = (points_out > 0) | (told & ~contradicted)
        group_seen = (points > 0) | (count(seen & self.terminal) > 0)
        out = out & ~(self.terminal & contradicted[self.group])

        feeder_whole, feeder_any, feeder_seen = self._above(
            self._feeder_of, (group_whole, group_any, group_seen), was
        )
        bare = self._feeder_of < 0  # what has no feeder above it stands for itself
        station_whole, _, _ = self._above(
            self._station_of,
            (
                feeder_whole | (bare & group_whole),
                feeder_any | (bare & group_any),
                feeder_seen | (bare & group_seen),
            ),
            was,
            below_whole=True,
        )
        owner = np.where(out, self.group, -1).astype(np.int32)
        for above, whole_above in ((self._feeder_of, feeder_whole), (self._station_of, station_whole)):
            place = above[self.group]
            up = out & (place >= 0) & whole_above[place]
            owner = np.where(up, place, owner).astype(np.int32)
        return owner, group_whole | feeder_whole | station_whole

    def _above(
        self, above: Int32s, below: tuple[Bools, Bools, Bools], was: Bools, *, below_whole: bool = False
    ) -> tuple[Bools, Bools, Bools]:
        """Whole, any and seen of the places above, from those of what is below them."""
        n, settings = len(above), self.settings
        whole, any_, seen = below
        itself = np.arange(n) == above if not below_whole else np.zeros(n, np.bool_)

        def count(which: Bools) -> npt.NDArray[np.int64]:
            here = which & (above >= 0)
            return np.bincount(above[here], minlength=n)

        units, units_whole, units_any = count(seen), count(whole), count(any_)
        spread = (
            units_whole
            if below_whole
            else np.where(units_any >= settings.roll_up_stays * units, units_any, units_whole)
        )
        made = (units_whole >= _TOGETHER) & (units_whole >= settings.roll_up * units)
        made |= spread >= settings.roll_up_from
        made |= was & (spread >= _TOGETHER) & (spread >= settings.roll_up_stays * units)
        made |= itself & whole  # what hangs on the place itself tells of it
        return made, units_any > 0, units > 0
