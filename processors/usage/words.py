"""Reasons in words with their figures, for who goes there. Nobody is accused: what was measured is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from gateway.core.model import Reason
from processors.usage.rules import UsageRule

_PHASES = "ABC"


class _Figures(dict[str, float]):
    def __missing__(self, name: str) -> float:
        return float("nan")


def _phase(f: Mapping[str, float]) -> str:
    return _PHASES[int(f["phase"])] if f["phase"] in (0, 1, 2) else "one"


def _days(count: float) -> str:
    return "1 day" if 0.5 <= count < 1.5 else f"{count:.0f} days"


def _when(f: Mapping[str, float], ago: float) -> str:
    """The day, since a message is read later; without it, how long ago."""
    day = f["day"]
    if day != day or ago != ago:  # noqa: PLR0124 - NaN
        return f"{_days(ago)} ago"
    return f"on {date.fromordinal(round(day - ago))} or about then"


def _until(f: Mapping[str, float]) -> str:
    day = f["day"]
    return "" if day != day else f" until {date.fromordinal(round(day))}"  # noqa: PLR0124 - NaN


def _voltage(f: Mapping[str, float]) -> str:
    seen = f["voltage_seen"]
    return "" if seen != seen else f" with voltage at the meter {seen:.0%} of the time"  # noqa: PLR0124 - NaN


def _reversed(f: Mapping[str, float]) -> str:
    if f["phase_w"] < 0:
        return (
            f"Phase {_phase(f)} runs backwards while others do not: its mean power is {f['phase_w']:.0f} W."
        )
    return (
        f"{f['export_kwh']:.1f} kWh were sent out by the register, at night too: "
        "the meter, or a phase of it, runs backwards."
    )


_WORDS: dict[UsageRule, tuple[tuple[str, ...], Callable[[Mapping[str, float]], str]]] = {
    UsageRule.SUDDEN_DROP: (
        ("drop", "drop_sigma", "drop_days", "kwh_before", "kwh_since"),
        lambda f: (
            f"Use fell at once by {f['drop']:.0%}, from {f['kwh_before']:.1f} to {f['kwh_since']:.1f} kWh a day, "
            f"{_when(f, f['drop_days'])}, against what its own habit and its neighbours' day would have it."
        ),
    ),
    UsageRule.LASTING_DROP: (
        ("drop", "drop_sigma", "drop_days", "kwh_before", "kwh_since"),
        lambda f: (
            f"Use has been lower by {f['drop']:.0%} for {_days(f['drop_days'])}{_until(f)}: "
            f"{f['kwh_since']:.1f} instead of {f['kwh_before']:.1f} kWh a day, "
            f"{f['drop_sigma']:.0f} times the usual scatter, peers' changes apart."
        ),
    ),
    UsageRule.ZERO_USE: (
        ("zero_days", "voltage_seen", "peers", "expected_kwh"),
        lambda f: (
            f"No use for {_days(f['zero_days'])}{_until(f)}{_voltage(f)}, "
            f"while neighbours use {f['peers']:.0%} of their usual; "
            f"{f['expected_kwh']:.1f} kWh a day were to be expected."
        ),
    ),
    UsageRule.SLOW_DOWN: (
        ("drop", "shape_distance"),
        lambda f: (
            f"Every hour of the day fell alike: {f['drop']:.0%} less with the daily shape as before (distance "
            f"{f['shape_distance']:.2f}), as if only part were measured."
        ),
    ),
    UsageRule.NIGHT_FLOOR: (
        ("night_drop", "recent_share"),
        lambda f: (
            f"What runs all night fell by {f['night_drop']:.0%} while the whole day's use is at "
            f"{f['recent_share']:.0%} of what is expected."
        ),
    ),
    UsageRule.USE_AFTER_DISCONNECTION: (
        ("disconnected_kwh",),
        lambda f: (
            f"{f['disconnected_kwh']:.1f} kWh were used on a day on which the supply is registered as cut off."
        ),
    ),
    UsageRule.OVER_CAPACITY: (
        ("peak_kw", "contract_kw", "over_hours"),
        lambda f: (
            f"Power above the contract's {f['contract_kw']:.1f} kW on several days; on the last one "
            f"{f['peak_kw']:.1f} kW at most, {f['over_hours']:.1f} h above."
        ),
    ),
    UsageRule.TIME_OF_USE: (
        ("outside_share", "kwh"),
        lambda f: (
            f"{f['outside_share']:.0%} of the day's {f['kwh']:.1f} kWh lay outside the hours of the contract, as on "
            "other days."
        ),
    ),
    UsageRule.UNREGISTERED_GENERATION: (
        ("export_kwh",),
        lambda f: (
            f"{f['export_kwh']:.1f} kWh sent out that day, repeatedly, and no generation is registered."
        ),
    ),
    UsageRule.CURRENT_WITHOUT_VOLTAGE: (
        ("wiring_days",),
        lambda f: (
            "The meter tells of current without voltage, or of a lost voltage or current circuit, on "
            f"{max(f['wiring_days'], 1):.0f} or more days lately."
        ),
    ),
    UsageRule.PHASE_VANISHED: (
        ("phase", "phase_share", "phase_w"),
        lambda f: (
            f"Phase {_phase(f)}, usually {f['phase_share']:.0%} of the power, shows none while the others do."
        ),
    ),
    UsageRule.PHASE_REVERSED: (("phase", "phase_w", "phase_share", "export_kwh"), _reversed),
    UsageRule.TAMPER: (
        ("tamper_days",),
        lambda f: f"The meter told of an opened cover or a magnetic field {_when(f, f['tamper_days'])}.",
    ),
    UsageRule.REGISTER_ANOMALIES: (
        ("anomalies",),
        lambda f: (
            f"The register jumped or ran backwards without a recorded cause, about {f['anomalies']:.0f} times lately."
        ),
    ),
    UsageRule.VACANCY: (
        ("recent_share", "load_factor"),
        lambda f: (
            f"Speaks for an empty place: {f['recent_share']:.0%} of expected use is left, and it has no shape of day."
        ),
    ),
    UsageRule.ABSENCE: (
        ("drop_days", "recent_share"),
        lambda f: f"Speaks for an absence: it has lasted {_days(f['drop_days'])} only.",
    ),
    UsageRule.SOLAR: (
        ("midday_drop", "export_kwh"),
        lambda f: (
            f"Speaks for own generation: midday is {f['midday_drop']:.0%} lower than the other hours tell."
        ),
    ),
    UsageRule.SHAPE_CHANGED: (
        ("shape_distance",),
        lambda f: (
            f"Speaks for changed habits: the daily shape is another one (distance {f['shape_distance']:.2f})."
        ),
    ),
}


def reason(
    rule: UsageRule, weight: float, figures: Mapping[str, float], *, day: date | None = None
) -> Reason:
    """Of one rule that weighs something; figures that are not at hand are left out. day: that was judged; with it words
    name days, since they may be read on another one."""
    names, sentence = _WORDS[rule]
    known = {name: round(float(figures[name]), 4) for name in names if figures[name] == figures[name]}
    told = _Figures(known) if day is None else _Figures(known | {"day": float(day.toordinal())})
    return Reason(rule=rule.word, weight=weight, words=sentence(told), figures=known)
