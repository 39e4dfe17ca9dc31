"""What each simulated meter type keeps where, and its registers for many devices at once.

The facts are those of the makers' register descriptions (as also compiled in volkszaehler/mbmd and evcc-io/evcc).
They are kept apart from the gateway's profiles on purpose: a test decodes the one with the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gateway.core.model import Float64s
from simulator.load import Columns

HOLDING, INPUT, DISCRETE = 3, 4, 2
"""Function codes by which the tables are read."""

_FORMATS = {"float32": ">f4", "uint16": ">u2", "int16": ">i2", "int32": ">i4", "uint32": ">u4"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One quantity: raw = value / scale in `format` at `address`; format "bit" for discrete inputs."""

    quantity: str
    address: int
    format: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """The fields of one table, read with one function code; `size` registers or bits from address 0."""

    function: int
    size: int
    fields: tuple[Field, ...]

    def image(self, columns: Columns, rows: Sequence[int]) -> Image:
        """Registers (big-endian) or packed bits of the devices `rows` of `columns`, as one block of bytes."""
        if self.function == DISCRETE:
            bits = np.zeros((len(rows), self.size), np.uint8)
            for f in self.fields:
                bits[:, f.address] = columns[f.quantity][rows] != 0
            return Image(bits.tobytes(), self.size)
        words = np.zeros((len(rows), self.size * 2), np.uint8)
        for f in self.fields:
            raw = _raw(columns[f.quantity][rows], f)
            words[:, f.address * 2 : f.address * 2 + raw.itemsize] = raw.view(np.uint8).reshape(len(rows), -1)
        return Image(words.tobytes(), self.size * 2)


@dataclass(frozen=True, slots=True)
class Image:
    """`stride` bytes per device; bits take a byte each until they are sent."""

    data: bytes
    stride: int


def _raw(values: Float64s, f: Field) -> np.ndarray[tuple[int], np.dtype[np.generic]]:
    kind = np.dtype(_FORMATS[f.format])
    if kind.kind == "f":
        return np.ascontiguousarray(values.astype(kind))
    limits = np.iinfo(kind)
    return np.ascontiguousarray(np.clip(np.rint(values / f.scale), limits.min, limits.max).astype(kind))


def shown(profile: str, quantity: str, values: Float64s) -> Float64s:
    """What is left of `values` in the register of such a device."""
    field = next(f for m in MAPS[profile] for f in m.fields if f.quantity == quantity)
    raw = _raw(values.ravel(), field).astype(np.float64).reshape(values.shape)
    return raw if field.format == "float32" else raw * field.scale


def _run(start: int, format_: str, scale: float, *quantities: str, step: int) -> tuple[Field, ...]:
    return tuple(
        Field(quantity=q, address=start + step * i, format=format_, scale=scale)
        for i, q in enumerate(quantities)
    )


def _phases(stem: str) -> tuple[str, str, str]:
    return f"{stem}_a", f"{stem}_b", f"{stem}_c"


_ENERGY = ("energy_import", "energy_export", "reactive_energy_import", "reactive_energy_export")

_SDM120 = Map(
    function=INPUT,
    size=0x50,
    fields=(
        *_run(
            *(0x0000, "float32", 1.0, "voltage_a", "current_a", "active_power", "apparent_power"),
            *("reactive_power", "power_factor"),
            step=6,
        ),
        *_run(0x0046, "float32", 1.0, "frequency", *_ENERGY, step=2),
    ),
)
_SDM630 = Map(
    function=INPUT,
    size=0xE2,
    fields=(
        *_run(
            *(0x0000, "float32", 1.0, *_phases("voltage"), *_phases("current"), *_phases("active_power")),
            *(*_phases("apparent_power"), *_phases("reactive_power"), *_phases("power_factor")),
            step=2,
        ),
        *_run(0x0034, "float32", 1.0, "active_power", "apparent_power", "reactive_power", step=4),
        *_run(0x003E, "float32", 1.0, "power_factor", step=2),
        *_run(0x0046, "float32", 1.0, "frequency", *_ENERGY, step=2),
        *_run(0x00C8, "float32", 1.0, "voltage_ab", "voltage_bc", "voltage_ca", step=2),
        *_run(0x00E0, "float32", 1.0, "current_n", step=2),
    ),
)
_ADW300 = Map(
    function=HOLDING,
    size=66,
    fields=(
        *_run(20, "uint16", 0.1, *_phases("voltage"), step=1),
        *_run(26, "uint16", 0.01, *_phases("current"), step=1),
        *_run(30, "int32", 1.0, *_phases("active_power"), "active_power", step=2),
        *_run(62, "int32", 0.01, "energy_import", "energy_export", step=2),
    ),
)
_METER = Map(
    function=HOLDING,
    size=26,
    fields=(
        *_run(0, "uint16", 0.1, *_phases("voltage"), step=1),
        *_run(3, "uint16", 0.01, *_phases("current"), step=1),
        *_run(6, "int32", 1.0, *_phases("active_power"), "active_power", "reactive_power", step=2),
        *_run(16, "uint16", 0.01, "frequency", step=1),
        *_run(17, "int16", 0.001, "power_factor", step=1),
        *_run(18, "uint32", 0.01, *_ENERGY, step=2),
    ),
)
_TERMINAL = (
    Map(
        function=HOLDING,
        size=12,
        fields=(
            *_run(0, "uint16", 0.1, *_phases("voltage"), *_phases("current"), step=1),
            *_run(6, "int32", 1.0, "active_power", "reactive_power", step=2),
            *_run(10, "uint16", 0.01, "frequency", step=1),
            *_run(11, "int16", 0.1, "temperature", step=1),
        ),
    ),
    Map(
        function=DISCRETE,
        size=4,
        fields=_run(0, "bit", 1.0, "breaker_closed", "fault_indicator", "door_open", "battery_ok", step=1),
    ),
)

MAPS: dict[str, tuple[Map, ...]] = {
    "eastron-sdm120": (_SDM120,),
    "eastron-sdm630": (_SDM630,),
    "acrel-adw300": (_ADW300,),
    "feederline-meter": (_METER,),
    "feederline-dtu": _TERMINAL,
}
"""The tables of each simulated type, by the name its devices carry in devices.csv."""
