"""Register maps as data: what a meter type keeps where. A new meter type is a YAML file and no Python.

A profile is read strictly: unknown keys, unknown quantities, overlapping registers and wrong types are refused,
all of them at once, each with its file, line and key. `docs/profiles.md` tells engineers how to write one.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeAlias

from pydantic import Field, ValidationError

from drivers.event import EventBit
from drivers.register import ALL_ONES, LAST_ADDRESS, Order, Register, Table, Type
from gateway.core.errors import InvalidInputError
from gateway.core.registry import Registry
from gateway.core.settings import Settings
from gateway.core.yamlfile import YamlFile

__all__ = [
    "LAST_ADDRESS",
    "MAX_BITS",
    "MAX_REGISTERS",
    "MAX_WORDS",
    "EventBit",
    "Order",
    "Profile",
    "Register",
    "Table",
    "Type",
    "load_profiles",
    "parse_profile",
    "read_profile",
]  # fmt: skip

MAX_WORDS = 125
MAX_BITS = 2000
MAX_REGISTERS = 2000
MAX_EVENTS = 500
_MOST_FAULTS = 100  # of one file

Loc: TypeAlias = tuple[str | int, ...]


class Profile(Settings):
    """One meter type.

    comment: where the facts come from.  max_read: words per request.  max_gap: words that may be read along to
    save a request.  measures: whether values are those of the primary side already, or of the secondary side and
    need the device's `ct_ratio` and `pt_ratio`.  events: alarm bits.
    """

    name: str = ""
    title: Annotated[str, Field(min_length=1)]
    comment: Annotated[str, Field(min_length=1)]
    order: Order = Order.ABCD
    max_read: Annotated[int, Field(ge=4, le=MAX_WORDS, strict=True)] = MAX_WORDS
    max_gap: Annotated[int, Field(ge=0, le=MAX_WORDS, strict=True)] = 8
    measures: Literal["primary", "secondary"] = "primary"
    registers: Annotated[tuple[Register, ...], Field(min_length=1)]
    events: Annotated[tuple[EventBit, ...], Field(max_length=MAX_EVENTS)] = ()

    def order_of(self, register: Register | EventBit) -> Order:
        return register.order or self.order

    @property
    def quantities(self) -> tuple[str, ...]:
        """Names of its k columns, in the order of its registers."""
        return tuple(register.quantity for register in self.registers)


def _conflicts(registers: Mapping[int, Register]) -> list[tuple[int, str]]:
    """(register, what is wrong): a quantity twice; and words shared other than as different bits of one value.

    Every register is told of once at most for each, however many it runs into.
    """
    faults = []
    first: dict[str, int] = {}
    words: dict[_Word, dict[int | None, int]] = {}
    for i, register in registers.items():
        if (there := first.setdefault(register.quantity, i)) != i:
            faults.append((i, f"quantity {register.quantity!r} is there already at registers.{there}"))
        alone = i if register.bit is None else -1
        word = _Word(register.table, register.address, alone, register.type, register.order)
        if (there := words.setdefault(word, {}).setdefault(register.bit, i)) != i:
            faults.append((i, _overlap(register, registers[there], there)))
    widest: Register | None = None
    where = -1
    for _, members in sorted(
        words.items(), key=lambda item: (item[0].table, item[0].address, min(item[1].values()))
    ):
        i = min(members.values())
        register = registers[i]
        if widest is not None and widest.table is register.table and register.address < widest.end:
            faults += [(j, _overlap(registers[j], widest, where)) for j in members.values()]
        if widest is None or widest.table is not register.table or register.end > widest.end:
            widest, where = register, i
    return sorted(faults)


def _event_conflicts(
    events: Mapping[int, EventBit], registers: Mapping[int, Register]
) -> list[tuple[int, str]]:
    """(event, what is wrong): an event twice, a bit twice, or a bit within a number."""
    faults = []
    first: dict[str, int] = {}
    bits: dict[tuple[Table, int, int | None], int] = {}
    numbers = [(i, r) for i, r in registers.items() if r.bit is None and r.type is not Type.BIT]
    for i, event in events.items():
        if (there := first.setdefault(event.words, i)) != i:
            faults.append((i, f"{event.words!r} is there already at events.{there}"))
        if (there := bits.setdefault((event.table, event.address, event.bit), i)) != i:
            faults.append((i, f"the same bit is {events[there].words!r} at events.{there}"))
        for j, register in numbers:
            if (
                register.table is event.table
                and register.address < event.end
                and event.address < register.end
            ):
                faults.append((i, f"{event.words} is a bit within {register.quantity} (registers.{j})"))
                break
    return faults


class _Word(NamedTuple):
    """A value in the meter; the bits in it may be registers of their own, a whole one stands alone."""

    table: Table
    address: int
    alone: int
    type: Type
    order: Order | None


def _overlap(one: Register, other: Register, where: int) -> str:
    return (
        f"{one.quantity} at {one.table} {one.address} overlaps {other.quantity} at {other.address} "
        f"(registers.{where})"
    )


def parse_profile(text: str, *, name: str, where: str) -> Profile:
    """Read one profile from YAML.

    Raises:
        InvalidInputError: every fault as `where line 7: registers.2.scale: what is wrong`, the first 100 of them.
    """
    return _profile(name, YamlFile(text, where))


def read_profile(path: Path) -> Profile:
    """Raises InvalidInputError when the file cannot be read or is no profile."""
    return _profile(path.stem, YamlFile.read(path))


def _profile(name: str, file: YamlFile) -> Profile:
    data = file.data
    if not isinstance(data, dict):
        raise InvalidInputError([f"{file.name}: a profile is a mapping with title, comment and registers"])
    faults: list[tuple[Loc, str]] = []
    if "name" in data:
        faults.append((("name",), "a profile is named after its file"))
    rows = data.get("registers")
    if isinstance(rows, list) and len(rows) > MAX_REGISTERS:
        faults.append(
            (("registers",), f"{len(rows)} are more than {MAX_REGISTERS}; the first of them are checked")
        )
        rows = rows[:MAX_REGISTERS]
        data = {**data, "registers": rows}
    profile = None
    try:
        profile = Profile.model_validate({**data, "name": name})
        good = dict(enumerate(profile.registers))
    except ValidationError as exc:
        faults += _told(exc)
        good = _good_registers(rows)
    faults += [(("registers", i), fault) for i, fault in _conflicts(good)]
    faults += [
        (("events", i), fault) for i, fault in _event_conflicts(_good_events(data.get("events")), good)
    ]
    if faults or profile is None:
        told = [f"{file.place(loc)}: {'.'.join(map(str, loc))}: {fault}" for loc, fault in faults]
        more = [f"{file.name}: and {len(told) - _MOST_FAULTS} more"] if len(told) > _MOST_FAULTS else []
        raise InvalidInputError(told[:_MOST_FAULTS] + more)
    return profile


_ROWS: Mapping[str | int, type[Settings]] = {"registers": Register, "events": EventBit}


def _told(error: ValidationError) -> list[tuple[Loc, str]]:
    """(where, what is wrong) in words for whoever writes profiles."""
    told: dict[tuple[Loc, str], None] = {}
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        loc, kind = item["loc"], item["type"]
        model = _ROWS.get(loc[0], Profile) if len(loc) > 1 else Profile
        keys = ", ".join(key for key in model.model_fields if (model, key) != (Profile, "name"))
        if len(loc) > 3 and loc[2] == "no_value":  # beyond that pydantic names the alternatives
            loc, message = loc[:4], f"must be {ALL_ONES}, or a raw pattern from 0 to 2^64 - 1"
        elif kind in ("extra_forbidden", "invalid_key"):
            message = f"unknown key; there are: {keys}"
        elif kind == "missing":
            message = (
                "is missing: say where the register list comes from" if loc == ("comment",) else "is missing"
            )
        elif kind in ("model_type", "model_attributes_type"):
            message = f"must be a mapping with keys such as: {keys}"
        elif kind == "tuple_type":
            message = "must be a list"
        elif kind == "too_short" and any(len(other) > 1 for other, _ in told):
            continue  # pydantic counts only those that are right
        elif kind == "too_short":
            message = "must hold at least one register"
        elif kind == "too_long":
            message = f"are more than {MAX_EVENTS}"
        else:
            message = item["msg"].removeprefix("Value error, ")
        told[loc, message] = None
    return list(told)


def _good_registers(rows: object) -> dict[int, Register]:
    """Those that are right in themselves, so that conflicts among them are told along with the other faults."""
    good: dict[int, Register] = {}
    for i, row in enumerate(rows if isinstance(rows, list) else ()):
        with suppress(ValidationError):
            good[i] = Register.model_validate(row)
    return good


def _good_events(rows: object) -> dict[int, EventBit]:
    good: dict[int, EventBit] = {}
    for i, row in enumerate(rows[:MAX_EVENTS] if isinstance(rows, list) else ()):
        with suppress(ValidationError):
            good[i] = EventBit.model_validate(row)
    return good


def load_profiles(extra: Path | None = None) -> Registry[Profile]:
    """All profiles that come with the project, and those of the directory `extra` (`*.yaml`, `*.yml`).

    Raises:
        InvalidInputError: faults of all files together; a name of `extra` that exists already.
    """
    faults: list[str] = []
    found: Registry[Profile] = Registry("profile")
    paths = _files(Path(str(resources.files("drivers"))).joinpath("profiles"))
    if extra is not None:
        paths += _files(extra)
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


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in {".yaml", ".yml"})
    except NotADirectoryError:
        raise InvalidInputError([f"{folder}: is not a directory of profiles"]) from None
    except OSError as exc:
        raise InvalidInputError([f"{folder}: is not a directory of profiles: {exc.strerror}"]) from exc
