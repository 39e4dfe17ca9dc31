"""The words of codes on dashboards: one for everything that the code may say."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dashboards.codes import CODES
from gateway.core.meterdata import ChangeOf, GapCause, IntervalStatus, Rule
from gateway.core.model import MeterEventKind, SignalKind
from gateway.core.quantities import QUANTITIES
from processors.balance.suspects import RULES
from processors.quality.conditions import Condition
from processors.usage.rules import UsageRule

SAID: dict[str, Sequence[str]] = {
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
    assert set(CODES["usage_rule"]) == {rule.word for rule in UsageRule} | set(RULES)


@pytest.mark.parametrize("of", SAID)
def test_every_code_has_its_word(of: str) -> None:
    assert set(CODES[of]) == set(SAID[of])
