"""The dashboard "Supply reliability": are we inside the targets, who is off now, what is being done about it."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, DatasourceVariable
from grafana_foundation_sdk.models.common import BigValueColorMode, GraphDrawStyle
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, VariableOption

from dashboards.panels import (
    BAD,
    CALM,
    GOOD,
    TARGETS,
    WARNING,
    figures,
    properties,
    rows,
    series,
    steps,
    threshold_from,
)
from dashboards.query import DATASOURCE_TYPE, DATASOURCE_UID, Sql

UID = "feederline-supply-reliability"

_BASIS = (
    "IEEE 1366 over the metering points of the device list. An interruption counts as sustained by the threshold"
    " in the table below; its minutes belong to the window in which it began, whole, once it has ended."
    " Unknown supply state is neither on nor off and has its own share."
)


def build() -> Dashboard:
    return (
        Dashboard("Supply reliability")
        .uid(UID)
        .description("Reliability against its targets, customers without supply, incidents and tickets.")
        .tags(["feederline"])
        .timezone("browser")
        .time("now-24h", "now")
        .refresh("10s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .with_variable(
            DatasourceVariable("datasource")
            .label("Database")
            .type(DATASOURCE_TYPE)
            .current(VariableOption(selected=True, text="Feederline", value=DATASOURCE_UID))
        )
        .with_panel(
            figures(
                "Supply reliability (ASAI)",
                "asai",
                description="Share of customer time with supply; the target stands in the table below."
                f" Green from the target on. {_BASIS}",
                unit="percentunit",
                decimals=4,
            )
            .with_target(Sql("targets", ref_id=TARGETS))
            .with_transformation(threshold_from("asai_target", below=BAD, above=GOOD))
            .span(8)
            .height(6)
        )
        .with_panel(
            figures(
                "Average outage time this month (SAIDI)",
                "saidi_month",
                description="Minutes without supply of the average customer in this calendar month so far. Red from"
                " the target on. Interruptions that still go on stand apart: their minutes join when they end."
                f" {_BASIS}",
                unit="m",
                decimals=2,
            )
            .with_target(Sql("targets", ref_id=TARGETS))
            .with_transformation(threshold_from("saidi_target_minutes", below=GOOD, above=BAD))
            .span(8)
            .height(6)
        )
        .with_panel(
            figures(
                "Customers now",
                "customers_now",
                description="Off: without supply by evidence. Unknown: nothing is heard that would tell; never counted"
                " as on, nor as off. On: everybody else who is served.",
                unit="locale",
            )
            .color_mode(BigValueColorMode.VALUE)
            .override_by_name("Off", properties({"thresholds": _alarm(BAD)}))
            .override_by_name("Unknown", properties({"thresholds": _alarm(WARNING)}))
            .thresholds(steps(CALM))
            .span(8)
            .height(6)
        )
        .with_panel(
            rows(
                "Open incidents",
                "open_incidents",
                description="What detectors hold to be going on, most customers first, with the evidence in words."
                " State restored: supply is back by what was heard, a sample is still to be verified.",
                columns={
                    "Since": {"unit": "dateTimeAsIso", "custom.width": 170},
                    "Kind": {"custom.width": 150},
                    "State": {"custom.width": 90},
                    "Node": {"custom.hidden": True},
                    "Phases": {"custom.width": 75},
                    "Customers": {"custom.width": 95, "unit": "locale"},
                    "Confidence": {"custom.width": 100, "unit": "percentunit", "decimals": 0},
                    "Ticket": {"custom.width": 75},
                    "Evidence": {"custom.minWidth": 260},
                },
            )
            .span(24)
            .height(8)
        )
        .with_panel(
            rows(
                "Open tickets",
                "open_tickets",
                description="Work orders that are not finished, most severe (1) and longest open first,"
                " with the last step of each.",
                columns={
                    "Ticket": {"custom.width": 75},
                    "State": {"custom.width": 100},
                    "Severity": {"custom.width": 85},
                    "Customers": {"custom.width": 95, "unit": "locale"},
                    "Opened": {"unit": "dateTimeAsIso", "custom.width": 170},
                    "Last step": {"unit": "dateTimeAsIso", "custom.width": 170},
                    "By": {"custom.width": 110},
                },
            )
            .span(24)
            .height(7)
        )
        .with_panel(
            rows(
                "Indices by window",
                "indices",
                description=f"{_BASIS} SAIFI counts an interruption that still goes on at once. MAIFI counts what was"
                " too short to be sustained. Where interruptions are found by polling, SAIFI is a lower bound, CAIDI"
                " an upper bound and MAIFI incomplete.",
                columns={
                    "From": {"unit": "dateTimeAsIso"},
                    "To": {"unit": "dateTimeAsIso"},
                    "Customers served": {"unit": "locale"},
                    "ASAI": {"unit": "percentunit", "decimals": 4},
                    "ASAI target": {"unit": "percentunit", "decimals": 2},
                    "SAIDI": {"unit": "m", "decimals": 2},
                    "SAIFI": {"decimals": 4},
                    "CAIDI": {"unit": "m", "decimals": 2},
                    "MAIFI": {"decimals": 4},
                    "Still off": {"unit": "locale"},
                    "Customer minutes so far": {"decimals": 1},
                    "Unknown share": {"unit": "percentunit", "decimals": 4},
                },
            )
            .span(24)
            .height(6)
        )
        .with_panel(
            rows(
                "Budgets of the targets",
                "budgets",
                description="Customer minutes that each target allows in its window, and what interruptions have used"
                " of them, those that still go on included. Burn rate 1: the budget will just last. Forecast: where the"
                " window ends at the rate so far. At risk: that would miss the target.",
                columns={
                    "From": {"unit": "dateTimeAsIso"},
                    "To": {"unit": "dateTimeAsIso"},
                    "Allowed": {"decimals": 0, "unit": "locale"},
                    "Spent": {"decimals": 1, "unit": "locale"},
                    "Left": {"decimals": 1, "unit": "locale"},
                    "Left share": {"decimals": 1, "unit": "percentunit"},
                    "Burn rate": {"decimals": 2},
                },
            )
            .span(24)
            .height(5)
        )
        .with_panel(
            series(
                "Average outage time by day (SAIDI)",
                "saidi_daily",
                description=f"Minutes without supply of the average customer, by the day they began. {_BASIS}",
                unit="m",
            )
            .draw_style(GraphDrawStyle.BARS)
            .fill_opacity(70)
            .min(0)
            .span(24)
            .height(7)
        )
        .with_panel(
            series(
                "Supply voltage",
                "supply_voltage",
                description="Phase-to-neutral voltage of the metering points as a share of their nominal voltage."
                " Readings under a tenth of nominal are left out: a dead phase is an interruption. Points of 15 minutes"
                " and more are percentiles of means. Limits from the configuration.",
                unit="percentunit",
                dashed=("Lower limit", "Upper limit"),
            )
            .decimals(1)
            .max_data_points(300)
            .interval("30s")
            .span(12)
            .height(8)
        )
        .with_panel(
            series(
                "Readings per minute",
                "readings_per_minute",
                description="Rows of readings stored, by the time of measurement. Only whole steps are drawn.",
                unit="locale",
            )
            .max_data_points(300)
            .interval("1m")
            .min(0)
            .span(12)
            .height(8)
        )
    )


def _alarm(color: str) -> dict[str, object]:
    return {
        "mode": "absolute",
        "steps": [{"value": None, "color": GOOD}, {"value": 1, "color": color}],
    }
