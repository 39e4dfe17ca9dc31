"""The account of supply quality of one day, in columns."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from gateway.core.model import Float64s, Int32s, Int64s


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QualityDays:
    """Supply quality of metering points within [frm, till), a local day; one row per device with a reading.

    Minutes are time that readings stand for; shares are of nominal voltage; counts are whole numbers; NaN where
    nothing was measured.
    """

    frm: int
    till: int
    device: Int32s
    observed_min: Float64s  # with voltage, lost phases left out
    low_min: Float64s  # any phase below the limit of GB/T 12325
    high_min: Float64s  # any phase above it
    out_min: Float64s  # either
    lost_min: Float64s  # at least one phase lost, others may remain
    means: Float64s  # 10-min means
    means_in: Float64s  # within ±10 % (EN 50160)
    means_wide: Float64s  # within +10/−15 %
    mean_low: Float64s
    mean_high: Float64s
    frequency_min: Float64s  # with frequency
    frequency_02_min: Float64s  # beyond ±0.2 Hz
    frequency_05_min: Float64s  # beyond ±0.5 Hz
    frequency_1pc_min: Float64s  # beyond ±1 % (EN 50160)
    frequency_low: Float64s  # Hz
    frequency_high: Float64s
    unbalance_min: Float64s  # with unbalance
    unbalance_13_min: Float64s  # above 1.3 %, the share of one customer by GB/T 15543
    unbalance_2_min: Float64s  # above 2 %
    unbalance_26_min: Float64s  # above 2.6 %, short-term of one customer
    unbalance_4_min: Float64s  # above 4 %, short-term
    unbalance_high: Float64s  # %
    power_factor_min: Float64s  # with power factor under load
    power_factor_low_min: Float64s  # below the limit of its class
    power_factor: Float64s  # of the day's energies
    power_factor_limit: Float64s  # NaN: its class is not judged
    sags: Float64s
    sag_s: Float64s  # together
    sag_low: Float64s  # the deepest
    swells: Float64s
    swell_s: Float64s
    swell_high: Float64s

    def __len__(self) -> int:
        return len(self.device)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TransformerDays:
    """Load and heat of transformers within [frm, till); one row per measuring point with a reading.

    node: int32, index into the network of what it measures: a transformer, or where the terminal hangs otherwise.
    """

    frm: int
    till: int
    device: Int32s
    node: Int32s
    rated_kva: Float64s  # NaN: not known
    observed_min: Float64s
    mean_kva: Float64s
    peak_kva: Float64s
    peak_at: Int64s
    heavy_min: Float64s  # above `heavy_load` of the rating, overload included
    overload_min: Float64s
    overload_longest_min: Float64s
    reverse_min: Float64s
    reverse_kw: Float64s  # the most, 0 for none
    temperature_min: Float64s
    temperature_high: Float64s  # °C
    temperature_rise: Float64s  # K above the day's lowest
    hot_min: Float64s

    def __len__(self) -> int:
        return len(self.device)


def columns(days: QualityDays | TransformerDays) -> dict[str, np.ndarray[tuple[int], np.dtype[np.generic]]]:
    """The columns by name, device first."""
    names = [field.name for field in fields(days) if field.name not in ("frm", "till")]
    return {name: getattr(days, name) for name in names}
