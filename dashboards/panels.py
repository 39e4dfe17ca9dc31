"""The few shapes of panels that the dashboards are made of; what a panel says is decided where it is placed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import common, stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    LegendDisplayMode,
    LegendPlacement,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
)

from dashboards.query import DATASOURCE, Sql

GOOD, WARNING, BAD, CALM = "green", "orange", "red", "blue"
TARGETS = "targets"

Properties = Mapping[str, object]
"""Properties of one column: ids of Grafana's field configuration, such as unit, decimals, custom.width."""


def properties(of: Properties) -> list[DynamicConfigValue]:
    return [DynamicConfigValue(id_val=name, value=value) for name, value in of.items()]


def steps(base: str, *rest: tuple[float, str]) -> ThresholdsConfig:
    """Colours by value: `base` from the start of the scale, then each colour from its value on."""
    return (
        ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(None, base), *(Threshold(value, color) for value, color in rest)])
    )


def threshold_from(field: str, *, below: str, above: str) -> DataTransformerConfig:
    """Let the target in the column `field` of queries/targets.sql be the panel's threshold."""
    return DataTransformerConfig(
        id_val="configFromData",
        options={
            "configRefId": TARGETS,
            "applyTo": {"id": "byType", "options": "number"},
            "mappings": [
                {
                    "fieldName": name,
                    "handlerKey": "threshold1",
                    "handlerArguments": {"threshold": {"color": color}},
                    "reducerId": "lastNotNull",
                }
                for name, color in (("base", below), (field, above))
            ],
        },
    )


def figures(title: str, query: str, *, description: str, unit: str, decimals: int = 0) -> stat.Panel:
    """One big number per column of the first row."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .with_target(Sql(query))
        .unit(unit)
        .decimals(decimals)
        .no_value("no data")
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("/.*/").values(False))
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .text_mode(BigValueTextMode.VALUE_AND_NAME)
        .color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
    )


def rows(title: str, query: str, *, description: str, columns: Mapping[str, Properties]) -> table.Panel:
    """A table; `columns` configures those that need it."""
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .with_target(Sql(query))
        .no_value("–")
        .filterable(True)
    )
    for name, of in columns.items():
        panel = panel.override_by_name(name, properties(of))
    return panel


def series(
    title: str, query: str, *, description: str, unit: str, dashed: Sequence[str] = ()
) -> timeseries.Panel:
    """Lines over time; the series named in `dashed` are limits."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .with_target(Sql(query, series=True))
        .unit(unit)
        .line_width(1)
        .show_points(VisibilityMode.AUTO)
        .span_nulls(False)
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )
    for name in dashed:
        panel = panel.override_by_name(
            name,
            properties(
                {
                    "custom.lineStyle": {"fill": "dash", "dash": [8, 6]},
                    "custom.showPoints": "never",
                    "color": {"mode": "fixed", "fixedColor": BAD},
                }
            ),
        )
    return panel
