"""Local days and times of day, by array: daylight saving makes days of 23 and 25 hours."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from gateway.core.clock import DAY, SECOND, to_datetime
from gateway.core.model import Int64s

WEEKDAY, WEEKEND, HOLIDAY = 0, 1, 2
_EPOCH = date(1970, 1, 1)


class Calendar:
    """What the clock on the wall says within [low, high) of a time zone, and which days are alike."""

    def __init__(
        self,
        low: int,
        high: int,
        zone: ZoneInfo,
        *,
        holidays: Collection[date] = (),
        workdays: Collection[date] = (),
    ) -> None:
        self._zone = zone
        self._since, self._offset = self._transitions(low - DAY, high + DAY)
        self._holidays = np.array(sorted((day - _EPOCH).days for day in holidays), np.int64)
        self._workdays = np.array(sorted((day - _EPOCH).days for day in workdays), np.int64)

    def local(self, at: Int64s) -> Int64s:
        """µs since 1970 as the clock on the wall counts them: int64[n]."""
        if len(self._since) == 1:
            result: Int64s = at + self._offset[0]
            return result
        place = np.searchsorted(self._since, at, side="right") - 1
        ahead: Int64s = self._offset[np.maximum(place, 0)]
        return at + ahead

    def day(self, at: Int64s) -> Int64s:
        """Days since 1970 by the clock on the wall: int64[n]."""
        result: Int64s = self.local(at) // DAY
        return result

    def kind(self, day: Int64s) -> Int64s:
        """WEEKDAY, WEEKEND or HOLIDAY of days since 1970: int64[n]."""
        weekend = (day + 3) % 7 >= 5  # 1 January 1970 was a Thursday
        weekend &= ~np.isin(day, self._workdays)
        result: Int64s = np.where(np.isin(day, self._holidays), HOLIDAY, np.where(weekend, WEEKEND, WEEKDAY))
        return result

    def _transitions(self, low: int, high: int) -> tuple[Int64s, Int64s]:
        """(since, offset): from when on the zone is how far ahead of UTC, µs."""
        since, offset = [low], [self._ahead(low)]
        day = low
        while day < high:
            following = min(day + 7 * DAY, high)
            if self._ahead(following) != offset[-1]:
                early, late = day // SECOND, following // SECOND
                while late - early > 1:
                    middle = (early + late) // 2
                    if self._ahead(middle * SECOND) == offset[-1]:
                        early = middle
                    else:
                        late = middle
                since.append(late * SECOND)
                offset.append(self._ahead(following))
            day = following
        return np.array(since, np.int64), np.array(offset, np.int64)

    def _ahead(self, at: int) -> int:
        ahead = to_datetime(at).astimezone(UTC).astimezone(self._zone).utcoffset()
        assert ahead is not None
        return ahead // timedelta(microseconds=1)
