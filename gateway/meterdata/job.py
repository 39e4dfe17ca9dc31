"""The book: what is made of meter data once it is in the database, step by step and day by day.

What is decided is decided in `processors`; SQL is in `gateway.store`; here is only the order. Every step may be done
again and gives the same, so that whatever is killed in between, the next run goes on from what is kept.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

from gateway.core.clock import DAY, SECOND, format_time
from gateway.core.errors import RefusedError, UnavailableError
from gateway.core.ports import Sink
from gateway.meterdata import metrics
from gateway.meterdata.collecting import collect
from gateway.meterdata.foretelling import foretell
from gateway.meterdata.ground import Care, Ground
from gateway.meterdata.judging import Judging
from gateway.meterdata.late import COLLECT, JUDGE, Late
from gateway.meterdata.planning import Day, day_of, days_within, due_days
from gateway.meterdata.quality import Quality
from gateway.meterdata.reckoning import Reckoning

log = logging.getLogger(__name__)

CLOSED, JUDGED, FORETOLD = "closed", "judged", "foretold"
_NEVER = -(2**62)
_COUNTED_GAPS = 100_000


class MeterData:
    """`run` keeps the book until cancelled. make: the ground to stand on; looks at every device once;  heard: stream
    time up to which everything that was heard is in the database, 0 while nothing is known."""

    def __init__(
        self,
        make: Callable[[], Ground],
        heard: Callable[[], int],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._make = make
        self._heard = heard
        self._sleep = sleep
        self._accounted_at = _NEVER

    async def run(self, sink: Sink) -> None:
        """Look again and again. Raises UnavailableError while the database is away."""
        ground = await asyncio.to_thread(self._make)
        if not ground.rules.book.enabled:
            return
        while True:
            while not (at := self._heard()):
                await self._sleep(1.0)
            began = time.monotonic()
            await self.look(ground, sink, at)
            left = ground.rules.book.every_s - (time.monotonic() - began)
            await self._sleep(max(left, 1.0))

    async def look(self, ground: Ground, sink: Sink, at: int) -> None:
        """Everything that is due at `at`. A stage that fails leaves the others to their work, and is tried again at the
        next look. Raises UnavailableError, RefusedError: then nothing else would work either."""
        if not await self._begun(ground, at):
            return
        stages: Mapping[str, Callable[[], Awaitable[None]]] = {
            "late": lambda: self._late(ground, at),
            "intervals": lambda: self._intervals(ground, at),
            "collection": lambda: self._collection(ground, at),
            "usage": lambda: self._usage(ground, sink, at),
            "outlook": lambda: self._outlook(ground, at),
        }
        for name, stage in stages.items():
            try:
                with _timed(name):
                    await stage()
            except (UnavailableError, RefusedError):
                raise
            except Exception:  # a boundary: one stage must not stop the others
                metrics.FAULTS.labels(name).inc()
                log.exception("stage of the meter data failed; it is tried again", extra={"stage": name})

    async def _begun(self, ground: Ground, at: int) -> bool:
        """Whether there is anything to reckon; at the first time the book begins with the day of the first reading."""
        book = ground.store.bookkeeping
        if await book.reached(CLOSED) is not None:
            return True
        since = at - ground.rules.book.back_days * DAY
        first = await book.first_reading(since=since, till=at)
        if first is None:
            return False
        day = day_of(first, ground.rules.zone)
        await book.set_reached(JUDGED, day.start)
        await book.set_reached(CLOSED, day.start)
        log.info("meter data are reckoned from here on", extra={"from": format_time(day.start)})
        return True

    async def _late(self, ground: Ground, at: int) -> None:
        closed, done = await self._stand(ground)
        await Late(ground, Care("late"), at, closed=closed, done=done).run()

    async def _intervals(self, ground: Ground, at: int) -> None:
        """Close the days that are due, one after the other; then take what has come since of those that are not."""
        rules, store = ground.rules, ground.store.meterdata
        closed, done = await self._stand(ground)
        wait = round(rules.book.close_after_s * SECOND)
        for day in due_days(closed, at, wait=wait, zone=rules.zone):
            await self._close(ground, day, at)
            closed, done = day.end, max(done, day.end)
        till = at - round(rules.book.wait_s * SECOND)
        till -= till % ground.step
        if till > done:
            care = Care("intervals")
            await store.begin(till)
            await Reckoning(ground, care, at, whole=False).run(ground.devices, done, till)
            await store.set_done(till)
            done = till
        metrics.LAG.labels("intervals").set((at - done) / SECOND)
        metrics.LAG.labels("closed").set((at - closed) / SECOND)

    async def _close(self, ground: Ground, day: Day, at: int) -> None:
        """Everything of a day that is over: its intervals as a whole, what was collected of it, supply quality."""
        began = time.monotonic()
        store = ground.store
        await store.meterdata.begin(day.end)
        await Reckoning(ground, Care("intervals"), at, whole=True, latest=True).run(
            ground.devices, day.start, day.end
        )
        await store.meterdata.set_done(day.end)
        rate = await collect(ground, Care("collection"), day, till=day.end, gaps_till=day.end, at=at)
        await Quality(ground, Care("quality"), day).run(ground.devices)
        await store.bookkeeping.set_reached(CLOSED, day.end)
        log.info(
            "meter data of a day are closed",
            extra={
                "day": day.date.isoformat(),
                "collected": None if rate is None else round(rate, 5),
                "seconds": round(time.monotonic() - began, 1),
            },
        )

    async def _collection(self, ground: Ground, at: int) -> None:
        """The days that are not closed, and closed ones of which something came late."""
        rules, store = ground.rules, ground.store
        if at - self._accounted_at < rules.book.account_every_s * SECOND:
            return
        closed, done = await self._stand(ground)
        gaps_till = at - round(rules.book.gap_after_s * SECOND)
        days = [day_of(start, rules.zone) for start in await store.bookkeeping.again(COLLECT)]
        days += days_within(closed, done, rules.zone) if done > closed else []
        for day in days:
            over = day.end <= closed
            await collect(
                ground,
                Care("collection"),
                day,
                till=day.end if over else done,
                gaps_till=day.end if over else gaps_till,
                at=at,
            )
            if over:
                await store.bookkeeping.set_again(COLLECT, [day.start], wanted=False)
        lacking = await store.meterdata.open_gaps(
            since=at - rules.book.recall_back_days * DAY, limit=_COUNTED_GAPS
        )
        metrics.GAPS_OPEN.set(len(lacking))
        self._accounted_at = at

    async def _usage(self, ground: Ground, sink: Sink, at: int) -> None:
        """Judge the closed days that are complete enough or old enough, one after the other; and the last one that was
        judged, when something of it came late. What is late for days before it comes too late for judgement."""
        rules, book = ground.rules, ground.store.bookkeeping
        closed, judged = await book.reached(CLOSED), await book.reached(JUDGED)
        assert closed is not None
        assert judged is not None
        late = await book.again(JUDGE)
        last = day_of(judged - 1, rules.zone)
        if last.start in late:
            await Judging(ground, at).run(last, sink)
        if over := [start for start in late if start < judged]:
            await book.set_again(JUDGE, over, wanted=False)
        for day in due_days(judged, closed, wait=0, zone=rules.zone):
            if not await self._complete(ground, day, at):
                break
            await Judging(ground, at).run(day, sink)
            await book.set_again(JUDGE, [day.start], wanted=False)
            await book.set_reached(JUDGED, day.end)
            judged = day.end
        metrics.LAG.labels("judged").set((at - judged) / SECOND)

    async def _outlook(self, ground: Ground, at: int) -> None:
        """Foretell the load anew when a further day is closed."""
        book = ground.store.bookkeeping
        closed = await book.reached(CLOSED)
        assert closed is not None
        if await book.reached(FORETOLD) != closed:
            await foretell(ground, day_of(closed - 1, ground.rules.zone).date, at=at)
            await book.set_reached(FORETOLD, closed)

    @staticmethod
    async def _complete(ground: Ground, day: Day, at: int) -> bool:
        book = ground.rules.book
        if at >= day.end + round(book.judge_after_s * SECOND):
            return True
        told = await ground.store.meterdata.collection(day.start, day.end)
        return any(whole.rate is not None and whole.rate >= book.complete_share for whole in told)

    @staticmethod
    async def _stand(ground: Ground) -> tuple[int, int]:
        """Until when days are closed, and until when intervals are made."""
        closed = await ground.store.bookkeeping.reached(CLOSED)
        assert closed is not None
        done = await ground.store.meterdata.done_until()
        return closed, closed if done is None else max(done, closed)


@contextmanager
def _timed(stage: str) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        metrics.SECONDS.labels(stage).observe(time.monotonic() - began)
