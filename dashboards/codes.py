"""Words of what meters, devices and the gateway say in codes; those of incidents and tickets are in values.py."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMapping, ValueMappingResult

from dashboards.values import BAD, CALM, ENDED, GOOD, WARNING, Value
from dashboards.words import Words

_PHASED = {"voltage": "Voltage", "current": "Current"}
_TOTAL_AND_PHASES = {
    "active_power": "Active power",
    "reactive_power": "Reactive power",
    "apparent_power": "Apparent power",
    "power_factor": "Power factor",
}


def _quantities() -> dict[str, Value]:
    """As in gateway/core/quantities.py; a test holds both lists equal."""
    of = {f"{code}_{p}": Value(f"{text}, phase {p.upper()}") for code, text in _PHASED.items() for p in "abc"}
    for pair in ("ab", "bc", "ca"):
        of[f"voltage_{pair}"] = Value(f"Voltage {pair[0].upper()}–{pair[1].upper()}")
    of["current_n"] = Value("Neutral current")
    for code, text in _TOTAL_AND_PHASES.items():
        of[code] = Value(text)
        of |= {f"{code}_{p}": Value(f"{text}, phase {p.upper()}") for p in "abc"}
    return of | {
        "frequency": Value("Frequency"),
        "energy_import": Value("Energy imported"),
        "energy_export": Value("Energy exported"),
        "reactive_energy_import": Value("Reactive energy imported"),
        "reactive_energy_export": Value("Reactive energy exported"),
        "voltage_unbalance": Value("Voltage unbalance"),
        "current_unbalance": Value("Current unbalance"),
        "temperature": Value("Temperature"),
        "breaker_closed": Value("Breaker closed"),
        "fault_indicator": Value("Fault indicator"),
        "door_open": Value("Door open"),
        "battery_ok": Value("Battery good"),
    }


CODES: Mapping[str, Mapping[str, Value]] = {
    "quantity": _quantities(),
    "device_kind": {
        "meter": Value("meter"),
        "terminal": Value("terminal"),
        "concentrator": Value("concentrator"),
        "sensor": Value("sensor"),
    },
    "signal": {
        "last_gasp": Value("last gasp", BAD),
        "power_restored": Value("power restored", GOOD),
        "no_answer": Value("no answer", WARNING),
        "target_failed": Value("meter did not answer its concentrator", WARNING),
        "connection_lost": Value("connection lost", WARNING),
        "connection_made": Value("connection made"),
        "ping_ok": Value("answered when asked", GOOD),
        "ping_failed": Value("did not answer when asked", WARNING),
        "tamper": Value("tampering", BAD),
        "meter_event": Value("event of the meter"),
        "gateway_down": Value("gateway away"),
        "gateway_up": Value("gateway back"),
    },
    "meter_event": {
        "voltage_loss": Value("voltage circuit lost"),
        "under_voltage": Value("under-voltage"),
        "over_voltage": Value("over-voltage"),
        "phase_break": Value("phase broken"),
        "current_loss": Value("current circuit lost"),
        "reverse_power": Value("reverse power"),
        "overload": Value("overload"),
        "voltage_unbalance": Value("voltage unbalance"),
        "current_unbalance": Value("current unbalance"),
        "low_power_factor": Value("low power factor"),
        "neutral_current": Value("neutral current"),
        "current_without_voltage": Value("current without voltage"),
        "cover_open": Value("cover open", WARNING),
        "terminal_cover_open": Value("terminal cover open", WARNING),
        "magnetic_field": Value("magnetic field", WARNING),
        "clock_fault": Value("clock fault"),
    },
    "event_source": {"readings": Value("the gateway, in readings"), "device": Value("the meter itself")},
    "interval_status": {
        "valid": Value("valid", GOOD),
        "suspect": Value("suspect", WARNING),
        "estimated": Value("estimated", CALM),
        "edited": Value("edited by a person", CALM),
        "missing": Value("missing", BAD),
    },
    "status_name": {
        "Valid": Value("valid", GOOD),
        "Suspect": Value("suspect", WARNING),
        "Estimated": Value("estimated", CALM),
        "Edited": Value("edited by a person", CALM),
        "Missing": Value("missing", BAD),
    },
    "rule": {
        "no_value": Value("no value"),
        "duplicate": Value("duplicate"),
        "unordered": Value("out of order"),
        "future": Value("in the future"),
        "before_installation": Value("before installation"),
        "clock": Value("clock"),
        "interval_size": Value("interval size"),
        "unit": Value("unit"),
        "multiplier": Value("multiplier"),
        "rollover": Value("rollover"),
        "reset": Value("reset"),
        "exchange": Value("meter exchanged"),
        "reverse": Value("runs backwards"),
        "missing": Value("missing"),
        "negative": Value("negative"),
        "zero_use": Value("no use"),
        "high": Value("too high"),
        "low": Value("too low"),
        "spike": Value("spike"),
        "sum": Value("does not add up"),
        "check_meter": Value("disagrees with the check meter"),
        "consecutive_estimates": Value("estimated again and again"),
        "inactive": Value("inactive meter"),
        "interpolated": Value("interpolated"),
        "like_days": Value("from like days"),
        "scaled": Value("scaled to the register"),
        "edited": Value("edited by a person"),
        "late": Value("came late"),
    },
    "gap_cause": {
        "supply": Value("without supply"),
        "device": Value("device"),
        "communications": Value("communications"),
        "gateway": Value("gateway"),
    },
    "meter_change": {
        "exchange": Value("meter exchanged"),
        "multiplier": Value("ratio changed"),
        "clock": Value("clock set"),
        "reset": Value("register reset"),
        "edit": Value("energy put by hand"),
        "edit_taken_back": Value("energy by hand taken back"),
    },
    "clock_of": {"signal": Value("signal"), "reading": Value("reading")},
    "condition": {
        "low_voltage": Value("low voltage"),
        "high_voltage": Value("high voltage"),
        "unbalance": Value("unbalance"),
        "overload": Value("overload"),
        "reverse_power": Value("reverse power"),
        "overheating": Value("overheating"),
        "frequency": Value("frequency"),
    },
    "place": {"feeder": Value("feeder"), "concentrator": Value("concentrator")},
    "finding": {
        "area_loss": Value("loss of the area"),
        "supply_meter": Value("meter of the supply"),
        "topology": Value("hangs elsewhere"),
        "phase": Value("phase"),
    },
    "outcome": {
        "confirmed": Value("confirmed by a person", BAD),
        "withdrawn": Value("inspected, nothing found", GOOD),
        "open": Value("open", WARNING),
        "merged": Value("merged", ENDED),
        "subsided": Value("subsided by itself", ENDED),
    },
    "usage_rule": {
        "sudden_drop": Value("sudden drop"),
        "lasting_drop": Value("lasting drop"),
        "slow_down": Value("every hour less alike"),
        "zero_use": Value("no use with voltage"),
        "night_floor": Value("less at night"),
        "use_after_disconnection": Value("use after disconnection"),
        "over_capacity": Value("above the contract's capacity"),
        "time_of_use": Value("outside the contract's hours"),
        "unregistered_generation": Value("unregistered generation"),
        "current_without_voltage": Value("current without voltage"),
        "phase_vanished": Value("phase vanished"),
        "phase_reversed": Value("phase reversed"),
        "tamper": Value("tampering"),
        "register_anomalies": Value("register resets"),
        "vacancy": Value("nobody there"),
        "absence": Value("away for a while"),
        "solar": Value("own generation"),
        "shape_changed": Value("another way of life"),
        "loss_follows_use": Value("area's loss follows the use"),
        "loss_follows_shortfall": Value("area's loss follows what lacks"),
        "loss_rose_with_drop": Value("area's loss rose with the drop"),
        "no_loss_with_drop": Value("area's loss did not rise with the drop"),
        "loss_elsewhere": Value("others explain the loss"),
    },
    "gateway": {
        "ready": Value("ready", GOOD),
        "not_ready": Value("not ready", WARNING),
        "away": Value("away", BAD),
    },
    "delivery": {
        "pending": Value("waiting", WARNING),
        "delivered": Value("delivered", GOOD),
        "dead": Value("given up", BAD),
    },
    "book_step": {
        "intervals": Value("intervals reckoned"),
        "closed": Value("days closed"),
        "judged": Value("usage judged"),
        "foretold": Value("load foretold"),
        "final": Value("intervals final"),
    },
    "readiness": {"true": Value("ready", GOOD), "false": Value("not ready", BAD)},
    "rejection": {"no_value": Value("no value"), "out_of_range": Value("out of range")},
}
"""What a column may say → the word for it; what is not there is shown as it is."""


def coded(words: Words, of: str) -> dict[str, object]:
    """Of a column that holds codes of CODES[of]: their words, and their colours as the text's."""
    told: dict[str, object] = {"mappings": mappings(words, of)}
    if any(value.color for value in CODES[of].values()):
        told["custom.cellOptions"] = {"type": "color-text"}
    return told


def mappings(words: Words, of: str) -> list[ValueMapping]:
    """Grafana's value mappings of CODES[of]."""
    return [
        ValueMap(
            options={
                code: ValueMappingResult(text=words(value.text), color=value.color, index=index)
                for index, (code, value) in enumerate(CODES[of].items())
            }
        )
    ]
