"""What `feederline vee` takes beside readings: the devices without a network, and values that people gave."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from gateway.cli.vee.parts import REGISTERS
from gateway.core.clock import parse_time
from gateway.core.errors import InvalidInputError
from gateway.core.inventory import Inventory
from gateway.core.meterdata import IntervalEdit
from gateway.core.network import Network
from gateway.csvfiles import DEVICE_COLUMNS, check_devices, read_bytes, read_rows
from processors.vee.meters import Meters
from processors.vee.settings import VeeSettings

_EDIT_COLUMNS = ("device_id", "start", "end", "quantity", "value", "by", "at", "reason")


def read_meters(file: Path, settings: VeeSettings, zone: ZoneInfo, faults: list[str]) -> Inventory | None:
    """The devices of devices.csv, checked as validation needs them. Where each hangs is of no consequence here, so
    their nodes stand side by side."""
    try:
        data = read_bytes(file)
        rows, where = read_rows(data, file.name, DEVICE_COLUMNS, [])
    except InvalidInputError as exc:
        faults += exc.faults
        return None
    nodes = list(dict.fromkeys(row["node_id"] for row in rows if row["node_id"])) or ["-"]
    network = Network(nodes, [""] * len(nodes), ["section"] * len(nodes))
    inventory, wrong = check_devices(data, file.name, network)
    faults += wrong
    if inventory is None:
        return None
    places = {row["device_id"]: place for row, place in zip(rows, where, strict=True)}
    keys = [key for key, name in enumerate(inventory.ids) if inventory.key(name) is not None]
    try:
        Meters.of(inventory, np.array(keys, np.int32), settings, zone=zone)
    except InvalidInputError as exc:
        for fault in exc.faults:
            name, _, text = fault.removeprefix("device ").partition(": ")
            faults.append(f"{places.get(name, file.name)}: {text}")
    return inventory


def read_edits(file: Path, inventory: Inventory, faults: list[str]) -> list[IntervalEdit]:
    """Values that people gave, with every fault by its line."""
    try:
        rows, where = read_rows(read_bytes(file), file.name, _EDIT_COLUMNS, faults)
    except InvalidInputError as exc:
        faults += exc.faults
        return []
    found = [_edit(row, place, inventory, faults) for row, place in zip(rows, where, strict=True)]
    return [edit for edit in found if edit is not None]


def _edit(row: Mapping[str, str], place: str, inventory: Inventory, faults: list[str]) -> IntervalEdit | None:
    wrong: list[str] = []
    times = {}
    for title in ("start", "end", "at"):
        try:
            times[title] = parse_time(row[title])
        except ValueError as exc:
            wrong.append(f"{title}: {exc}" if row[title] else f"{title} is empty")
            times[title] = 0
    device = inventory.key(row["device_id"])
    if device is None:
        wrong.append(f"device_id {row['device_id']!r} is not listed")
    if row["quantity"] not in REGISTERS:
        wrong.append(f"quantity {row['quantity']!r} is not one of {', '.join(REGISTERS)}")
    if not row["by"]:
        wrong.append("by is empty")
    if not row["reason"]:
        wrong.append("reason is empty")
    value = None
    if row["value"]:
        if re.fullmatch(r"[0-9]+(\.[0-9]*)?|\.[0-9]+", row["value"]):
            value = float(row["value"])
        else:
            wrong.append(f"value {row['value']!r} is not a number of kWh from 0 on")
    if not wrong and times["start"] >= times["end"]:
        wrong.append(f"start {row['start']} is not before end {row['end']}")
    faults += [f"{place}: {fault}" for fault in wrong]
    if wrong or device is None:
        return None
    return IntervalEdit(
        device=device,
        quantity=row["quantity"],
        start=times["start"],
        end=times["end"],
        value=value,
        by=row["by"],
        at=times["at"],
        reason=row["reason"],
    )
