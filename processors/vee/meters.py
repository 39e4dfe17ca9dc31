"""What validation knows of each meter beforehand, as columns. Wrong attributes are told with their device."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from gateway.core.clock import SECOND, parse_time
from gateway.core.errors import InvalidInputError
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Bools, Float64s, Int32s, Int64s
from processors.interruptions.periods import midnight
from processors.vee.settings import VeeLimits, VeeSettings

SINCE_EVER = -(2**62)
UNITS = {"kwh": 1.0, "wh": 1e-3, "mwh": 1e3, "kvarh": 1.0, "varh": 1e-3, "mvarh": 1e3}
"""How many kWh (kvarh) one of each unit is, by its name in lower case."""

_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")
_MOST = 1e9
_WORDS = {"": False, "no": False, "false": False, "0": False, "yes": True, "true": True, "1": True}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Meters:
    """Facts of n meters, ordered by device.

    device: int32[n];  interval: int64[n], length of their intervals in µs;  capacity: float64[n] in kWh of the primary
    side, where the register starts again from 0, NaN where that is not known;  max_kw: float64[n], the most that they
    can take;  ratio: float64[n], ct_ratio × pt_ratio;  installed: int64[n] µs, SINCE_EVER where it is not known;
    inactive: bool[n];  unit: float64[n], kWh per unit of the register in files that name none;
    kind: int32[n], row of their customer class in `limits`.
    """

    device: Int32s
    interval: Int64s
    capacity: Float64s
    max_kw: Float64s
    ratio: Float64s
    installed: Int64s
    inactive: Bools
    unit: Float64s
    kind: Int32s
    limits: tuple[VeeLimits, ...]

    def __len__(self) -> int:
        return len(self.device)

    def take(self, rows: npt.NDArray[np.intp] | slice) -> Meters:
        """Those rows, in their order."""
        return Meters(
            device=self.device[rows],
            interval=self.interval[rows],
            capacity=self.capacity[rows],
            max_kw=self.max_kw[rows],
            ratio=self.ratio[rows],
            installed=self.installed[rows],
            inactive=self.inactive[rows],
            unit=self.unit[rows],
            kind=self.kind[rows],
            limits=self.limits,
        )

    def limit(self, of: Callable[[VeeLimits], float]) -> Float64s:
        """One limit of each meter: float64[n]."""
        return np.array([of(limits) for limits in self.limits], np.float64)[self.kind]

    @staticmethod
    def of(
        inventory: Inventory, devices: Int32s, settings: VeeSettings, *, zone: ZoneInfo | None = None
    ) -> Meters:
        """Facts of these devices. `zone`: where a day written as `installed` begins, else in UTC.

        Raises:
            InvalidInputError: attributes that are no such numbers, days or words, each with its device.
        """
        keys = np.unique(devices).astype(np.int32)
        faults: list[str] = []
        classes: dict[str, int] = {}
        limits: list[VeeLimits] = []
        found = _empty(len(keys))
        for i, key in enumerate(keys.tolist()):
            try:
                device = inventory.device(key)
            except KeyError:
                device = Device(id=inventory.ids[key], node="")
            wrong: list[str] = []
            name = device.attributes.get("customer_class", "")
            if name not in classes:
                classes[name] = len(limits)
                limits.append(settings.limits(name))
            found.kind[i] = classes[name]
            _fill(
                found,
                i,
                device=device,
                limits=limits[classes[name]],
                settings=settings,
                zone=zone,
                faults=wrong,
            )
            node = int(inventory.node[key])
            if node >= 0 and not device.customers and not _has(device, "max_demand_kw", "contract_kw"):
                above = inventory.network.attributes.get(node, {}).get("rated_kva", "")
                if _NUMBER.fullmatch(above) and float(
                    above
                ):  # what supplies many takes what they do together
                    found.max_kw[i] = float(above) * limits[classes[name]].contract_factor
            faults += [f"device {device.id}: {fault}" for fault in wrong]
        if faults:
            raise InvalidInputError(faults)
        return Meters(
            device=keys,
            interval=found.interval,
            capacity=found.capacity,
            max_kw=found.max_kw,
            ratio=found.ratio,
            installed=found.installed,
            inactive=found.inactive,
            unit=found.unit,
            kind=found.kind,
            limits=tuple(limits) or (settings,),
        )


def ratio_of(text: str) -> float:
    """'40' or '200/5' as a number; NaN for what is neither."""
    parts = text.split("/")
    if not 1 <= len(parts) <= 2 or not all(_NUMBER.fullmatch(part.strip()) for part in parts):
        return math.nan
    whole = [float(part) for part in parts]
    if not all(0 < part <= _MOST for part in whole):
        return math.nan
    return whole[0] / whole[1] if len(whole) == 2 else whole[0]


def _empty(n: int) -> Meters:
    return Meters(
        device=np.zeros(n, np.int32),
        interval=np.zeros(n, np.int64),
        capacity=np.full(n, np.nan),
        max_kw=np.zeros(n),
        ratio=np.ones(n),
        installed=np.full(n, SINCE_EVER, np.int64),
        inactive=np.zeros(n, np.bool_),
        unit=np.ones(n),
        kind=np.zeros(n, np.int32),
        limits=(),
    )


def _has(device: Device, *names: str) -> bool:
    return any(device.attributes.get(name) for name in names)


def _fill(
    found: Meters,
    i: int,
    *,
    device: Device,
    limits: VeeLimits,
    settings: VeeSettings,
    zone: ZoneInfo | None,
    faults: list[str],
) -> None:
    written = device.attributes.get
    found.interval[i] = max(settings.interval_s, device.interval_s) * SECOND
    for name in ("ct_ratio", "pt_ratio"):
        if text := written(name):
            ratio = ratio_of(text)
            if math.isnan(ratio):
                faults.append(f"{name} {text!r} is not a ratio such as 40 or 200/5")
            else:
                found.ratio[i] *= ratio
    if text := written("register_digits"):
        if re.fullmatch(r"[0-9]{1,2}", text) and 1 <= int(text) <= 15:
            found.capacity[i] = 10.0 ** int(text) * found.ratio[i]
        else:
            faults.append(f"register_digits {text!r} is not a whole number from 1 to 15")
    most = _power(written("max_demand_kw", ""), "max_demand_kw", faults)
    contract = _power(written("contract_kw", ""), "contract_kw", faults)
    found.max_kw[i] = (
        most
        or (contract or 0.0) * limits.contract_factor
        or (limits.max_demand_kw * max(1, device.customers))
    )
    if text := written("installed"):
        try:
            found.installed[i] = _moment(text, zone)
        except ValueError:
            faults.append(f"installed {text!r} is neither a day such as 2026-01-01 nor a time with a zone")
    word = written("inactive", "").lower()
    if word in _WORDS:
        found.inactive[i] = _WORDS[word]
    else:
        faults.append(f"inactive {word!r} is neither yes nor no")
    if text := written("unit"):
        if text.lower() in UNITS:
            found.unit[i] = UNITS[text.lower()]
        else:
            faults.append(f"unit {text!r} is not one of kWh, Wh, MWh, kvarh, varh, Mvarh")


def _power(text: str, name: str, faults: list[str]) -> float | None:
    if not text:
        return None
    if _NUMBER.fullmatch(text) and 0 < float(text) <= _MOST:
        return float(text)
    faults.append(f"{name} {text!r} is not a number of kW above 0")
    return None


def _moment(text: str, zone: ZoneInfo | None) -> int:
    if len(text) == 10:
        day = date.fromisoformat(text)
        return midnight(day, zone) if zone is not None else midnight(day)
    return parse_time(text)
