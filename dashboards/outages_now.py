"""The dashboard "Outages now": who is off, since when, who works on it, how supply comes back."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import variables
from dashboards.board import board
from dashboards.words import Words


def build(words: Words) -> Dashboard:
    return board(
        words,
        "outages-now",
        title="Outages now",
        description="Who is without supply, since when, who works on it, and how supply comes back.",
        since="now-24h",
        refresh="10s",
        choices=(variables.feeder(words), variables.incident(words)),
    )
