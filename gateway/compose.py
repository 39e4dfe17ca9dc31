"""Makes every part from the configuration, touching nothing outside; every fault of every file is told at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from alerts.desk import Desk
from alerts.dispatch import endpoints
from drivers.modbus.driver import ModbusDriver
from drivers.mqtt import MqttDriver, check_credentials
from drivers.profile import load_profiles
from gateway.config import Config, read_config
from gateway.core.clock import Clock
from gateway.core.errors import InvalidInputError
from gateway.core.inventory import Inventory
from gateway.core.ports import Driver, Processor
from gateway.csvfiles import read_devices, read_network
from gateway.spool import known_devices
from processors.outage.detector import OutageDetector

T = TypeVar("T")

_MAX_FAULTS = 200  # more than anyone reads at once; the rest is counted


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that can be made without touching the outside."""

    config: Config
    inventory: Inventory
    drivers: Sequence[Driver]
    processors: Sequence[Processor]
    desk: Desk


def compose(config: Config, *, clock: Clock, known: Sequence[str] = (), faults: Sequence[str] = ()) -> Parts:
    """Make the parts; `known` are device names that have keys already (see Inventory).

    Raises InvalidInputError with `faults` (found before) and every fault of the network, the devices, the profiles and
    the secrets.
    """
    found = list(faults)

    def attempt(make: Callable[[], T]) -> T | None:
        try:
            return make()
        except InvalidInputError as exc:
            found.extend(exc.faults)
            return None

    settings = config.inventory
    profiles = attempt(functools.partial(load_profiles, config.modbus.profiles))
    network, wrong = read_network(settings.network)
    found += wrong
    inventory = None
    if network is not None:
        inventory, wrong = read_devices(
            settings.devices, network, known=known, nominal_v=settings.nominal_voltage
        )
        found += wrong
    attempt(functools.partial(endpoints, config.alerts.targets, config.alerts.allowed_hosts))
    for session in config.mqtt:
        attempt(functools.partial(check_credentials, session))
    if config.database.password is not None:
        attempt(config.database.password.reveal)
    drivers: list[Driver | None] = []
    if inventory is not None:
        drivers += [
            attempt(functools.partial(MqttDriver, inventory, session, clock)) for session in config.mqtt
        ]
        if profiles is not None and inventory.of_protocol("modbus"):
            drivers.append(
                attempt(functools.partial(ModbusDriver, inventory, profiles, config.modbus, clock))
            )
        if inventory.of_protocol("mqtt") and not config.mqtt and not faults:
            found.append("mqtt: there are devices of protocol mqtt and no broker to hear them from")
    if found or inventory is None:
        raise InvalidInputError(found[:_MAX_FAULTS] + _more(len(found) - _MAX_FAULTS))
    return Parts(
        config=config,
        inventory=inventory,
        drivers=[driver for driver in drivers if driver is not None],
        processors=[OutageDetector(inventory, config.outage)],
        desk=Desk(inventory, config.alerts),
    )


def load(file: Path, *, clock: Clock) -> Parts:
    """Read the configuration and everything that it names, and make the parts of it; touches nothing.

    Raises InvalidInputError with every fault of all the files.
    """
    config, faults = read_config(file)
    if config is None:
        raise InvalidInputError(faults)
    known = [] if faults else known_devices(spool_directory(config))
    return compose(config, clock=clock, known=known, faults=faults)


def spool_directory(config: Config) -> Path:
    return config.gateway.data_dir / "spool"


def _more(count: int) -> list[str]:
    return [f"and {count} faults more"] if count > 0 else []
