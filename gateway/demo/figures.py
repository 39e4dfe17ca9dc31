"""Figures that the demo shows: a line of progress, and what it did to the account of supply."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from gateway.core.clock import SECOND
from gateway.core.errors import FeederlineError
from gateway.demo.lookout import Lookout
from gateway.store import Store


async def reliability(store: Store, since: int, now: int) -> str:
    """In words; µs UTC."""
    account = await store.reports.reliability(since, now, at=now)
    indices = account.all
    return (
        f"The {(now - since) / SECOND:.0f} s since the demo began: "
        f"ASAI {_percent(indices.asai)} against {account.asai_target:.1%} "
        f"(interruptions longer than {account.threshold_s:g} s), SAIDI {_number(indices.saidi_minutes)} min, "
        f"{indices.customer_interruptions} customer interruptions, "
        f"unknown {_percent(account.unknown_share)} of the time."
    )


async def keep_line(lookout: Lookout, show: Callable[[str], None]) -> None:
    """Refresh the progress line until cancelled; a database that is going down ends it quietly."""
    with contextlib.suppress(FeederlineError):
        while True:
            show(await _line(lookout))
            await asyncio.sleep(0.5)


async def _line(lookout: Lookout) -> str:
    totals = await lookout.store.reports.totals()
    supply = await lookout.store.reports.supply_now()
    state = f"{supply.on} on, {supply.off} off, {supply.unknown} unknown"
    return (
        f"{totals.readings} readings, {totals.signals} signals; customers: {state}; "
        f"{lookout.receiver.counts.received} webhooks"
    )


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{share:.3%}"


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.3f}"
