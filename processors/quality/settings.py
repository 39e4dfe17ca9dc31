"""Settings of supply quality. Where a default has a source, its description names it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from gateway.core.settings import Seconds, Settings

Share = Annotated[float, Field(gt=0, le=1)]
Percent = Annotated[float, Field(gt=0, le=100)]
Count = Annotated[int, Field(ge=1, le=1000)]


class QualitySettings(Settings):
    """The section `quality`. Voltages are shares of nominal."""

    three_phase_band: Share = Field(default=0.07, description="GB/T 12325, up to 20 kV: ±7 %.")
    single_phase_high: Share = Field(default=0.07, description="GB/T 12325, 220 V: +7 %.")
    single_phase_low: Share = Field(default=0.10, description="GB/T 12325, 220 V: −10 %.")
    off_below: Share = Field(
        default=0.6, description="A phase below this is lost, and no reading of it counts."
    )
    on_above: Share = Field(default=0.8, description="A lost phase is back above this.")
    nominal_hz: float = Field(default=50, description="50 or 60 Hz.")
    frequency_band_hz: Annotated[float, Field(gt=0, le=5)] = Field(
        default=0.2, description="An incident beyond this. GB/T 15945: 0.2 Hz, or 0.5 Hz in grids below 3 GW."
    )
    unbalance_percent: Percent = Field(default=2.0, description="An incident above this. GB/T 15543: 2 %.")
    power_factor_limits: dict[str, Share] = Field(
        default={
            "industrial": 0.90,
            "high_voltage": 0.90,
            "commercial": 0.85,
            "large": 0.85,
            "agricultural": 0.80,
        },
        description="By customer_class: 0.90 from 100 kVA at high voltage, 0.85 other large customers, 0.80 "
        "agriculture. Classes not named are not judged.",
    )
    sag_below: Share = Field(default=0.9, description="A voltage sag is below this. EN 50160: 90 %.")
    swell_above: Annotated[float, Field(ge=1, le=2)] = Field(
        default=1.1, description="A voltage swell is above this. EN 50160: 110 %."
    )
    stands_for: Annotated[float, Field(ge=1, le=10)] = Field(
        default=1.5,
        description="A reading stands for the time until the next one, at most so many reporting intervals; the rest "
        "is unobserved.",
    )
    window_s: Annotated[float, Field(ge=10, le=3600)] = Field(
        default=600, description="Readings are judged by their means over so long. EN 50160: 10 min."
    )
    hold_s: Seconds = Field(
        default=600,
        description="Out of limits for so long opens an incident, back inside for so long closes it.",
    )
    grace_s: Seconds = Field(default=60, description="How long readings of a window may be under way.")
    forget_s: Seconds = Field(
        default=86_400,
        description="Who gave nothing to judge by for so long is no member of an incident any more: whether its supply "
        "is within limits again is not known.",
    )
    coverage: Share = Field(default=0.5, description="Share of the readings expected that a mean needs.")
    margin: Share = Field(default=0.01, description="A voltage counts as recovered so far inside its limits.")
    roll_up: Share = Field(
        default=0.5,
        description="From this share of the observed points on (below a feeder: transformers) it is one incident "
        "of the place above.",
    )
    roll_up_stays: Share = Field(default=0.25, description="And stays so down to this share.")
    roll_up_from: Count = Field(
        default=5,
        description="So many transformers out below one feeder are one incident whatever the share.",
    )
    contradicted: Share = Field(
        default=0.2,
        description="A terminal whose meters are out to less than this share is contradicted: what it shows is its "
        "own.",
    )
    heavy_load: Share = Field(
        default=0.8, description="Share of rated power from which a transformer is heavily loaded."
    )
    overload: Annotated[float, Field(gt=0, le=3)] = Field(
        default=1.0, description="Share of rated power from which a transformer is overloaded."
    )
    overload_recovered: Annotated[float, Field(gt=0, le=3)] = Field(
        default=0.95, description="Share of rated power below which it is no longer."
    )
    reverse_share: Share = Field(
        default=0.05,
        description="Reverse power of a transformer above this share of its rating, and above what is registered below "
        "it as generation_kw, is an incident.",
    )
    temperature_c: Annotated[float, Field(ge=20, le=200)] = Field(
        default=85, description="Too hot above this: top oil by GB/T 1094.7 in normal service."
    )
    temperature_rise_k: Annotated[float, Field(gt=0, le=100)] = Field(
        default=25, description="Too hot so far above its own mean of the last hours, too."
    )
    temperature_rise_from_c: Annotated[float, Field(ge=0, le=200)] = Field(
        default=50,
        description="But not below this, whatever is usual: a cold night or a hot box is no fault.",
    )
    temperature_margin_k: Annotated[float, Field(gt=0, le=50)] = Field(
        default=5, description="So far below its limit it counts as cooled down."
    )

    @field_validator("window_s")
    @classmethod
    def _divides_the_hour(cls, seconds: float) -> float:
        if seconds != int(seconds) or 3600 % int(seconds):
            raise ValueError("an hour is not made of such windows")
        return seconds

    @field_validator("nominal_hz")
    @classmethod
    def _a_grid_has_it(cls, hertz: float) -> float:
        if hertz not in (50, 60):
            raise ValueError("is neither 50 nor 60")
        return hertz

    @model_validator(mode="after")
    def _ordered(self) -> QualitySettings:
        if self.off_below >= self.on_above:
            raise ValueError("off_below must be smaller than on_above")
        if self.overload_recovered > self.overload:
            raise ValueError("overload_recovered must not be above overload")
        if self.roll_up_stays > self.roll_up:
            raise ValueError("roll_up_stays must not be above roll_up")
        if self.grace_s >= self.window_s:
            raise ValueError("grace_s must be smaller than window_s")
        return self

    @property
    def hold_windows(self) -> int:
        """How many means in a row it takes."""
        return max(1, round(self.hold_s / self.window_s))
