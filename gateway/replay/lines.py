"""Lines of a recording as entries of the stream. A line that cannot be one is a `Refused` with the reason."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

import msgspec

from drivers.mqtt.payloads.mapping import EARLIEST
from gateway.core.clock import SECOND, parse_time
from gateway.core.inventory import Inventory
from gateway.core.model import GATEWAY, PlannedOutage, Quality, Signal, SignalKind
from gateway.core.quantities import INDEX
from gateway.plannedcsv import LONGEST_TEXT

LATEST = parse_time("2200-01-01T00:00:00Z")
"""No recording is from then or later: such a time is a slip of the pen, or a clock that counts what it should not."""

_FUTURE = 300 * SECOND  # a device's time this far after reception is impossible, as in the MQTT driver
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES = 1000  # of unknown quantities that are counted each
_OTHERS = "…"  # all further ones together
_WORD = 200  # letters of a name that are kept
_OWN = (SignalKind.GATEWAY_DOWN, SignalKind.GATEWAY_UP)
_SESSION = (SignalKind.CONNECTION_LOST, SignalKind.CONNECTION_MADE)
_KINDS = {kind.value: kind for kind in SignalKind if kind.value != "planned"}
_QUALITY = {flag.name.lower(): flag for flag in Quality if flag.name}
_SUSPECT, _ASSUMED, _NO_VALUE = int(Quality.CLOCK_SUSPECT), int(Quality.TIME_ASSUMED), int(Quality.NO_VALUE)


class Reading(NamedTuple):
    """One row of readings. `values` hold known quantities only; NaN is "not measured"."""

    device: int
    measured_at: int
    values: Mapping[str, float]
    source: str
    quality: int


class Refused(NamedTuple):
    """Why a line is not taken: a word to count by, and what is wrong with this one."""

    reason: str
    message: str


What: TypeAlias = Reading | Signal | PlannedOutage


class _Line(msgspec.Struct, gc=False, rename={"starts": "from", "ends": "to"}):
    received_at: datetime
    type: str
    at: datetime | None = None
    device: str | None = None
    values: dict[str, float | None] | None = None
    source: str | None = None
    detail: str | None = None
    quality: int | dict[str, str] | None = None
    node: str | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    reference: str | None = None
    reason: str | None = None
    by: str | None = None
    withdrawn: bool | None = None


_decode = msgspec.json.Decoder(_Line).decode


class Reader:
    """Turns lines into entries against an inventory, and counts what of good lines could not be used.

    unknown_quantities: values by quantity that nobody knows;  clock_faults: keys of devices whose time was impossible.
    """

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self.unknown_quantities: Counter[str] = Counter()
        self.clock_faults: set[int] = set()
        self._key = inventory.key

    def read(self, raw: bytes) -> tuple[int, What] | Refused:
        """(received_at, what) of one line."""
        try:
            line = _decode(raw)
        except (ValueError, RecursionError):
            careful = _with_care(raw)
            if isinstance(careful, Refused):
                return careful
            line = careful
        received = _micros(line.received_at)
        if received is None or not EARLIEST <= received < LATEST:
            return Refused("impossible_time", f"received_at {line.received_at.isoformat()}")
        at = None
        if line.at is not None and (at := _micros(line.at)) is None:
            return Refused("impossible_time", "at has no zone")
        if line.type == "planned":
            return self._planned(line, received)
        key = self._key(line.device) if line.device else GATEWAY
        if line.type in _OWN:
            key = GATEWAY
        elif key is None:
            return Refused("unknown_device", f"device {_shown(line.device)}")
        impossible = at is not None and not EARLIEST <= at <= received + _FUTURE
        if impossible and key >= 0:
            self.clock_faults.add(key)
        if line.type == "reading":
            return self._reading(
                line, key, received, None if impossible else at, _SUSPECT if impossible else 0
            )
        kind = _KINDS.get(line.type)
        if kind is None:
            return Refused("unknown_type", f"type {_shown(line.type)}")
        if key == GATEWAY and not (kind in _OWN or (kind in _SESSION and line.source)):
            return Refused("no_device", f"{kind.value} names no device")
        return received, Signal(
            kind=kind,
            device=key,
            received_at=received,
            occurred_at=None if impossible else at,
            source=line.source or "",
            detail=line.detail or "",
        )

    def _reading(
        self, line: _Line, key: int, received: int, at: int | None, quality: int
    ) -> tuple[int, What] | Refused:
        if key == GATEWAY:
            return Refused("no_device", "reading names no device")
        given = line.values
        if given is None:
            return Refused("no_values", "reading has no values")
        values: dict[str, float] = {}
        for name, value in given.items():
            if name not in INDEX:
                self._unknown(name)
            elif value is None or not math.isfinite(value):
                values[name] = math.nan
                quality |= _NO_VALUE
            else:
                values[name] = value
        if line.quality is not None:
            said = _flags(line.quality)
            if said is None:
                return Refused("not_understood", f"quality {_shown(line.quality)}")
            quality |= said
        if at is None:
            at = received
            quality |= 0 if quality & _SUSPECT else _ASSUMED
        return received, Reading(key, at, values, line.source or "", quality)

    def _unknown(self, name: str) -> None:
        name = name[:_WORD]
        full = name not in self.unknown_quantities and len(self.unknown_quantities) >= _NAMES
        self.unknown_quantities[_OTHERS if full else name] += 1

    def _planned(self, line: _Line, received: int) -> tuple[int, What] | Refused:
        starts = None if line.starts is None else _micros(line.starts)
        ends = None if line.ends is None else _micros(line.ends)
        if not line.node or not line.reference or starts is None or ends is None:
            return Refused("not_understood", "planned needs node, from, to and reference")
        if line.node not in self.inventory.network:
            return Refused("unknown_node", f"node {_shown(line.node)}")
        if not EARLIEST <= starts < ends < LATEST:
            return Refused("impossible_time", "planned does not end after it starts, or in another age")
        if long := [name for name, most in LONGEST_TEXT.items() if len(getattr(line, name) or "") > most]:
            return Refused("not_understood", f"{long[0]} of planned is longer than {LONGEST_TEXT[long[0]]}")
        return received, PlannedOutage(
            reference=line.reference,
            node=line.node,
            starts_at=starts,
            ends_at=ends,
            received_at=received,
            reason=line.reason or "",
            by=line.by or "",
            withdrawn=bool(line.withdrawn),
        )


def _micros(when: datetime) -> int | None:
    """None for a time without a zone."""
    if when.tzinfo is None:
        return None
    delta = when - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds


def _flags(quality: int | Mapping[str, str]) -> int | None:
    """Flags as a number, or as `feederline payload` writes them: words by quantity. None for what is neither."""
    if isinstance(quality, int):
        return quality if 0 <= quality < 1 << 16 else None
    if not all(word in _QUALITY for word in quality.values()):
        return None
    found = 0
    for word in quality.values():
        found |= _QUALITY[word]
    return found


def _with_care(raw: bytes) -> _Line | Refused:
    """What the strict reading did not take: NaN, true and false as numbers, other ways to write a time; or why not."""
    try:
        data = json.loads(raw)
        json.dumps(
            data, ensure_ascii=False
        ).encode()  # half a surrogate pair is no text: nothing could keep it
    except UnicodeEncodeError:
        return Refused("not_json", "holds half a surrogate pair")
    except (ValueError, RecursionError) as exc:
        return Refused("not_json", str(exc) if isinstance(exc, ValueError) else "nested too deeply")
    if not isinstance(data, dict):
        return Refused("not_json", "not an object")
    if data.get("received_at") is None:
        return Refused("no_received_at", "received_at is missing")
    fields: dict[str, Any] = {}
    for name in ("received_at", "at", "from", "to"):
        if data.get(name) is None:
            continue
        try:
            fields[name] = _when(data[name])
        except (ValueError, OverflowError):
            return Refused("impossible_time", f"{name} {_shown(data[name])}")
    values = data.get("values")
    if isinstance(values, dict):
        fields["values"] = {name: _number(value) for name, value in values.items()}
    try:
        return msgspec.convert({**data, **fields}, _Line)
    except (msgspec.ValidationError, OverflowError, RecursionError) as exc:
        return Refused("not_understood", str(exc))


def _when(text: object) -> datetime:
    """Raises ValueError for what is no time with a zone."""
    if not isinstance(text, str):
        raise ValueError("not text")  # noqa: TRY004 - field data, not a caller's mistake
    parse_time(text)
    return datetime.fromisoformat(text.strip().replace(",", "."))


def _number(value: object) -> float | None:
    """What is no number is no value."""
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return None
    return None


def _shown(value: object) -> str:
    """Short enough for one line of a message, whatever it is."""
    text = repr(value[:100] if isinstance(value, str) else value)
    return text if len(text) <= 100 else f"{text[:97]}…"
