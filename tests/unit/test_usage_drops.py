"""Drops that came within days and are still there are told from seasons and from absences one after the other."""

from __future__ import annotations

import numpy as np
import pytest

from processors.usage.baseline import DAYS, Float32s
from processors.usage.drops import Drop, Splits

NOISE = np.full(1, 0.15, np.float32)


def look(oldest_first: list[float]) -> tuple[Drop, Splits]:
    days = np.array([oldest_first[::-1]], np.float32)
    splits = Splits.of(days)
    return splits.drop(NOISE, least=7, most=DAYS), splits


def ratios(*parts: tuple[int, float]) -> list[float]:
    return [level for count, level in parts for _ in range(count)]


def test_a_drop_within_days_is_abrupt_and_steady() -> None:
    drop, splits = look(ratios((36, 0.0), (20, -0.7)))
    assert drop.days[0] == 20
    assert drop.share[0] == pytest.approx(0.5, abs=0.03)
    assert splits.abrupt(drop)[0] == pytest.approx(1.0, abs=0.05)
    assert splits.steady(drop)[0] == 1.0


def test_a_season_is_not_abrupt() -> None:
    drop, splits = look([*np.linspace(0.0, -1.0, DAYS)])
    assert drop.share[0] > 0.3
    assert splits.abrupt(drop)[0] < 0.4


def test_absences_one_after_the_other_are_not_steady() -> None:
    drop, splits = look(ratios((14, 0.0), (14, -2.0), (21, 0.0), (7, -2.0)))
    older = Drop(share=drop.share, sigma=drop.sigma, days=np.array([42]), before=drop.before)
    assert splits.steady(older)[0] == pytest.approx(0.5)


def test_of_what_is_too_long_ago_or_not_measured_it_is_not_known_how_it_came() -> None:
    drop, splits = look(ratios((1, 0.0), (55, -0.7)))
    older = Drop(share=drop.share, sigma=drop.sigma, days=np.array([55]), before=drop.before)
    assert np.isnan(splits.abrupt(older)[0])
    values: Float32s = np.full((1, DAYS), np.nan, np.float32)
    values[0, :10] = -0.7
    unknown = Drop(
        share=np.full(1, 0.5, np.float32), sigma=NOISE, days=np.array([10]), before=np.zeros(1, np.float32)
    )
    assert np.isnan(Splits.of(values).abrupt(unknown)[0])
