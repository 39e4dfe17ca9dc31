"""Settings of validation, estimation and editing. Where a default has a source, its description names it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from pydantic import Field, field_validator

from gateway.core.settings import Seconds, Settings

Positive = Annotated[float, Field(gt=0, le=1e9)]
Floor = Annotated[float, Field(ge=0, le=1e9)]
Share = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=1, le=100_000)]


class VeeLimits(Settings):
    """What the rules of one customer class are held against. Energies are kWh (kvarh)."""

    max_demand_kw: Positive = Field(
        default=100.0,
        description="Most that a customer can take where devices.csv names neither max_demand_kw nor contract_kw.",
    )
    contract_factor: Positive = Field(
        default=2.0, description="Most demand as a multiple of contract_kw where max_demand_kw is not named."
    )
    spike_share: Positive = Field(
        default=1.8,
        description="Spike: (highest − third highest) / third highest interval of a local day above this.",
    )
    spike_floor_kwh: Floor = Field(
        default=1.0, description="A spike stands out of the third highest by this much at least."
    )
    spike_intervals: Count = Field(
        default=8, description="Days with fewer measured intervals are not searched for spikes."
    )
    high_factor: Positive = Field(
        default=3.0, description="A day is high from this many times the mean of its like days on."
    )
    low_factor: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.1, description="A day is low up to this many times the mean of its like days."
    )
    day_floor_kwh: Floor = Field(
        default=2.0, description="High and low days differ from the mean of their like days by this much."
    )
    zero_use_s: Seconds = Field(
        default=86_400, description="No use at all for this long or longer is told as zero use."
    )
    inactive_kwh: Floor = Field(
        default=0.1, description="Use above this in an interval of a meter that is registered as inactive."
    )
    check_share: Positive = Field(
        default=0.02, description="An interval differs from that of its check meter by more than this share."
    )
    check_floor_kwh: Floor = Field(default=0.05, description="And by this much at least.")


class VeeSettings(VeeLimits):
    """The section `vee`. What stands in `classes` holds for meters of that customer_class instead."""

    interval_s: Annotated[int, Field(ge=60, le=86_400)] = Field(
        default=900, description="Length of an interval; a device whose interval_s is longer has that."
    )
    final_after_s: Annotated[float, Field(gt=0, le=366 * 86_400)] = Field(
        default=15 * 86_400,
        description="So long after its end an interval is final, and only people change it.",
    )
    classes: Mapping[str, VeeLimits] = Field(
        default_factory=dict,
        description="Limits by customer_class; what is not written there is as beside it.",
    )
    holidays: tuple[date, ...] = Field(default=(), description="Days that are like no weekday.")
    workdays: tuple[date, ...] = Field(
        default=(), description="Saturdays and Sundays that people work on, as weekdays."
    )
    future_s: Seconds = Field(
        default=300,
        description="A reading dated later than its reception by more than this is of the future.",
    )
    demand_slack_s: Seconds = Field(
        default=60, description="Two clocks may differ by this where a demand is held against its limit."
    )
    register_step_kwh: Floor = Field(
        default=1.0,
        description="A register counts in steps up to this; at its primary side, times its ratios.",
    )
    rollover_from: Share = Field(
        default=0.9, description="A register may roll over from this share of its capacity on."
    )
    reverse_share: Share = Field(
        default=0.1, description="A possible drop of at most this share of the register is running backwards."
    )
    excursion_readings: Count = Field(
        default=96, description="Readings that are off and come back within so many are no values."
    )
    end_share: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        default=0.1, description="A reading this share of an interval away from its end stands for the end."
    )
    near_intervals: Annotated[float, Field(ge=1, lt=2)] = Field(
        default=1.75, description="Readings further apart than this many intervals leave a gap."
    )
    linear_s: Seconds = Field(
        default=7200,
        description="Gaps between readings up to this long are filled linearly, longer ones by like days.",
    )
    consecutive_estimates_s: Seconds = Field(
        default=86_400, description="Estimates in a row from this length on are told."
    )
    like_days: Count = Field(
        default=3, description="A day is called high or low only against so many like days at least."
    )
    sum_share: Positive = Field(
        default=0.001, description="The intervals of a day differ from the register by more than this share."
    )

    @field_validator("interval_s")
    @classmethod
    def _fits_the_day(cls, seconds: int) -> int:
        if 3600 % seconds and (seconds % 3600 or 86_400 % seconds):
            raise ValueError("neither divides an hour (3600) nor is whole hours that divide a day (86400)")
        return seconds

    def limits(self, customer_class: str) -> VeeLimits:
        """Those of the class: what it names itself, and for the rest what holds for all."""
        own = self.classes.get(customer_class)
        if own is None:
            return self
        return VeeLimits.model_validate(
            {name: getattr(self, name) for name in VeeLimits.model_fields}
            | {name: getattr(own, name) for name in own.model_fields_set}
        )
