"""What sources say they delivered against what is stored: nothing lost, nothing invented, and each is seen."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.clock import MINUTE, SECOND
from gateway.core.model import Commit, Signal, SignalKind
from gateway.store.completeness import Completeness, Delivered
from tests.integration.store_world import SPOOL, T0, PlainDesk, ready_store, voltages

UNTIL = T0 + MINUTE


def gasp(device: int, at: int, sent: int, kind: SignalKind = SignalKind.LAST_GASP) -> Signal:
    return Signal(kind=kind, device=device, received_at=sent, occurred_at=at, reported_at=sent)


STORED = Commit(
    batches=[
        voltages([0, 1, 4, 5], T0, [230] * 4),
        voltages([0, 4, 5], T0 + SECOND, [231] * 3),
        voltages([0, 1, 4, 5], UNTIL + SECOND, [232] * 4),
    ],
    signals=[
        gasp(0, T0, T0 + 2 * SECOND),
        gasp(0, T0, T0 + 3 * SECOND),  # says it once more
        gasp(1, T0, T0 + SECOND, SignalKind.POWER_RESTORED),
        Signal(kind=SignalKind.NO_ANSWER, device=4, received_at=T0),  # nobody's word: not in any account
    ],
)
ACCOUNT: dict[str, Any] = {
    "mqtt": {"M0": [T0, T0 + SECOND], "M1": [T0]},
    "modbus": {"M4": 2, "M5": 2, "M3": 0},
    "signals": [("M0", T0, "last_gasp"), ("M0", T0, "last_gasp"), ("M1", T0, "power_restored")],
}
AGREES = {
    "missing_messages": 0, "missing_polls": 0, "missing_signals": 0,
    "extra_messages": 0, "extra_polls": 0, "extra_signals": 0,
}  # fmt: skip


async def compared(database: str, account: dict[str, Any], *, since: int = 0) -> Completeness:
    async with ready_store(database) as store:
        for _ in range(2):  # feeding again stores nothing twice
            await store.write(STORED, PlainDesk(), SPOOL)
        return await store.completeness(Delivered(**account, since=since, until=UNTIL))


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({}, {}),
        ({"mqtt": {"M0": [T0, T0 + SECOND, T0 + 2 * SECOND], "M1": [T0]}}, {"missing_messages": 1}),
        ({"mqtt": {"M0": [T0, T0 + SECOND, T0], "M1": [T0]}}, {}),  # delivered twice, stored once
        ({"mqtt": {"M0": [T0, T0 + SECOND + 1], "M1": [T0]}}, {"missing_messages": 1, "extra_messages": 1}),
        ({"mqtt": {"M0": [T0]}}, {"extra_messages": 2}),  # one of a device that delivered nothing at all
        ({"modbus": {"M4": 4, "M5": 2}}, {"missing_polls": 2}),
        ({"modbus": {"M4": 1, "M5": 2}}, {}),  # one under way
        ({"modbus": {"M4": 0, "M5": 3}}, {"missing_polls": 1, "extra_polls": 1}),
        ({"modbus": {"M5": 2}}, {"extra_messages": 2}),  # by whom, if M4 was not polled?
        ({"signals": [*ACCOUNT["signals"], ("M2", T0, "last_gasp")]}, {"missing_signals": 1}),
        ({"signals": ACCOUNT["signals"][1:]}, {"extra_signals": 1}),
        ({"signals": ACCOUNT["signals"][:2]}, {"extra_signals": 1}),
        ({"signals": [("M0", T0, "power_restored")]}, {"missing_signals": 1, "extra_signals": 3}),
    ],
)
async def test_each_difference_is_seen(
    postgres_url: str, change: dict[str, Any], difference: dict[str, int]
) -> None:
    found = await compared(postgres_url, ACCOUNT | change)
    assert {name: getattr(found, name) for name in AGREES} == AGREES | difference
    assert found.missing == sum(n for name, n in difference.items() if name.startswith("missing"))
    assert found.duplicates == sum(n for name, n in difference.items() if name.startswith("extra"))


async def test_rows_outside_the_account_are_not_held_against_it(database_url: str) -> None:
    later = {"mqtt": {"M0": [T0 + SECOND]}, "modbus": {"M4": 1, "M5": 1}, "signals": []}
    found = await compared(database_url, later, since=T0 + 1)
    assert (found.missing, found.duplicates) == (0, 0)
    assert (found.readings, found.signals) == (11, 4)
