"""The kinds of evidence, by name, and which of them tell of the same phenomenon. Append-only."""

from __future__ import annotations

from enum import IntEnum


class UsageRule(IntEnum):
    """Columns of `judge.Judged`. Told outside by `word`."""

    SUDDEN_DROP = 0
    LASTING_DROP = 1
    ZERO_USE = 2
    SLOW_DOWN = 3  # the scale fell, the shape stayed
    NIGHT_FLOOR = 4
    USE_AFTER_DISCONNECTION = 5
    OVER_CAPACITY = 6
    TIME_OF_USE = 7
    UNREGISTERED_GENERATION = 8
    CURRENT_WITHOUT_VOLTAGE = 9
    PHASE_VANISHED = 10
    PHASE_REVERSED = 11
    TAMPER = 12
    REGISTER_ANOMALIES = 13
    VACANCY = 14
    ABSENCE = 15
    SOLAR = 16
    SHAPE_CHANGED = 17

    @property
    def word(self) -> str:
        return self.name.lower()

    @property
    def group(self) -> str:
        return GROUPS[self.word]


ENERGY_BALANCE = "energy_balance"
"""Group of whatever the balance of the transformer area says; its rules are those of `processors.balance`."""
AREA_LOSS = "area_loss"
"""Rule of the balance that points at an area as such: it gives way where a customer below stands out."""

GROUPS: dict[str, str] = {
    "sudden_drop": "level",
    "lasting_drop": "level",
    "zero_use": "level",
    "slow_down": "level",
    "vacancy": "level",
    "absence": "level",
    "solar": "level",
    "shape_changed": "level",
    "night_floor": "night",
    "use_after_disconnection": "disconnection",
    "over_capacity": "contract",
    "time_of_use": "contract",
    "unregistered_generation": "generation",
    "current_without_voltage": "wiring",
    "phase_vanished": "wiring",
    "phase_reversed": "wiring",
    "tamper": "tamper",
    "register_anomalies": "register",
}
RULES = len(UsageRule)


def group_of(rule: str) -> str:
    """The phenomenon that a rule tells of; one of no name here is of the energy balance."""
    return GROUPS.get(rule, ENERGY_BALANCE)
