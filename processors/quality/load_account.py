"""The account of a day at the places that are measured themselves: load against rating, reverse power, heat."""

from __future__ import annotations

import numpy as np

from gateway.core.inventory import Inventory
from gateway.core.model import Batch
from processors.quality.days import TransformerDays
from processors.quality.measured import INCREDIBLE, column, load_va
from processors.quality.points import Points
from processors.quality.series import Series
from processors.quality.settings import QualitySettings


def transformers(
    batch: Batch, inventory: Inventory, day: tuple[int, int], settings: QualitySettings
) -> TransformerDays:
    """Load and heat at every terminal, and every meter that serves nobody, with such a reading within `day`."""
    points = Points.of(inventory, settings)
    series = Series.of(_of_places(batch, points), points, day)
    return _account(_of_places(batch, points), series, points, day, settings)


def _of_places(batch: Batch, points: Points) -> Batch:
    known = (batch.device >= 0) & (batch.device < len(points))
    keep = np.flatnonzero(known & points.measuring[np.where(known, batch.device, 0)])
    return Batch(
        quantities=batch.quantities,
        device=batch.device[keep],
        measured_at=batch.measured_at[keep],
        received_at=batch.received_at[keep],
        values=batch.values[keep],
        quality=batch.quality[keep],
    )


def _account(
    batch: Batch, series: Series, points: Points, day: tuple[int, int], settings: QualitySettings
) -> TransformerDays:
    rated = points.rated_kva[series.devices]
    kva, power = load_va(batch, series.rows) / 1e3, column(batch, "active_power", series.rows) / 1e3
    most = np.nan_to_num(INCREDIBLE * points.rated_kva[series.device], nan=np.inf)
    kva = np.where(series.good & (kva <= most), kva, np.nan)
    power = np.where(series.good & (np.abs(power) <= most), power, np.nan)
    heat = np.where(series.good, column(batch, "temperature", series.rows), np.nan)
    loaded, powered, felt = ~np.isnan(kva), ~np.isnan(power), ~np.isnan(heat)
    minutes, power_min, heat_min = (series.stood_for(which) for which in (loaded, powered, felt))
    share = np.nan_to_num(kva / points.rated_kva[series.device])
    over = loaded & (share > settings.overload)
    observed = series.total(minutes, loaded)
    peak = series.highest(kva)
    at_peak = np.flatnonzero(series.within & loaded & (kva == peak[series.slot]))
    peak_at = np.full(len(series.devices), np.iinfo(np.int64).max)
    np.minimum.at(peak_at, series.slot[at_peak], series.at[at_peak])
    back = powered & (power < 0)
    hottest, coolest = series.highest(heat), series.lowest(heat)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = series.total(minutes * np.nan_to_num(kva), loaded) / observed
    return TransformerDays(
        frm=day[0],
        till=day[1],
        device=series.devices,
        node=points.place[series.devices],
        rated_kva=rated,
        observed_min=observed,
        mean_kva=mean,
        peak_kva=peak,
        peak_at=np.where(np.isnan(peak), day[0], peak_at),
        heavy_min=series.total(minutes, loaded & (share > settings.heavy_load)),
        overload_min=series.total(minutes, over),
        overload_longest_min=series.longest(minutes, over, loaded),
        reverse_min=series.total(power_min, back),
        reverse_kw=np.nan_to_num(series.highest(np.where(back, -power, np.nan))),
        temperature_min=series.total(heat_min, felt),
        temperature_high=hottest,
        temperature_rise=hottest - coolest,
        hot_min=series.total(heat_min, felt & (heat > settings.temperature_c)),
    )
