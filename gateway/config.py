"""The configuration: one strict YAML file. Every fault at once, each with its line and key; nothing repaired."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator

from alerts.settings import AlertSettings
from drivers.modbus.settings import ModbusSettings
from drivers.mqtt.settings import MqttSettings
from gateway.api.settings import ApiSettings
from gateway.core.errors import InvalidInputError
from gateway.core.settings import Seconds, Settings
from gateway.store.settings import DatabaseSettings
from processors.outage.settings import OutageSettings

M = TypeVar("M", bound=BaseModel)


class GatewaySettings(Settings):
    """The section `gateway`: what concerns the process itself."""

    data_dir: Path = Path("data")  # the spool and the detectors' snapshots
    spool_max_mb: int = Field(4096, ge=1, le=1_000_000)  # beyond it the sources are made to wait
    tick_s: Annotated[float, Field(ge=0.05, le=60)] = 1.0  # how often detectors may conclude
    absent_after_s: Seconds = 5.0  # a gap between ticks from here on is an absence of the gateway itself
    snapshot_s: Seconds = 30.0  # how often the detectors' state is kept
    stop_s: Seconds = 15.0  # how long a graceful stop may take
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"


class InventorySettings(Settings):
    """The section `inventory`: the network and the devices."""

    network: Path = Path("network.csv")
    devices: Path = Path("devices.csv")
    nominal_voltage: Annotated[float, Field(gt=0, lt=1e6)] = 230.0  # phase to neutral; devices may differ


class TargetsSettings(Settings):
    """The section `targets`: what supply reliability is held against, per month."""

    asai: Annotated[float, Field(gt=0, lt=1)] = 0.999
    saidi_minutes: Annotated[float, Field(gt=0)] = 15.0
    time_zone: str = "UTC"  # days and months begin at its midnight

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is not a time zone such as Asia/Shanghai") from None
        return name


class Config(Settings):
    gateway: GatewaySettings = GatewaySettings()
    inventory: InventorySettings = InventorySettings()
    database: DatabaseSettings
    modbus: ModbusSettings = ModbusSettings()
    mqtt: tuple[MqttSettings, ...] = ()
    outage: OutageSettings = OutageSettings()
    alerts: AlertSettings = AlertSettings()
    targets: TargetsSettings = TargetsSettings()
    api: ApiSettings = ApiSettings()

    @field_validator("mqtt")
    @classmethod
    def _distinct(cls, sessions: tuple[MqttSettings, ...]) -> tuple[MqttSettings, ...]:
        names = [session.name for session in sessions]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"more than one broker is named {', '.join(twice)}")
        return sessions


def load_config(file: Path) -> Config:
    """Read and check `file`; relative paths in it are relative to it.

    Raises:
        InvalidInputError: `feederline.yaml line 12: mqtt.0.url: …`, one line per fault.
    """
    document = _parse(file)
    data = _plain(document, file.name) if document is not None else {}
    if not isinstance(data, dict):
        raise InvalidInputError([f"{file.name}: must hold sections such as database: and mqtt:"])
    try:
        config = Config.model_validate(data)
    except ValidationError as exc:
        raise InvalidInputError(_faults(exc, file.name, document)) from exc
    return _resolved(config, file.resolve().parent)


def _parse(file: Path) -> yaml.Node | None:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as exc:
        raise InvalidInputError([f"{file}: {exc.strerror}"]) from exc
    except UnicodeDecodeError as exc:
        raise InvalidInputError([f"{file.name}: byte {exc.start} is not UTF-8"]) from exc
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None) or getattr(exc, "context_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        problem = getattr(exc, "problem", None) or getattr(exc, "reason", None) or "not YAML"
        raise InvalidInputError([f"{file.name}{where}: not YAML: {problem}"]) from exc
    return node


def _plain(node: yaml.Node, name: str) -> Any:
    """The document as plain data; a key that stands twice is a fault, where YAML would take the last."""
    faults: list[str] = []
    _find_doubles(node, name, faults, set())
    if faults:
        raise InvalidInputError(faults)
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise InvalidInputError([f"{name}{where}: not usable: {getattr(exc, 'problem', exc)}"]) from exc
    finally:
        loader.dispose()


def _find_doubles(node: yaml.Node, name: str, faults: list[str], seen: set[int]) -> None:
    if id(node) in seen:  # an alias; its anchor has been looked at
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                faults.append(f"{name} line {line}: a key must be a plain word")
                continue
            if key.value in lines:
                faults.append(
                    f"{name} line {line}: {key.value} stands there twice, first in line {lines[key.value]}"
                )
            lines.setdefault(key.value, line)
            _find_doubles(value, name, faults, seen)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _find_doubles(item, name, faults, seen)


def _faults(error: ValidationError, name: str, document: yaml.Node | None) -> list[str]:
    faults = []
    for item in error.errors(include_url=False, include_input=False):
        path = ".".join(str(part) for part in item["loc"])
        if item["type"] in ("model_type", "model_attributes_type"):
            message = f"must be a section with keys such as: {', '.join(_allowed((*item['loc'], '')))}"
        elif item["type"] == "extra_forbidden":
            message = f"unknown key; there are: {', '.join(_allowed(item['loc']))}"
        else:
            message = item["msg"].removeprefix("Value error, ")
        line = _line(document, item["loc"])
        faults.append(f"{name}{f' line {line}' if line else ''}: {path}: {message}")
    return faults


def _allowed(loc: Sequence[str | int]) -> list[str]:
    """Keys that may stand where the last part of `loc` stands."""
    model: Any = Config
    for part in loc[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation) or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        if (found := _model_in(part)) is not None:
            return found
    return None


def _line(node: yaml.Node | None, loc: Sequence[str | int]) -> int | None:
    """Line of the innermost part of `loc` that stands in the document."""
    line = None
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(part)]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _resolved(model: M, base: Path) -> M:
    """`model` with every relative path in it taken from `base`."""
    return model.model_copy(update={name: _resolve(value, base) for name, value in model})


def _resolve(value: Any, base: Path) -> Any:
    if isinstance(value, Path):
        return base / value
    if isinstance(value, BaseModel):
        return _resolved(value, base)
    if isinstance(value, tuple):
        return tuple(_resolve(item, base) for item in value)
    return value
