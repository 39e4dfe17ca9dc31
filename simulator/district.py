"""A district: the network tree, the devices on it, and the columns that the load model computes with."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gateway.core.inventory import Device
from gateway.core.model import Bools, Float64s, Int32s
from gateway.core.network import Network

NOMINAL_V = 220.0
"""Phase-to-neutral volts at the customer (GB/T 12325)."""
FEEDER_V = 10_000 / 3**0.5
"""Phase-to-neutral volts of a 10 kV feeder."""

METER_MAPPING = "feederline"
"""Payload mapping of everything that publishes."""

CLASSES = ("residential", "commercial", "industrial", "agricultural", "public")

NETWORK_COLUMNS = ("node_id", "parent_id", "kind", "name", "phases", "lat", "lon", "rated_kva")
ATTRIBUTES = (
    "customer_class",
    "area",
    "contract_kw",
    "rated_kva",
    "nominal_voltage",
    "register_digits",
    "generation_kw",
)
DEVICE_COLUMNS = (
    *("device_id", "node_id", "kind", "protocol", "profile", "address", "via", "phases", "customers"),
    *("priority", "interval_s", *ATTRIBUTES),
)


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One row of network.csv."""

    id: str
    parent: str
    kind: str
    name: str
    phases: str = "ABC"
    lat: float
    lon: float
    rated_kva: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class District:
    """M meters on T transformers on F feeders.

    `devices` starts with the M meters; then come concentrators, up to T transformer terminals, F feeder terminals.
    node: int32[M];  transformer: int32[M], row of the transformer;  klass: int32[M], index into CLASSES;
    mean_w: float64[M];  share: float64[M, 3], how the load divides over the true phases, rows sum to 1;
    position: float64[M], 0 at the busbar … 1 at the end of the low-voltage line;  concentrated: bool[T];
    transformer_node, feeder: int32[T];  rated_va: float64[T];  distance: float64[T], 0 … 1 along the feeder;
    feeder_node: int32[F].
    """

    seed: int
    nodes: tuple[Node, ...]
    network: Network
    devices: tuple[Device, ...]
    node: Int32s
    transformer: Int32s
    klass: Int32s
    mean_w: Float64s
    share: Float64s
    position: Float64s
    transformers: tuple[str, ...]
    transformer_node: Int32s
    concentrated: Bools
    feeder: Int32s
    rated_va: Float64s
    distance: Float64s
    feeders: tuple[str, ...]
    feeder_node: Int32s

    @property
    def meters(self) -> tuple[Device, ...]:
        return self.devices[: len(self.node)]

    @property
    def single(self) -> Bools:
        """bool[M]: metering points with one phase."""
        result: Bools = self.share.max(axis=1) == 1.0
        return result

    def write(self, directory: Path, addresses: Mapping[str, str]) -> tuple[Path, Path]:
        """Write network.csv and devices.csv; `addresses` holds what Modbus devices were bound to."""
        network, devices = directory / "network.csv", directory / "devices.csv"
        with network.open("w", newline="", encoding="utf-8") as file:
            sheet = csv.writer(file, lineterminator="\n")
            sheet.writerow(NETWORK_COLUMNS)
            for n in self.nodes:
                place = (f"{n.lat:.6f}", f"{n.lon:.6f}")
                sheet.writerow((n.id, n.parent, n.kind, n.name, n.phases, *place, n.rated_kva or ""))
        with devices.open("w", newline="", encoding="utf-8") as file:
            sheet = csv.writer(file, lineterminator="\n")
            sheet.writerow(DEVICE_COLUMNS)
            for d in self.devices:
                address = addresses.get(d.id, d.address)
                plain = (d.id, d.node, d.kind, d.protocol, d.profile, address, d.via, d.phases)
                more = (d.customers, d.priority, d.interval_s, *(d.attributes.get(a, "") for a in ATTRIBUTES))
                sheet.writerow((*plain, *more))
        return network, devices
