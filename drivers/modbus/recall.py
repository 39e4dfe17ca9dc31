"""Reading the stretch that is wanted out of a ring of records, with few requests, newest first.

Times only fall with age, so the stretch's newest record is looked for: first where the interval says that it is, then
by halves, since a meter without supply writes no records and the interval of another one may be set otherwise.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import numpy as np

from drivers.modbus import metrics
from drivers.modbus.client import NOT_AS_ASKED, NoAnswerError, RefusedByDeviceError
from drivers.modbus.gather import SOURCE
from drivers.modbus.plan import Read
from drivers.modbus.poll import Past
from drivers.modbus.ring import Records, Ring
from gateway.core.model import Batch, Bools

Fetch = Callable[[Read], Awaitable[bytes]]


class TooMuchError(Exception):
    """The stretch takes more requests than one recall may send."""


class Recall:
    """One stretch [frm, till) µs out of one ring.  requests: how many it may still send.  rows: what came so far."""

    def __init__(self, past: Past, key: int, frm: int, till: int, fetch: Fetch, *, requests: int) -> None:
        self._ring: Ring = past.ring
        self._factors = past.factors
        self._key = key
        self._frm = frm
        self._till = till
        self._fetch = fetch
        self._requests = requests
        self._most = past.ring.most
        self._newest = 0
        self.rows = 0

    async def run(self, now: Callable[[], int]) -> AsyncIterator[Batch]:
        """Batches with the times of the records; what lies outside the stretch or has no possible time is left out.

        Raises:
            NoAnswerError: silence, twice in a row;  RefusedByDeviceError, ConnectionLostError: what happened instead.
            TooMuchError: no more requests may be sent.
            ValueError: the meter names a place that its ring does not have.
        """
        newest = self._ring.newest(await self._ask(self._ring.pointer))
        if newest is None:
            return
        self._newest = newest
        age, records = await self._start(now)
        while age < self._ring.capacity:
            if records is None:
                records = await self._read(age, now())
            if (batch := self._batch(records, now())) is not None:
                self.rows += len(batch)
                yield batch
            if self._passed(records):
                return
            age += len(records)
            records = None

    async def _start(self, now: Callable[[], int]) -> tuple[int, Records | None]:
        """Age of a window that holds the newest record before `till`, and the window where it is read already."""
        newer, older = 0, self._ring.capacity  # the newest one wanted is in [newer, older]
        age = 0
        guessed = False
        while True:
            records = await self._read(age, now())
            before = records.known & (records.at < self._till)
            first = int(before.argmax()) if before.any() else None
            if first or (first == 0 and age <= newer):
                return age, records
            if first == 0 or not records.known.any():
                older = age
            else:
                newer = age + len(records)
            if newer >= older:
                return older, records if age == older else None
            age = (newer + older) // 2
            if not guessed and records.known.any():
                guessed = True
                ahead = int(records.at[records.known][0]) - self._till
                guess = int(records.known.argmax()) + ahead // self._ring.interval
                age = min(max(guess, newer), older - 1)

    def _passed(self, records: Records) -> bool:
        """Whether nothing that is wanted can follow."""
        if records.empty.all():
            return True
        known = records.at[records.known]
        return len(known) > 0 and int(known[-1]) < self._frm

    async def _read(self, age: int, now: int) -> Records:
        """The window at `age`; smaller ones where the meter refuses it."""
        most = self._most
        while True:
            read = self._ring.window(self._newest, age, most)
            try:
                records = self._ring.records(await self._ask(read), now)
            except RefusedByDeviceError as exc:
                if exc.code not in NOT_AS_ASKED:
                    raise
                if (count := self._ring.count(read)) == 1:
                    return self._ring.nothing()
                most = max(1, count // 2)
            else:
                self._most = most
                return records

    async def _ask(self, read: Read) -> bytes:
        """Once more after silence: a bus loses a frame now and then."""
        try:
            return await self._send(read)
        except NoAnswerError:
            return await self._send(read)

    async def _send(self, read: Read) -> bytes:
        if self._requests == 0:
            raise TooMuchError
        self._requests -= 1
        return await self._fetch(read)

    def _batch(self, records: Records, now: int) -> Batch | None:
        if impossible := int((~records.known & ~records.empty).sum()):
            metrics.impossible.inc(impossible)
        wanted: Bools = records.known & (records.at >= self._frm) & (records.at < self._till)
        count = int(wanted.sum())
        if not count:
            return None
        decoder = self._ring.decoder
        images = self._ring.images(records.words[wanted])
        device, at = np.full(count, self._key, np.int32), records.at[wanted]
        decoded = decoder.decode(images, factors=self._factors)
        return Batch(
            quantities=decoder.quantities,
            device=device,
            measured_at=at,
            received_at=np.full(count, now, np.int64),
            values=decoded.values,
            quality=decoded.quality,
            source=SOURCE,
            rejected=() if decoded.clean else decoder.rejected(images, decoded, device, at),
        )
