"""One alarm bit of a profile: where a meter says of itself that a condition holds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from drivers.register import LAST_ADDRESS, Order, Table, Type
from gateway.core.model import MeterEventKind
from gateway.core.settings import Settings


class EventBit(Settings):
    """The condition `event`, of one `phase` or of the whole meter, holds while the bit is 1; 0 with `invert`.

    bit: number from the least significant one of the word, after `order` was applied; none in coils and discrete
    inputs. A word whose bits are all ones is no value.
    """

    event: MeterEventKind
    phase: Literal["", "A", "B", "C"] = ""
    table: Table
    address: Annotated[int, Field(ge=0, le=LAST_ADDRESS, strict=True)]
    type: Type = Type.UINT16
    order: Order | None = None
    bit: Annotated[int, Field(ge=0, le=63, strict=True)] | None = None
    invert: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _sensible(self) -> EventBit:
        if (self.type is Type.BIT) != self.table.of_bits:
            raise ValueError(
                f"type {self.type} does not fit table {self.table}: bits stand in coils and discrete"
            )
        if self.type is Type.BIT:
            if self.bit is not None:
                raise ValueError("bit is for words; a coil or discrete input is one already")
        elif not self.type.unsigned:
            raise ValueError(f"an alarm word needs an unsigned type, not {self.type}")
        elif self.bit is None:
            raise ValueError("bit is missing: say which one of the word")
        elif self.bit >= 16 * self.type.words:
            raise ValueError(f"bit {self.bit} is outside a {self.type}")
        if self.end - 1 > LAST_ADDRESS:
            raise ValueError(f"a {self.type} at {self.address} reaches beyond address {LAST_ADDRESS}")
        return self

    @property
    def end(self) -> int:
        return self.address + self.type.words

    @property
    def words(self) -> str:
        """How the detail of its signal begins, where it holds."""
        return f"{self.event} {self.phase}".strip()

    def ended(self) -> str:
        """And where it no longer does."""
        return f"{self.event} end {self.phase}".strip()
