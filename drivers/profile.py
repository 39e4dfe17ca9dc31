"""Register maps as data: what a meter type keeps where. A new meter type is a YAML file and no Python.

A profile is read strictly: unknown keys, unknown quantities, overlapping registers and wrong types are refused,
all of them at once, each with its file and key. `docs/profiles.md` tells engineers how to write one.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from gateway.core import quantities
from gateway.core.errors import InvalidInputError
from gateway.core.registry import Registry
from gateway.core.settings import Settings

MAX_WORDS = 125
MAX_BITS = 2000
LAST_ADDRESS = 0xFFFF


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
    scale: Annotated[float, Field(allow_inf_nan=False)] = 1.0
    offset: Annotated[float, Field(allow_inf_nan=False)] = 0.0
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


class Profile(Settings):
    """One meter type.

    comment: where the facts come from.  max_read: words per request.  max_gap: words that may be read along to
    save a request.  measures: whether values are those of the primary side already, or of the secondary side and
    need the device's `ct_ratio` and `pt_ratio`.
    """

    name: str = ""
    title: Annotated[str, Field(min_length=1)]
    comment: Annotated[str, Field(min_length=1)]
    order: Order = Order.ABCD
    max_read: Annotated[int, Field(ge=4, le=MAX_WORDS, strict=True)] = MAX_WORDS
    max_gap: Annotated[int, Field(ge=0, le=MAX_WORDS, strict=True)] = 8
    measures: Literal["primary", "secondary"] = "primary"
    registers: Annotated[tuple[Register, ...], Field(min_length=1)]

    def order_of(self, register: Register) -> Order:
        return register.order or self.order

    @property
    def quantities(self) -> tuple[str, ...]:
        """Names of its k columns, in the order of its registers."""
        return tuple(register.quantity for register in self.registers)


def _conflicts(registers: Mapping[int, Register]) -> list[str]:
    """A quantity twice; and words shared other than as different bits of one and the same value."""
    faults = []
    first: dict[str, int] = {}
    for i, register in registers.items():
        if first.setdefault(register.quantity, i) != i:
            there = first[register.quantity]
            faults.append(
                f"registers.{i}: quantity {register.quantity!r} is there already at registers.{there}"
            )
    rows = sorted(registers.items(), key=lambda row: (row[1].table, row[1].address, row[0]))
    for at, (i, one) in enumerate(rows):
        for j, other in rows[at + 1 :]:
            if other.table is not one.table or other.address >= one.end:
                break
            same_word = (one.address, one.type, one.order) == (other.address, other.type, other.order)
            if not (same_word and one.bit is not None and other.bit is not None and one.bit != other.bit):
                faults.append(
                    f"registers.{j}: {other.quantity} at {other.table} {other.address} overlaps "
                    f"{one.quantity} at {one.address} (registers.{i})"
                )
    return faults


class _OneKeyOnce(yaml.SafeLoader):
    """YAML lets a repeated key win in silence; here it is a fault."""


def _mapping(loader: _OneKeyOnce, node: yaml.MappingNode) -> dict[object, object]:
    seen: set[object] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"key {key!r} is written twice", key_node.start_mark
            )
        seen.add(key)
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_OneKeyOnce.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse_profile(text: str, *, name: str, where: str) -> Profile:
    """Read one profile from YAML.

    Raises:
        InvalidInputError: every fault as `where: key: what is wrong`.
    """
    try:
        data = yaml.load(text, Loader=_OneKeyOnce)  # noqa: S506 - a SafeLoader underneath
    except yaml.YAMLError as exc:
        raise InvalidInputError([f"{where}: not YAML: {' '.join(str(exc).split())}"]) from exc
    if not isinstance(data, dict):
        raise InvalidInputError([f"{where}: a profile is a mapping with title, comment and registers"])
    if "name" in data:
        raise InvalidInputError([f"{where}: name: a profile is named after its file"])
    faults: list[str] = []
    try:
        profile = Profile.model_validate({**data, "name": name})
        good = dict(enumerate(profile.registers))
    except ValidationError as exc:
        faults += [
            f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}" for e in exc.errors()
        ]
        good = _good_registers(data.get("registers"))
    faults += _conflicts(good)
    if faults:
        raise InvalidInputError(f"{where}: {fault}" for fault in faults)
    return profile


def _good_registers(rows: object) -> dict[int, Register]:
    """Those that are right in themselves, so that conflicts among them are told along with the other faults."""
    good: dict[int, Register] = {}
    for i, row in enumerate(rows if isinstance(rows, list) else ()):
        with suppress(ValidationError):
            good[i] = Register.model_validate(row)
    return good


def read_profile(path: Path) -> Profile:
    """Raises InvalidInputError when the file cannot be read or is no profile."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidInputError([f"{path}: {getattr(exc, 'strerror', None) or exc}"]) from exc
    return parse_profile(text, name=path.stem, where=str(path))


def load_profiles(extra: Path | None = None) -> Registry[Profile]:
    """All profiles that come with the project, and those of the directory `extra`.

    Raises:
        InvalidInputError: faults of all files together; a name of `extra` that exists already.
    """
    faults: list[str] = []
    found: Registry[Profile] = Registry("profile")
    paths = sorted(Path(str(resources.files("drivers"))).joinpath("profiles").glob("*.yaml"))
    if extra is not None:
        if not extra.is_dir():
            raise InvalidInputError([f"{extra}: is not a directory of profiles"])
        paths += sorted(extra.glob("*.yaml"))
    for path in paths:
        try:
            profile = read_profile(path)
        except InvalidInputError as exc:
            faults += exc.faults
            continue
        if profile.name in found:
            faults.append(f"{path}: there is a profile {profile.name!r} already")
        else:
            found.add(profile.name, profile)
    if faults:
        raise InvalidInputError(faults)
    return found
