"""The dashboard "Supply reliability": are we inside the targets, and what uses them up."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import variables
from dashboards.board import board
from dashboards.words import Words


def build(words: Words) -> Dashboard:
    return board(
        words,
        "supply-reliability",
        title="Supply reliability",
        description="Reliability against its targets, what uses up their budgets, and where.",
        since="now-30d",
        refresh="1m",
        choices=(variables.feeder(words),),
    )
