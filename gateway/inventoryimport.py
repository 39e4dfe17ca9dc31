"""What another network and device list would change: pure comparison, and the guard against a truncated file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypeAlias

import numpy as np

from gateway.core.errors import UnavailableError
from gateway.core.inventory import Device, Inventory, priority_of
from gateway.core.model import Record
from gateway.core.network import Network, NodeKind, phase_letters

Value: TypeAlias = str | int | float | None
Row: TypeAlias = Mapping[str, Value]

FEW = 5
"""So many may always be retired."""


class Change(Record, frozen=True, kw_only=True):
    """Only the columns that differ; a column that is not there is empty."""

    id: str
    before: dict[str, Value]
    after: dict[str, Value]


class Changes(Record, frozen=True, kw_only=True):
    """Of nodes or of devices, in the order of the files. `kept`: how many stay as they are."""

    added: tuple[str, ...] = ()
    changed: tuple[Change, ...] = ()
    retired: tuple[str, ...] = ()
    kept: int = 0

    @property
    def counts(self) -> dict[str, int]:
        return {
            "added": len(self.added),
            "changed": len(self.changed),
            "retired": len(self.retired),
            "kept": self.kept,
        }


class Difference(Record, frozen=True, kw_only=True):
    nodes: Changes
    devices: Changes

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        return {"nodes": self.nodes.counts, "devices": self.devices.counts}

    def needs_consent(self, share: float) -> list[str]:
        """Why this must not be done unless somebody says that it is meant: a file cut short looks like this."""
        found = []
        for name, changes in (("nodes", self.nodes), ("devices", self.devices)):
            gone, before = len(changes.retired), len(changes.retired) + len(changes.changed) + changes.kept
            if gone > FEW and gone > share * before:
                found.append(
                    f"{gone} of {before} {name} would be retired, more than {share:.0%}; "
                    "if that is meant, allow it (--allow-retire, or allow_retire=true)"
                )
        return found


class Imported(Record, frozen=True, kw_only=True):
    """What an import did, or would do. `revision` names the inventory that is or would be in use after it.

    refused: why it needs consent; told only by a dry run, else it is an error;  reload: the gateway takes it up now.
    """

    difference: Difference
    revision: str
    dry_run: bool
    refused: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()  # names under which the former files are kept
    reload: bool = False


class Loaded(Record, frozen=True, kw_only=True):
    """The inventory that the gateway works with, and since when. `trouble`: why the last change was not taken up."""

    revision: str
    since: int
    reloading: bool
    trouble: str = ""


class Importer(Protocol):
    """A running gateway that takes another inventory."""

    async def take(
        self, *, network: bytes | None, devices: bytes | None, dry_run: bool, allow_retire: bool
    ) -> Imported:
        """None for what stays as it is on disk.

        Raises InvalidInputError with every fault, RefusedError when the files cannot be written, UnavailableError
        while the gateway stops.
        """
        ...

    def loaded(self) -> Loaded: ...


class NoImporter:
    """Where nothing can be imported: an API without a gateway."""

    async def take(
        self, *, network: bytes | None, devices: bytes | None, dry_run: bool, allow_retire: bool
    ) -> Imported:
        del network, devices, dry_run, allow_retire
        raise UnavailableError("there is no gateway that could take it")

    def loaded(self) -> Loaded:
        return Loaded(revision="", since=0, reloading=False)


def compare(before: Inventory | None, after: Inventory) -> Difference:
    """What `after` changes; everything is new where there was nothing."""
    return Difference(
        nodes=_compare(
            dict(_nodes(before.network)) if before is not None else {}, dict(_nodes(after.network))
        ),
        devices=_compare(dict(_devices(before)) if before is not None else {}, dict(_devices(after))),
    )


def node_row(network: Network, node: int) -> Row:
    """A node as a row of network.csv, without its id."""
    above = int(network.parent[node])
    lat, lon = float(network.lat[node]), float(network.lon[node])
    return {
        "parent_id": network.ids[above] if above >= 0 else "",
        "kind": NodeKind(int(network.kind[node])).word,
        "name": network.names[node],
        "phases": phase_letters(int(network.phases[node])),
        "lat": None if np.isnan(lat) else lat,
        "lon": None if np.isnan(lon) else lon,
        **network.attributes.get(node, {}),
    }


def device_row(device: Device) -> Row:
    """A device as a row of devices.csv, without its id."""
    return {
        "node_id": device.node,
        "kind": device.kind,
        "protocol": device.protocol,
        "profile": device.profile,
        "address": device.address,
        "via": device.via,
        "phases": device.phases,
        "customers": device.customers,
        "priority": priority_of(device.priority),
        "interval_s": device.interval_s,
        **device.attributes,
    }


def _nodes(network: Network) -> Iterator[tuple[str, Row]]:
    for node, name in enumerate(network.ids):
        yield name, node_row(network, node)


def _devices(inventory: Inventory) -> Iterator[tuple[str, Row]]:
    for key in np.flatnonzero(inventory.node >= 0).tolist():
        yield inventory.ids[key], device_row(inventory.device(key))


def _compare(before: Mapping[str, Row], after: Mapping[str, Row]) -> Changes:
    both = [name for name in after if name in before]
    changed = tuple(_change(name, before[name], after[name]) for name in both if before[name] != after[name])
    return Changes(
        added=tuple(name for name in after if name not in before),
        changed=changed,
        retired=tuple(name for name in before if name not in after),
        kept=len(both) - len(changed),
    )


def _change(name: str, before: Row, after: Row) -> Change:
    columns: Sequence[str] = [
        column for column in {**before, **after} if before.get(column, "") != after.get(column, "")
    ]
    return Change(
        id=name,
        before={column: before.get(column, "") for column in columns},
        after={column: after.get(column, "") for column in columns},
    )
