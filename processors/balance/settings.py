"""The section `balance`: what of a transformer area's loss is technical, and when it is too much."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from gateway.core.settings import Settings

Share = Annotated[float, Field(gt=0, lt=1)]
Energy = Annotated[float, Field(gt=0, le=1e6)]


class BalanceSettings(Settings):
    high_loss_ratio: Share = 0.12  # of what was supplied; more is high whatever it is made of
    technical_max_ratio: Share = 0.07  # what an area's own history may pass off as technical
    no_load_max_ratio: Share = 0.006  # of the rated power: what may be lost at any hour
    coverage: Share = 0.5  # share of a day's intervals that have to be complete for the day to be judged
    history_days: Annotated[int, Field(ge=14, le=366)] = 90
    recent_days: Annotated[int, Field(ge=1, le=31)] = 7  # the present level is that of so many days
    least_days: Annotated[int, Field(ge=3, le=60)] = 10  # without so many days there is no level of its own
    step_sigma: Annotated[float, Field(gt=0, le=50)] = 6.0  # how far above its scatter a change has to be
    step_ratio: Share = 0.002  # a change of less than this share of the supply is none
    step_kwh: Energy = 1.0  # nor is one of less than this a day
    noise_ratio: Share = 0.006  # scatter of the loss by interval beyond which an area is looked into
    proportional: Share = 0.99  # squared cosine of loss and load beyond which the supply's meter is at fault
    proportional_ratio: Share = 0.05  # and the loss is at least this share
    negative_ratio: Share = 0.01  # more sold than supplied by this share: the balance is wrong
    window_days: Annotated[int, Field(ge=7, le=90)] = 28  # what is looked at of a flagged area
    looked_into: Annotated[int, Field(ge=1, le=100_000)] = 500  # areas a day, the worst first

    @model_validator(mode="after")
    def _kept_long_enough(self) -> BalanceSettings:
        for name in ("least_days", "recent_days", "window_days"):
            if getattr(self, name) > self.history_days:
                raise ValueError(f"{name} must not be above history_days ({self.history_days})")
        return self
