"""Major event days by the 2.5 β method of IEEE 1366: days far beyond what the system is built for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gateway.core.model import Bools, Float64s, Record

BETAS = 2.5
FEWEST_DAYS = 2  # with supply lost; below that a standard deviation does not exist
HISTORY_DAYS = 5 * 365


class Limit(Record, frozen=True, kw_only=True):
    """T_MED and what it rests on. None where too few days had interruptions to tell.

    alpha, beta: mean and sample standard deviation of ln(daily SAIDI in minutes), days without any left out;
    t_med_minutes: exp(alpha + 2.5 beta);  provisional: under five years of history.
    """

    alpha: float | None
    beta: float | None
    t_med_minutes: float | None
    provisional: bool

    def exceeded(self, daily_saidi_minutes: npt.ArrayLike) -> Bools:
        """Which days are major event days: bool[n]. None is where there is no limit."""
        daily = np.asarray(daily_saidi_minutes, np.float64)
        if self.t_med_minutes is None:
            return np.zeros(len(daily), np.bool_)
        return daily > self.t_med_minutes


def limit(daily_saidi_minutes: npt.ArrayLike) -> Limit:
    """The limit from daily SAIDI in minutes of up to five years: one value for every day, those without any too.

    At least two days must have interruptions; if all of these are alike β is 0 and T_MED that very value.
    """
    daily = np.asarray(daily_saidi_minutes, np.float64)
    logs: Float64s = np.log(daily[daily > 0])
    alpha = float(logs.mean()) if len(logs) else None
    provisional = len(daily) < HISTORY_DAYS
    if alpha is None or len(logs) < FEWEST_DAYS:
        return Limit(alpha=alpha, beta=None, t_med_minutes=None, provisional=provisional)
    if np.ptp(daily[daily > 0]) == 0:  # exp(ln x) may fall short of x, and then every day would exceed it
        return Limit(alpha=alpha, beta=0.0, t_med_minutes=float(daily.max()), provisional=provisional)
    beta = float(logs.std(ddof=1))
    with np.errstate(over="ignore"):
        t_med = float(np.exp(alpha + BETAS * beta))
    return Limit(
        alpha=alpha, beta=beta, t_med_minutes=t_med if np.isfinite(t_med) else None, provisional=provisional
    )
