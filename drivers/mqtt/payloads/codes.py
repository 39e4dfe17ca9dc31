"""Names and codes of what a meter tells of itself, and the words of a signal that they become.

Codes are `EndDeviceType.Domain.SubDomain.EventOrAction` of IEC 61968-9. Here are only those met in public sources:
power and tamper events in published analyses of a utility's meter events, conditions in the alarm list of a published
endpoint firmware (Aclara's). Head-ends differ, so any broker may say otherwise in `event_codes`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from gateway.core.model import MeterEventKind, SignalKind

ENDED = " end"
IGNORED = "ignored"

CODES: Mapping[str, str] = MappingProxyType(
    {
        "3.26.0.47": "last_gasp",
        "3.26.0.85": "last_gasp",
        "26.26.0.85": "last_gasp",
        "3.26.136.47": "last_gasp",  # of the communication module
        "3.26.9.185": "last_gasp",
        "3.26.0.216": "power_restored",
        "26.26.0.216": "power_restored",
        "3.26.136.216": "power_restored",
        "3.26.9.216": "power_restored",
        "3.26.136.66": IGNORED,  # the detector of outages was disabled: no outage
        "3.12.0.257": "tamper",
        "3.33.1.257": "tamper",
        "3.12.29.212": "cover_open",
        "3.26.131.223": "under_voltage A",
        "3.26.131.248": "over_voltage A",
        "3.26.38.150": "voltage_loss",
        "3.26.38.98": "voltage_unbalance",
        "3.26.25.100": "current_loss",
        "3.26.137.93": "neutral_current",
        "3.26.93.219": "reverse_power",
        "3.8.0.177": "overload",
        "3.36.0.79": "clock_fault",
    }
)

_CODE = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_SIGNALS = {
    kind.value: kind
    for kind in SignalKind
    if kind not in (SignalKind.GATEWAY_DOWN, SignalKind.GATEWAY_UP, SignalKind.METER_EVENT)
}
_EVENT = re.compile(rf"({'|'.join(MeterEventKind)})( end)?( [ABC])?")


def meaning(word: str, codes: Mapping[str, str]) -> tuple[SignalKind | None, str] | None:
    """(kind of signal, how its detail begins) for a type, the name of a meter event or a code; (None, "") for what is
    to be ignored, None for what is unknown. codes: of this head-end, which come before the usual ones."""
    word = codes.get(word) or CODES.get(word, word)
    if word == IGNORED:
        return None, ""
    if (kind := _SIGNALS.get(word)) is not None:
        return kind, ""
    if _EVENT.fullmatch(word):
        return SignalKind.METER_EVENT, word
    return None


def check_code(code: str, event: str) -> str:
    """What is wrong with an entry of `event_codes`; empty for nothing."""
    if not code or len(code) > 200:
        return f"{code[:40]!r} is no code"
    if code in _SIGNALS or _EVENT.fullmatch(code):
        return f"{code!r} has a meaning of its own"
    if code[0].isdigit() and "." in code and not _CODE.fullmatch(code):
        return f"{code!r} is no code of IEC 61968-9 such as 3.26.0.85"
    if event != IGNORED and event not in _SIGNALS and not _EVENT.fullmatch(event):
        known = ", ".join((*_SIGNALS, *MeterEventKind, IGNORED))
        return (
            f'{code}: unknown event {event!r}; there are: {known}; with " end" behind a meter event, '
            "and A, B or C for one phase"
        )
    return ""
