"""What was changed of meters: exchanges, ratios, clocks, resets."""

from __future__ import annotations

from gateway.core.access import AuditEntry
from gateway.core.meterdata import MeterChange
from gateway.core.model import Int32s
from gateway.store.book import Book


class ChangeBook(Book):
    async def changes(self, devices: Int32s, *, frm: int | None = None) -> list[MeterChange]:
        """What is on record of these devices, since `frm` where given, in order of device and time."""
        raise NotImplementedError

    async def record_change(self, change: MeterChange, *, at: int, audit: AuditEntry | None = None) -> bool:
        """Put a change on record and mark what was reckoned from it on to be reckoned anew; False when it was known.

        Raises InvalidInputError: no name, or figures that are none.
        """
        raise NotImplementedError
