"""Where a meter type keeps its load profile: records in a ring of registers, each with a time of its own."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from drivers.register import LAST_ADDRESS, Order, Register, Table, Type
from gateway.core.settings import Settings

_Address = Annotated[int, Field(ge=0, le=LAST_ADDRESS, strict=True)]

_Field = Literal["year", "month", "day", "hour", "minute", "second", "-"]
FIELDS: tuple[_Field, ...] = ("year", "month", "day", "hour", "minute", "second")
SKIPPED = "-"
_NEEDED = FIELDS[:5]


class Form(StrEnum):
    SECONDS = "seconds"  # a count, uint32
    BYTES = "bytes"  # one field a byte, two a register, the upper one first
    BCD = "bcd"  # likewise, two decimal digits a byte
    WORDS = "words"  # one field a register


class Stamp(Settings):
    """How a record says when it was written. A field of all zeros or all ones is a place without a record.

    address: from the start of the record.  since: 1 January of the year that `seconds` count from.  fields: what stands
    one after another, `-` for what is none; years below 100 are of this century.  utc_offset_h: of the meter's clock,
    which never changes for summer time.
    """

    address: _Address
    form: Form = Form.SECONDS
    order: Order | None = None
    since: Annotated[int, Field(ge=1970, le=2030, strict=True)] = 1970
    fields: tuple[_Field, ...] = FIELDS
    utc_offset_h: Annotated[float, Field(ge=-14, le=14, multiple_of=0.25, strict=True)] = 0.0

    @model_validator(mode="after")
    def _sensible(self) -> Stamp:
        if self.form is Form.SECONDS:
            if "fields" in self.model_fields_set:
                raise ValueError("fields are for the forms bytes, bcd and words; seconds are one number")
            return self
        if self.order is not None or "since" in self.model_fields_set:
            raise ValueError(
                "order and since are for the form seconds; name fields as they stand on the wire"
            )
        if missing := [name for name in _NEEDED if name not in self.fields]:
            raise ValueError(f"fields lack {', '.join(missing)}")
        named = [name for name in self.fields if name != SKIPPED]
        if len(set(named)) < len(named):
            raise ValueError("fields name one twice")
        return self

    @property
    def words(self) -> int:
        """Registers it takes."""
        if self.form is Form.SECONDS:
            return 2
        return len(self.fields) if self.form is Form.WORDS else (len(self.fields) + 1) // 2

    @property
    def end(self) -> int:
        return self.address + self.words


class Newest(Settings):
    """The register that tells where the newest record stands. All ones means that there is none yet.

    holds: its place, the place that is written `next`, or the `count` of records ever written, the first of them at the
    first place.  first: what the first place is called, 0 or 1.  table: of the ring, where it says nothing else.
    """

    address: _Address
    table: Table | None = None
    type: Type = Type.UINT16
    order: Order | None = None
    holds: Literal["place", "next", "count"]
    first: Annotated[int, Field(ge=0, le=1, strict=True)] = 0

    @model_validator(mode="after")
    def _sensible(self) -> Newest:
        if self.table is not None and self.table.of_bits:
            raise ValueError(f"a number does not stand in {self.table}")
        if not self.type.unsigned:
            raise ValueError(f"a place or count needs an unsigned type, not {self.type}")
        if self.holds == "count" and self.first:
            raise ValueError("first is for places; a count begins with 1 of itself")
        if self.end - 1 > LAST_ADDRESS:
            raise ValueError(f"a {self.type} at {self.address} reaches beyond address {LAST_ADDRESS}")
        return self

    @property
    def end(self) -> int:
        return self.address + self.type.words


class Column(Register):
    """A quantity within the record; `address` counts from the record's start."""

    table: Table = Table.HOLDING

    @model_validator(mode="before")
    @classmethod
    def _of_the_ring(cls, data: object) -> object:
        if isinstance(data, dict) and "table" in data:
            raise ValueError("a column stands in the ring's table and says none of its own")
        return data


class LoadProfile(Settings):
    """`capacity` places of `words` registers each, from `address` on; the oldest record makes room for the newest.

    interval_s: between two records as meters are usually set, a first guess of where to look.
    """

    table: Table
    address: _Address
    words: Annotated[int, Field(ge=2, le=125, strict=True)]
    capacity: Annotated[int, Field(ge=2, le=LAST_ADDRESS, strict=True)]
    interval_s: Annotated[int, Field(ge=60, le=86_400, strict=True)] = 900
    newest: Newest
    time: Stamp
    columns: Annotated[tuple[Column, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _sensible(self) -> LoadProfile:
        if self.table.of_bits:
            raise ValueError(f"records stand in holding or input registers, not in {self.table}")
        if self.end - 1 > LAST_ADDRESS:
            raise ValueError(
                f"{self.capacity} records of {self.words} registers from {self.address} on reach beyond "
                f"address {LAST_ADDRESS}"
            )
        return self

    @property
    def end(self) -> int:
        return self.address + self.words * self.capacity

    @property
    def newest_table(self) -> Table:
        return self.newest.table or self.table
