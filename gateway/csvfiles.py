"""network.csv and devices.csv: read whole or not at all, every fault with its line."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.core.errors import InvalidInputError
from gateway.core.inventory import Device, Inventory
from gateway.core.network import Network

_MOST_COLUMNS = 1000  # what is more is no table of ours, and would take long to find fault with
NETWORK_COLUMNS = ("node_id", "parent_id", "kind", "name", "phases", "lat", "lon")
DEVICE_COLUMNS = (
    "device_id", "node_id", "kind", "protocol", "profile", "address", "via", "phases", "customers", "priority",
    "interval_s",
)  # fmt: skip


def load_network(file: Path) -> Network:
    """Raises InvalidInputError with every fault: `network.csv line 7: …`."""
    network, faults = read_network(file)
    _refuse(faults)
    assert network is not None
    return network


def read_network(file: Path) -> tuple[Network | None, list[str]]:
    """The network and its faults. Where there are faults it is good only for checking further: all nodes, no tree."""
    try:
        data = read_bytes(file)
    except InvalidInputError as exc:
        return None, list(exc.faults)
    return check_network(data, file.name)


def check_network(data: bytes, name: str) -> tuple[Network | None, list[str]]:
    """As `read_network`, of a table called `name`."""
    faults: list[str] = []
    try:
        rows, where = read_rows(data, name, NETWORK_COLUMNS, faults)
    except InvalidInputError as exc:
        return None, list(exc.faults)
    lat = [
        _coordinate(row["lat"], 90.0, place, "lat", faults) for row, place in zip(rows, where, strict=True)
    ]
    lon = [
        _coordinate(row["lon"], 180.0, place, "lon", faults) for row, place in zip(rows, where, strict=True)
    ]
    for row, place in zip(rows, where, strict=True):
        if not row["node_id"]:
            faults.append(f"{place}: node_id is empty")
    if not rows:
        faults.append(f"{name}: there is no node in it")
    try:
        network = Network(
            [row["node_id"] for row in rows],
            [row["parent_id"] for row in rows],
            [row["kind"] for row in rows],
            names=[row["name"] for row in rows],
            phases=[row["phases"] for row in rows],
            lat=lat,
            lon=lon,
            attributes=[_extras(row, NETWORK_COLUMNS) for row in rows],
            where=where,
        )
    except InvalidInputError as exc:
        nodes = list(dict.fromkeys(row["node_id"] for row in rows))
        return Network(nodes, [""] * len(nodes), ["section"] * len(nodes)), faults + list(exc.faults)
    return network, faults


def load_devices(
    file: Path, network: Network, *, known: Sequence[str] = (), nominal_v: float = 230.0
) -> Inventory:
    """Read devices.csv against `network`; `known` are device names that already have keys (see Inventory).

    Raises InvalidInputError with every fault: `devices.csv line 12: …`.
    """
    inventory, faults = read_devices(file, network, known=known, nominal_v=nominal_v)
    _refuse(faults)
    assert inventory is not None
    return inventory


def read_devices(
    file: Path, network: Network, *, known: Sequence[str] = (), nominal_v: float = 230.0
) -> tuple[Inventory | None, list[str]]:
    """The devices and their faults. Where there are faults it is good only for checking the sound rows further."""
    try:
        data = read_bytes(file)
    except InvalidInputError as exc:
        return None, list(exc.faults)
    return check_devices(data, file.name, network, known=known, nominal_v=nominal_v)


def check_devices(
    data: bytes, name: str, network: Network, *, known: Sequence[str] = (), nominal_v: float = 230.0
) -> tuple[Inventory | None, list[str]]:
    """As `read_devices`, of a table called `name`."""
    faults: list[str] = []
    try:
        rows, where = read_rows(data, name, DEVICE_COLUMNS, faults)
    except InvalidInputError as exc:
        return None, list(exc.faults)
    placed = {
        place: Device(
            id=row["device_id"],
            node=row["node_id"],
            kind=row["kind"] or "meter",
            protocol=row["protocol"],
            profile=row["profile"],
            address=row["address"],
            via=row["via"],
            phases=row["phases"] or "ABC",
            customers=_whole(row["customers"], 1, place, "customers", faults),
            priority=row["priority"],
            interval_s=_whole(row["interval_s"], 60, place, "interval_s", faults),
            attributes=_extras(row, DEVICE_COLUMNS),
        )
        for row, place in zip(rows, where, strict=True)
    }
    told = False
    while True:
        try:
            inventory = Inventory(
                list(placed.values()), network, known=known, nominal_v=nominal_v, where=list(placed)
            )
        except InvalidInputError as exc:
            if not told:  # what goes wrong only because other rows were left out is nobody's fault
                faults += exc.faults
            told = True
            wrong = {fault.split(": ", 1)[0] for fault in exc.faults}
            placed = {place: device for place, device in placed.items() if place not in wrong}
        else:
            return inventory, faults


def told_by_line(
    faults: Sequence[str], word: str, data: bytes, name: str, columns: Sequence[str]
) -> list[str]:
    """Faults as `device M1: …` (`word`: device) with the line of the table called `name` put before them.

    columns: of which the first is the name. Faults about anything else stay as they are.
    """
    begins = f"{word} "
    if not any(fault.startswith(begins) for fault in faults):
        return list(faults)
    try:
        rows, where = read_rows(data, name, columns, [])
    except InvalidInputError:
        return list(faults)
    places: dict[str, str] = {}
    for row, place in zip(rows, where, strict=True):
        places.setdefault(row[columns[0]], place)
    told = []
    for fault in faults:
        who = fault.removeprefix(begins).partition(": ")[0] if fault.startswith(begins) else ""
        line = places.get(who) or places.get(who.strip("'"))  # drivers quote names
        told.append(f"{line}: {fault}" if line else fault)
    return told


def _refuse(faults: list[str]) -> None:
    if faults:
        raise InvalidInputError(faults)


def read_bytes(file: Path) -> bytes:
    """Raises InvalidInputError that names the file and what the system says of it."""
    try:
        return file.read_bytes()
    except OSError as exc:
        raise InvalidInputError([f"{file}: {exc.strerror}"]) from exc


def read_rows(
    data: bytes, name: str, columns: Sequence[str], faults: list[str]
) -> tuple[list[dict[str, str]], list[str]]:
    """Rows by column name, and where each stands: `name line 7`. Lines with too many or too few fields become faults.

    Raises InvalidInputError for what is no table with these columns at all.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise InvalidInputError([f"{name}: byte {exc.start} is not UTF-8"]) from exc
    if "\x00" in text:
        line = text[: text.index("\x00")].count("\n") + 1
        raise InvalidInputError([f"{name} line {line}: there is a NUL character"])
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    records = _records(reader, name)
    header = [field.strip() for field in next(records, (0, []))[1]]
    if len(header) > _MOST_COLUMNS:
        raise InvalidInputError([f"{name} line 1: {len(header)} columns; at most {_MOST_COLUMNS} are taken"])
    missing = [column for column in columns if column not in header]
    double = sorted({column for column in header if header.count(column) > 1})
    if missing or double or "" in header:
        problems = [f"column {column} is missing" for column in missing]
        problems += [f"column {column} stands there twice" for column in double if column]
        problems += ["a column has no name"] if "" in header else []
        raise InvalidInputError([f"{name} line 1: {'; '.join(problems)}; wanted: {','.join(columns)}"])
    rows: list[dict[str, str]] = []
    where: list[str] = []
    for line, fields in records:
        if not any(field.strip() for field in fields):
            continue
        if len(fields) != len(header):
            faults.append(f"{name} line {line}: {len(fields)} fields where the header has {len(header)}")
            continue
        rows.append({column: field.strip() for column, field in zip(header, fields, strict=True)})
        where.append(f"{name} line {line}")
    return rows, where


def _records(reader: Iterator[list[str]], name: str) -> Iterator[tuple[int, list[str]]]:
    line = 1
    try:
        for fields in reader:
            yield line, fields
            line = reader.line_num + 1  # type: ignore[attr-defined]
    except csv.Error as exc:
        raise InvalidInputError([f"{name} line {line}: {exc}"]) from exc


def _extras(row: dict[str, str], columns: Sequence[str]) -> dict[str, str]:
    return {name: value for name, value in row.items() if value and name not in columns}


def _whole(text: str, default: int, place: str, column: str, faults: list[str]) -> int:
    if not text:
        return default
    if re.fullmatch(r"[+-]?[0-9]{1,9}", text):
        return int(text)
    faults.append(f"{place}: {column} {text!r} is not a whole number")
    return default


def _coordinate(text: str, limit: float, place: str, column: str, faults: list[str]) -> float:
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.inf
    if not abs(value) <= limit:
        faults.append(f"{place}: {column} {text!r} is not a number between {-limit:g} and {limit:g}")
        return math.nan
    return value
