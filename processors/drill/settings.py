"""Settings of exercises."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.core.settings import Seconds, Settings


class DrillSettings(Settings):
    """The section `drill`."""

    every_days: Annotated[int, Field(ge=1, le=3660)] = Field(
        default=183, description="Days after an exercise from which on the next one is due: half a year."
    )
    duration_s: Annotated[Seconds, Field(ge=10, le=14400)] = Field(
        default=600,
        description="How long an exercise lasts where nothing is said. Longer than `outage.sustained_s`, or it ends as "
        "a momentary outage.",
    )
    delivery_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.8, description="Share of the meters in an exercise whose last gasps arrive, one at least."
    )
