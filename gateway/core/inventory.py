"""The devices as columns, addressed by a small stable integer key; and where each hangs on the network.

A key is a row number. Keys outlive a change of the device list: names known from before keep their place, so data
that waits in the spool still means the same device. A name that is no longer listed keeps its row with `node` −1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from enum import IntEnum

import msgspec
import numpy as np
import numpy.typing as npt

from gateway.core.errors import InvalidInputError
from gateway.core.model import Float64s, Int32s
from gateway.core.network import Network, NodeKind, phase_letters, phase_mask


class DeviceKind(IntEnum):
    METER = 0
    TERMINAL = 1
    CONCENTRATOR = 2
    SENSOR = 3

    @property
    def word(self) -> str:
        return self.name.lower()


DEVICE_KINDS: dict[str, DeviceKind] = {kind.word: kind for kind in DeviceKind}
PROTOCOLS = ("modbus", "mqtt")
PRIORITIES = ("", "important", "public_welfare", "critical")
"""In rising order of whose supply is guaranteed first; lifeline users are critical."""

_SYNONYMS = {"lifeline": "critical", "ordinary": ""}


def priority_of(word: str) -> str:
    """What of PRIORITIES is meant by `word`; `word` itself where it is none of them."""
    return _SYNONYMS.get(word, word)


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One row of devices.csv."""

    id: str
    node: str
    kind: str = "meter"
    protocol: str = "mqtt"
    profile: str = ""
    address: str = ""
    via: str = ""  # device id of the concentrator in between
    phases: str = "ABC"
    customers: int = 1
    priority: str = ""
    interval_s: int = 60
    attributes: Mapping[str, str] = msgspec.field(default_factory=dict)


