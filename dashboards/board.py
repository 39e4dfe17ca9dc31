"""What every dashboard has alike: its address, links, variables, annotations; and sections."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, Row
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    AnnotationQuery,
    DashboardCursorSync,
    DashboardLinkType,
    Panel,
    VariableModel,
)

from dashboards import links, query, variables
from dashboards.words import Words


def board(
    words: Words,
    name: str,
    *,
    title: str,
    description: str,
    since: str,
    refresh: str,
    choices: tuple[Builder[VariableModel], ...] = (),
) -> Dashboard:
    """An empty dashboard `name` ("supply-reliability") from `since` ("now-24h") to now. `choices` are the variables
    that a reader may choose by, of dashboards/variables.py."""
    dashboard = (
        Dashboard(words(title))
        .uid(links.uid(words, name))
        .description(words(description))
        .tags([links.tag(words)])
        .timezone("browser")
        .time(since, "now")
        .refresh(refresh)
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(
            DashboardLink(words("Dashboards"))
            .type(DashboardLinkType.DASHBOARDS)
            .tags([links.tag(words)])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .link(
            DashboardLink(words("Operations page"))
            .type(DashboardLinkType.LINK)
            .icon("external link")
            .tooltip(words("Who is off, why we think so, and who works on it"))
            .url("${page:raw}/#/now")
        )
        .annotation(_Incidents(words))
    )
    for variable in (variables.datasource(words), variables.page(words), *choices):
        dashboard = dashboard.with_variable(variable)
    return dashboard


def section(
    words: Words, dashboard: Dashboard, title: str, *panels: Builder[Panel], folded: bool = False
) -> Dashboard:
    """The panels under a row of that title; `folded` ones ask the database only when somebody opens them."""
    row = Row(words(title))
    if folded:
        for panel in panels:
            row = row.with_panel(panel)
        return dashboard.with_row(row)
    dashboard = dashboard.with_row(row)
    for panel in panels:
        dashboard = dashboard.with_panel(panel)
    return dashboard


class _Incidents(Builder[AnnotationQuery]):
    """Marks of incidents over time; the SDK knows no SQL in annotations."""

    def __init__(self, words: Words) -> None:
        self._query = _SqlAnnotation(name=words("Incidents"), datasource=query.DATASOURCE, icon_color="red")

    def build(self) -> AnnotationQuery:
        return self._query


class _SqlAnnotation(AnnotationQuery):
    def to_json(self) -> dict[str, object]:
        target = query.SqlTarget("annotation_incidents", ref_id="incidents", series=False)
        return super().to_json() | {"target": target}
