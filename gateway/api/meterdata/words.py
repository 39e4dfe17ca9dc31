"""What rules and qualities of readings mean, in the words that an operator reads."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.meterdata import Rule
from gateway.core.model import Quality

RULE_WORDS: Mapping[Rule, str] = {
    Rule.NO_VALUE: "a reading at or in it was no value: a sentinel, a transient zero, or not possible",
    Rule.DUPLICATE: "the same time came twice with different values; the first one holds",
    Rule.UNORDERED: "a reading came after readings of later times",
    Rule.FUTURE: "a reading was dated after it was received, and was not used",
    Rule.BEFORE_INSTALLATION: "a reading is of before the meter was installed, and was not used",
    Rule.CLOCK: "the meter's clock was set, or is not to be trusted",
    Rule.INTERVAL_SIZE: "the readings around it do not lie on its grid",
    Rule.UNIT: "a reading was in another unit than is registered, and was converted",
    Rule.MULTIPLIER: "the multiplier changed, or differs from what is registered",
    Rule.ROLLOVER: "the register rolled over",
    Rule.RESET: "the register began again",
    Rule.EXCHANGE: "from here on it is another meter's register",
    Rule.REVERSE: "the register ran backwards",
    Rule.MISSING: "no reading tells it",
    Rule.NEGATIVE: "it is below nothing",
    Rule.ZERO_USE: "nothing at all was used for a long time",
    Rule.HIGH: "it is more than the meter can take, or far more than on days like this",
    Rule.LOW: "it is far less than on days like this",
    Rule.SPIKE: "it stands out of the day",
    Rule.SUM: "the day's intervals do not add up to what the register counted",
    Rule.CHECK_METER: "it differs from what the check meter says",
    Rule.CONSECUTIVE_ESTIMATES: "it is one of many estimates in a row",
    Rule.INACTIVE: "somebody used energy at a meter that is registered as inactive",
    Rule.INTERPOLATED: "it was laid straight between the readings around it",
    Rule.LIKE_DAYS: "it was shaped as days like this were",
    Rule.SCALED: "it was made to add up to what the register counted",
    Rule.EDITED: "it is a person's value",
    Rule.LATE: "readings that came later took the place of an estimate",
}


def rules_of(flags: int) -> dict[str, str]:
    """Name and meaning of every rule that is set, in their order."""
    return {rule.name.lower(): RULE_WORDS[rule] for rule in Rule if flags & rule and rule.name}


def qualities_of(flags: int) -> list[str]:
    """Names of the flags of a reading; none for a good one."""
    return [flag.name.lower() for flag in Quality if flags & flag and flag.name]
