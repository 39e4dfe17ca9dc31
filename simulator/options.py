"""What a run of the simulator is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from simulator.faults import Farewell
from simulator.field_devices import Terminals
from simulator.mqtt_link import Broker


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a run is made of.

    interval_s: publishing interval of MQTT devices, and `interval_s` in devices.csv rounded up to whole seconds;
    head_ends: shared sessions;  own_sessions: meters with a session and a will of their own;
    concentrator_battery_s: 0 makes concentrators die with their transformer;  terminals: which transformers have one on
    their busbar, see `layout.build`;  history_days: of load profiles that meters bring along, in which some customers
    do what `customers.cast` says; 0 makes all ordinary;  profile_s: interval of load profiles.
    """

    meters: int
    directory: Path
    seed: int = 1
    broker: Broker = field(default_factory=Broker)
    interval_s: float = 3.0
    farewell: Farewell = field(default_factory=Farewell)
    head_ends: int = 2
    own_sessions: int = 12
    concentrator_battery_s: float = 600.0
    terminals: Terminals = "all"
    utc_offset_h: float = 8.0
    history_days: int = 0
    profile_s: int = 3600

    def __post_init__(self) -> None:
        if not 0.2 <= self.interval_s <= 3600:
            raise ValueError("interval_s must be between 0.2 and 3600")
        if not 0 <= self.own_sessions <= 500:
            raise ValueError("own_sessions must be between 0 and 500")
        if not 1 <= self.head_ends <= 64:
            raise ValueError("head_ends must be between 1 and 64")
        if not 0 <= self.history_days <= 400:
            raise ValueError("history_days must be between 0 and 400")
        if self.profile_s not in (900, 1800, 3600):
            raise ValueError("profile_s must be 900, 1800 or 3600")
        if not 0 <= self.concentrator_battery_s <= 86_400:
            raise ValueError("concentrator_battery_s must be between 0 and 86400")
