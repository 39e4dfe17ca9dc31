"""The few shapes of panels that the dashboards are made of; what a panel says is decided where it is placed.

Every shape takes the words first. Titles, descriptions and the columns of the query are put in their language here:
callers write English, and the names of `columns`, `dashed` … are those of the SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import (
    common,
    stat,
    table,
    timeseries,
)
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

from dashboards import query as queries
from dashboards import values
from dashboards.links import Link
from dashboards.query import DATASOURCE, Sql
from dashboards.values import BAD, GOOD
from dashboards.words import Text, Words

TARGETS = "targets"

Properties = Mapping[str, object]
"""Properties of one column: ids of Grafana's field configuration, such as unit, decimals, custom.width."""

Column = dict[str, object]
"""The same, to be joined with others by `|`."""

MINUTES = "suffix:min"  # Grafana's own unit turns 90 into "1.5 hours"
NO_COLUMNS: Mapping[str, Properties] = {}

TIME: Column = {"unit": "dateTimeAsIso", "custom.width": 170}
COUNT: Column = {"unit": "locale", "decimals": 0, "custom.width": 110}
SHARE: Column = {"unit": "percentunit", "decimals": 2, "custom.width": 110}


def properties(of: Properties) -> list[DynamicConfigValue]:
    return [DynamicConfigValue(id_val=name, value=value) for name, value in of.items()]


def in_words(words: Words, of: str, *, colored: bool = True) -> Column:
    """Of a column that holds values of values.VALUES[of]: their words, and their colours as the text's."""
    told: Column = {"mappings": values.mappings(words, of)}
    if colored and any(value.color for value in values.VALUES[of].values()):
        told["custom.cellOptions"] = {"type": "color-text"}
    return told


def linked(*links: Link) -> Column:
    """Of a column whose cells lead somewhere; links are made in dashboards/links.py."""
    return {"links": list(links)}


def fixed(color: str) -> Column:
    return {"color": {"mode": "fixed", "fixedColor": color}}


def alarm(color: str) -> Column:
    """Of a count that is good at nought, and `color` from one on."""
    return {
        "thresholds": {
            "mode": "absolute",
            "steps": [{"value": None, "color": GOOD}, {"value": 1, "color": color}],
        }
    }


def steps(base: str, *rest: tuple[float, str]) -> ThresholdsConfig:
    """Colours by value: `base` from the start of the scale, then each colour from its value on."""
    return (
        ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(None, base), *(Threshold(value, color) for value, color in rest)])
    )


def threshold_from(
    *steps: tuple[str, str], column: str | None = None, ref_id: str = TARGETS
) -> DataTransformerConfig:
    """Let columns of queries/targets.sql be thresholds: (column, colour from there on) in rising order, the first
    usually ("base", …); of all numbers of the panel, or of one `column` of its query. The panel gets
    `.with_target(targets())`, too; Grafana uses a target up, so a second one needs another `ref_id`."""
    return DataTransformerConfig(
        id_val="configFromData",
        options={
            "configRefId": ref_id,
            "applyTo": {"id": "byName", "options": column}
            if column
            else {"id": "byType", "options": "number"},
            "mappings": [
                {
                    "fieldName": name,
                    "handlerKey": "threshold1",
                    "handlerArguments": {"threshold": {"color": color}},
                    "reducerId": "lastNotNull",
                }
                for name, color in steps
            ],
        },
    )


def targets(ref_id: str = TARGETS) -> Sql:
    """The one row of thresholds from the gateway's configuration, for `threshold_from`."""
    return Sql("targets", ref_id=ref_id)


def figures(
    words: Words,
    title: str,
    query: str,
    *,
    description: Text,
    unit: str,
    decimals: int = 0,
    columns: Mapping[str, Properties] = NO_COLUMNS,
) -> stat.Panel:
    """One big number per column of the first row."""
    panel = (
        stat.Panel()
        .title(words(title))
        .description(words.together(description))
        .datasource(DATASOURCE)
        .with_target(Sql(query))
        .unit(unit)
        .decimals(decimals)
        .no_value(words("no data"))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("/.*/").values(False))
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .text_mode(BigValueTextMode.VALUE_AND_NAME)
        .color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
    )
    for name, of in named_columns(words, query, columns).items():
        panel = panel.override_by_name(name, properties(of))
    return panel


def rows(
    words: Words,
    title: str,
    query: str,
    *,
    description: Text,
    columns: Mapping[str, Properties] = NO_COLUMNS,
) -> table.Panel:
    """A table; `columns` configures those that need it. Columns without a capital are hidden: ids for links."""
    hidden = {name: {"custom.hidden": True} for name in queries.columns(query) if not queries.is_shown(name)}
    panel = (
        table.Panel()
        .title(words(title))
        .description(words.together(description))
        .datasource(DATASOURCE)
        .with_target(Sql(query))
        .no_value("–")
        .filterable(True)
    )
    for name, of in named_columns(words, query, hidden | dict(columns)).items():
        panel = panel.override_by_name(name, properties(of))
    return panel


def series(
    words: Words,
    title: str,
    query: str,
    *,
    description: Text,
    unit: str,
    dashed: Sequence[str] = (),
    columns: Mapping[str, Properties] = NO_COLUMNS,
) -> timeseries.Panel:
    """Lines over time; the series named in `dashed` are limits. A text column "metric" names series by what it says."""
    limit = {
        "custom.lineStyle": {"fill": "dash", "dash": [8, 6]},
        "custom.showPoints": "never",
        **fixed(BAD),
    }
    told = {name: limit | dict(columns.get(name, {})) for name in dashed}
    panel = (
        timeseries.Panel()
        .title(words(title))
        .description(words.together(description))
        .datasource(DATASOURCE)
        .with_target(Sql(query, series=True))
        .unit(unit)
        .no_value(words("no data"))
        .line_width(1)
        .show_points(VisibilityMode.AUTO)
        .span_nulls(False)
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .legend(legend())
    )
    for name, of in named_columns(words, query, dict(columns) | told).items():
        panel = panel.override_by_name(name, properties(of))
    return panel


def legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
        .show_legend(True)
    )


def named_columns(words: Words, query: str, given: Mapping[str, Properties]) -> dict[str, Properties]:
    """What is said of each column of the query, its name in the language first. One set of properties per column:
    Grafana would not find it by the name of the SQL any more once another has renamed it. Where "metric" names
    the series, the column of their values names nothing.

    Raises:
        ValueError: something is said of a column that the query does not have.
    """
    there = queries.columns(query)
    if strangers := [name for name in given if name not in there]:
        raise ValueError(f"queries/{query}.sql has no column {', '.join(strangers)}")
    told: dict[str, Properties] = {}
    for name in there:
        word = words(name) if queries.is_shown(name) and "metric" not in there else name
        named: dict[str, object] = {"displayName": word} if word != name else {}
        if of := named | dict(given.get(name, {})):
            told[name] = of
    return told
