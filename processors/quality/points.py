"""What supply quality has to know of every metering point: limits, phases, what it measures. One row per device key."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from gateway.core.errors import InvalidInputError
from gateway.core.inventory import DeviceKind, Inventory
from gateway.core.model import Bools, Float64s, Int32s, Int64s
from gateway.core.network import NodeKind
from processors.quality.settings import QualitySettings

SECOND = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Points:
    """nominal: V, phase to neutral;  low, high: limits of GB/T 12325 as shares of it;  connected: bool[n, 3];
    several: on more than one phase;  cap: µs that a reading stands for at most;  interval: µs;
    measuring: measures a place rather than a customer;  place: network index of what it measures, its transformer
    where it hangs on one, −1 for a device no longer listed;  rated_kva: of that place, NaN where not known;
    generation_kw: registered at and below it;  power_factor_limit: NaN where its class is not judged.
    """

    nominal: Float64s
    low: Float64s
    high: Float64s
    connected: Bools
    several: Bools
    cap: Int64s
    interval: Int64s
    measuring: Bools
    place: Int32s
    rated_kva: Float64s
    generation_kw: Float64s
    power_factor_limit: Float64s

    def __len__(self) -> int:
        return len(self.nominal)

    @staticmethod
    def of(inventory: Inventory, settings: QualitySettings) -> Points:
        """Made once for an inventory and kept while that lives.

        Raises InvalidInputError: attributes that are no numbers, all of them listed.
        """
        kept = _kept.get(inventory)
        if kept is None or kept[0] is not settings:
            kept = _kept[inventory] = (settings, _points(inventory, settings))
        return kept[1]


_kept: WeakKeyDictionary[Inventory, tuple[QualitySettings, Points]] = WeakKeyDictionary()


def number(attributes: Mapping[str, str], name: str, where: str, faults: list[str]) -> float:
    """An attribute as a finite number of 0 or more, NaN where there is none; adds to `faults` what is none."""
    text = attributes.get(name, "")
    if not text:
        return math.nan
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not (math.isfinite(found) and found >= 0):
        faults.append(f"{where}: {name} {text!r} is not a number of 0 or more")
        return math.nan
    return found


def _points(inventory: Inventory, settings: QualitySettings) -> Points:
    n, network = len(inventory), inventory.network
    connected = (inventory.phases[:, None] >> np.arange(3, dtype=np.uint8)) & 1 > 0
    several = connected.sum(axis=1) > 1
    interval = np.maximum(inventory.interval_s.astype(np.int64), 1) * SECOND
    listed = inventory.node >= 0
    kind = inventory.kind
    measuring = listed & (
        (kind == DeviceKind.TERMINAL) | ((kind == DeviceKind.METER) & (inventory.customers == 0))
    )
    own = np.full(n, np.nan)
    generation = np.zeros(len(network))
    limit = np.full(n, np.nan)
    faults: list[str] = []
    for key in np.flatnonzero(listed).tolist():
        attributes = inventory.device(key).attributes
        if not attributes:
            continue
        where = f"device {inventory.ids[key]}"
        own[key] = number(attributes, "rated_kva", where, faults)
        limit[key] = settings.power_factor_limits.get(attributes.get("customer_class", ""), math.nan)
        made = number(attributes, "generation_kw", where, faults)
        generation[inventory.node[key]] += 0.0 if math.isnan(made) else made
    rated = np.full(len(network), np.nan)
    for node, attributes in network.attributes.items():
        rated[node] = number(attributes, "rated_kva", f"node {network.ids[node]}", faults)
    if faults:
        raise InvalidInputError(faults)
    below = network.subtree_sums(generation)
    place = np.where(listed, inventory.node, -1).astype(np.int32)
    of_node = np.where((place >= 0) & _at_transformer(inventory), rated[place], np.nan)
    return Points(
        nominal=inventory.nominal_v,
        low=np.where(several, 1 - settings.three_phase_band, 1 - settings.single_phase_low),
        high=np.where(several, 1 + settings.three_phase_band, 1 + settings.single_phase_high),
        connected=connected,
        several=several,
        cap=(interval * settings.stands_for).astype(np.int64),
        interval=interval,
        measuring=measuring,
        place=place,
        rated_kva=_given(np.where(own > 0, own, of_node)),
        generation_kw=np.where(listed, np.asarray(below, np.float64)[place], 0.0),
        power_factor_limit=limit,
    )


def _given(kva: Float64s) -> Float64s:
    """A rating of 0 is one that nobody wrote down."""
    return np.where(kva > 0, kva, np.nan)


def _at_transformer(inventory: Inventory) -> npt.NDArray[np.bool_]:
    kinds = inventory.network.kind[inventory.node]
    found: npt.NDArray[np.bool_] = (inventory.node >= 0) & (kinds == NodeKind.TRANSFORMER)
    return found
