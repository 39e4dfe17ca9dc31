"""What does not fit together in a profile, though each part is right in itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from drivers.event import EventBit
from drivers.load_profile import LoadProfile
from drivers.register import Order, Register, Table, Type

Loc: TypeAlias = tuple[str | int, ...]


def register_conflicts(registers: Mapping[int, Register], key: str = "registers") -> list[tuple[int, str]]:
    """(register, what is wrong): a quantity twice; and words shared other than as different bits of one value.

    Every register is told of once at most for each, however many it runs into.
    """
    faults = []
    first: dict[str, int] = {}
    words: dict[_Word, dict[int | None, int]] = {}
    for i, register in registers.items():
        if (there := first.setdefault(register.quantity, i)) != i:
            faults.append((i, f"quantity {register.quantity!r} is there already at {key}.{there}"))
        alone = i if register.bit is None else -1
        word = _Word(register.table, register.address, alone, register.type, register.order)
        if (there := words.setdefault(word, {}).setdefault(register.bit, i)) != i:
            faults.append((i, _overlap(register, registers[there], f"{key}.{there}")))
    widest: Register | None = None
    where = -1
    for _, members in sorted(
        words.items(), key=lambda item: (item[0].table, item[0].address, min(item[1].values()))
    ):
        i = min(members.values())
        register = registers[i]
        if widest is not None and widest.table is register.table and register.address < widest.end:
            faults += [(j, _overlap(registers[j], widest, f"{key}.{where}")) for j in members.values()]
        if widest is None or widest.table is not register.table or register.end > widest.end:
            widest, where = register, i
    return sorted(faults)


def event_conflicts(
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


def _overlap(one: Register, other: Register, where: str) -> str:
    return (
        f"{one.quantity} at {one.table} {one.address} overlaps {other.quantity} at {other.address} ({where})"
    )


def ring_conflicts(
    ring: LoadProfile, registers: Mapping[int, Register], events: Mapping[int, EventBit], max_read: int
) -> list[tuple[Loc, str]]:
    """(key, what is wrong): parts of a record that run out of it or into each other; and a ring across other things."""
    faults: list[tuple[Loc, str]] = []
    if ring.words > max_read:
        faults.append((("words",), f"a record of {ring.words} does not fit into max_read {max_read}"))
    if ring.time.end > ring.words:
        faults.append((("time",), f"the time reaches beyond the {ring.words} registers of a record"))
    columns = dict(enumerate(ring.columns))
    for i, column in columns.items():
        if column.end > ring.words:
            fault = f"{column.quantity} reaches beyond the {ring.words} registers of a record"
            faults.append((("columns", i), fault))
        if column.address < ring.time.end and ring.time.address < column.end:
            faults.append((("columns", i), f"{column.quantity} at {column.address} overlaps the time"))
    faults += [(("columns", i), fault) for i, fault in register_conflicts(columns, "load_profile.columns")]
    newest = ring.newest
    if (
        newest.holds == "count"
        and (1 << 16 * newest.type.words) % ring.capacity
        and newest.type is Type.UINT16
    ):
        fault = f"a uint16 count starts again at 65536, which is no multiple of capacity {ring.capacity}"
        faults.append((("newest", "type"), fault))
    if ring.newest_table is ring.table and newest.address < ring.end and ring.address < newest.end:
        faults.append((("newest", "address"), f"{newest.address} stands within the ring"))
    others: list[tuple[str, str, Register | EventBit]] = [
        (r.quantity, f"registers.{i}", r) for i, r in registers.items()
    ]
    others += [(e.words, f"events.{i}", e) for i, e in events.items()]
    for name, where, other in others:
        if other.table is ring.table and other.address < ring.end and ring.address < other.end:
            faults.append((("address",), f"the ring runs over {name} at {other.address} ({where})"))
            break
    return faults
