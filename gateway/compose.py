"""Makes every part from the configuration, touching nothing outside; every fault of every file is told at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np

from alerts.callbacks import callers
from alerts.desk import Desk
from alerts.webhook import endpoints
from drivers.modbus.driver import ModbusDriver
from drivers.mqtt import MqttDriver, check_credentials
from drivers.profile import load_profiles
from gateway.api.serving import check_certificate
from gateway.config import Config, read_config
from gateway.core.clock import Clock
from gateway.core.errors import InvalidInputError
from gateway.core.inventory import Inventory
from gateway.core.ports import Driver, Processor
from gateway.csvfiles import DEVICE_COLUMNS, NETWORK_COLUMNS, check_devices, check_network, told_by_line
from gateway.inventoryfiles import InventoryFiles, Tables
from gateway.spool import known_devices
from processors.drill.detector import DrillDetector
from processors.meterevents.detector import MeterEventDetector
from processors.outage.detector import OutageDetector
from processors.quality.detector import QualityDetector
from processors.usage.day import CustomerFacts
from processors.usage.detector import UsageDetector
from processors.vee.meters import Meters

T = TypeVar("T")

_MAX_FAULTS = 200  # more than anyone reads at once; the rest is counted


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that can be made without touching the outside. `revision` names the text of network and devices."""

    config: Config
    inventory: Inventory
    drivers: Sequence[Driver]
    processors: Sequence[Processor]
    desk: Desk
    revision: str = ""
    file: Path | None = None  # of the configuration


@dataclass(frozen=True, slots=True)
class Field:
    """The inventory and who reads it, as far as they can be made in spite of the faults."""

    inventory: Inventory | None
    drivers: Sequence[Driver]
    faults: Sequence[str]


def inventory_files(config: Config) -> InventoryFiles:
    return InventoryFiles(config.inventory.network, config.inventory.devices)


def check_field(
    config: Config, tables: Tables, *, clock: Clock, known: Sequence[str] = (), sure: bool = True
) -> Field:
    """Hold network, devices and profiles against each other, and against what the drivers want of them.

    sure: the configuration has no faults of its own, from which others would only follow.
    """
    found: list[str] = []
    settings = config.inventory
    profiles = _attempt(functools.partial(load_profiles, config.modbus.profiles), found)
    network = None
    if tables.network is not None:
        network, wrong = check_network(tables.network.data, tables.network.name)
        found += wrong
    inventory = None
    if network is not None and tables.devices is not None:
        inventory, wrong = check_devices(
            tables.devices.data, tables.devices.name, network, known=known, nominal_v=settings.nominal_voltage
        )
        found += wrong
    drivers: list[Driver | None] = []
    if inventory is not None:
        drivers += [
            _attempt(functools.partial(MqttDriver, inventory, session, clock), found)
            for session in config.mqtt
        ]
        if profiles is not None and inventory.of_protocol("modbus"):
            make = functools.partial(ModbusDriver, inventory, profiles, config.modbus, clock)
            drivers.append(_attempt(make, found))
        if inventory.of_protocol("mqtt") and not config.mqtt and sure:
            found.append("mqtt: there are devices of protocol mqtt and no broker to hear them from")
    return Field(inventory, [driver for driver in drivers if driver is not None], _by_line(found, tables))


def compose(
    config: Config,
    *,
    clock: Clock,
    known: Sequence[str] = (),
    faults: Sequence[str] = (),
    tables: Tables | None = None,
    file: Path | None = None,
) -> Parts:
    """Make the parts; `known` are device names that have keys already (see Inventory), `tables` what to take instead
    of the configured network and devices.

    Raises InvalidInputError with `faults` (found before) and every fault of the network, the devices, the profiles and
    the secrets.
    """
    found = list(faults)
    if tables is None:
        tables = inventory_files(config).read(found)
    field = check_field(config, tables, clock=clock, known=known, sure=not faults)
    found += field.faults
    _attempt(functools.partial(endpoints, config.alerts.targets, config.alerts.allowed_hosts), found)
    _attempt(functools.partial(callers, config.alerts.targets), found)
    for session in config.mqtt:
        _attempt(functools.partial(check_credentials, session), found)
    _attempt(functools.partial(check_certificate, config.api), found)
    if config.access.loopback is not None and config.api.proxied_here:
        found.append(
            "access.loopback_role: must be none where api.proxies names this machine: all come from there"
        )
    if config.database.password is not None:
        _attempt(config.database.password.reveal, found)
    inventory = field.inventory
    processors: list[Processor | None] = []
    if inventory is not None and (len(inventory.network) or not found):  # of nothing there is nothing to tell
        processors = _processors(config, inventory, found)
    if found or inventory is None:
        found = list(dict.fromkeys(_by_line(found, tables)))  # several parts read the same attributes
        raise InvalidInputError(found[:_MAX_FAULTS] + _more(len(found) - _MAX_FAULTS))
    return Parts(
        config=config,
        inventory=inventory,
        drivers=field.drivers,
        processors=[processor for processor in processors if processor is not None],
        desk=Desk(inventory, config.alerts),
        revision=tables.revision,
        file=file,
    )


def _processors(config: Config, inventory: Inventory, faults: list[str]) -> list[Processor | None]:
    """The detectors; and what is wrong with attributes of devices that they or the book of meter data read."""
    makers: tuple[Callable[[], Processor], ...] = (
        lambda: OutageDetector(inventory, config.outage),
        lambda: DrillDetector(inventory, config.outage, config.drill),
        lambda: QualityDetector(inventory, config.quality),
        lambda: MeterEventDetector(inventory, config.meter_events),
        lambda: UsageDetector(inventory, config.usage),
    )
    listed = np.flatnonzero(inventory.node >= 0).astype(np.int32)
    zone = ZoneInfo(config.targets.time_zone)
    _attempt(lambda: Meters.of(inventory, listed, config.vee, zone=zone), faults)
    _attempt(lambda: CustomerFacts.of(inventory, listed), faults)
    return [_attempt(make, faults) for make in makers]


def _by_line(faults: Sequence[str], tables: Tables) -> list[str]:
    """Drivers and processors know devices and nodes by name; whoever edits the files wants their lines."""
    told = list(faults)
    if tables.devices is not None:
        told = told_by_line(told, "device", tables.devices.data, tables.devices.name, DEVICE_COLUMNS)
    if tables.network is not None:
        told = told_by_line(told, "node", tables.network.data, tables.network.name, NETWORK_COLUMNS)
    return told


def load(file: Path, *, clock: Clock, known: Sequence[str] | None = None) -> Parts:
    """Read the configuration and everything that it names, and make the parts of it; touches nothing.

    known: names of devices by key where somebody knows better than the spool.

    Raises InvalidInputError with every fault of all the files.
    """
    config, faults = read_config(file)
    if config is None:
        raise InvalidInputError(faults)
    if known is None:
        known = [] if faults else known_devices(spool_directory(config))
    return compose(config, clock=clock, known=known, faults=faults, file=file)


def _attempt(make: Callable[[], T], faults: list[str]) -> T | None:
    try:
        return make()
    except InvalidInputError as exc:
        faults.extend(exc.faults)
        return None


def spool_directory(config: Config) -> Path:
    return config.gateway.data_dir / "spool"


def _more(count: int) -> list[str]:
    return [f"and {count} faults more"] if count > 0 else []
