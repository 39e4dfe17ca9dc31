"""Raw answers of many devices of one profile to values: a few array operations, however many devices.

The answers of one device lie side by side as one row of bytes, its image, in the order of the profile's plan. Every
byte order is then a choice of columns, and every type a view of what was chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from drivers.event import EventBit
from drivers.modbus.alarms import Alarms
from drivers.modbus.plan import Read, Span, plan, spans_of
from drivers.profile import Profile, Register, Type
from gateway.core import quantities
from gateway.core.model import Bools, Float64s, Int32s, Int64s, Quality, RejectedValue, UInt16s

UInt8s: TypeAlias = npt.NDArray[np.uint8]

_DTYPES = {
    Type.UINT16: ">u2", Type.INT16: ">i2", Type.UINT32: ">u4", Type.INT32: ">i4",
    Type.UINT64: ">u8", Type.INT64: ">i8", Type.FLOAT32: ">f4", Type.FLOAT64: ">f8",
}  # fmt: skip
_CURRENT_LIKE = ("current_a", "current_b", "current_c", "current_n")
_ROUNDING = 1e-6  # of the bound: a power factor of 1.0000001 is 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decoded:
    """values: float64[m, k], NaN where there is none;  no_value, out_of_range, missing: bool[m, k];
    quality: uint16[m].
    """

    values: Float64s
    no_value: Bools
    out_of_range: Bools
    missing: Bools
    quality: UInt16s

    @property
    def clean(self) -> bool:
        return not self.quality.any()


@dataclass(frozen=True, slots=True, eq=False)
class _Numbers:
    """All numeric registers of one type: `columns` int[g] of the result, `places` int[g * bytes] of the image."""

    dtype: str
    columns: npt.NDArray[np.intp]
    places: npt.NDArray[np.intp]
    sentinels: tuple[tuple[npt.NDArray[np.intp], npt.NDArray[np.unsignedinteger]], ...]


class Decoder:
    """Decodes images of one profile.

    reads: its plan;  size: bytes of one image;  quantities: the k columns of the result;  spans: of these;  wanted: and
    of its alarms.
    """

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.quantities = profile.quantities
        self.spans = spans_of(profile)
        alarmed = tuple(Span(e.table, e.address, e.end) for e in profile.events)
        self.wanted = (*self.spans, *alarmed)
        self.reads = plan(self.wanted, max_read=profile.max_read, max_gap=profile.max_gap)
        self.offsets = tuple(int(n) for n in np.cumsum([0, *(read.size for read in self.reads)]))
        self.size = self.offsets[-1]
        scale = [1.0 if r.bit is not None or r.type is Type.BIT else r.scale for r in profile.registers]
        self._factor = np.array([1.0 if _whole_divisor(s) else s for s in scale])
        self._divisor = np.array([_whole_divisor(s) or 1.0 for s in scale])
        self._offset = np.array([r.offset for r in profile.registers])
        known = [quantities.BY_NAME[name] for name in self.quantities]
        self._low = np.array([q.low - _ROUNDING * abs(q.low) for q in known])
        self._high = np.array([q.high + _ROUNDING * abs(q.high) for q in known])
        self._invert = np.flatnonzero([r.invert for r in profile.registers])
        self._bytes = [
            self._places(register, span) for register, span in zip(profile.registers, self.spans, strict=True)
        ]
        self.alarms = Alarms(
            profile.events,
            alarmed,
            lambda i: (self._places(profile.events[i], alarmed[i]), self._bit_within(alarmed[i])),
        )
        self._on_the_wire = [np.array(sorted(places), np.intp) for places in self._bytes]
        self._numbers = self._group_numbers()
        bits = [i for i, r in enumerate(profile.registers) if r.bit is not None or r.type is Type.BIT]
        self._bit_columns = np.array(bits, np.intp)
        self._bit_places = np.array([self._bit_place(i)[0] for i in bits], np.intp)
        self._bit_shifts = np.array([self._bit_place(i)[1] for i in bits], np.uint8)

    def factors(self, ct_ratio: float, pt_ratio: float) -> Float64s:
        """What the values of a device behind instrument transformers are multiplied by: float64[k]."""
        if self.profile.measures == "primary":
            return np.ones(len(self.quantities))
        return np.array([_ratio(name, ct_ratio, pt_ratio) for name in self.quantities])

    def decode(
        self, images: UInt8s, *, missing: Bools | None = None, factors: Float64s | None = None
    ) -> Decoded:
        """images: uint8[m, size];  missing: bool[m, k] where the device did not answer for that quantity;
        factors: float64[m, k] or [k].
        """
        with np.errstate(invalid="ignore", over="ignore"):  # NaN and infinity are what is being looked for
            return self._decode(images, missing, factors)

    def _decode(self, images: UInt8s, missing: Bools | None, factors: Float64s | None) -> Decoded:
        m = len(images)
        values = np.empty((m, len(self.quantities)))
        no_value = np.zeros(values.shape, np.bool_)
        for group in self._numbers:
            chosen = images.take(group.places, axis=1)
            values[:, group.columns] = chosen.view(group.dtype)
            raw = chosen.view(">u" + group.dtype[2:])
            for which, patterns in group.sentinels:
                no_value[:, group.columns[which]] |= raw[:, which] == patterns
        if len(self._bit_columns):
            bits = images.take(self._bit_places, axis=1) >> self._bit_shifts & 1
            values[:, self._bit_columns] = bits
        values *= self._factor
        values /= self._divisor
        values += self._offset
        if len(self._invert):
            values[:, self._invert] = 1.0 - values[:, self._invert]
        if factors is not None:
            values *= factors
        no_value |= ~np.isfinite(values)
        absent = np.zeros(values.shape, np.bool_) if missing is None else missing
        no_value &= ~absent
        values[no_value | absent] = np.nan
        out_of_range = (values < self._low) | (values > self._high)
        quality = (
            no_value.any(axis=1) * np.uint16(Quality.NO_VALUE)
            + out_of_range.any(axis=1) * np.uint16(Quality.OUT_OF_RANGE)
            + absent.any(axis=1) * np.uint16(Quality.PARTIAL)
        ).astype(np.uint16)
        return Decoded(
            values=values, no_value=no_value, out_of_range=out_of_range, missing=absent, quality=quality
        )

    def rejected(
        self, images: UInt8s, decoded: Decoded, device: Int32s, measured_at: Int64s
    ) -> tuple[RejectedValue, ...]:
        """Every value that is no value or implausible, with its registers as they came."""
        found = []
        for mask, reason in ((decoded.no_value, "no_value"), (decoded.out_of_range, "out_of_range")):
            for row, column in np.argwhere(mask).tolist():
                found.append(
                    RejectedValue(
                        device=int(device[row]),
                        measured_at=int(measured_at[row]),
                        quantity=self.quantities[column],
                        raw=images[row].take(self._on_the_wire[column]).tobytes().hex(),
                        reason=reason,
                    )
                )
        return tuple(found)

    def assemble(self, answers: Iterable[tuple[Read, bytes]]) -> tuple[bytes, tuple[int, ...]]:
        """The image from answers to other requests than the plan's, and the columns that they leave missing."""
        image = bytearray(self.size)
        done: list[Read] = []
        for read, data in answers:
            done.append(read)
            for base, offset in zip(self.reads, self.offsets, strict=False):
                if base.table is read.table and base.address <= read.address and read.end <= base.end:
                    if read.table.of_bits:
                        _copy_bits(data, image, 8 * offset + read.address - base.address, read.length)
                    else:
                        start = offset + 2 * (read.address - base.address)
                        image[start : start + len(data)] = data
                    break
        missing = tuple(i for i, span in enumerate(self.spans) if not any(read.covers(span) for read in done))
        return bytes(image), missing

    def _block(self, span: Span) -> int:
        return next(i for i, read in enumerate(self.reads) if read.covers(span))

    def _bit_within(self, span: Span) -> int:
        """The bit of a coil or discrete input in its byte of the image."""
        return (span.start - self.reads[self._block(span)].address) % 8

    def _places(self, register: Register | EventBit, span: Span) -> list[int]:
        """Where the bytes of a register stand in the image, most significant first; for a bit, its one byte."""
        block = self._block(span)
        distance = register.address - self.reads[block].address
        if register.type is Type.BIT:
            return [self.offsets[block] + distance // 8]
        start = self.offsets[block] + 2 * distance
        return [start + p for p in self.profile.order_of(register).permutation(register.type.words)]

    def _bit_place(self, column: int) -> tuple[int, int]:
        """(byte of the image, bit in it)."""
        register = self.profile.registers[column]
        if register.type is Type.BIT:
            return self._bytes[column][0], self._bit_within(self.spans[column])
        assert register.bit is not None
        return self._bytes[column][-1 - register.bit // 8], register.bit % 8

    def _group_numbers(self) -> tuple[_Numbers, ...]:
        groups: dict[Type, list[int]] = {}
        for i, register in enumerate(self.profile.registers):
            if register.type is not Type.BIT and register.bit is None:
                groups.setdefault(register.type, []).append(i)
        return tuple(
            _Numbers(
                _DTYPES[kind],
                np.array(columns, np.intp),
                np.array([p for i in columns for p in self._bytes[i]], np.intp),
                _sentinel_layers([self.profile.registers[i] for i in columns]),
            )
            for kind, columns in groups.items()
        )


def _whole_divisor(scale: float) -> float | None:
    """10 for 0.1: dividing gives 230.1 where multiplying gives 230.10000000000002."""
    whole = round(1 / scale)
    return float(whole) if whole > 1 and 1 / whole == scale else None


def _sentinel_layers(
    registers: Sequence[Register],
) -> tuple[tuple[npt.NDArray[np.intp], npt.NDArray[np.unsignedinteger]], ...]:
    """Layer n holds the n-th pattern of every register that has as many: (which registers, their patterns)."""
    patterns = [register.sentinels() for register in registers]
    unsigned = np.dtype(f"u{2 * registers[0].type.words}")
    layers = []
    for depth in range(max(map(len, patterns))):
        which = [i for i, p in enumerate(patterns) if len(p) > depth]
        layers.append((np.array(which, np.intp), np.array([patterns[i][depth] for i in which], unsigned)))
    return tuple(layers)


def _ratio(quantity: str, ct_ratio: float, pt_ratio: float) -> float:
    q = quantities.BY_NAME[quantity]
    current = quantity in _CURRENT_LIKE
    voltage = q.unit == "V"
    power = q.unit in {"W", "var", "VA", "kWh", "kvarh"}
    return (ct_ratio if current or power else 1.0) * (pt_ratio if voltage or power else 1.0)


def _copy_bits(data: bytes, image: bytearray, at: int, count: int) -> None:
    """`count` bits, least significant first, from the start of `data` to bit `at` of `image`."""
    for i in range(count):
        if data[i // 8] >> i % 8 & 1:
            image[(at + i) // 8] |= 1 << (at + i) % 8
