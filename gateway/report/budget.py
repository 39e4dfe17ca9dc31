"""Where months stand against their targets, and which groups used how much of what they may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from gateway.core.clock import MINUTE
from gateway.core.model import Record
from gateway.store.accounts import Account
from gateway.store.reporting import AreaAccount
from processors.interruptions.targets import Span as TargetSpan
from processors.interruptions.targets import Spent, Standing, Target, standing

Index = Literal["asai", "saidi"]
INDICES: tuple[Index, ...] = ("asai", "saidi")


class Held(Record, frozen=True, kw_only=True):
    """A month or year, as far as it was observed and has passed, against its targets (those that are set). µs."""

    label: str
    window_from: int
    window_to: int
    end: int
    account: Account
    standings: tuple[Standing, ...]

    @property
    def over(self) -> bool:
        """It has passed: what it says is no longer so far."""
        return self.window_to >= self.end

    def against(self, index: Index) -> Standing | None:
        return next((s for s in self.standings if s.target.index == index), None)


class Share(Record, frozen=True, kw_only=True):
    """What one group used. Minutes are customer minutes, what goes on included.

    of_all: of all minutes spent.  of_asai, of_saidi: of the group's own budget, the sum of its months'; None without a
    target.  over: beyond the smaller of them.
    """

    place: str
    key: str
    served: int
    customer_interruptions: int
    customer_minutes: float
    open_customer_minutes: float
    saidi_minutes: float | None
    saifi: float | None
    asai: float | None
    unknown_share: float | None
    of_all: float | None
    of_asai: float | None
    of_saidi: float | None
    over: bool


def targets_of(settings: Mapping[str, tuple[str, float | None]], span: TargetSpan) -> tuple[Target, ...]:
    """Those of the settings `target_month_asai`, `target_rolling_year_saidi_minutes` …"""
    names: tuple[tuple[Index, str], ...] = (("asai", "asai"), ("saidi", "saidi_minutes"))
    values = [(index, settings.get(f"target_{span.value}_{name}", ("", None))[1]) for index, name in names]
    return tuple(Target(index=index, span=span, value=value) for index, value in values if value is not None)


def held(label: str, account: Account, targets: Sequence[Target], *, end: int) -> Held:
    """The same figures as `target_state` gives while the month goes on."""
    length, elapsed = end - account.period_from, account.period_to - account.period_from
    known = account.served > 0 and 0 <= elapsed <= length and length > 0
    return Held(
        label=label,
        window_from=account.period_from,
        window_to=account.period_to,
        end=end,
        account=account,
        standings=tuple(
            standing(
                target,
                Spent(
                    served=account.served,
                    length=length,
                    elapsed=elapsed,
                    customer_minutes=account.customer_minutes,
                    open_customer_minutes=account.open_customer_minutes,
                ),
            )
            for target in targets
        )
        if known
        else (),
    )


def budgets(months: Sequence[Held], targets: Sequence[Target]) -> dict[Index, float]:
    """Minutes that each customer may be without supply in all these months, by index."""
    return {
        target.index: sum(target.budget(1.0, month.end - month.window_from) for month in months)
        for target in targets
    }


def shares(
    place: str, accounts: Sequence[Account | AreaAccount], allowed: Mapping[Index, float], *, elapsed: int
) -> list[Share]:
    """Of each group; `allowed`: minutes per customer, `elapsed`: µs that the accounts cover."""
    spent = [account.customer_minutes + account.open_customer_minutes for account in accounts]
    total = sum(spent)
    return [
        _share(place, account, used, total=total, allowed=allowed, elapsed=elapsed)
        for account, used in zip(accounts, spent, strict=True)
    ]


def _share(
    place: str,
    account: Account | AreaAccount,
    used: float,
    *,
    total: float,
    allowed: Mapping[Index, float],
    elapsed: int,
) -> Share:
    served = account.served
    of = {index: used / (minutes * served) for index, minutes in allowed.items() if minutes > 0 and served}
    if isinstance(account, Account):
        key, saidi, saifi, asai = account.key, account.saidi_minutes, account.saifi, account.asai
        unknown = account.unknown_share
    else:
        key, unknown = account.area, None
        saidi = account.customer_minutes / served if served else None
        saifi = account.customer_interruptions / served if served else None
        asai = 1 - account.customer_minutes / (served * (elapsed / MINUTE)) if served and elapsed else None
    return Share(
        place=place,
        key=key,
        served=served,
        customer_interruptions=account.customer_interruptions,
        customer_minutes=account.customer_minutes,
        open_customer_minutes=account.open_customer_minutes,
        saidi_minutes=saidi,
        saifi=saifi,
        asai=asai,
        unknown_share=unknown,
        of_all=used / total if total else None,
        of_asai=of.get("asai"),
        of_saidi=of.get("saidi"),
        over=any(share > 1 for share in of.values()),
    )
