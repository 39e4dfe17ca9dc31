"""Settings of meter events; the defaults are those of DL/T 698.45 where its name stands behind them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from gateway.core.settings import Settings

Share = Annotated[float, Field(gt=0, le=1)]
Factor = Annotated[float, Field(gt=0, le=10)]


class MeterEventSettings(Settings):
    """The section `meter_events`. Voltages are shares of nominal, currents of the basic current Ib."""

    delay_s: Annotated[float, Field(ge=0, le=86_400)] = Field(
        default=60, description="A condition, or its end, is told when a reading confirms it so much later."
    )
    loss_below: Share = Field(default=0.78, description="Voltage loss: below this while current flows.")
    loss_recovered: Share = Field(default=0.85, description="Voltage loss is over above this.")
    current_from: Share = Field(default=0.005, description="Current flows above this, and is lost below it.")
    under_voltage: Share = Field(default=0.78, description="Under-voltage: below this.")
    over_voltage: Annotated[float, Field(gt=1, le=2)] = Field(
        default=1.2, description="Over-voltage: above this."
    )
    break_below: Share = Field(
        default=0.6, description="Phase break: below this while another phase has supply."
    )
    current_loss_voltage: Share = Field(
        default=0.7, description="Current loss: voltage above this, no current, and current on another phase."
    )
    other_current: Share = Field(
        default=0.05,
        description="What has to flow on another phase, and for unbalance, neutral current and power factor.",
    )
    reverse_share: Share = Field(default=0.005, description="Reverse power above this share of Ib·Un.")
    overload: Factor = Field(default=1.2, description="Overload: above this multiple of Imax·Un.")
    unbalance: Share = Field(default=0.3, description="Unbalance of voltage or current from here on.")
    unbalance_severe: Share = Field(default=0.9, description="Severe unbalance from here on.")
    power_factor: Share = Field(default=0.3, description="Low power factor: below this.")
    neutral_share: Share = Field(
        default=0.2, description="Neutral current above this share of the phase current."
    )
    hysteresis: Share = Field(
        default=0.05,
        description="A condition without a limit of its own is over so far back within its limit.",
    )
    ib_a: Annotated[float, Field(gt=0, le=100)] = Field(
        default=5, description="Basic current of meters without the attribute ib_a."
    )
    imax_a: Annotated[float, Field(gt=0, le=1000)] = Field(
        default=60, description="Greatest current of directly connected meters without the attribute imax_a."
    )

    @model_validator(mode="after")
    def _ordered(self) -> MeterEventSettings:
        if self.loss_below >= self.loss_recovered:
            raise ValueError("loss_below must be smaller than loss_recovered")
        if self.unbalance >= self.unbalance_severe:
            raise ValueError("unbalance must be smaller than unbalance_severe")
        if self.break_below > self.under_voltage:
            raise ValueError("break_below must not be above under_voltage")
        return self
