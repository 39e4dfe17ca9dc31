"""Evidence of a chunk of customers while it is being found: weights and figures by name."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from processors.usage.baseline import Float32s
from processors.usage.calibration import FULL
from processors.usage.rules import RULES, UsageRule

FIGURES = (
    "kwh",  # of the day
    "expected_kwh",  # by the customer's own profile and the peers' day
    "drop",  # share by which use fell since then
    "drop_sigma",  # how many times its usual scatter
    "drop_days",  # days since
    "kwh_before",  # a day, before
    "kwh_since",
    "recent_share",  # use of the last days over expected
    "shape_distance",  # 0 the same shape … 1 nothing in common
    "night_drop",  # share by which the night floor fell
    "zero_days",
    "voltage_seen",
    "peers",  # the peers' use over their usual
    "peak_kw",
    "contract_kw",
    "over_hours",
    "outside_share",
    "export_kwh",
    "wiring_days",
    "phase",  # 0 A, 1 B, 2 C; the one that vanished or is reversed
    "phase_share",  # its usual share
    "phase_w",  # its mean power
    "tamper_days",  # since the cover was opened or the field seen
    "anomalies",
    "load_factor",  # mean over highest hour in the last days' shape
    "midday_drop",
    "disconnected_kwh",
    "night_kwh",  # a day, lacking in the night
)
FIGURE = {name: i for i, name in enumerate(FIGURES)}


class Findings:
    """weight: float32[m, rules];  figure: float32[m, len(FIGURES)], NaN where not at hand."""

    def __init__(self, rows: int) -> None:
        self.weight: Float32s = np.zeros((rows, RULES), np.float32)
        self.figure: Float32s = np.full((rows, len(FIGURES)), np.nan, np.float32)

    def say(self, rule: UsageRule, clarity: npt.ArrayLike, where: npt.ArrayLike) -> None:
        """The rule holds `where`, as clearly as `clarity` tells, 0 … 1."""
        full = np.clip(np.nan_to_num(np.asarray(clarity, np.float32)), 0, 1) * np.float32(FULL[rule])
        self.weight[:, rule] = np.where(where, full, np.float32(0))

    def note(self, name: str, values: npt.ArrayLike) -> None:
        self.figure[:, FIGURE[name]] = values
