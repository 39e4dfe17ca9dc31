"""The lower half of the dashboard "Meter": energy, collection, quality, usage, events, signals, incidents."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models.common import GraphDrawStyle

from dashboards.board import section
from dashboards.codes import coded
from dashboards.panels import COUNT, SHARE, TIME, fixed, in_words, rows, series
from dashboards.panels_more import (
    DAY,
    KWH,
    MINUTES_COLUMN,
    RATIO,
    SCORE,
    SECONDS,
    SHORT,
    WIDE,
    event_columns,
    incident_rows,
    stacked,
)
from dashboards.values import BAD, CALM, GOOD, WARNING
from dashboards.words import Words


def records(words: Words, dashboard: Dashboard) -> Dashboard:
    for part in (_energy, _collection, _quality, _events, _usage):
        dashboard = part(words, dashboard)
    return dashboard


def _energy(words: Words, dashboard: Dashboard) -> Dashboard:
    energy = stacked(
        series(
            words,
            "Energy by interval",
            "meter_energy",
            description="Imported energy as it stands, by how its intervals were come by: by local day"
            " where a point is half a day or longer. Estimated ones were not measured. Export is drawn"
            " apart, as a line.",
            unit="kwatth",
            columns={
                "Valid": fixed(GOOD),
                "Suspect": fixed(WARNING),
                "Estimated": fixed(CALM),
                "Edited": fixed("purple"),
                "Export": {
                    **fixed("text"),
                    "custom.drawStyle": "line",
                    "custom.stacking": {"mode": "none", "group": "B"},
                    "custom.fillOpacity": 0,
                },
            },
        )
    )
    registers = series(
        words,
        "Registers",
        "meter_registers",
        description="As the device counts them, the highest of each step. A step down is a rollover, a"
        " reset or another meter; validation tells which.",
        unit="kwatth",
        columns={"Reactive import": {"unit": "suffix:kvarh"}, "Reactive export": {"unit": "suffix:kvarh"}},
    )
    intervals = rows(
        words,
        "Intervals with something to say",
        "meter_intervals",
        description="Those that are not simply valid, or of which a rule of validation (VEE) found"
        " something, newest first. Measured difference: of the readings at both ends as they came. Final:"
        " only a person changes it now.",
        columns={
            "From": TIME,
            "To": TIME,
            "Quantity": coded(words, "quantity"),
            "Measured difference": KWH | {"decimals": 3},
            "Energy": KWH | {"decimals": 3},
            "Status": coded(words, "interval_status"),
            "Rules": coded(words, "rule") | WIDE,
            "Version": SHORT,
            "Final": in_words(words, "yes_no") | SHORT,
        },
    )
    changes = rows(
        words,
        "Changes by people",
        "meter_changes",
        description="Exchanges, ratios, clocks and resets as registered or seen in a new device list;"
        " energy of the range that was put by hand or taken back. Nothing is ever deleted: a mistake is withdrawn.",
        columns={
            "At": TIME,
            "Change": coded(words, "meter_change"),
            "Before": {"decimals": 2},
            "After": {"decimals": 2},
            "Withdrawn": in_words(words, "yes_no"),
        },
    )
    return section(
        words,
        dashboard,
        "Energy",
        energy.max_data_points(500).interval("15m").span(16).height(8),
        registers.max_data_points(500).interval("1m").decimals(1).span(8).height(8),
        intervals.span(16).height(8),
        changes.span(8).height(8),
    )


def _collection(words: Words, dashboard: Dashboard) -> Dashboard:
    collected = series(
        words,
        "Collection by day",
        "meter_collection",
        description="Shares of the intervals expected of this device on each local day, and the target."
        " Estimates never count as collected.",
        unit="percentunit",
        dashed=("Target",),
        columns={"Collected": fixed(GOOD), "Estimated": fixed(CALM), "Missing": fixed(BAD)},
    )
    gaps = rows(
        words,
        "Gaps",
        "meter_gaps",
        description="Stretches that were expected and not collected, newest first: why, how often they"
        " were asked for again, and when all of it had come.",
        columns={
            "From": TIME,
            "To": TIME,
            "Quantity": coded(words, "quantity"),
            "Cause": coded(words, "gap_cause"),
            "Intervals": COUNT,
            "Filled since": COUNT,
            "Asked for again": COUNT,
            "Last asked": TIME,
            "Whole again": TIME,
        },
    )
    return section(
        words,
        dashboard,
        "Collection",
        collected.max(1).min(0).decimals(1).span(8).height(7),
        gaps.span(16).height(7),
        folded=True,
    )


def _quality(words: Words, dashboard: Dashboard) -> Dashboard:
    days = rows(
        words,
        "Supply quality by day",
        "meter_quality",
        description="By local day. Compliance: share of the observed time within GB/T 12325; lost phases"
        " are left out. Means: of ten minutes, as shares of nominal (EN 50160). Sags and swells: runs of"
        " readings, a lower bound.",
        columns={
            "Day": DAY,
            "Compliance": SHARE,
            "Observed": MINUTES_COLUMN,
            "Too low": MINUTES_COLUMN,
            "Too high": MINUTES_COLUMN,
            "Phase lost": MINUTES_COLUMN,
            "Lowest mean": RATIO,
            "Highest mean": RATIO,
            "Means within 10 %": RATIO,
            "Lowest frequency": {"unit": "hertz", "decimals": 2},
            "Highest frequency": {"unit": "hertz", "decimals": 2},
            "Highest unbalance": {"unit": "percent", "decimals": 1},
            "Power factor": {"decimals": 3},
            "Limit": {"decimals": 2},
            "Sags": SHORT,
            "Swells": SHORT,
        },
    )
    return section(words, dashboard, "Supply quality", days.span(24).height(8), folded=True)


def _events(words: Words, dashboard: Dashboard) -> Dashboard:
    incidents = incident_rows(
        words,
        "Incidents and tickets",
        "meter_incidents",
        description="Incidents of the range that this device was a member of, whatever their kind, with"
        " the work order that followed. Exercises are left out.",
    )
    events = rows(
        words,
        "Events of the meter",
        "meter_events",
        description="Conditions of the meter or of one phase (DL/T 698.45), found in readings or told by"
        " the meter, that overlap the range. The value is the one furthest beyond the limit, in the unit"
        " of the kind.",
        columns={"From": TIME, "To": TIME} | event_columns(words),
    )
    signals = rows(
        words,
        "Signals",
        "meter_signals",
        description="What the device said, or failed to say, newest first. On the way: from the time by"
        " its own clock, where it gave one, to reception.",
        columns={
            "Received": TIME,
            "Signal": coded(words, "signal"),
            "By its own clock": TIME,
            "On the way": SECONDS,
        },
    )
    clock = rows(
        words,
        "Faults of its clock",
        "meter_clock",
        description="Signals dated further from their reception than the configuration allows, and"
        " readings whose own time cannot be; those were stored under the time of reception.",
        columns={
            "Received": TIME,
            "Of": coded(words, "clock_of"),
            "By its own clock": TIME,
            "Off by": SECONDS,
            "Detail": coded(words, "signal"),
        },
    )
    return section(
        words,
        dashboard,
        "Incidents, events and signals",
        incidents.span(24).height(7),
        events.span(12).height(8),
        signals.span(12).height(8),
        clock.span(24).height(6),
    )


def _usage(words: Words, dashboard: Dashboard) -> Dashboard:
    score = series(
        words,
        "Usage score by day",
        "meter_usage",
        description="0 to 1, of each judged local day whose score was worth keeping. Beyond the line, and"
        " with evidence of two independent kinds of which one is hard, an incident opens. No score is proof.",
        unit="short",
        dashed=("Opens an incident",),
    )
    reasons = rows(
        words,
        "Reasons of the score",
        "meter_reasons",
        description="What stood out, strongest first. Weights are log-odds: +1 makes the odds 2.7 times as"
        " high, below zero speaks for the customer. Rules of one group do not add up in full.",
        columns={
            "Day": DAY,
            "Score": SCORE,
            "Rule": coded(words, "usage_rule"),
            "Weight": {"decimals": 2, "custom.width": 80},
            "In words": WIDE,
            "Energy": KWH,
            "Usual energy": KWH,
            "Told the stream": in_words(words, "yes_no"),
        },
    )
    return section(
        words,
        dashboard,
        "Usage",
        score.draw_style(GraphDrawStyle.POINTS).min(0).max(1).decimals(2).span(8).height(8),
        reasons.span(16).height(8),
        folded=True,
    )
