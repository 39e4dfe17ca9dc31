"""The section `outlook`: how the load of the coming day is foretold, and what it is held against."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import Field

from gateway.core.settings import Settings


class OutlookSettings(Settings):
    weeks: Annotated[int, Field(ge=2, le=26)] = 5  # of history that a forecast rests on
    level_days: Annotated[int, Field(ge=1, le=28)] = 7  # days that say how high the load is at present
    fading: Annotated[float, Field(gt=0, le=1)] = 0.6  # what a day counts of the one after it for that
    high_share: Annotated[float, Field(gt=0.5, lt=1)] = 0.9  # the upper quantile that is told
    power_factor: Annotated[float, Field(gt=0, le=1)] = 0.9  # what a rating in kVA carries in kW
    holidays: tuple[dt.date, ...] = ()  # local dates on which people use as on Sundays
