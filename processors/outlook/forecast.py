"""The load of the coming day: what is usual at that hour of the week, at the level of the last days.

Plain on purpose: the median of the same time on the same weekday of the last weeks, times the ratio of the last days to
what was usual for them. What it is worth says `evaluate`, against yesterday and the same day of last week.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np

from gateway.core.model import Float64s, Int64s
from gateway.core.network import Network
from gateway.core.outlook import LoadOutlook
from processors.outlook.days import SUNDAY, Float32s, LoadDays, bounds, times_of_day
from processors.outlook.settings import OutlookSettings

_LEVELS = (0.3, 3.0)  # a level beyond is an outage or a fault, not a level
_LEAST_SAME = 2  # days of the same weekday, else all working days or all days off stand for it


def forecast(
    history: LoadDays, day: dt.date, network: Network, *, zone: ZoneInfo, settings: OutlookSettings
) -> LoadOutlook:
    """The outlook of the local day `day`, from the days before it that `history` has."""
    known = history.upto(max(min((day - history.first).days, history.days), 0))
    low, high = bounds(day, zone)
    start: Int64s = np.arange(low, high, history.step)
    ahead = (day - known.date(known.days)).days
    weekday = SUNDAY if day in settings.holidays else day.weekday()
    expected, upper = foretell(known, weekday, settings, ahead)
    at = times_of_day(start, day, history.step, zone)
    return LoadOutlook(
        node=history.node,
        start=start,
        step=history.step,
        expected=expected[:, at],
        high=upper[:, at],
        share=settings.high_share,
        limit=limits(network, history, settings),
    )


def limits(network: Network, history: LoadDays, settings: OutlookSettings) -> Float64s:
    """float64[k] kW: `rated_kva` of each node times the power factor, NaN where it has none."""
    texts = [network.attributes.get(int(node), {}).get("rated_kva", "") for node in history.node]
    return np.array([_rating(text) for text in texts], np.float64) * settings.power_factor


def _rating(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return np.nan
    return value if 0 < value < 1e9 else np.nan


def foretell(
    known: LoadDays, weekday: int, settings: OutlookSettings, ahead: int = 0
) -> tuple[Float64s, Float64s]:
    """Expected and upper load, float64[k, s] kW, of the day `ahead` days after the last one known."""
    kw = known.kw[:, -7 * settings.weeks :].astype(np.float32)
    weekdays = known.weekday[-kw.shape[1] :]
    k, d, s = kw.shape
    if d == 0:
        nothing = np.full((k, s), np.nan)
        return nothing, nothing
    usual = np.stack([_usual(kw, weekdays, each) for each in range(7)], axis=1)
    ratio = _ratios(kw, usual[:, weekdays], d)
    level = _level(ratio, settings)
    expected = usual[:, weekday] * level[:, None]
    # What it would have said of the last days, each at the level of the days before it, tells how far it goes wrong.
    wrong = np.full((k, d, s), np.nan, np.float32)
    for day in range(min(settings.level_days, d - 1), d):
        said = usual[:, weekdays[day]] * _level(ratio[:, : max(day - ahead, 1)], settings)[:, None]
        wrong[:, day] = np.divide(kw[:, day], said, out=np.full_like(said, np.nan), where=said > 0)
    # Those days took part in what is called usual here: of w such days, that makes errors look smaller by this much.
    such = max(d / 7, 2.0)
    seen = np.sqrt((1 + 1 / such) / (1 - 1 / such))
    spread = 1 + (_quantile(_neighbours(wrong), settings.high_share) - 1) * seen
    upper = expected * np.maximum(np.where(np.isnan(spread), 1.0, spread), 1.0)
    return expected.astype(np.float64), upper.astype(np.float64)


def _usual(kw: Float32s, weekdays: np.ndarray[tuple[int], np.dtype[np.int8]], weekday: int) -> Float32s:
    """float32[k, s]: the median by time of day on such days; likelier ones first."""
    free = weekday >= 5
    found = np.full((kw.shape[0], kw.shape[2]), np.nan, np.float32)
    choices = (weekdays == weekday, (weekdays >= 5) == free, np.ones(len(weekdays), np.bool_))
    for days, least in zip(choices, (_LEAST_SAME, _LEAST_SAME, 1), strict=True):
        lacking = np.isnan(found)
        if not lacking.any() or not days.any():
            continue
        such = _neighbours(kw[:, days])
        enough = (~np.isnan(kw[:, days])).sum(axis=1) >= least
        found = np.where(lacking & enough, _quantile(such, 0.5), found)
    return found


def _ratios(kw: Float32s, usual: Float32s, days: int) -> Float32s:
    """float32[k, d]: energy of each day over what is usual for it; NaN where less than half of it is known."""
    both = ~np.isnan(kw) & ~np.isnan(usual)
    was, expected = (np.where(both, v, 0).sum(axis=2) for v in (kw, usual))
    fine = (both.sum(axis=2) >= kw.shape[2] / 2) & (expected > 0)
    ratio: Float32s = np.divide(was, expected, out=np.full((len(kw), days), np.nan, np.float32), where=fine)
    ratio[(ratio < _LEVELS[0]) | (ratio > _LEVELS[1])] = np.nan
    return ratio


def _level(ratio: Float32s, settings: OutlookSettings) -> Float32s:
    """float32[k]: the ratio of the last days, newer ones counting more; 1 where nothing is known."""
    recent = ratio[:, -settings.level_days :]
    weight = settings.fading ** np.arange(recent.shape[1])[::-1] * ~np.isnan(recent)
    total = weight.sum(axis=1)
    mean = np.divide(
        (np.nan_to_num(recent) * weight).sum(axis=1), total, out=np.ones(len(ratio)), where=total > 0
    )
    level: Float32s = mean.astype(np.float32)
    return level


def _neighbours(values: Float32s) -> Float32s:
    """Each time of day with the ones beside it, as more days: float32[k, 3 d, s]."""
    return np.concatenate([values, np.roll(values, 1, axis=2), np.roll(values, -1, axis=2)], axis=1)


def _quantile(values: Float32s, share: float) -> Float32s:
    """Quantile over the days of [k, d, s], NaN left out: float32[k, s], NaN where nothing is left."""
    ordered = np.sort(values, axis=1)  # NaN last
    count = (~np.isnan(values)).sum(axis=1)
    place = share * np.maximum(count - 1, 0)
    low = np.floor(place).astype(np.int64)
    above = np.minimum(low + 1, np.maximum(count - 1, 0))
    at_low, at_high = (np.take_along_axis(ordered, i[:, None], axis=1)[:, 0] for i in (low, above))
    found: Float32s = (at_low + (place - low) * (at_high - at_low)).astype(np.float32)
    return np.where(count > 0, found, np.float32(np.nan))
