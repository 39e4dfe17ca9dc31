"""Shapes of panels beside those of panels.py: bars, gauges, heat maps and bands of states."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import barchart, bargauge, common, heatmap, statetimeline
from grafana_foundation_sdk.builders.dashboard import FieldColor
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import FieldColorModeId
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode

from dashboards import query as queries
from dashboards import values
from dashboards.panels import NO_COLUMNS, Properties, legend, named_columns, properties
from dashboards.query import DATASOURCE, Sql
from dashboards.words import Text, Words


def bars(
    words: Words,
    title: str,
    query: str,
    *,
    description: Text,
    unit: str,
    stacked: bool = False,
    lying: bool = False,
    columns: Mapping[str, Properties] = NO_COLUMNS,
) -> barchart.Panel:
    """A bar per row and number column; the first column is text and says of what. Ids have no place in the query."""
    panel = (
        barchart.Panel()
        .title(words(title))
        .description(words.together(description))
        .datasource(DATASOURCE)
        .with_target(Sql(query))
        .unit(unit)
        .no_value(words("no data"))
        .orientation(VizOrientation.HORIZONTAL if lying else VizOrientation.VERTICAL)
        .stacking(StackingMode.NORMAL if stacked else StackingMode.NONE)
        .fill_opacity(80)
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .legend(legend())
    )
    for name, of in named_columns(words, query, columns).items():
        panel = panel.override_by_name(name, properties(of))
    return panel


def gauges(
    words: Words,
    title: str,
    query: str,
    *,
    description: Text,
    unit: str,
    decimals: int = 0,
    each_row: bool = False,
    columns: Mapping[str, Properties] = NO_COLUMNS,
) -> bargauge.Panel:
    """A lying bar per number column of the first row or, with `each_row`, of every row, named by its first column."""
    panel = (
        bargauge.Panel()
        .title(words(title))
        .description(words.together(description))
        .datasource(DATASOURCE)
        .with_target(Sql(query))
        .unit(unit)
        .decimals(decimals)
        .no_value(words("no data"))
        .min(0)
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(each_row))
        .color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
    )
    told = named_columns(words, query, columns)
    if each_row:
        told = _by_row(words, query, told)
    for name, of in told.items():
        panel = panel.override_by_name(name, properties(of))
    return panel


def heat_map(
    words: Words,
    title: str,
    query: str,
    *,
    description: Text,
    unit: str,
    decimals: int = 0,
    scheme: str = "Oranges",
) -> heatmap.Panel:
    """A cell per time and row. The query gives "time", "metric" (what the row is called) and one number."""
    return (
        heatmap.Panel()
        .title(words(title))
        .description(words.together(description))
        .datasource(DATASOURCE)
        .with_target(Sql(query, series=True))
        .no_value(words("no data"))
        .calculate(False)
        .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme(scheme).steps(32))
        .cell_values(heatmap.CellValues().unit(unit).decimals(decimals))
        .unit(unit)
        .show_legend()
        .mode(TooltipDisplayMode.SINGLE)
    )


def states(
    words: Words,
    title: str,
    query: str,
    *,
    description: Text,
    of: str,
    columns: Mapping[str, Properties] = NO_COLUMNS,
) -> statetimeline.Panel:
    """A band per text column, or per "metric", whose stretches are values of values.VALUES[of]."""
    panel = (
        statetimeline.Panel()
        .title(words(title))
        .description(words.together(description))
        .datasource(DATASOURCE)
        .with_target(Sql(query, series=True))
        .no_value(words("no data"))
        .mappings(values.mappings(words, of))
        .merge_values(True)
        .show_value(VisibilityMode.AUTO)
        .line_width(0)
        .fill_opacity(75)
        .legend(legend())
    )
    for name, told in named_columns(words, query, columns).items():
        panel = panel.override_by_name(name, properties(told))
    return panel


def _by_row(words: Words, query: str, told: Mapping[str, Properties]) -> dict[str, Properties]:
    """Bars are called by the first column of their row, and by their own where there are several: a plain display
    name would call all of them alike."""
    first, *numbers = (name for name in queries.columns(query) if queries.is_shown(name))
    row = f'${{__data.fields["{first}"]}}'
    named = {name: f"{row} · {words(name)}" if len(numbers) > 1 else row for name in numbers}
    return {
        first: {"unit": "string", **told.get(first, {})},
        **{name: {**told.get(name, {}), "displayName": called} for name, called in named.items()},
    }