class Inventory:
    """All devices. Columns have one row per key.

    ids: device names;  node: int32, index into the network, −1 for a device no longer listed;  kind, phases: uint8;
    customers, interval_s: int32;  via: int32 key of the concentrator, −1 for none;  priority: uint8, its place in
    PRIORITIES;  nominal_v: float64, phase-to-neutral volts.
    """

    def __init__(
        self,
        devices: Sequence[Device],
        network: Network,
        *,
        known: Sequence[str] = (),
        nominal_v: float = 230.0,
        where: Sequence[str] | None = None,
    ) -> None:
        """`known` are names with the keys 0 … len(known)−1; `where[i]` says where device i was written.

        Raises:
            InvalidInputError: duplicate ids, missing nodes or concentrators, unknown words: all of them listed.
        """
        place = where if where is not None else [f"device {device.id}" for device in devices]
        self.network = network
        self._index: dict[str, int] = {name: key for key, name in enumerate(known)}
        listed: dict[str, int] = {}
        faults: list[str] = []
        for i, device in enumerate(devices):
            if device.id in listed:
                faults.append(
                    f"{place[i]}: device_id {device.id!r} is there already at {place[listed[device.id]]}"
                )
            listed.setdefault(device.id, i)
            self._index.setdefault(device.id, len(self._index))
        self.ids: tuple[str, ...] = tuple(self._index)
        n = len(self.ids)
        self.node: Int32s = np.full(n, -1, np.int32)
        self.kind: npt.NDArray[np.uint8] = np.zeros(n, np.uint8)
        self.phases: npt.NDArray[np.uint8] = np.full(n, 7, np.uint8)
        self.customers: Int32s = np.zeros(n, np.int32)
        self.via: Int32s = np.full(n, -1, np.int32)
        self.priority: npt.NDArray[np.uint8] = np.zeros(n, np.uint8)
        self.interval_s: Int32s = np.zeros(n, np.int32)
        self.nominal_v: Float64s = np.full(n, nominal_v)
        self._devices: list[Device | None] = [None] * n
        concentrators = {i for i, device in enumerate(devices) if device.kind == DeviceKind.CONCENTRATOR.word}
        for i, device in enumerate(devices):
            faults += [f"{place[i]}: {fault}" for fault in self._place(device, listed, concentrators)]
        if faults:
            raise InvalidInputError(faults)

    def _place(self, device: Device, listed: Mapping[str, int], concentrators: Set[int]) -> list[str]:
        key = self._index[device.id]
        faults: list[str] = []
        if not device.id:
            faults.append("device_id is empty")
        if device.node in self.network:
            self.node[key] = self.network.index(device.node)
        else:
            faults.append(f"node_id {device.node!r} of device {device.id!r} is not a node of the network")
        if device.kind in DEVICE_KINDS:
            self.kind[key] = DEVICE_KINDS[device.kind]
        else:
            faults.append(f"kind {device.kind!r} is not one of {', '.join(DEVICE_KINDS)}")
        if device.protocol not in PROTOCOLS:
            faults.append(f"protocol {device.protocol!r} is not one of {', '.join(PROTOCOLS)}")
        priority = priority_of(device.priority)
        if priority in PRIORITIES:
            self.priority[key] = PRIORITIES.index(priority)
        else:
            faults.append(
                f"priority {device.priority!r} is not empty, ordinary, {', '.join(PRIORITIES[1:])} or lifeline"
            )
        try:
            self.phases[key] = phase_mask(device.phases)
        except ValueError as exc:
            faults.append(str(exc))
        if device.via:
            if device.via == device.id or device.via not in listed:
                faults.append(f"via {device.via!r} is not another device of this list")
            elif listed[device.via] not in concentrators:
                faults.append(f"via {device.via!r} is not of kind concentrator")
            elif device.kind == DeviceKind.CONCENTRATOR.word:
                faults.append(
                    f"via {device.via!r} of a concentrator; only one concentrator stands in between"
                )
            else:
                self.via[key] = self._index[device.via]
        if not 0 <= device.customers <= 1_000_000:
            faults.append(f"customers {device.customers} is not between 0 and 1000000")
        elif device.customers and device.kind == DeviceKind.TERMINAL.word:
            faults.append(f"customers {device.customers} on a terminal; a terminal serves none, write 0")
        else:
            self.customers[key] = device.customers
        if 1 <= device.interval_s <= 86_400:
            self.interval_s[key] = device.interval_s
        else:
            faults.append(f"interval_s {device.interval_s} is not between 1 and 86400")
        volts = device.attributes.get("nominal_voltage", "")
        if volts:
            try:
                self.nominal_v[key] = float(volts)
            except ValueError:
                faults.append(f"nominal_voltage {volts!r} is not a number of volts")
            else:
                if not 0 < self.nominal_v[key] < 1e6:
                    faults.append(f"nominal_voltage {volts!r} is not between 0 and 1000000")
        self._devices[key] = device
        return faults

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, device_id: object) -> bool:
        return self.key(device_id) is not None if isinstance(device_id, str) else False

    def key(self, device_id: str) -> int | None:
        """Key of a listed device; None for a name that is unknown or no longer listed."""
        key = self._index.get(device_id)
        return key if key is not None and self._devices[key] is not None else None

    def device(self, key: int) -> Device:
        """Raises KeyError for a key whose device is no longer listed."""
        device = self._devices[key]
        if device is None:
            raise KeyError(self.ids[key])
        return device

    def of_protocol(self, protocol: str) -> list[int]:
        return [k for k, d in enumerate(self._devices) if d is not None and d.protocol == protocol]

    @property
    def listed(self) -> int:
        """How many devices there are; `len` counts the rows of those that are no longer listed, too."""
        return sum(device is not None for device in self._devices)

    @property
    def served(self) -> int:
        """Customers served, N_T."""
        return int(self.customers.sum())

    def transformer(self) -> Int32s:
        """For every key the network index of its transformer, −1 where there is none: int32[keys]."""
        above = self.network.ancestor_of_kind(NodeKind.TRANSFORMER)
        found: Int32s = np.append(above, np.int32(-1))[self.node]  # the last one is for who hangs nowhere
        return found

    def phase_letters(self, key: int) -> str:
        return phase_letters(int(self.phases[key]))
