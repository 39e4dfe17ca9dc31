"""The collection account: what was expected and what came, per device and local day."""

from __future__ import annotations

from typing import Literal, TypeAlias

from gateway.core.meterdata import CollectionDays
from gateway.core.model import Int32s, Record
from gateway.store.book import Book

CollectionPlace: TypeAlias = Literal["all", "area", "feeder", "transformer", "concentrator", "device"]


class CollectionRate(Record, frozen=True, kw_only=True):
    """The account of one group, over the window or one day of it (`day`, when it begins).

    key: area's name, node's or device's id; empty where there is none.  rate: collected / expected, None where nothing
    was expected.  supply, device, communications, gateway: intervals that lack, by cause.
    """

    key: str
    day: int | None
    devices: int
    expected: int
    collected: int
    estimated: int
    missing: int
    edited: int
    supply: int
    device: int
    communications: int
    gateway: int
    rate: float | None
    target: float
    met: bool | None


class CollectionBook(Book):
    async def put_collection(self, days: CollectionDays, *, at: int) -> int:
        """Take over the account of these devices and days, in the place of what stood; how many rows changed."""
        raise NotImplementedError

    async def collection_days(self, devices: Int32s, quantity: str, frm: int, till: int) -> CollectionDays:
        """The rows of days that begin in [frm, till)."""
        raise NotImplementedError

    async def collection(
        self,
        frm: int,
        till: int,
        place: CollectionPlace = "all",
        *,
        by_day: bool = False,
        limit: int = 100_000,
    ) -> list[CollectionRate]:
        """The account of days that begin in [frm, till) by group, worst rate first, or by day and group."""
        raise NotImplementedError
