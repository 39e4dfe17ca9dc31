"""What the outlook is worth: day after day foretold from what was known before, against what one could say for free."""

from __future__ import annotations

import numpy as np

from gateway.core.model import Record
from processors.outlook.days import Float32s, LoadDays
from processors.outlook.forecast import foretell
from processors.outlook.settings import OutlookSettings

_LEAST_SHARE = 0.1  # of a node's mean load; below it a percentage says nothing


class Accuracy(Record, frozen=True, kw_only=True):
    """mae: kW;  mape: share, of intervals with a tenth of the node's mean load or more;  intervals: compared."""

    mae: float
    mape: float
    intervals: int


class Evaluation(Record, frozen=True, kw_only=True):
    """The same intervals for all three. within: share of them at or below the upper quantile, wanted `share`."""

    outlook: Accuracy
    persistence: Accuracy  # yesterday at the same time
    last_week: Accuracy  # the same time a week ago
    within: float
    share: float
    days: int
    nodes: int


def evaluate(history: LoadDays, *, settings: OutlookSettings, days: int = 14) -> Evaluation:
    """Foretell each of the last `days` days from the days before it.

    Raises ValueError where less than two weeks lie before the first of them.
    """
    first = history.days - days
    if first < 14:
        raise ValueError(
            f"{history.days} days are too few to try {days} of them; two weeks have to lie before"
        )
    said: dict[str, list[Float32s]] = {"outlook": [], "persistence": [], "last_week": [], "upper": []}
    for day in range(first, history.days):
        expected, upper = foretell(history.upto(day), int(history.weekday[day]), settings)
        said["outlook"].append(expected.astype(np.float32))
        said["upper"].append(upper.astype(np.float32))
        said["persistence"].append(history.kw[:, day - 1])
        said["last_week"].append(history.kw[:, day - 7])
    actual = history.kw[:, first:]
    told = {name: np.stack(each, axis=1) for name, each in said.items()}
    fine = np.isfinite(actual)
    for each in told.values():
        fine &= np.isfinite(each)
    return Evaluation(
        outlook=_accuracy(actual, told["outlook"], fine),
        persistence=_accuracy(actual, told["persistence"], fine),
        last_week=_accuracy(actual, told["last_week"], fine),
        within=float((actual <= told["upper"])[fine].mean()) if fine.any() else float("nan"),
        share=settings.high_share,
        days=days,
        nodes=len(history.node),
    )


def _accuracy(
    actual: Float32s, said: Float32s, fine: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> Accuracy:
    off = np.abs(actual - said)
    mean = np.where(fine, actual, 0).sum(axis=(1, 2)) / np.maximum(fine.sum(axis=(1, 2)), 1)
    large = fine & (actual >= _LEAST_SHARE * mean[:, None, None]) & (actual > 0)
    return Accuracy(
        mae=float(off[fine].mean()) if fine.any() else float("nan"),
        mape=float((off[large] / actual[large]).mean()) if large.any() else float("nan"),
        intervals=int(fine.sum()),
    )
