"""The section `usage`: what counts as unusual, and when a person is to go there."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from gateway.core.settings import Seconds, Settings

Share = Annotated[float, Field(gt=0, lt=1)]
Days = Annotated[int, Field(ge=1, le=3660)]
Energy = Annotated[float, Field(gt=0, le=1e6)]


class UsageSettings(Settings):
    """Durations are seconds, or whole local days where the name says so."""

    prior: Share = Field(
        default=0.01,
        description="Share of customers whom an inspection would find something at, before any evidence.",
    )
    open_score: Share = Field(
        default=0.8,
        description="A customer with this score and evidence of two independent kinds, one hard, gets an incident.",
    )
    open_area_score: Share = Field(
        default=0.5, description="A transformer whose loss nobody below explains gets one from this score on."
    )
    close_score: Share = Field(
        default=0.2, description="An incident whose score stays under this is on its way to be closed."
    )
    close_days: Days = Field(default=7, description="For how many days it has to stay there.")
    rest_days: Days = Field(
        default=90,
        description="A customer whose incident a person cancelled (inspected, nothing found) is left alone so long.",
    )
    tell_score: Share = Field(
        default=0.1, description="The daily look tells the stream of customers from this score on."
    )
    least_days: Annotated[int, Field(ge=7, le=56)] = Field(
        default=21, description="Believable days before a customer is judged by a baseline of their own."
    )
    relearn_days: Days = Field(
        default=180,
        description="What stands out for so long and opened nothing is learned as the new normal.",
    )
    least_kwh: Energy = Field(
        default=0.3, description="Customers who use less than this a day cannot drop by much; kWh."
    )
    zero_kwh: Energy = Field(
        default=0.02, description="A day with no more than this is one without use; kWh."
    )
    zero_days: Days = Field(default=3, description="Days without use from which on they are evidence.")
    disconnected_kwh: Energy = Field(
        default=0.05, description="Use on a day after disconnection from which on it is evidence; kWh."
    )
    drop_share: Share = Field(default=0.15, description="A lasting drop of less than this share is none.")
    sudden_share: Share = Field(default=0.5, description="A sudden drop of less than this share is none.")
    over_contract: Annotated[float, Field(ge=1, le=10)] = Field(
        default=1.1, description="Power above contract capacity times this is out of contract."
    )
    over_contract_hours: Annotated[float, Field(gt=0, le=24)] = Field(
        default=1.0, description="Hours a day of it from which on they are evidence."
    )
    time_of_use_share: Share = Field(
        default=0.1,
        description="Share of a day's use outside the contract's hours from which on it is evidence.",
    )
    export_kwh: Energy = Field(
        default=0.2,
        description="Energy sent out on a day, without registered generation, that is evidence; kWh.",
    )
    absence_days: Days = Field(default=28, description="Absences up to so long are taken for holidays.")
    tamper_days: Days = Field(
        default=14,
        description="A drop within so many days after an opened cover or a magnetic field belongs to it.",
    )
    live_wait_s: Seconds = Field(
        default=900, description="What readings show has to last so long before it is evidence."
    )
    live_gap_s: Seconds = Field(
        default=3600, description="Readings of one device further apart than this do not make one stretch."
    )
    live_keep_days: Days = Field(
        default=7, description="For how long it stays evidence after it was last seen."
    )
    live_power_w: Annotated[float, Field(gt=0, le=1e6)] = Field(
        default=50, description="Power from which on something is used; W."
    )
    live_current_a: Annotated[float, Field(gt=0, le=1e4)] = Field(
        default=0.5, description="Current from which on something flows; A."
    )
    live_dead_share: Share = Field(
        default=0.3, description="Share of nominal voltage below which a phase has none."
    )
    live_hysteresis: Share = Field(
        default=0.2, description="How far back below its limit a value has to be before it is over."
    )

    @model_validator(mode="after")
    def _ordered(self) -> UsageSettings:
        if self.close_score >= min(self.open_score, self.open_area_score):
            raise ValueError("close_score must be smaller than open_score and open_area_score")
        if self.tell_score > self.close_score:
            raise ValueError("tell_score must not be greater than close_score")
        return self
