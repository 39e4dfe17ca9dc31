"""Register maps as data: what a meter type keeps where. A new meter type is a YAML file and no Python.

A profile is read strictly: unknown keys, unknown quantities, overlapping registers and wrong types are refused,
all of them at once, each with its file, line and key. `docs/profiles.md` tells engineers how to write one.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from drivers.conflicts import Loc, event_conflicts, register_conflicts, ring_conflicts
from drivers.event import EventBit
from drivers.load_profile import Column, LoadProfile, Newest, Stamp
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


class Profile(Settings):
    """One meter type.

    comment: where the facts come from.  max_read: words per request.  max_gap: words that may be read along to
    save a request.  measures: whether values are those of the primary side already, or of the secondary side and
    need the device's `ct_ratio` and `pt_ratio`.  events: alarm bits.  load_profile: where it keeps the past.
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
    load_profile: LoadProfile | None = None

    def order_of(self, register: Register | EventBit) -> Order:
        return register.order or self.order

    @property
    def quantities(self) -> tuple[str, ...]:
        """Names of its k columns, in the order of its registers."""
        return tuple(register.quantity for register in self.registers)


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
    faults += [(("registers", i), fault) for i, fault in register_conflicts(good)]
    events = _good_events(data.get("events"))
    faults += [(("events", i), fault) for i, fault in event_conflicts(events, good)]
    with suppress(ValidationError):
        if (ring := data.get("load_profile")) is not None:
            conflicts = ring_conflicts(LoadProfile.model_validate(ring), good, events, _max_read(data))
            faults += [(("load_profile", *loc), fault) for loc, fault in conflicts]
    if faults or profile is None:
        told = [f"{file.place(loc)}: {'.'.join(map(str, loc))}: {fault}" for loc, fault in faults]
        more = [f"{file.name}: and {len(told) - _MOST_FAULTS} more"] if len(told) > _MOST_FAULTS else []
        raise InvalidInputError(told[:_MOST_FAULTS] + more)
    return profile


def _max_read(data: Mapping[str, object]) -> int:
    most = data.get("max_read")
    return most if isinstance(most, int) else MAX_WORDS


_MODELS: Mapping[Loc, type[Settings]] = {
    ("registers",): Register,
    ("events",): EventBit,
    ("load_profile",): LoadProfile,
    ("load_profile", "newest"): Newest,
    ("load_profile", "time"): Stamp,
    ("load_profile", "columns"): Column,
}
_NO_MAPPING = ("model_type", "model_attributes_type")
_NOT_WRITTEN: set[tuple[type[Settings], str]] = {(Profile, "name"), (Column, "table")}


def _model_at(loc: Loc, *, itself: bool) -> type[Settings]:
    """What the place is a key of; `itself`: what stands there."""
    if loc[:1] in {("registers",), ("events",)} and len(loc) < 2:
        return Profile
    names = tuple(part for part in (loc if itself else loc[:-1]) if isinstance(part, str))
    return _MODELS.get(names, Profile)


def _told(error: ValidationError) -> list[tuple[Loc, str]]:
    """(where, what is wrong) in words for whoever writes profiles."""
    told: dict[tuple[Loc, str], None] = {}
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        loc, kind = item["loc"], item["type"]
        model = _model_at(loc, itself=kind in _NO_MAPPING)
        keys = ", ".join(key for key in model.model_fields if (model, key) not in _NOT_WRITTEN)
        if "no_value" in loc[:-1]:  # beyond that pydantic names the alternatives
            loc = loc[: loc.index("no_value") + 2]
            message = f"must be {ALL_ONES}, or a raw pattern from 0 to 2^64 - 1"
        elif kind in ("extra_forbidden", "invalid_key"):
            message = f"unknown key; there are: {keys}"
        elif kind == "missing":
            message = (
                "is missing: say where the register list comes from" if loc == ("comment",) else "is missing"
            )
        elif kind in _NO_MAPPING:
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
