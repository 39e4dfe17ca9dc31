"""`feederline payload`: one MQTT payload to readings and signals, offline, to check what a device sends."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from drivers.mqtt.payloads import MAPPINGS
from drivers.mqtt.payloads.document import UnreadableError, read_object
from drivers.mqtt.payloads.mapping import EARLIEST
from drivers.mqtt.router import Message, Router
from gateway.core import quantities
from gateway.core.clock import SECOND, SystemClock, format_time, parse_time
from gateway.core.errors import InvalidInputError
from gateway.core.model import Batch, DeadLetter, Quality, Signal

Result = dict[str, list[dict[str, object]]]

_MAX_FUTURE_S = 300.0
_MAX_BYTES = 256 * 1024


def payload(
    file: Annotated[Path, typer.Argument(help="The payload as it came; - for standard input.")],
    *,
    mapping: Annotated[str, typer.Option(help=f"One of: {', '.join(MAPPINGS)}.")],
    topic: Annotated[str, typer.Option(help="The topic it was published to.")],
    template: Annotated[
        list[str] | None,
        typer.Option(
            help="Topic template with {device}; may be repeated. Default: the mapping's usual ones."
        ),
    ] = None,
    received_at: Annotated[
        str, typer.Option(help="When it was received, ISO 8601 with a zone. Default: now.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Decode one MQTT payload with a mapping; needs no broker and no database."""
    try:
        received = parse_time(received_at) if received_at else SystemClock().now()
    except ValueError as exc:
        raise InvalidInputError([f"--received-at: {exc}"]) from exc
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as exc:
        raise InvalidInputError([f"{file}: {exc.strerror}"]) from exc
    try:
        result, complaint = decode_payload(
            mapping, topic, data, received_at=received, templates=template or ()
        )
    except InvalidInputError as exc:
        raise InvalidInputError(f"{file}: {fault}" for fault in exc.faults) from exc
    if complaint:
        Console(stderr=True).print(
            f"{file}: kept as a dead letter besides: {complaint}", markup=False, soft_wrap=True
        )
    if seconds := _seconds_for_milliseconds(data, received):
        Console(stderr=True).print(
            f"{file}: at {seconds} looks like seconds; at is milliseconds", markup=False, soft_wrap=True
        )
    if as_json:
        print(json.dumps(result, allow_nan=False))  # noqa: T201
    else:
        _show(result)


def decode_payload(
    mapping: str, topic: str, data: bytes, *, received_at: int, templates: list[str] | tuple[str, ...] = ()
) -> tuple[Result, str]:
    """`readings` and `signals` of one payload, and what of it was not understood (empty for nothing).

    A reading's `quality` names what is not good: by quantity `no_value` (then it has no value) or `out_of_range`, and
    under `at` `time_assumed` or `clock_suspect`. A signal's `at` is when it happened by the device's own account, or
    when it was received. `templates` default to the mapping's usual topics.

    Raises:
        InvalidInputError: unknown mapping, wrong template, a topic of no template, or nothing could be understood.
    """
    names: list[str] = []

    def key(name: str) -> int:
        names.append(name)
        return len(names) - 1

    found = MAPPINGS.get(mapping)
    try:
        router = Router(
            key,
            [(text, mapping) for text in templates or found.templates],
            name="payload",
            max_payload_bytes=_MAX_BYTES,
            max_future_s=_MAX_FUTURE_S,
            report=False,
        )
    except ValueError as exc:
        raise InvalidInputError([f"--template: {exc}"]) from exc
    message = Message(topic.encode("utf-8", "surrogateescape"), data, 0, 0, False, received_at)
    result: Result = {"readings": [], "signals": []}
    complaint = ""
    for entry in router.entries([message]):
        if isinstance(entry, Batch):
            result["readings"] += _readings(entry, names)
        elif isinstance(entry, Signal):
            at = entry.received_at if entry.occurred_at is None else entry.occurred_at
            result["signals"].append(
                {"device": names[entry.device], "at": format_time(at), "type": entry.kind.value}
            )
        elif isinstance(entry, DeadLetter):
            complaint = entry.reason
    if complaint and not result["readings"] and not result["signals"]:
        raise InvalidInputError([complaint])
    return result, complaint


def _seconds_for_milliseconds(data: bytes, received_at: int) -> str:
    """The first time in the payload that is impossible in milliseconds and possible in seconds; empty for none."""
    try:
        document = read_object(data)
    except UnreadableError:
        return ""
    samples = document.get("samples")
    for part in [document, *(samples if isinstance(samples, list) else ())]:
        for name in ("at", "sent_at") if isinstance(part, dict) else ():
            at = part.get(name)
            if (
                isinstance(at, int | float)
                and EARLIEST <= at * SECOND <= received_at + _MAX_FUTURE_S * SECOND
                and at * (SECOND // 1000) < EARLIEST
            ):
                return str(at)
    return ""


def _readings(batch: Batch, names: list[str]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for i in range(len(batch)):
        values: dict[str, float | int] = {}
        quality: dict[str, str] = {}
        for flag in (Quality.TIME_ASSUMED, Quality.CLOCK_SUSPECT):
            if batch.quality[i] & flag:
                quality["at"] = str(flag.name).lower()
        for name, value in zip(batch.quantities, batch.values[i].tolist(), strict=True):
            quantity = quantities.BY_NAME[name]
            if math.isnan(value):
                quality[name] = "no_value"
                continue
            values[name] = int(value) if quantity.kind == "state" and value.is_integer() else value
            if not quantity.low <= value <= quantity.high:
                quality[name] = "out_of_range"
        rows.append(
            {
                "device": names[int(batch.device[i])],
                "at": format_time(int(batch.measured_at[i])),
                "values": values,
                "quality": quality,
            }
        )
    return rows


def _show(result: Result) -> None:
    console = Console()
    for reading in result["readings"]:
        table = Table(
            "Quantity", "OBIS", "Value", "Unit", "Quality", title=f"{reading['device']} at {reading['at']}"
        )
        table.columns[2].justify = "right"
        values, quality = reading["values"], reading["quality"]
        assert isinstance(values, dict)
        assert isinstance(quality, dict)
        if "at" in quality:
            table.caption = str(quality["at"])
        for name in (n for n in quantities.NAMES if n in values or n in quality):
            quantity = quantities.BY_NAME[name]
            shown = f"{values[name]:.10g}" if name in values else ""
            table.add_row(
                name, quantity.obis, shown, quantity.unit if shown else "", quality.get(name, "good")
            )
        console.print(table)
    for signal in result["signals"]:
        console.print(f"{signal['device']} at {signal['at']}: {signal['type']}", markup=False)
