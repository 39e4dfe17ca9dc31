"""`feederline decode`: raw registers to quantities, offline, to check a profile against a meter's manual."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table as RichTable

from drivers.modbus.decode import Decoder
from drivers.modbus.plan import Read
from drivers.profile import LAST_ADDRESS, Profile, Table, Type, load_profiles, read_profile
from gateway.core import quantities
from gateway.core.errors import InvalidInputError

Registers = dict[Table, dict[int, int]]

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{1,8}|[0-9]{1,8}")


def decode(
    profile: Annotated[str, typer.Option(help="Name of a profile, or a profile's YAML file.")],
    registers: Annotated[
        Path,
        typer.Option(help="JSON file with raw registers by table and zero-based address, decimal or 0x…"),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Decode raw registers of one device with a profile; needs no device and no database."""
    found = find_profile(profile)
    result = decode_registers(found, read_registers(registers))
    if as_json:
        print(json.dumps(result, allow_nan=False))  # noqa: T201
    else:
        _show(found, result)


def find_profile(name: str) -> Profile:
    """A profile by the name of one that comes with the project, or from a file.

    Raises:
        InvalidInputError: there is none, or the file is no profile.
    """
    path = Path(name)
    return (
        read_profile(path) if path.suffix in {".yaml", ".yml"} or "/" in name else load_profiles().get(name)
    )


def decode_registers(profile: Profile, registers: Registers) -> dict[str, dict[str, object]]:
    """`values` by quantity where there is one, `quality` by quantity where it is not good.

    Quality is `no_value` (a sentinel or NaN: no value is given), `missing` (the registers do not hold it: no value
    is given) or `out_of_range` (the value is given as it is).
    """
    decoder = Decoder(profile)
    answers = []
    for span in decoder.spans:
        there = registers.get(span.table, {})
        if all(address in there for address in range(span.start, span.end)):
            numbers = [there[address] for address in range(span.start, span.end)]
            data = bytes(numbers) if span.table.of_bits else b"".join(n.to_bytes(2, "big") for n in numbers)
            answers.append((Read(span.table, span.start, span.end - span.start), data))
    image, missing = decoder.assemble(answers)
    absent = np.zeros((1, len(decoder.quantities)), np.bool_)
    absent[0, list(missing)] = True
    decoded = decoder.decode(np.frombuffer(image, np.uint8).reshape(1, -1), missing=absent)
    values: dict[str, object] = {}
    quality: dict[str, object] = {}
    for i, name in enumerate(decoder.quantities):
        if decoded.missing[0, i]:
            quality[name] = "missing"
        elif decoded.no_value[0, i]:
            quality[name] = "no_value"
        else:
            state = quantities.BY_NAME[name].kind == "state"
            value = float(decoded.values[0, i])
            values[name] = int(value) if state and value.is_integer() else value
            if decoded.out_of_range[0, i]:
                quality[name] = "out_of_range"
    return {"values": values, "quality": quality}


def read_registers(path: Path) -> Registers:
    """The register file, or InvalidInputError with every fault in it."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise InvalidInputError([f"{path}: {exc.strerror}"]) from exc
    except (ValueError, RecursionError) as exc:
        raise InvalidInputError([f"{path}: not JSON: {exc}"]) from exc
    if not isinstance(data, dict):
        raise InvalidInputError([f"{path}: is not an object of tables {', '.join(Table)}"])
    faults: list[str] = []
    registers: Registers = {}
    for table, cells in data.items():
        if table not in set(Table):
            faults.append(f"{path}: {table}: there are only the tables {', '.join(Table)}")
        elif not isinstance(cells, dict):
            faults.append(f"{path}: {table}: is not an object of addresses")
        else:
            there = registers[Table(table)] = {}
            for address, number in cells.items():
                place = _address(address)
                fault = _fault(Table(table), number)
                if place is None:
                    fault = f"an address is a whole number from 0 to {LAST_ADDRESS}, decimal or 0x…"
                elif place in there:
                    fault = f"address {place} stands there twice"
                if fault or place is None:
                    faults.append(f"{path}: {table}.{address}: {fault}")
                else:
                    there[place] = int(number)
    if faults:
        raise InvalidInputError(faults)
    return registers


def _address(text: str) -> int | None:
    if not _ADDRESS.fullmatch(text):
        return None
    address = int(text, 16) if text.startswith("0x") else int(text)
    return address if address <= LAST_ADDRESS else None


def _fault(table: Table, number: object) -> str:
    highest = 1 if table.of_bits else 0xFFFF
    if not isinstance(number, int) or (isinstance(number, bool) and not table.of_bits):
        return f"{number!r} is not a whole number"
    return "" if 0 <= number <= highest else f"{number} is not between 0 and {highest}"


def _show(profile: Profile, result: dict[str, dict[str, object]]) -> None:
    table = RichTable("Quantity", "OBIS", "Value", "Unit", "Quality", title=profile.title)
    table.columns[2].justify = "right"
    for register in profile.registers:
        quantity = quantities.BY_NAME[register.quantity]
        value = result["values"].get(quantity.name)
        shown = "" if value is None else _digits(value, register.type)
        quality = str(result["quality"].get(quantity.name, "good"))
        table.add_row(
            quantity.name, quantity.obis, shown, quantity.unit if value is not None else "", quality
        )
    Console().print(table)


def _digits(value: object, kind: Type) -> str:
    """As many digits as the raw form had: a float32 of 231.4 is not 231.39999389648438."""
    if not isinstance(value, float):
        return str(value)
    return str(np.float32(value)) if kind is Type.FLOAT32 else f"{value:.12g}"
