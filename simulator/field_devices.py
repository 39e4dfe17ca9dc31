"""The devices that are no meters: concentrators, terminals on busbars, terminals at the heads of feeders."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.inventory import Device
from gateway.core.model import Bools, Int32s
from gateway.core.network import Network, NodeKind
from simulator.district import FEEDER_V, METER_MAPPING, NOMINAL_V

FEEDER_PROFILE = "feederline-dtu"

Terminals: TypeAlias = Literal["all", "trunk"]


def with_terminal(network: Network, transformers: tuple[str, ...], terminals: Terminals) -> Bools:
    """bool[T]: transformers with a terminal on their busbar; where none is on the trunk, the last of all has one."""
    if terminals == "all":
        return np.ones(len(transformers), np.bool_)
    fuse = network.ancestor_of_kind(NodeKind.FUSE)
    trunk: Bools = fuse[[network.index(name) for name in transformers]] < 0
    if not trunk.any():
        trunk[-1] = True
    return trunk


def field_devices(
    transformers: tuple[str, ...],
    feeders: list[str],
    *,
    feeder: Int32s,
    areas: list[str],
    kva: npt.NDArray[np.int64],
    concentrated: Bools,
    with_terminal: Bools,
    interval_s: int,
) -> list[Device]:
    """Concentrators, transformer terminals and feeder terminals."""
    concentrators = [
        Device(
            id=f"C{t[1:]}",
            node=t,
            kind="concentrator",
            protocol="modbus",
            customers=0,
            interval_s=interval_s,
            attributes={"area": areas[feeder[row]]},
        )
        for row, t in enumerate(transformers)
        if concentrated[row]
    ]
    terminals = [
        Device(
            id=f"TT{t[1:]}",
            node=t,
            kind="terminal",
            protocol="mqtt",
            profile=METER_MAPPING,
            address=f"TT{t[1:]}",
            customers=0,
            interval_s=interval_s,
            attributes={
                "area": areas[feeder[row]],
                "rated_kva": str(kva[row]),
                "nominal_voltage": f"{NOMINAL_V:g}",
            },
        )
        for row, t in enumerate(transformers)
        if with_terminal[row]
    ]
    heads = [
        Device(
            id=f"FT{name[1:]}",
            node=name,
            kind="terminal",
            protocol="modbus",
            profile=FEEDER_PROFILE,
            customers=0,
            interval_s=interval_s,
            attributes={"area": area, "nominal_voltage": f"{FEEDER_V:.1f}"},
        )
        for name, area in zip(feeders, areas, strict=True)
    ]
    return [*concentrators, *terminals, *heads]
