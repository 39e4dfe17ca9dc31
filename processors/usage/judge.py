"""The daily look: what one day, and the days before it, say of each customer. Vectorised over all of them."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.model import Bools, Int32s, Int64s
from processors.usage.baseline import Baselines, Float32s
from processors.usage.day import CustomerFacts, UsageDay
from processors.usage.settings import UsageSettings

FIGURES = (
    "kwh",  # of the day
    "expected_kwh",  # by the customer's own profile and the peers' day
    "drop",  # share by which use fell since `since`
    "drop_sigma",  # how many times its usual scatter
    "drop_days",  # days since
    "kwh_before",  # a day, before
    "kwh_since",
    "shape_distance",  # 0 the same shape … 1 nothing in common
    "night_drop",  # share by which the night floor fell beyond what the day did
    "zero_days",
    "voltage_seen",
    "peers",  # the peers' use over their usual
    "peak_kw",
    "contract_kw",
    "over_hours",
    "outside_share",
    "export_kwh",
    "events",  # of wiring
    "phase",  # 0 A, 1 B, 2 C; the one that vanished or is reversed
    "phase_share",  # its usual share
    "phase_w",  # its mean power
    "tamper_days",  # from the tamper event to the drop
    "anomalies",
    "load_factor",
    "midday_drop",
    "disconnected_kwh",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """Evidence of one day, in the order of its devices.

    weight: float32[n, len(UsageRule)], log-odds by rule, 0 where it says nothing;  figure: float32[n, len(FIGURES)],
    NaN where not at hand;  since: int64[n] µs UTC, when what stands out began (the day's start where nothing does);
    usable: bool[n], the day was measured whole;  known: bool[n], there was a baseline to judge by.
    """

    devices: Int32s
    start: int
    end: int
    weight: Float32s
    figure: Float32s
    since: Int64s
    usable: Bools
    known: Bools


def judge(day: UsageDay, baselines: Baselines, facts: CustomerFacts, settings: UsageSettings) -> Judged:
    """Judge the day of all customers together (their peers are among them), and take it into the baselines.

    The three have the same customers in the same order. A day judged again gives the same and leaves the same state.

    Raises:
        ValueError: shapes or order differ, or a customer was judged for a later day already.
    """
    raise NotImplementedError
