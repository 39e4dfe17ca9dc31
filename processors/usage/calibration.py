"""The constants that turn evidence into probability. Reproduced, and held against what was injected, by
`feederline bench usage`; where they come from is told in docs/decisions/usage-score.md."""

from __future__ import annotations

from processors.usage.rules import UsageRule

SLOPE = 1.1
"""Of the calibrated link: ln(p / (1 − p)) = ln(prior / (1 − prior)) + SLOPE × evidence."""
REST = 0.3
"""Share at which further rules of a group count beside its strongest: they tell of the same phenomenon."""
COUNTS = 0.7
"""Log-odds from which on a group is evidence of its own kind."""
SURE, BESIDE = 5.0, 0.3
"""Where the energy balance weighs so much, so much is enough of the other kind."""
AGREES = 2.0
"""Log-odds from which on the energy balance clearly agrees."""
HARD: dict[UsageRule, float] = {
    UsageRule.USE_AFTER_DISCONNECTION: 1.5,
    UsageRule.CURRENT_WITHOUT_VOLTAGE: 1.1,
    UsageRule.PHASE_REVERSED: 2.0,
    UsageRule.TAMPER: 2.5,
}
"""What honest people cannot do, from this weight on. Without any of it nobody is visited unless the balance agrees."""
FREEZE = 1.0
"""Evidence of one rule from which on a day is not taken for usual."""

FULL: dict[UsageRule, float] = {
    UsageRule.SUDDEN_DROP: 0.8,
    UsageRule.LASTING_DROP: 1.8,
    UsageRule.ZERO_USE: 2.0,
    UsageRule.SLOW_DOWN: 0.8,
    UsageRule.NIGHT_FLOOR: 3.5,
    UsageRule.USE_AFTER_DISCONNECTION: 3.0,
    UsageRule.OVER_CAPACITY: 1.2,
    UsageRule.TIME_OF_USE: 1.5,
    UsageRule.UNREGISTERED_GENERATION: 1.8,
    UsageRule.CURRENT_WITHOUT_VOLTAGE: 2.2,
    UsageRule.PHASE_VANISHED: 3.0,
    UsageRule.PHASE_REVERSED: 5.0,
    UsageRule.TAMPER: 3.0,
    UsageRule.REGISTER_ANOMALIES: 1.2,
    UsageRule.VACANCY: -2.5,
    UsageRule.ABSENCE: -1.0,
    UsageRule.SOLAR: -2.5,
    UsageRule.SHAPE_CHANGED: -1.0,
}
"""Log-odds of each rule where its case is as clear as can be."""
