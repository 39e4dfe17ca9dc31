"""The configuration: one strict YAML file. Every fault at once, each with its line and key; nothing repaired."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from alerts.settings import AlertSettings
from drivers.modbus.settings import ModbusSettings
from drivers.mqtt.settings import MqttSettings
from gateway.api.settings import AccessSettings, ApiSettings
from gateway.asking import AskingSettings
from gateway.core.errors import InvalidInputError
from gateway.core.settings import Seconds, Settings
from gateway.core.yamlfile import YamlFile
from gateway.meterdata.settings import MeterDataSettings
from gateway.store.settings import DatabaseSettings
from processors.balance.settings import BalanceSettings
from processors.drill.settings import DrillSettings
from processors.meterevents.settings import MeterEventSettings
from processors.outage.settings import OutageSettings
from processors.outlook.settings import OutlookSettings
from processors.quality.settings import QualitySettings
from processors.usage.settings import UsageSettings
from processors.vee.settings import VeeSettings

M = TypeVar("M", bound=BaseModel)

_MENDS = 8  # how often what is wrong is left out to see whether the rest is good for checking further


class GatewaySettings(Settings):
    """The section `gateway`: what concerns the process itself."""

    data_dir: Path = Path("data")  # the spool and the detectors' snapshots
    spool_max_mb: int = Field(4096, ge=1, le=1_000_000)  # beyond it the sources are made to wait
    tick_s: Annotated[float, Field(ge=0.05, le=60)] = 0.5  # how often detectors may conclude
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
    retire_share: Annotated[float, Field(ge=0, le=1)] = (
        0.1  # an import that retires more needs somebody's consent
    )


Asai = Annotated[float, Field(gt=0, lt=1)]
Minutes = Annotated[float, Field(gt=0)]


class MonthTargets(Settings):
    """Of the calendar month."""

    asai: Asai = 0.999
    saidi_minutes: Minutes = 15.0


class RollingYearTargets(Settings):
    """Of the twelve months that end now; null for none."""

    asai: Asai | None = 0.999
    saidi_minutes: Minutes | None = None


class TargetsSettings(Settings):
    """The section `targets`: what supply reliability is held against, per window, and the collection of meter data.

    `asai` beside the windows holds for those that name none of their own, `saidi_minutes` for the month.
    """

    month: MonthTargets = MonthTargets()
    rolling_year: RollingYearTargets = RollingYearTargets()
    asai: Asai | None = None
    saidi_minutes: Minutes | None = None
    collection: Asai = 0.998  # of the intervals expected
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

    @model_validator(mode="before")
    @classmethod
    def _beside(cls, data: Any) -> Any:
        """Let windows that name none of their own have what stands beside them, where that is good."""
        if not isinstance(data, dict):
            return data
        windows = {"month": ("asai", "saidi_minutes"), "rolling_year": ("asai",)}
        found = dict(data)
        for window, names in windows.items():
            own = found.get(window, {})
            given = {name: data[name] for name in names if isinstance(data.get(name), (int, float))}
            if isinstance(own, dict):
                found[window] = {k: v for k, v in given.items() if v > 0 and (k != "asai" or v < 1)} | own
        return found

    def values(self) -> dict[str, float | str]:
        """As the settings of the database: numbers, empty where there is no target."""
        return {
            "asai_target": self.month.asai,
            "saidi_target_minutes": self.month.saidi_minutes,
            "target_month_asai": self.month.asai,
            "target_month_saidi_minutes": self.month.saidi_minutes,
            "target_rolling_year_asai": self.rolling_year.asai or "",
            "target_rolling_year_saidi_minutes": self.rolling_year.saidi_minutes or "",
            "collection_target": self.collection,
            "time_zone": self.time_zone,
        }


class IndicesSettings(Settings):
    """The section `indices`: what the indices of a window are told for."""

    cemi: Annotated[int, Field(ge=1, le=1000)] = 3  # customers with at least so many interruptions
    celid_s_hours: Annotated[float, Field(gt=0, le=8760)] = 8.0  # with one of at least so many hours
    celid_t_hours: Annotated[float, Field(gt=0, le=87600)] = 12.0  # with at least so many hours in total
    dlt_836_threshold_s: Seconds = 180.0  # sustained by DL/T 836 is what lasts longer

    def values(self) -> dict[str, float | str]:
        """As the settings of the database."""
        return {
            "cemi_interruptions": self.cemi,
            "celid_single_hours": self.celid_s_hours,
            "celid_total_hours": self.celid_t_hours,
            "dlt_836_threshold_s": self.dlt_836_threshold_s,
        }


class Config(Settings):
    gateway: GatewaySettings = GatewaySettings()
    inventory: InventorySettings = InventorySettings()
    database: DatabaseSettings
    modbus: ModbusSettings = ModbusSettings()
    mqtt: tuple[MqttSettings, ...] = ()
    asking: AskingSettings = AskingSettings()
    outage: OutageSettings = OutageSettings()
    drill: DrillSettings = DrillSettings()
    meterdata: MeterDataSettings = MeterDataSettings()
    vee: VeeSettings = VeeSettings()
    quality: QualitySettings = QualitySettings()
    meter_events: MeterEventSettings = MeterEventSettings()
    usage: UsageSettings = UsageSettings()
    balance: BalanceSettings = BalanceSettings()
    outlook: OutlookSettings = OutlookSettings()
    alerts: AlertSettings = AlertSettings()
    targets: TargetsSettings = TargetsSettings()
    indices: IndicesSettings = IndicesSettings()
    api: ApiSettings = ApiSettings()
    access: AccessSettings = AccessSettings()

    @field_validator("mqtt")
    @classmethod
    def _distinct(cls, sessions: tuple[MqttSettings, ...]) -> tuple[MqttSettings, ...]:
        names = [session.name for session in sessions]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"more than one broker is named {', '.join(twice)}")
        return sessions

    def limits(self) -> dict[str, float | str]:
        """What dashboards hold figures against, as the settings of the database. Ratios are of nominal or rated."""
        quality = self.quality
        return {
            "voltage_low_ratio": round(1 - quality.single_phase_low, 6),
            "voltage_high_ratio": round(1 + quality.single_phase_high, 6),
            "voltage_three_phase_low_ratio": round(1 - quality.three_phase_band, 6),
            "voltage_three_phase_high_ratio": round(1 + quality.three_phase_band, 6),
            "nominal_hz": quality.nominal_hz,
            "frequency_band_hz": quality.frequency_band_hz,
            "unbalance_limit_percent": quality.unbalance_percent,
            "heavy_load_ratio": quality.heavy_load,
            "overload_ratio": quality.overload,
            "temperature_limit_c": quality.temperature_c,
            "usage_open_score": self.usage.open_score,
            "usage_open_area_score": self.usage.open_area_score,
            "high_loss_ratio": self.balance.high_loss_ratio,
        }


def load_config(file: Path) -> Config:
    """Read and check `file`; relative paths in it are relative to it.

    Raises:
        InvalidInputError: `feederline.yaml line 12: mqtt.0.url: …`, one line per fault.
    """
    config, faults = read_config(file)
    if faults:
        raise InvalidInputError(faults)
    assert config is not None
    return config


def read_config(file: Path) -> tuple[Config | None, list[str]]:
    """The configuration and its faults. Where there are faults it is good only for checking what it names further:
    what is wrong has its default."""
    try:
        document = YamlFile.read(file)
    except InvalidInputError as exc:
        return None, list(exc.faults)
    data = {} if document.data is None else document.data
    if not isinstance(data, dict):
        return None, [f"{file.name}: must hold sections such as database: and mqtt:"]
    faults: list[str] = []
    for _ in range(_MENDS):
        try:
            config = Config.model_validate(data)
        except ValidationError as exc:
            if not faults:
                faults = _faults(exc, document)
            for item in exc.errors(include_url=False, include_input=False):
                _leave_out(data, item["loc"], missing=item["type"] == "missing")
        else:
            return _resolved(config, file.resolve().parent), faults
    return None, faults


def _leave_out(data: Any, loc: Sequence[str | int], *, missing: bool) -> None:
    """Take what stands at `loc` out of the data, or put an empty section where one is missing."""
    for part in loc[:-1]:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return
    if not loc:
        return
    if isinstance(data, dict) and missing:
        data[loc[-1]] = {}
    elif isinstance(data, dict):
        data.pop(loc[-1], None)
    elif isinstance(data, list) and isinstance(loc[-1], int) and loc[-1] < len(data):
        del data[loc[-1]]


def _faults(error: ValidationError, document: YamlFile) -> list[str]:
    faults = []
    for item in error.errors(include_url=False, include_input=False):
        path = ".".join(str(part) for part in item["loc"])
        if item["type"] in ("model_type", "model_attributes_type"):
            message = f"must be a section with keys such as: {', '.join(_allowed((*item['loc'], '')))}"
        elif item["type"] == "extra_forbidden":
            message = f"unknown key; there are: {', '.join(_allowed(item['loc']))}"
        elif item["type"] == "missing":
            message = "is missing"
        else:
            message = item["msg"].removeprefix("Value error, ")
        faults.append(f"{document.place(item['loc'])}: {path}: {message}")
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


def _resolved(model: M, base: Path) -> M:
    """`model` with every relative path in it taken from `base`; what was not written stays known as not written."""
    found = {name: _resolve(value, base) for name, value in model}
    return model.model_copy(
        update={name: new for name, new in found.items() if new is not getattr(model, name)}
    )


def _resolve(value: Any, base: Path) -> Any:
    if isinstance(value, Path):
        return base / value
    if isinstance(value, BaseModel):
        return _resolved(value, base)
    if isinstance(value, tuple):
        return tuple(_resolve(item, base) for item in value)
    return value
