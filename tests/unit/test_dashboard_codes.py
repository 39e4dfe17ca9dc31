"""The words of codes on dashboards: one for everything that the code may say."""

from __future__ import annotations

import pytest

from dashboards.codes import CODES
from gateway.core.meterdata import ChangeOf, GapCause, IntervalStatus, Rule
from gateway.core.model import MeterEventKind, SignalKind
from gateway.core.quantities import QUANTITIES
from processors.quality.conditions import Condition
from processors.usage.rules import UsageRule

BALANCE = {
    "loss_follows_use",
    "loss_follows_shortfall",
    "loss_rose_with_drop",
    "no_loss_with_drop",
    "loss_elsewhere",
}  # docs/balance.md
SAID = {
    "quantity": [quantity.name for quantity in QUANTITIES],
    "signal": list(SignalKind),
    "meter_event": list(MeterEventKind),
    "condition": [condition.word for condition in Condition],
    "interval_status": [status.word for status in IntervalStatus],
    "rule": [rule.name.lower() for rule in Rule if rule.name],
    "meter_change": [*ChangeOf, "edit", "edit_taken_back"],
    "gap_cause": list(GapCause),
}


def test_every_rule_of_usage_has_its_word() -> None:
    assert {rule.word for rule in UsageRule} <= set(CODES["usage_rule"])
    assert {word for word in CODES["usage_rule"] if "loss" in word} == BALANCE


@pytest.mark.parametrize("of", SAID)
def test_every_code_has_its_word(of: str) -> None:
    assert set(CODES[of]) == set(SAID[of])
