"""The dashboard "Meter data": is everything collected, how good is the supply, whose usage is odd, what is coming."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.builders.dashboard import Dashboard, DatasourceVariable
from grafana_foundation_sdk.models.common import GraphDrawStyle, StackingMode
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, VariableOption

from dashboards.panels import BAD, GOOD, TARGETS, figures, rows, series, threshold_from
from dashboards.query import DATASOURCE_TYPE, DATASOURCE_UID, Sql

UID = "feederline-meter-data"

_SHARE = {"unit": "percentunit", "decimals": 2}
_TIME = {"unit": "dateTimeAsIso", "custom.width": 170}
_COUNT = {"unit": "locale", "custom.width": 110}
_KWH = {"unit": "kwatth", "decimals": 1}
_KW = {"unit": "kwatt", "decimals": 1, "custom.width": 110}
_COLLECTED = (
    "Collected: intervals that were measured, of those expected since a device is listed or heard."
    " Estimates never count. Days are local, and rise as late readings come."
)


def build() -> Dashboard:
    dashboard = (
        Dashboard("Meter data")
        .uid(UID)
        .description("Collection against its target, supply quality, unusual usage, losses and load to come.")
        .tags(["feederline"])
        .timezone("browser")
        .time("now-14d", "now")
        .refresh("5m")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .with_variable(
            DatasourceVariable("datasource")
            .label("Database")
            .type(DATASOURCE_TYPE)
            .current(VariableOption(selected=True, text="Feederline", value=DATASOURCE_UID))
        )
    )
    return _usage(_quality(_collection(dashboard)))


def _collection(dashboard: Dashboard) -> Dashboard:
    return (
        dashboard.with_panel(
            figures(
                "Collection rate",
                "collection_rate",
                description=f"Green from the target on. {_COLLECTED}",
                unit="percentunit",
                decimals=3,
            )
            .with_target(Sql("targets", ref_id=TARGETS))
            .with_transformation(threshold_from("collection_target", below=BAD, above=GOOD))
            .span(6)
            .height(8)
        )
        .with_panel(
            series(
                "Collection rate by day",
                "collection_daily",
                description=f"{_COLLECTED} The target is that of the settings.",
                unit="percentunit",
                dashed=("Target",),
            )
            .decimals(2)
            .max(1)
            .span(9)
            .height(8)
        )
        .with_panel(
            series(
                "Intervals by status",
                "interval_daily",
                description="Shares of the intervals expected on each local day, by how they stand now. Measured holds"
                " those that a rule doubts (suspect), too; edited ones are apart, whether they were measured or not.",
                unit="percentunit",
            )
            .draw_style(GraphDrawStyle.BARS)
            .fill_opacity(70)
            .stacking(common.StackingConfig().mode(StackingMode.NORMAL))
            .min(0)
            .max(1)
            .span(9)
            .height(8)
        )
        .with_panel(
            rows(
                "Energy by status, last whole day",
                "energy_by_status",
                description="Imported energy (kWh) of the last whole local day that was accounted, and how much of it"
                " was estimated rather than measured.",
                columns={
                    "Intervals": _COUNT,
                    "Share of intervals": _SHARE,
                    "Energy": _KWH,
                    "Share of energy": _SHARE,
                },
            )
            .span(12)
            .height(7)
        )
        .with_panel(
            rows(
                "Open gaps by cause",
                "open_gaps",
                description="Stretches that were expected, not collected, and have not come since. Meters that keep a"
                " load profile are asked for them again.",
                columns={
                    "Gaps": _COUNT,
                    "Devices": _COUNT,
                    "Intervals": _COUNT,
                    "Asked for again": _COUNT,
                    "Oldest": _TIME,
                },
            )
            .span(12)
            .height(7)
        )
    )


def _quality(dashboard: Dashboard) -> Dashboard:
    return dashboard.with_panel(
        series(
            "Voltage compliance by day",
            "voltage_compliance_daily",
            description="Share of the observed time of metering points within GB/T 12325, by local day. Lost phases are"
            " interruptions, not voltages, and are left out.",
            unit="percentunit",
        )
        .decimals(2)
        .max(1)
        .span(12)
        .height(8)
    ).with_panel(
        rows(
            "Voltage by transformer, the worst first",
            "voltage_worst",
            description="Of the days that begin in the range shown; minutes are summed over the metering points below.",
            columns={
                "Compliance": _SHARE,
                "Points": _COUNT,
                "Too low": {"unit": "m", "decimals": 0},
                "Too high": {"unit": "m", "decimals": 0},
            },
        )
        .span(12)
        .height(8)
    )


def _usage(dashboard: Dashboard) -> Dashboard:
    return (
        dashboard.with_panel(
            rows(
                "Unusual usage",
                "usage_watchlist",
                description="Whose usage to look at first. The score combines evidence of several kinds; one weak"
                " reason opens nothing, and no score is proof. A terminal stands for the area of its transformer.",
                columns={
                    "Score": _SHARE | {"custom.width": 90},
                    "Since": _TIME,
                    "Strongest reason": {"custom.minWidth": 320},
                    "Reasons": {"custom.width": 80},
                    "Ticket": {"custom.width": 75},
                },
            )
            .span(24)
            .height(9)
        )
        .with_panel(
            rows(
                "Losses of transformer areas",
                "area_losses",
                description="Energy supplied (kWh) less what the meters below counted, of intervals in which all of it"
                " was measured; days with estimates do not count. Beyond technical: by the area's own history.",
                columns={
                    "Supplied": _KWH,
                    "Loss": _SHARE,
                    "Beyond technical, a day": _KWH,
                    "Since": _TIME,
                    "Measured": _SHARE,
                    "In words": {"custom.minWidth": 260},
                },
            )
            .span(24)
            .height(8)
        )
        .with_panel(
            rows(
                "Load to be expected above rating",
                "load_risk",
                description="Transformers and feeders whose load (kW) may go beyond what they are rated for today or"
                " tomorrow: the upper quantile of the outlook does, or even what is expected.",
                columns={
                    "From": _TIME,
                    "To": _TIME,
                    "Expected": _KW,
                    "Upper quantile": _KW,
                    "Rated": _KW,
                    "Expected share": _SHARE,
                },
            )
            .span(24)
            .height(7)
        )
    )
