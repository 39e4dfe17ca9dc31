"""One register of a profile: where a quantity stands in a meter, in which form, and how it becomes a value."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from gateway.core import quantities
from gateway.core.settings import Settings

LAST_ADDRESS = 0xFFFF
_FURTHEST = 1e15  # for scale and offset: all that is measured lies well within, and no arithmetic overflows


class Table(StrEnum):
    HOLDING = "holding"
    INPUT = "input"
    COILS = "coils"
    DISCRETE = "discrete"

    @property
    def of_bits(self) -> bool:
        return self in {Table.COILS, Table.DISCRETE}


class Type(StrEnum):
    UINT16 = "uint16"
    INT16 = "int16"
    UINT32 = "uint32"
    INT32 = "int32"
    UINT64 = "uint64"
    INT64 = "int64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BIT = "bit"

    @property
    def words(self) -> int:
        """Registers it takes; 1 for a bit, which is one coil or discrete input."""
        return 1 if self is Type.BIT else int(self.value[-2:]) // 16

    @property
    def signed(self) -> bool:
        return self.value.startswith("int")

    @property
    def unsigned(self) -> bool:
        return self.value.startswith("uint")


class Order(StrEnum):
    """Bytes as they stand on the wire, A the most significant; longer values follow the same pattern."""

    ABCD = "ABCD"  # big-endian, what the standard says
    CDAB = "CDAB"  # words swapped
    BADC = "BADC"  # bytes within each word swapped
    DCBA = "DCBA"  # little-endian

    def permutation(self, words: int) -> tuple[int, ...]:
        """For each byte of a value, most significant first, its place on the wire."""
        word_order = range(words) if self in {Order.ABCD, Order.BADC} else range(words)[::-1]
        high, low = (0, 1) if self in {Order.ABCD, Order.CDAB} else (1, 0)
        return tuple(2 * word + byte for word in word_order for byte in (high, low))


ALL_ONES = "all_ones"
Sentinel = Literal["all_ones"] | Annotated[int, Field(ge=0, le=(1 << 64) - 1)]


class Register(Settings):
    """Where one quantity stands and how its raw form becomes a value in the canonical unit:
    `value = raw * scale + offset`, and for a state 0 or 1, turned round by `invert`.

    no_value: raw patterns that mean "not measured", as unsigned numbers after `order` was applied, or `all_ones`.
        Left out, unsigned types take all ones and signed ones their two extremes; `[]` takes none. NaN and
        infinity never are values.
    """

    quantity: str
    table: Table
    address: Annotated[int, Field(ge=0, le=LAST_ADDRESS, strict=True)]
    type: Type
    order: Order | None = None
    scale: Annotated[float, Field(ge=-_FURTHEST, le=_FURTHEST, strict=True)] = 1.0
    offset: Annotated[float, Field(ge=-_FURTHEST, le=_FURTHEST, strict=True)] = 0.0
    bit: Annotated[int, Field(ge=0, le=63, strict=True)] | None = None
    invert: Annotated[bool, Field(strict=True)] = False
    no_value: tuple[Sentinel, ...] | None = None

    @field_validator("quantity")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in quantities.BY_NAME:
            raise ValueError(f"unknown quantity {name!r}; there are: {', '.join(quantities.NAMES)}")
        return name

    @model_validator(mode="after")
    def _sensible(self) -> Register:
        state = quantities.BY_NAME[self.quantity].kind == "state"
        width = 1 if self.type is Type.BIT else 16 * self.type.words
        if (self.type is Type.BIT) != self.table.of_bits:
            raise ValueError(
                f"type {self.type} does not fit table {self.table}: bits stand in coils and discrete"
            )
        if self.bit is not None and not self.type.unsigned:
            raise ValueError(f"bit {self.bit} needs an unsigned type, not {self.type}")
        if self.bit is not None and self.bit >= width:
            raise ValueError(f"bit {self.bit} is outside a {self.type}")
        if (self.bit is not None or self.type is Type.BIT) and not state:
            raise ValueError(f"{self.quantity} is not a state and cannot be a bit")
        if self.invert and not state:
            raise ValueError(f"invert is for states; give {self.quantity} a negative scale")
        if state and (self.scale, self.offset) != (1.0, 0.0):
            raise ValueError(f"{self.quantity} is a state: it takes no scale and no offset")
        if self.scale == 0:
            raise ValueError("scale 0 makes every reading the same")
        if abs(self.scale) < 1 / _FURTHEST:
            raise ValueError(f"scale {self.scale} is closer to 0 than any meter's")
        if self.address + self.type.words - 1 > LAST_ADDRESS:
            raise ValueError(f"a {self.type} at {self.address} reaches beyond address {LAST_ADDRESS}")
        if any(isinstance(s, int) and s >= 1 << width for s in self.no_value or ()):
            raise ValueError(f"no_value has a pattern wider than {self.type}")
        return self

    def sentinels(self) -> tuple[int, ...]:
        """Raw patterns, as unsigned numbers, that mean "no value"."""
        width = 16 * self.type.words
        ones, highest = (1 << width) - 1, (1 << width - 1) - 1
        if self.no_value is not None:
            return tuple(ones if s == ALL_ONES else int(s) for s in self.no_value)
        if self.bit is not None or self.type is Type.BIT:
            return ()
        return (ones,) if self.type.unsigned else (highest, highest + 1) if self.type.signed else ()

    @property
    def end(self) -> int:
        return self.address + self.type.words
