"""The dashboard "Anomalous usage": whom to look at, why, what areas lose, what inspections found."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models.common import GraphDrawStyle

from dashboards import variables
from dashboards.board import board, section
from dashboards.charts import gauges
from dashboards.codes import coded
from dashboards.panels import COUNT, TIME, alarm, figures, fixed, in_words, rows, series, steps
from dashboards.panels_more import (
    DAY,
    KWH,
    RATIO,
    SCORE,
    SHORT,
    WIDE,
    stacked,
    to_incident,
    to_meter,
    to_place,
    to_ticket,
    to_transformer,
)
from dashboards.values import BAD, CALM, WARNING
from dashboards.words import Words


def build(words: Words) -> Dashboard:
    dashboard = board(
        words,
        "usage",
        title="Anomalous usage",
        description="Whose usage stands out and why, what transformer areas lose, and what inspections"
        " found. No score is proof, and a ticket of inspection accuses nobody.",
        since="now-30d",
        refresh="15m",
        choices=(variables.feeder(words),),
    )
    for part in (_list, _areas, _inspections):
        dashboard = part(words, dashboard)
    return dashboard


def _list(words: Words, dashboard: Dashboard) -> Dashboard:
    now = figures(
        words,
        "Unusual usage now",
        "usage_now",
        description="Customers by their last score; incidents and tickets of inspection that are not"
        " finished; areas whose loss over supply is high by the configuration. Incidents, tickets and"
        " areas are those of the whole network.",
        unit="locale",
        columns={"Scores that open an incident": alarm(BAD), "Areas with high loss": alarm(WARNING)},
    ).thresholds(steps(CALM))
    watched = rows(
        words,
        "Unusual usage",
        "usage_watchlist",
        description="Whose usage to look at first. The score combines evidence of several kinds; one weak"
        " reason opens nothing, and no score is proof. A terminal stands for the area of its transformer.",
        columns={
            "Score": SCORE,
            "Device": to_meter(words),
            "Transformer": to_transformer(words),
            "Since": TIME,
            "Strongest reason": {"custom.minWidth": 320},
            "Reasons": SHORT,
            "Ticket": to_incident(words) | SHORT,
            "Ticket state": in_words(words, "ticket_state") | {"custom.width": 130},
        },
    )
    daily = stacked(
        series(
            words,
            "Scores by day",
            "usage_scores_daily",
            description="Customers by the score of each judged local day that was worth keeping. The"
            " uppermost band reaches the score from which an incident may open, by the configuration.",
            unit="locale",
            columns={
                "Opens an incident": fixed(BAD),
                "From 0.5": fixed(WARNING),
                "From 0.2": fixed(CALM),
                "From 0.05": fixed("text"),
            },
        )
    )
    top = series(
        words,
        "Scores over time of who stands out most",
        "usage_scores_top",
        description="The ten customers with the highest score now, by judged local day. A day without a"
        " point gave no score worth keeping.",
        unit="short",
    )
    rules = rows(
        words,
        "What they stand out by",
        "usage_rules",
        description="How many customers on the list each rule speaks against, and how many it speaks for:"
        " an empty home, own generation, a loss of the area that did not rise.",
        columns={"Rule": coded(words, "usage_rule"), "Against": COUNT, "For": COUNT},
    )
    return section(
        words,
        dashboard,
        "Whom to look at",
        now.span(24).height(4),
        watched.span(24).height(9),
        daily.span(8).height(8),
        top.draw_style(GraphDrawStyle.LINE).min(0).max(1).decimals(2).span(9).height(8),
        rules.span(7).height(8),
    )


def _areas(words: Words, dashboard: Dashboard) -> Dashboard:
    losses = rows(
        words,
        "Losses of transformer areas",
        "area_losses",
        description="Energy supplied (kWh) less what the meters below counted, of intervals in which all"
        " of it was measured; days with estimates do not count. Beyond technical: by the area's own history.",
        columns={
            "Transformer": to_transformer(words),
            "Supplied": KWH,
            "Loss": RATIO,
            "Beyond technical, a day": KWH,
            "Since": TIME,
            "Measured": RATIO,
            "In words": WIDE,
        },
    )
    daily = series(
        words,
        "Loss of all areas by day",
        "area_loss_daily",
        description="Of all areas that were balanced, together: loss over supply, and how much of it their"
        " own histories explain as technical. High: from where on one area is looked into, by the"
        " configuration.",
        unit="percentunit",
        dashed=("High loss",),
    )
    findings = rows(
        words,
        "What the balances found",
        "area_findings",
        description="What accuses no customer, newest first: a loss that nobody below explains, a meter of"
        " the supply that counts wrongly, a customer who hangs on another transformer or phase.",
        columns={
            "Day": DAY,
            "Transformer": to_transformer(words),
            "Finding": coded(words, "finding"),
            "Device": to_meter(words),
            "Since": TIME,
            "In words": WIDE,
        },
    )
    return section(
        words,
        dashboard,
        "What areas lose",
        losses.span(24).height(8),
        daily.min(0).decimals(1).span(10).height(8),
        findings.span(14).height(8),
    )


def _inspections(words: Words, dashboard: Dashboard) -> Dashboard:
    outcomes = gauges(
        words,
        "Outcomes of inspections",
        "usage_outcomes",
        description="Incidents of unusual usage that began in the range, by what became of them."
        " Confirmed: a person said that it is real. Subsided: the score stayed low by itself. Of the whole"
        " network.",
        unit="locale",
        each_row=True,
        columns={"Outcome": coded(words, "outcome"), "Incidents": fixed(CALM)},
    )
    tickets = rows(
        words,
        "Inspections",
        "usage_tickets",
        description="Incidents of unusual usage that overlap the range, those that go on first, with the"
        " ticket of inspection, what was found on site, and who said what. Of the whole network; exercises"
        " are left out.",
        columns={
            "Since": TIME,
            "Device": to_meter(words),
            "Place": to_place(words),
            "State": in_words(words, "incident_state") | to_incident(words) | {"custom.width": 120},
            "Score": SCORE,
            "Ticket": to_ticket(words),
            "Ticket state": in_words(words, "ticket_state") | {"custom.width": 130},
            "Evidence": WIDE,
        },
    )
    return section(words, dashboard, "Inspections", outcomes.span(6).height(10), tickets.span(18).height(10))
