"""What metering points took on the days before, held in memory: closing a day asks for that of every one of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gateway.core.model import Int32s
from processors.vee.likedays import WholeDays

_GROWN = 1024  # rows at least


class Usual:
    """Energy of whole measured days, by metering point and day, as far as it was asked for.

    It is read from the intervals once for each point; days that are reckoned from then on are taken as they are made.
    A day of which more is known is taken again; `forget` makes it be read again. 16 bytes a point and day.
    """

    def __init__(self, devices: int, days: int) -> None:
        """devices: how many the inventory has;  days: how many are kept."""
        self.days = days
        self._row = np.full(devices, -1, np.int32)
        self._kwh = np.empty((0, days), np.float64)  # day modulo `days`
        self._day = np.empty((0, days), np.int64)  # which day that is, −1 for none
        self._used = 0

    def unknown(self, devices: Int32s) -> Int32s:
        """Those of them of which nothing was read yet."""
        return devices[self._row[devices] < 0]

    def forget(self, devices: Int32s) -> None:
        rows = self._row[devices]
        self._day[rows[rows >= 0]] = -1
        self._row[devices] = -1

    def learn(self, devices: Int32s, days: WholeDays) -> None:
        """All that there is of these devices."""
        new = self.unknown(devices)
        need = self._used + len(new)
        if need > len(self._day):
            more = max(need, 2 * len(self._day), _GROWN) - len(self._day)
            self._day = np.concatenate([self._day, np.full((more, self.days), -1, np.int64)])
            self._kwh = np.concatenate([self._kwh, np.full((more, self.days), np.nan)])
        self._row[new] = np.arange(self._used, need)
        self._used = need
        self._put(days)

    def take(self, devices: Int32s, day: int, days: WholeDays) -> None:
        """What that day, as the clock on the wall counts it, was of these devices: known now, or no longer whole."""
        rows, place = self._row[devices], day % self.days
        held = rows[rows >= 0]
        self._day[held[self._day[held, place] == day], place] = -1
        self._put(days)

    def before(self, devices: Int32s, day: int) -> WholeDays:
        """Of the `days` days before this one."""
        rows = self._row[devices]
        found = self._day[rows]
        who, place = np.nonzero((found >= day - self.days) & (found < day) & (rows >= 0)[:, None])
        return WholeDays(device=devices[who], day=found[who, place], kwh=self._kwh[rows[who], place])

    def _put(self, days: WholeDays) -> None:
        rows: npt.NDArray[np.int32] = self._row[days.device]
        there = rows >= 0
        rows, day, kwh = rows[there], days.day[there], days.kwh[there]
        place = day % self.days
        newer = day >= self._day[rows, place]
        self._day[rows[newer], place[newer]] = day[newer]
        self._kwh[rows[newer], place[newer]] = kwh[newer]
